"""A joined session on the model of OMERO, without Ice between them: for tests of what is asked and what it leaves."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

from omero_ms_thumbnail.embedded.model.errors import OmeroError
from omero_ms_thumbnail.omero import exceptions
from omero_ms_thumbnail.omero.rtypes import RInt, RList, RType
from omero_ms_thumbnail.omero.session import ALL_GROUPS, GROUP
from omero_ms_thumbnail.omero.stores import ThumbnailStore
from omero_ms_thumbnail.omero.system import EventContext
from tests.embedded.truth import Stage, run


class ModelledSession:
    """The session of one of the stage's people, and the pool that lends it."""

    def __init__(self, stage: Stage, who: str) -> None:
        self.server, self.session = stage.server, stage._sessions[who]
        self.stores_open = 0
        #: each call to a ThumbnailStore: its operation and its context
        self.calls: list[tuple[str, Mapping[str, str]]] = []

    @asynccontextmanager
    async def lend(self, _key: str) -> AsyncIterator[ModelledSession]:
        yield self

    def drop(self, _key: str, _session: object) -> None:
        raise AssertionError("no session is ever lost here")

    @property
    def stores(self) -> _Stores:
        return _Stores(self)

    async def event_context(self) -> EventContext:
        who = _answer(self.server.who_am_i(self.session))
        return EventContext(userId=who.user_id, isAdmin=who.is_admin, memberOfGroups=who.member_of)

    async def projection(self, query: str, parameters: Mapping[str, RType], group: str = ALL_GROUPS) -> list[list[Any]]:
        plain = {name: _plain(value) for name, value in parameters.items()}
        rows = _answer(self.server.projection(self.session, query, plain, {GROUP: group}))
        return [[*row] for row in rows]

    def call(self, name: str, operation: str, arguments: tuple[Any, ...], context: Mapping[str, str]) -> Any:
        self.calls.append((operation, context))
        return _answer(self.server.call_store(self.session, name, operation, arguments, context))


class _Stores:
    """Lends new ones."""

    def __init__(self, session: ModelledSession) -> None:
        self._session = session

    @asynccontextmanager
    async def lend(self) -> AsyncIterator[ThumbnailStore]:
        session = self._session
        name = _answer(session.server.create_thumbnail_store(session.session))
        session.stores_open += 1
        try:
            yield _Store(session, name)
        finally:
            session.stores_open -= 1
            session.call(name, "close", (), {})


class _Store(ThumbnailStore):
    """The service's own, calling the model's."""

    def __init__(self, session: ModelledSession, name: str) -> None:
        self.name = name
        self._modelled = session

    async def _call(self, operation: str, *arguments: Any, context: Mapping[str, str] | None) -> Any:
        return self._modelled.call(self.name, operation, tuple(map(_plain, arguments)), context or {})


def _answer(steps: Any) -> Any:
    """What a call answers. Raises OMERO's exceptions as they come over Ice."""
    try:
        return run(steps)
    except OmeroError as error:
        kind: type[Any] = getattr(exceptions, error.kind)
        members = {"backOff": 1, "pixelsID": 0}
        taken = {
            name: members[name] for base in kind.__mro__ for name, _ in getattr(base, "MEMBERS", ()) if name in members
        }
        raise kind(serverStackTrace="", serverExceptionClass="", message=error.message, **taken) from error


def _plain(value: Any) -> Any:
    if isinstance(value, RInt):
        return value.val
    return [one.val for one in value.val] if isinstance(value, RList) else value
