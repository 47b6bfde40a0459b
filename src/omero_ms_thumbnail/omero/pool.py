"""The pool of joined OMERO sessions: one join for each session key, shared by all who ask, let go when nobody does.

A `Member` is in one of five states. WAITING: entered in `_member`, when the first request for a key comes. JOINING:
entered in `_begin_joins`, when its turn has come. LATE: entered in `_give_up`, when a join takes so long that nobody
waits for it any more. JOINED: entered in `_join`, when OMERO has let it in. LEFT: entered in `_drop`, and only there:
the join failed or was lost, its turn did not come in time, nobody waits for it any more, the connection went, OMERO
ended the session, it was idle for too long, or the pool closes. A member that LEFT is in no table any more and is never
lent again; what is still lent finishes or fails on its own.

A join that OMERO has not answered is not broken off, since that could log the user out. So while it is LATE its key is
not joined a second time, and whoever asks is told at once; it is of use to the next when OMERO lets it in after all.
When the pool closes meanwhile, it leaves as soon as it is in.

Only so many members are JOINING at once: an OMERO that has just come back is not met by all its users together. While
OMERO lets nobody in, `breaker` says who may try, and the others are told so at once. Both bound how many are LATE:
those under way when OMERO stopped answering, and a few tries.
Decisions are made in plain functions; what has to be awaited because of them runs in tasks that the pool owns.
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter, deque
from collections.abc import Awaitable, Callable
from copy import copy
from enum import Enum, auto
from functools import cached_property
from types import TracebackType
from typing import Final

from ..bounded import ExpiringDict
from ..ice.errors import IceException, InvocationTimeoutException
from ..ice.types import UserException
from ..tasks import TaskSet
from .breaker import CircuitBreaker, JoinsSuspended
from .faults import Fault, fault_of
from .session import JoinedSession

#: seconds that OMERO has for each step of leaving a session, and how many steps there are (`JoinedSession.leave`)
_LEAVE_TIMEOUT: Final = 5.0
_LEAVE_STEPS: Final = 3

#: joins under way at once: a few keep OMERO busy, and many would keep it from everything else
_JOINS_AT_ONCE: Final = 16

#: seconds after which a join is lost that OMERO has not answered, and is broken off: those for which OMERO keeps a
#: session that nobody could use (``omero.sessions.timeout``)
_JOIN_LOST_AFTER: Final = 600.0

#: seconds for which a key is not tried again that OMERO does not know: a page of a user whose session has ended asks
#: often, each try costs OMERO queries or asks LDAP, and a session that has ended never comes back
_REFUSED_FOR: Final = {
    Fault.SESSION_GONE: 60.0,
    # and for which one is not tried again of which OMERO said nothing that lasts
    Fault.NOT_LET_IN: 1.0,
}

#: refused keys that are remembered at most, the last ones: 1 kB each
_REFUSALS_MAX: Final = 4_000

_CLOSED: Final = "the joined OMERO sessions are being left for good"

log: Final = logging.getLogger(__name__)

#: joins the OMERO session with that key
JoinSession = Callable[[str], Awaitable[JoinedSession]]


class PoolSaturated(Exception):
    """Another session would be one too many, and none can be let go of."""


class PoolClosed(Exception):
    """The pool closes, or is closed, and lends nothing any more."""


class MemberState(Enum):
    """Where in its life a member is."""

    WAITING = auto()
    JOINING = auto()
    LATE = auto()
    JOINED = auto()
    LEFT = auto()


class Member:
    """One OMERO session in the pool."""

    def __init__(self, key: str, now: float) -> None:
        self.key = key
        self.state = MemberState.WAITING
        self.joined: asyncio.Future[JoinedSession] = asyncio.get_running_loop().create_future()
        self.lent = 0
        self.last_used = now
        #: what gives up waiting for it, and then gives it up for good
        self.overdue: asyncio.TimerHandle | None = None
        #: its join, once there is one
        self.join: asyncio.Task[None] | None = None
        #: its join's number with the breaker, once there is one
        self.begun = 0

    def __repr__(self) -> str:
        # never its key
        return f"<Member {self.state.name.lower()}, lent {self.lent} times, last used at {self.last_used:.1f}>"

    def is_idle(self, now: float, timeout: float) -> bool:
        """Whether nobody has used it for `timeout` seconds, and OMERO works on nothing that was asked of it."""
        if self.state is not MemberState.JOINED or self.lent or now - self.last_used < timeout:
            return False
        return not self.joined.result().is_busy


class Loan:
    """A session while it is lent; see `SessionPool.lend`. To be entered once."""

    __slots__ = ("_key", "_member", "_pool")

    def __init__(self, pool: SessionPool, key: str) -> None:
        self._pool = pool
        self._key = key
        self._member: Member | None = None

    async def __aenter__(self) -> JoinedSession:
        self._member = self._pool.borrow(self._key)
        if self._member.state is MemberState.JOINED:
            return self._member.joined.result()
        try:
            # shielded: a request that gives up must not take the join from those who wait with it
            return await asyncio.shield(self._member.joined)
        except BaseException:
            self._end()
            raise

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._end()

    def _end(self) -> None:
        # why a join failed knows the frames that it came through, and by them this: if it knew the member too, it would
        # keep all of them and itself
        member, self._member = self._member, None
        if member is not None:
            self._pool.give_back(member)


class SessionPool:
    """Lends joined sessions by session key.

    A join has `join_timeout` seconds, a session that nobody asks for is left after `idle_timeout` seconds.
    """

    def __init__(
        self,
        join: JoinSession,
        *,
        idle_timeout: float,
        join_timeout: float = 15.0,
        sessions_max: int = 2_000,
        breaker: CircuitBreaker | None = None,
    ) -> None:
        self._join_session = join
        self._join_timeout = join_timeout
        self._sessions_max = sessions_max
        self._idle_timeout = idle_timeout
        self._members: dict[str, Member] = {}
        #: until when, and why, by key
        self._refusals: ExpiringDict[str, Exception] = ExpiringDict(_REFUSALS_MAX)
        self._waiting: deque[Member] = deque()
        self._joining = 0
        self._breaker = breaker or CircuitBreaker(now=_loop_time)
        self._tasks: TaskSet[None] = TaskSet()
        self._sweep: asyncio.TimerHandle | None = None
        self._closing = False
        self._leave_timeout = _LEAVE_TIMEOUT

    def __len__(self) -> int:
        return len(self._members)

    def __repr__(self) -> str:
        states = Counter(member.state.name.lower() for member in self._members.values())
        told = ", ".join(f"{count} {state}" for state, count in states.items()) or "empty"
        return f"<SessionPool{' closing' if self._closing else ''}: {told}; at most {self._sessions_max}>"

    @cached_property
    def _now(self) -> Callable[[], float]:
        """Idle time is told by the clock of the timers that end it. A pool may be made before its event loop runs."""
        return asyncio.get_running_loop().time

    def lend(self, key: str) -> Loan:
        """``async with pool.lend(key) as session``: joined first if need be, and not let go while it is lent.

        Entering raises what the join raised: PermissionDeniedException, CannotCreateSessionException, IceException, of
        which InvocationTimeoutException if it took too long; JoinsSuspended, also where an earlier join has not ended
        yet that took too long; PoolSaturated; PoolClosed.
        """
        return Loan(self, key)

    def joined(self, key: str) -> JoinedSession | None:
        """The session for `key` if it is joined already; counts as a use of it."""
        member = self._members.get(key)
        if member is None or member.state is not MemberState.JOINED:
            return None
        member.last_used = self._now()
        return member.joined.result()

    def drop(self, key: str, session: JoinedSession) -> None:
        """Let go of a session that is of no use any more; the next request for its key joins again."""
        member = self._members.get(key)
        if member is not None and _result(member) is session:
            self._drop(member)

    def sessions(self) -> list[JoinedSession]:
        """Those that are joined."""
        return [session for member in self._members.values() if (session := _result(member)) is not None]

    async def close(self, timeout: float) -> None:
        """Leave every session within `timeout` seconds.

        What is asked of OMERO meanwhile has a part of them to finish, and then fails with its session.
        """
        self._closing = True
        self._leave_timeout = min(_LEAVE_TIMEOUT, timeout / _LEAVE_STEPS)
        if self._sweep is not None:
            self._sweep.cancel()
        for member in tuple(self._members.values()):
            self._drop(member, PoolClosed(_CLOSED))
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=timeout)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    # loans

    def borrow(self, key: str) -> Member:
        """For `Loan`: count a use of `key`'s member. Raises as `lend`, but for what the join raises."""
        member = self._member(key)
        member.lent += 1
        return member

    def give_back(self, member: Member) -> None:
        """For `Loan`: a use that `borrow` counted is over."""
        member.lent -= 1
        member.last_used = self._now()
        self._schedule_sweep()

    # states

    def _member(self, key: str) -> Member:
        if self._closing:
            raise PoolClosed(_CLOSED)
        member = self._members.get(key)
        if member is None:
            self._check_refusal(key)
            self._breaker.check()
            self._make_room()
            member = Member(key, self._now())
            member.overdue = asyncio.get_running_loop().call_later(self._join_timeout, self._give_up, member)
            self._members[key] = member
            self._waiting.append(member)
            # whoever asks is counted first: nobody joins for a member that is not wanted
            asyncio.get_running_loop().call_soon(self._begin_joins)
        elif member.state is MemberState.LATE:
            raise JoinsSuspended(self._too_slow())
        return member

    def _check_refusal(self, key: str) -> None:
        until, error = self._refusals.get(key, (0.0, None))
        if error is not None and self._now() < until:
            # a copy: what is raised knows its frames, and this one knows what is remembered
            raise copy(error)

    def _remember_refusal(self, key: str, error: Exception, seconds: float) -> None:
        now = self._now()
        # without the frames that it came through, and the connection in them
        self._refusals.put(key, copy(error), now + seconds, now)

    def _begin_joins(self) -> None:
        """Let those join whose turn it is."""
        while not self._closing and self._waiting and self._joining < _JOINS_AT_ONCE:
            member = self._waiting.popleft()
            if member.state is MemberState.LEFT:
                continue
            if not member.lent:
                self._drop(member)
                continue
            try:
                self._breaker.check()
            except JoinsSuspended as suspended:
                self._drop(member, suspended)
                continue
            member.begun = self._breaker.begin()
            member.state = MemberState.JOINING
            self._joining += 1
            member.join = self._tasks.start(self._join(member))

    def _make_room(self) -> None:
        """Let go of the session that was asked for longest ago, where another would be one too many."""
        if len(self._members) < self._sessions_max:
            return
        idle = [one for one in self._members.values() if one.state is MemberState.JOINED and one.lent == 0]
        if not idle:
            raise PoolSaturated(f"all {self._sessions_max} joined OMERO sessions are in use")
        self._drop(min(idle, key=lambda one: one.last_used))

    async def _join(self, member: Member) -> None:
        try:
            session = await self._join_session(member.key)
        except Exception as error:  # noqa: BLE001 - whatever it is, those who wait for the join get it
            self._record_failure(member, error)
            self._drop(member, error)
            # an exception knows its frames: if this one knew the member too, it would keep all of them and itself
            del member
            return
        self._breaker.succeeded()
        if member.state is MemberState.LEFT:
            await session.leave(self._leave_timeout)
            return
        if member.state is MemberState.LATE:
            # those who waited for it were told that it takes too long
            member.joined = asyncio.get_running_loop().create_future()
        member.joined.set_result(session)
        member.last_used = self._now()
        self._enter(member, MemberState.JOINED)
        self._schedule_sweep()
        await session.wait_closed()
        self._drop(member)

    def _record_failure(self, member: Member, error: Exception) -> None:
        """What a join that ended says of OMERO: to the breaker, and of its key."""
        if not isinstance(error, IceException | UserException):
            return
        fault = fault_of(error)
        if fault not in (Fault.UNAVAILABLE, Fault.TOO_SLOW, Fault.JOIN_GONE):
            self._breaker.succeeded()
            if fault in _REFUSED_FOR:
                self._remember_refusal(member.key, error, _REFUSED_FOR[fault])
        elif member.state is MemberState.JOINING:
            self._breaker.failed(member.begun, error)
        elif member.state is MemberState.LATE:
            self._breaker.failed(member.begun)

    def _give_up(self, member: Member) -> None:
        error = self._too_slow()
        if member.state is MemberState.WAITING:
            self._drop(member, error)
            return
        self._breaker.timed_out(member.begun, error)
        _fail(member, error)
        self._enter(member, MemberState.LATE)
        member.overdue = asyncio.get_running_loop().call_later(_JOIN_LOST_AFTER, self._abandon, member)

    def _abandon(self, member: Member) -> None:
        log.warning(
            "OMERO has not answered a join within %g s: it is broken off", self._join_timeout + _JOIN_LOST_AFTER
        )
        self._breaker.failed(member.begun)
        self._drop(member)
        if member.join is not None:
            member.join.cancel()

    def _too_slow(self) -> InvocationTimeoutException:
        return InvocationTimeoutException(f"OMERO has not let the session in within {self._join_timeout:g} s")

    def _enter(self, member: Member, state: MemberState) -> None:
        """The one place where WAITING, JOINING and LATE are left for good."""
        if member.overdue is not None:
            member.overdue.cancel()
        was, member.state = member.state, state
        if was is MemberState.JOINING:
            self._joining -= 1
            self._begin_joins()

    def _drop(self, member: Member, reason: Exception | None = None) -> None:
        """Those who wait for a join get `reason`."""
        if member.state is MemberState.LEFT:
            return
        self._enter(member, MemberState.LEFT)
        if self._members.get(member.key) is member:
            del self._members[member.key]
        session = _result(member)
        if session is not None:
            self._tasks.start(session.leave(self._leave_timeout))
        elif reason is not None and not member.joined.done():
            _fail(member, reason)

    # idle sessions

    def _schedule_sweep(self) -> None:
        if self._sweep is None and not self._closing and self._members:
            self._sweep = asyncio.get_running_loop().call_later(self._idle_timeout / 4, self._sweep_idle)

    def _sweep_idle(self) -> None:
        self._sweep = None
        now = self._now()
        for member in tuple(self._members.values()):
            if member.is_idle(now, self._idle_timeout):
                log.debug("leaving an OMERO session that nobody asked for")
                self._drop(member)
        self._schedule_sweep()


def _loop_time() -> float:
    return asyncio.get_running_loop().time()


def _result(member: Member) -> JoinedSession | None:
    joined = member.joined
    return joined.result() if joined.done() and not joined.cancelled() and joined.exception() is None else None


def _fail(member: Member, reason: Exception) -> None:
    """Tell those who wait for a join why there is none."""
    member.joined.set_exception(reason)
    # whoever waits gets it; if all have gone, nobody needs it
    member.joined.exception()
