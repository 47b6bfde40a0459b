"""Joins: what one client, let in by the router, has of the embedded OMERO."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from omero_ms_thumbnail.ice.references import Identity, ObjectPrx

from .driving import Driver
from .ice_server import Current, Servant
from .model.call import Steps
from .model.omero_errors import OmeroError
from .model.omero_server import ServerModel
from .model.omero_sessions import OmeroSession
from .renderer import Renderer
from .thrown import over_ice
from .world import Experimenter, World

ResultT = TypeVar("ResultT")


@dataclass(slots=True)
class Omero:
    """What all joins share."""

    world: World
    server: ServerModel
    driver: Driver
    renderer: Renderer

    @property
    def stores_created(self) -> int:
        """ThumbnailStores that were made, over all joins."""
        return self.server.stores_created

    @property
    def stores_closed(self) -> int:
        """ThumbnailStores that were closed."""
        return self.server.stores_closed

    @property
    def stores_overlapping(self) -> int:
        """Calls that came to a ThumbnailStore while another one ran on it."""
        return self.server.stores_overlapping

    async def run(self, operation: str, steps: Steps[ResultT]) -> ResultT:
        """Drive a call. Raises what a client gets."""
        try:
            return await self.driver.run(operation, steps)
        except OmeroError as error:
            raise over_ice(error) from error


class OmeroJoin:
    """One join. `proxy` makes proxies of its objects; `client_uuid` tells joins of one session apart."""

    def __init__(
        self, omero: Omero, session: OmeroSession, client_uuid: str, proxy: Callable[[Identity], ObjectPrx]
    ) -> None:
        self.omero = omero
        self.session = session
        self.proxy = proxy
        self.detached = False
        # as in OMERO: the session's key is the name, which clients read as the session's id
        self.identity = Identity(session.key, f"session-{client_uuid}")
        self._servants: dict[Identity, Servant] = {}
        self._stateless: dict[str, ObjectPrx] = {}
        session.joins += 1

    @property
    def user(self) -> Experimenter:
        """Whose session it is, as they are now."""
        return self.omero.world.users[self.session.user.id]

    def servant(self, identity: Identity) -> Servant | None:
        """The object with that identity."""
        return self._servants.get(identity)

    def use(self) -> None:
        """Somebody calls an object of this join. Raises a SessionException if the session has ended."""
        try:
            self.omero.server.sessions.use(self.session)
        except OmeroError as error:
            raise over_ice(error) from error

    def destroy(self) -> None:
        """The client has left, or its connection has gone."""
        self.omero.server.sessions.left(self.session, detached=self.detached)

    def stateless(self, name: str, servant: Callable[[OmeroJoin], Servant]) -> ObjectPrx:
        """The one object of a stateless service."""
        if name not in self._stateless:
            self._stateless[name] = self.add(servant(self))
        return self._stateless[name]

    def add(self, servant: Servant, identity: Identity | None = None) -> ObjectPrx:
        """A new object of this join, by default with an identity of its own."""
        identity = identity or Identity(str(uuid.uuid4()), self.session.key)
        self._servants[identity] = servant
        return self.proxy(identity)

    def remove(self, identity: Identity) -> None:
        """The object is gone."""
        self._servants.pop(identity, None)

    def has(self, identity: Identity) -> bool:
        """Whether the object is there."""
        return identity in self._servants


class JoinServant(Servant):
    """Base of the objects of a join: they go with its session."""

    def __init__(self, join: OmeroJoin) -> None:
        self.join = join

    def check(self, _current: Current) -> None:
        """As `OmeroJoin.use`."""
        self.join.use()
