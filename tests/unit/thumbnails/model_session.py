"""A joined session on the model of OMERO, without Ice: what the heart asks goes straight into the model's calls."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager, nullcontext
from typing import Any

from omero_embedded.model.call import Steps, Work
from omero_embedded.model.omero_errors import OmeroError
from omero_ms_thumbnail.ice.types import UserException
from omero_ms_thumbnail.omero import exceptions
from omero_ms_thumbnail.omero.permits import Permit, Permits
from omero_ms_thumbnail.omero.rtypes import RList, RType
from omero_ms_thumbnail.omero.stores import ThumbnailStores
from omero_ms_thumbnail.omero.system import EventContext
from omero_ms_thumbnail.thumbnails.caches import Caches
from omero_ms_thumbnail.thumbnails.model import Thumbnail, ThumbnailRequest
from omero_ms_thumbnail.thumbnails.scheduler import ThumbnailScheduler
from tests.unit.embedded.truth import PEOPLE, Stage

#: seconds within which everything here is answered
TIMEOUT = 20.0


class OngoingModelCall:
    """As `omero.calls.OngoingCall`."""

    def __init__(self, task: asyncio.Task[Any]) -> None:
        self.reply: asyncio.Future[Any] = task

    async def answer(self, _permit: Permit | None, *, timeouts: int = 1) -> Any:
        return await asyncio.shield(self.reply)

    def result(self) -> Any:
        return self.reply.result()


class ModelSession:
    """As `omero.session.JoinedSession`, of `who` in a `Stage`, or of the user with that id.

    `asked` has every call, with its arguments and context.
    """

    def __init__(self, stage: Stage, who: str | int, *, stores: int = 4) -> None:
        #: for questions and the calls on ThumbnailStores; None: as many as may come
        self.permits: Permits | None = None
        self.asked: list[tuple[Any, ...]] = []
        self.is_active = True
        self.is_known_to_be_read_only = False
        self.call_timeout = TIMEOUT
        self.user_id = PEOPLE[who] if isinstance(who, str) else who
        self._server = stage.server
        self._session = stage.server.sessions.keep(stage.server.people.users[self.user_id])
        # it is its own `omero.calls.Calls`, and the router session of those
        self.calls = self
        self.router = self
        self.session = None
        self.stores = ThumbnailStores(self, stores)  # type: ignore[arg-type]
        self._closed = asyncio.Event()

    async def event_context(self, *, anew: bool = False) -> EventContext:
        who = await drive(self._server.who_am_i(self._session, {"omero.group": "-1"}))
        return EventContext(userId=who.user_id, isAdmin=who.is_admin, memberOfGroups=who.member_of)

    def begin_database(self) -> None:
        """It is known."""

    async def database(self) -> str:
        return f"{self._server.database.uuid}-5.6"

    async def projection(
        self, query: str, parameters: Mapping[str, RType], group: str = "-1", *, patiently: bool = False
    ) -> list[list[Any]]:
        plain = {name: _plain(value) for name, value in parameters.items()}
        async with self.flight("projection"):
            self.asked.append(("projection", query))
            rows = await drive(self._server.projection(self._session, query, plain, {"omero.group": group}))
        return [[int(column) if isinstance(column, int) else column for column in row] for row in rows]

    async def call(self, _session: None, operation: Any) -> Any:
        assert operation.name == "createThumbnailStore"
        self.asked.append(("createThumbnailStore",))
        return await drive(self._server.create_thumbnail_store(self._session))

    def send(self, proxy: Any, operation: Any, *arguments: Any, context: Mapping[str, str] | None = None) -> Any:
        plain = [_plain(one) for one in arguments]
        self.asked.append((operation.name, *plain, dict(context or {})))
        call = self._server.call_store(self._session, proxy, operation.name, plain, context or {})
        return OngoingModelCall(asyncio.create_task(drive(call)))

    def flight(self, kind: str) -> AbstractAsyncContextManager[Permit | None]:
        return self.permits.flight(kind) if self.permits is not None else nullcontext()

    def timed_out(self, permit: Permit | None) -> None:
        """Nothing is late here."""

    def forget(self, proxy: Any) -> None:
        """Nothing is remembered."""

    async def is_read_only(self) -> bool:
        self.asked.append(("getConfigValues",))
        self.is_known_to_be_read_only = self._server.limits.read_only
        return self.is_known_to_be_read_only

    def check_connection(self) -> None:
        """There is no connection."""

    def has_answered_within(self, _seconds: float) -> bool:
        return True

    async def wait_closed(self) -> None:
        await self._closed.wait()

    async def leave(self) -> None:
        self.is_active = False
        self._closed.set()
        await self.stores.close(TIMEOUT)

    @property
    def has_stores(self) -> bool:
        """Whether OMERO has a store of this session open."""
        return self._session.stores_open > 0

    def count(self, name: str) -> int:
        """How often an operation was asked for."""
        return sum(one[0] == name for one in self.asked)

    def sets(self) -> list[list[int]]:
        """The Pixels of each set, by their numbers on the stage."""
        return [[one - 2001 for one in asked[2]] for asked in self.asked if asked[0] == "getThumbnailByLongestSideSet"]


class Asker:
    """Somebody on a stage with a session of their own: ``async with Asker(stage, "member") as member``."""

    def __init__(self, stage: Stage, who: str | int, *, stores: int = 4, caches: Caches | None = None) -> None:
        self.stage = stage
        self.session = ModelSession(stage, who, stores=stores)
        self.work = ThumbnailScheduler(self.session, stores=stores, caches=caches)  # type: ignore[arg-type]

    async def __aenter__(self) -> Asker:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.session.leave()
        assert not self.session.has_stores

    async def ask(self, *requests: ThumbnailRequest) -> list[Any]:
        """What comes of `requests` in one go: pictures as `Stage` has them, or what the failure is called."""
        outcomes = await self.work.thumbnails(requests, TIMEOUT)
        return [shown(one) if isinstance(one, Thumbnail) else type(one).__name__ for one in outcomes]

    async def see(self, *numbers: int, **more: Any) -> list[Any]:
        """As `ask`, for images by their numbers, in the size that is stored."""
        return await self.ask(*(ThumbnailRequest(1001 + number, 96, **more) for number in numbers))


def shown(thumbnail: Thumbnail) -> list[Any]:
    """Width, height and look."""
    size, look = thumbnail.jpeg.decode().split()
    width, height = size.split("x")
    return [int(width), int(height), look]


async def drive(steps: Steps[Any]) -> Any:
    """Drive a call of the model to its end, with others about. Raises what OMERO throws."""
    given: Any = None
    while True:
        try:
            step = steps.send(given)
        except StopIteration as end:
            return end.value
        except OmeroError as error:
            raise _thrown(error) from None
        await asyncio.sleep(0)
        given = step.make() if isinstance(step, Work) and step.make is not None else None


def _thrown(error: OmeroError) -> UserException:
    kind = getattr(exceptions, error.kind, exceptions.InternalException)
    members = {"serverStackTrace": "", "serverExceptionClass": f"ome.conditions.{error.kind}", "message": str(error)}
    if issubclass(kind, exceptions.ConcurrencyException):
        members["backOff"] = error.back_off
    return kind(**members)


def _plain(value: Any) -> Any:
    if isinstance(value, RList):
        return [_plain(one) for one in value.val]
    return value.val if isinstance(value, RType) else value
