"""Joins: what one client, let in by the router, has of the embedded OMERO."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from dataclasses import dataclass

from ..ice.references import Identity, ObjectPrx
from ..ice.server import Current, Servant
from ..omero.exceptions import RemovedSessionException
from .faults import thrown
from .renderer import Renderer
from .sessions import OmeroSession, OmeroSessions
from .workload import Workload
from .world import User, World


@dataclass(slots=True)
class Omero:
    """What all joins share, and counts of ThumbnailStores over all of them."""

    world: World
    sessions: OmeroSessions
    workload: Workload
    renderer: Renderer
    stores_created: int = 0
    stores_closed: int = 0
    stores_overlapping: int = 0


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
    def user(self) -> User:
        """Whose session it is, as they are now."""
        return self.omero.world.users[self.session.user.id]

    def servant(self, identity: Identity) -> Servant | None:
        """The object with that identity."""
        return self._servants.get(identity)

    def use(self) -> None:
        """Somebody calls an object of this join. Raises RemovedSessionException if the session has ended."""
        if not self.omero.sessions.is_alive(self.session):
            raise thrown(RemovedSessionException, "the session has ended")
        self.omero.sessions.touch(self.session)

    def destroy(self) -> None:
        """The client has left, or its connection has gone."""
        self.omero.sessions.left(self.session, detached=self.detached)

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
