"""Permits for calls to OMERO that hold one of its database connections: so many at once, over all workers of a service.

OMERO cannot cancel a call: until it ends it holds a database connection, of which a stock OMERO has ten
(``omero.db.poolsize``), and whoever wants to log in needs one. So a permit is given back when OMERO's reply comes, not
when nobody waits for it any more. Where no reply can come, since the connection went, it comes back after a while:
`permit_table` says when.

`Permits` hands them out in one event loop; the table and its lock are shared with other workers where there is a folder
for it. A free permit costs two locks and no message. A worker that has to wait is woken by whoever gives one back;
a timer looks, as long as it waits, for those that will not: workers that have died, and calls that were lost.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable
from contextlib import AbstractAsyncContextManager
from contextvars import ContextVar
from dataclasses import dataclass
from functools import partial
from itertools import islice
from pathlib import Path
from types import TracebackType
from typing import Any, Final, TypeVar

from ..ice.errors import ConnectFailedException, RequestFailedException, UnknownException
from ..ice.types import UserException
from .permit_table import NO_SLOT, PermitTable, Usage
from .wake_pipes import WakePipes

T = TypeVar("T")

#: seconds that a cold page takes: three users who opened pages of 48 images of 1024x1024 that nobody had looked at, at
#: once, had all of them from a stock OMERO.server 5.6 after 7.3 to 8.0 s
COLD_PAGE: Final = 8.0

#: permits for joins, beside those for calls: a join holds a database connection for a few milliseconds
JOIN_PERMITS: Final = 2

#: how many times the longest call of its kind OMERO is taken to work on one that was lost
_LONGER: Final = 2.0
#: how fast a call that took long is forgotten, with each that took less
_FORGETTING: Final = 0.1
#: seconds between two looks at what nobody tells of
_LOOK_EVERY: Final = 0.5

#: what OMERO, or its router, answers in place of a result
_ANSWERS: Final = (UserException, UnknownException, RequestFailedException)


#: kinds of calls, each of which may hang while the others do not; all others are one more
_KINDS: Final = ("set", "single", "projection", "getEventContext", "store", "join")


def _number(kind: str) -> int:
    return _KINDS.index(kind) if kind in _KINDS else len(_KINDS)


def patience(timeout: float) -> float:
    """Seconds for which all permits are taken before OMERO is said to hang.

    As long as a cold page takes, or as half of the time-out where a site has a longer one: sets are made to take no
    longer than that.
    """
    return max(COLD_PAGE, timeout / 2)


@dataclass(eq=False, slots=True)
class _Waiter:
    granted: asyncio.Future[int]
    kind: int
    keep: float


class Permit:
    """One permit. Given back once as many `release` as `hold`, and the first, have come, and all replies watched.

    It belongs to one flight of calls, on one ThumbnailStore or none, and goes on with what it began.
    """

    __slots__ = ("_asked", "_kind", "_lost", "_permits", "_since", "_slot", "_uses")

    def __init__(self, permits: Permits, slot: int, kind: str, since: float) -> None:
        self._permits = permits
        self._slot = slot
        self._kind = kind
        self._since = since
        self._uses = 1
        self._asked = False
        self._lost = False

    @property
    def is_over(self) -> bool:
        """Whether it was given back."""
        return not self._uses

    def is_of(self, permits: Permits) -> bool:
        """Whether it is one of those."""
        return self._permits is permits

    def hold(self) -> None:
        """Something else needs it too."""
        self._uses += 1

    def release(self) -> None:
        """Whoever acquired or held it needs it no more."""
        self._uses -= 1
        if not self._uses:
            self._permits.end(self._slot, self._kind, self._since, asked=self._asked, lost=self._lost)

    def watch(self, reply: asyncio.Future[Any]) -> None:
        """A call is on its way: the permit is held until `reply` is done.

        It is lost where that is no answer of OMERO's: `reply` fails with the connection, or is cancelled.
        """
        self._uses += 1
        reply.add_done_callback(self._replied)

    async def spent_on(self, work: Awaitable[T]) -> T:
        """Await what asks OMERO with it; raises what that raises."""
        try:
            result = await work
        except BaseException as error:
            self.ended(error)
            raise
        self.ended(None)
        return result

    def ended(self, error: BaseException | None) -> None:
        """OMERO has answered what was asked with it, or, as `error` tells, never will."""
        if isinstance(error, ConnectFailedException):
            # OMERO was not asked
            return
        self._asked = True
        if error is not None and not isinstance(error, _ANSWERS):
            self._lost = True

    def give_up(self) -> None:
        """Nobody waits for its call any more, and OMERO still works on it."""
        if not self.is_over:
            self._permits.give_up(self._slot)

    def _replied(self, reply: asyncio.Future[Any]) -> None:
        self.ended(asyncio.CancelledError() if reply.cancelled() else reply.exception())
        self.release()


#: the permit of the flight that runs in this context
_current: Final[ContextVar[Permit | None]] = ContextVar("permit", default=None)


def outside_flights() -> None:
    """What runs in this context from now on belongs to no flight: for tasks that a flight starts beside itself."""
    _current.set(None)


class Flight(AbstractAsyncContextManager[Permit, None]):
    """``async with permits.flight(kind) as permit``; calls that were begun in it may keep the permit longer.

    A flight within another has the same permit: whoever held one and waited for a second could wait for himself.
    """

    __slots__ = ("_kind", "_permit", "_permits", "_token")

    def __init__(self, permits: Permits, kind: str) -> None:
        self._permits = permits
        self._kind = kind

    async def __aenter__(self) -> Permit:
        permit = _current.get()
        if permit is not None and permit.is_of(self._permits) and not permit.is_over:
            permit.hold()
        else:
            permit = await self._permits.acquire(self._kind)
        self._permit = permit
        self._token = _current.set(permit)
        return permit

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        _current.reset(self._token)
        self._permit.release()


class Permits:
    """`limit` permits; see the module. To be made inside the event loop that uses them.

    `patience` is in seconds. `folder` is where all workers share the table called `name`; without one it is this
    process's own. Raises OSError where the table cannot be made.
    """

    def __init__(
        self, limit: int, *, patience: float = COLD_PAGE, folder: Path | None = None, name: str = "calls"
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self._table = PermitTable(limit, patience, folder / f"{name}.permits" if folder is not None else None)
        self._waiting: deque[_Waiter] = deque()
        self._looking: asyncio.TimerHandle | None = None
        self._longest: dict[str, float] = {}
        #: seconds for which all are taken before OMERO is said to hang
        self.patience: Final = patience
        self._pipes: WakePipes | None = None
        self._is_closed = False
        self._table.enter(partial(self._listen, folder, name))

    @property
    def limit(self) -> int:
        """How many there are."""
        return self._table.limit

    def locked(self) -> bool:
        """Whether whoever asks now has to wait."""
        return bool(self._waiting) or self._table.is_full()

    def hangs(self) -> bool:
        """Whether OMERO hangs: all are taken for longer than a cold page takes, and none has come back."""
        hangs, woken = self._table.hangs(self._loop.time())
        self._wake(woken)
        return hangs

    def usage(self) -> Usage:
        """How it is at the moment, over all workers; looks for workers that have died."""
        self._look()
        return self._table.usage(self._loop.time())

    def flight(self, kind: str) -> Flight:
        """``async with permits.flight(kind) as permit``; see `acquire`."""
        return Flight(self, kind)

    async def acquire(self, kind: str) -> Permit:
        """A permit, when it is this caller's turn; to be released. `kind` is of calls that take equally long."""
        since = self._loop.time()
        longest = self._longest.get(kind)
        keep = self.patience if longest is None else longest * _LONGER
        if not self._waiting and (slot := self._table.take(since, _number(kind), keep)) != NO_SLOT:
            return Permit(self, slot, kind, since)
        waiter = _Waiter(self._loop.create_future(), _number(kind), keep)
        self._waiting.append(waiter)
        self._look_later()
        try:
            slot = await waiter.granted
        except asyncio.CancelledError:
            if waiter.granted.done() and not waiter.granted.cancelled():
                self.end(waiter.granted.result(), kind, since, asked=False, lost=False)
            else:
                # where nobody else waits here, this also leaves the line of workers
                self._collect()
            raise
        return Permit(self, slot, kind, self._loop.time())

    def end(self, slot: int, kind: str, since: float, *, asked: bool, lost: bool) -> None:
        """For `Permit`: it is needed no more."""
        if self._is_closed:
            return
        now = self._loop.time()
        if lost:
            self._table.mark_lost(slot, now)
            if self._waiting:
                self._look_later()
            return
        if asked:
            took, longest = now - since, self._longest.get(kind, 0.0)
            self._longest[kind] = took if took > longest else longest + (took - longest) * _FORGETTING
        self._wake(self._table.give_back(slot, now, answered=asked))

    def give_up(self, slot: int) -> None:
        """For `Permit`: nobody waits for it any more."""
        if not self._is_closed:
            self._table.give_up(slot)

    def close(self) -> None:
        """Be a worker no more; what OMERO still works on is lost. Whoever waits is told by cancellation."""
        if self._is_closed:
            return
        self._wake(self._table.leave(self._loop.time()))
        self._is_closed = True
        for waiter in self._waiting:
            waiter.granted.cancel()
        if self._looking is not None:
            self._looking.cancel()
        if self._pipes is not None:
            self._loop.remove_reader(self._pipes.file)
            self._pipes.close()
        self._table.close()

    # inside

    def _listen(self, folder: Path | None, name: str, worker: int) -> None:
        if folder is not None:
            self._pipes = WakePipes(folder, name, worker)
            self._loop.add_reader(self._pipes.file, self._woken)

    def _woken(self) -> None:
        if self._pipes is not None:
            self._pipes.drain()
        self._collect()

    def _collect(self) -> None:
        """Hand on what was granted."""
        if self._is_closed:
            return
        # those that were cancelled wait no more
        self._waiting = deque(waiter for waiter in self._waiting if not waiter.granted.done())
        wanted = [(waiter.kind, waiter.keep) for waiter in islice(self._waiting, self._table.limit)]
        more = len(self._waiting) > len(wanted)
        slots, woken = self._table.collect(self._loop.time(), wanted, more=more)
        for slot in slots:
            self._waiting.popleft().granted.set_result(slot)
        self._wake(woken)

    def _wake(self, workers: list[int]) -> None:
        is_own = False
        # it grows where one is found to have died
        for worker in workers:
            if worker == self._table.worker:
                is_own = True
            elif self._pipes is not None and not self._pipes.wake(worker):
                workers += self._table.remove_worker(worker, self._loop.time())
        if is_own:
            self._collect()

    def _look_later(self) -> None:
        if self._looking is None:
            self._looking = self._loop.call_later(_LOOK_EVERY, self._look_again)

    def _look_again(self) -> None:
        self._looking = None
        self._look()
        if self._waiting:
            self._look_later()

    def _look(self) -> None:
        if self._is_closed:
            return
        self._wake(self._table.review(self._loop.time(), self._is_there))
        if self._waiting:
            self._collect()

    def _is_there(self, worker: int) -> bool:
        return self._pipes is not None and self._pipes.is_there(worker)
