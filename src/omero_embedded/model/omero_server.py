"""The model put together: what OMERO's services answer for a session, each call a generator to be driven."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from .call import Call, DatabaseConnection, Steps, Work
from .containers import Containers
from .context import leader_of
from .data import Database
from .files import ThumbnailService
from .omero_errors import OmeroError
from .omero_sessions import OmeroSession, OmeroSessions
from .people import PERMISSION_BITS, People
from .projections import ProjectionQuery, Row, answer
from .rendering_settings import Defaults, reset_defaults_in_set
from .server_limits import ServerLimits
from .thumbnail_drawing import Draw
from .thumbnail_store import ThumbnailBean


@dataclass(frozen=True)
class WhoAmI:
    """What ``IAdmin.getEventContext`` tells."""

    session_id: int
    session_key: str
    user_id: int
    user_name: str
    group_id: int
    group_name: str
    is_admin: bool
    member_of: list[int]
    leader_of: list[int]
    permission_bits: int


class ServerModel:
    """One OMERO.server. `draw` gives JPEGs, `defaults` the look of Pixels that nobody has changed."""

    def __init__(
        self,
        people: People,
        database: Database,
        draw: Draw,
        defaults: Defaults,
        *,
        containers: Containers | None = None,
        limits: ServerLimits | None = None,
        sessions: OmeroSessions | None = None,
    ) -> None:
        self.people = people
        self.database = database
        self.containers = containers or Containers()
        self.limits = limits or ServerLimits()
        self.sessions = OmeroSessions(people) if sessions is None else sessions
        self.files = ThumbnailService(database.files)
        self._draw = draw
        self._defaults = defaults
        self.stores_created = 0
        self.stores_closed = 0
        #: calls that came to a store while another one ran on it
        self.stores_overlapping = 0
        #: ``omero.client.*``, as it is set
        self.client_settings: dict[str, str] = {}

    # sessions

    def join(self, user: str, password: str, client_uuid: str | None) -> Steps[OmeroSession]:
        """``createSession`` of the router. Raises as `OmeroSessions.join`."""
        yield DatabaseConnection()
        yield Work("join")
        return self.sessions.join(user, password, client_uuid)

    def who_am_i(self, session: OmeroSession, call_context: Mapping[str, str]) -> Steps[WhoAmI]:
        """``IAdmin.getEventContext``."""

        def body(call: Call) -> Steps[WhoAmI]:
            yield Work("query")
            # of a call in all groups, a real OMERO says the session's own, as long as there is one
            in_group = call.context.group_id if call.context.group_id >= 0 else session.group_id
            user, group = call.user, self.people.groups[in_group]
            return WhoAmI(
                session.number,
                session.key,
                user.id,
                user.name,
                group.id,
                group.name,
                user.is_admin,
                list(user.groups),
                list(leader_of(user)),
                PERMISSION_BITS[group.permissions],
            )

        return self._run(session, "getEventContext", call_context, True, body)

    def set_group(self, session: OmeroSession, group_id: int) -> Steps[int]:
        """``ServiceFactory.setSecurityContext`` with a group: the default group that the session had."""
        self.sessions.use(session)
        yield Work("query")
        return self.sessions.set_group(session, group_id)

    def configuration(self) -> dict[str, str]:
        """What ``IConfig`` tells everybody. Source: ``ReadOnlyConfigInit`` of omero-server."""
        said = "true" if self.limits.read_only else "false"
        return {f"omero.cluster.read_only.runtime.{part}": said for part in ("db", "repo")} | self.client_settings

    # queries and settings

    def projection(
        self,
        session: OmeroSession,
        text: str,
        parameters: Mapping[str, Any],
        call_context: Mapping[str, str],
        limit: int | None = None,
    ) -> Steps[list[Row]]:
        """``IQuery.projection``, with parameters and rows of plain values."""

        def body(call: Call) -> Steps[list[Row]]:
            yield Work("query", count=len(parameters.get("ids") or ()))
            if "Thumbnail" in text:
                yield Work("rows")
            return answer(text, ProjectionQuery(call, self.containers, parameters, limit))

        return self._run(session, "projection", call_context, True, body)

    def reset_defaults_in_set(
        self, session: OmeroSession, pixels_ids: list[int], call_context: Mapping[str, str]
    ) -> Steps[list[int]]:
        """``IRenderingSettings.resetDefaultsInSet``: the images whose settings were made or reset."""
        store = self._new_store()

        def body(call: Call) -> Steps[list[int]]:
            return (yield from reset_defaults_in_set(call, store.hibernate, self._defaults, pixels_ids))

        return self._run(session, "resetDefaultsInSet", call_context, False, body)

    # thumbnails

    def create_thumbnail_store(self, session: OmeroSession) -> Steps[str]:
        """``createThumbnailStore``: the name of the new store."""
        self.sessions.use(session)
        yield Work("store")
        name = str(uuid.uuid4())
        session.stores[name] = self._new_store()
        self.stores_created += 1
        return name

    def call_store(
        self, session: OmeroSession, name: str, operation: str, arguments: Any, call_context: Mapping[str, str]
    ) -> Steps[Any]:
        """An operation of a ThumbnailStore, with its arguments as plain values in the slice's order.

        Raises OmeroError; its kind is ObjectNotExistException if the store is closed.
        """
        store = session.stores.get(name)
        if store is None:
            self.sessions.use(session)
            raise OmeroError("ObjectNotExistException", f"no ThumbnailStore {name}")
        if store.is_busy:
            self.stores_overlapping += 1
            raise OmeroError("InternalException", "Dirty Hibernate Session found: two calls at once on one store")

        def body(call: Call) -> Steps[Any]:
            return (yield from getattr(store, operation)(call, *arguments))

        store.is_busy = True
        try:
            answered = yield from self._run(
                session, operation, call_context, operation not in ThumbnailBean.WRITES, body, store.rolled_back
            )
        finally:
            store.is_busy = False
        if operation == "close":
            session.stores.pop(name, None)
            self.stores_closed += 1
        return answered

    # inside

    def _new_store(self) -> ThumbnailBean:
        return ThumbnailBean(self.files, self._defaults, self._draw)

    def _run(
        self,
        session: OmeroSession,
        operation: str,
        call_context: Mapping[str, str],
        read_only: bool,
        body: Callable[[Call], Steps[Any]],
        rolled_back: Callable[[], None] = lambda: None,
    ) -> Steps[Any]:
        self.sessions.use(session)
        session.active_calls += 1
        try:
            yield DatabaseConnection()
            self.limits.check(operation)
            user = self.people.users[session.user.id]
            call = Call(
                self.people,
                self.database,
                self.limits,
                user,
                session.group_id,
                call_context,
                read_only=read_only,
            )
            answered = yield from body(call)
            call.transaction.commit()
        except BaseException:
            rolled_back()
            raise
        finally:
            session.active_calls -= 1
        return answered
