"""The heart's front door: thumbnails for the owner of an OMERO session key."""

from __future__ import annotations

import asyncio
import logging
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from typing import Final, cast

from ..ice.errors import IceException
from ..ice.types import UserException
from ..omero.breaker import JoinsSuspended
from ..omero.faults import Fault, described, fault_of
from ..omero.permits import Permits
from ..omero.pool import PoolClosed, PoolSaturated, SessionPool
from ..omero.session import JoinedSession
from ..tasks import NO_CONTEXT
from .admission import Admission
from .caches import Caches
from .drawing import JoinLost
from .model import (
    NotModified,
    OmeroTooSlow,
    OmeroUnavailable,
    SessionRefused,
    Thumbnail,
    ThumbnailError,
    ThumbnailRequest,
)
from .scheduler import Outcome, ThumbnailScheduler, hanging

log: Final = logging.getLogger(__name__)

#: the setting of OMERO.server for the longest side of thumbnails on pages, in pixels, and what it may be
_DEFAULT_SIZE_SETTING: Final = "omero.client.browser.thumb_default_size"
_DEFAULT_SIZE_MAX: Final = 10_000
_DIGITS_MAX: Final = 5

#: why a session could not be lent
_NOT_LENT: Final = (TimeoutError, PoolSaturated, PoolClosed, JoinsSuspended, IceException, UserException)

_NO_TAGS: Final[frozenset[str]] = frozenset()

#: sessions that are looked at for each new one, whether they were left
_LOOKED_AT: Final = 4


class Thumbnails:
    """Gets thumbnails from OMERO.

    `timeout` is what a caller waits at most, in seconds; `stores` the ThumbnailStores of each joined session;
    `permits` are for calls that hold a database connection of OMERO's, the sessions' other calls among them, `joins`
    for joins (None: no limit);
    `waiting_max` the thumbnails that are waited for before a request for more is refused, shared out by `Admission`.
    """

    def __init__(
        self,
        pool: SessionPool,
        *,
        timeout: float,
        stores: int,
        permits: Permits | None = None,
        joins: Permits | None = None,
        waiting_max: int = 5_000,
        caches: Caches | None = None,
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self._caches = caches or Caches()
        self._permits = permits
        self._joins = joins
        self._admission = Admission(waiting_max)
        self._pool = pool
        self._timeout = timeout
        self._stores = stores
        self._work: OrderedDict[JoinedSession, ThumbnailScheduler] = OrderedDict()
        #: the session that was asked for the size of thumbnails last, and what it said
        self._default_size: tuple[JoinedSession, int | None] | None = None

    async def get(self, session_key: str, request: ThumbnailRequest) -> Thumbnail:
        """One thumbnail. Raises ThumbnailError."""
        (outcome,) = await self.get_all(session_key, [request])
        if isinstance(outcome, ThumbnailError):
            raise outcome
        assert isinstance(outcome, Thumbnail)  # noqa: S101 - nobody has any
        return outcome

    def remembered(
        self, session_key: str, requests: Sequence[ThumbnailRequest]
    ) -> Sequence[Thumbnail | NotModified | ThumbnailError] | None:
        """All of `requests` from memory, or None; waits for nothing.

        Not without the session being joined, and facts of the images that OMERO gave it a few seconds ago.
        """
        if self._caches.memory is None:
            return None
        session = self._pool.joined(session_key)
        work = self._work.get(session) if session is not None else None
        if work is None:
            return None
        found: list[Thumbnail] = []
        for request in requests:
            thumbnail = work.remembered(request)
            if thumbnail is None:
                return None
            found.append(thumbnail)
        self._caches.watcher.remembered(len(found))
        return found

    async def get_all(
        self, session_key: str, requests: Sequence[ThumbnailRequest], tags: frozenset[str] = _NO_TAGS
    ) -> list[Thumbnail | NotModified | ThumbnailError]:
        """Thumbnails for each of `requests`, in their order; one that failed does not fail the others.

        NotModified for one of which the client has what it shows, told by `tags` (`content.tag_of`).
        Raises SessionRefused, OmeroUnavailable, TooManyWaiting, OmeroTooSlow where OMERO cannot be asked at all.
        """
        if not requests:
            return []
        if self._pool.joined(session_key) is None:
            # what is kept is a user's, and who that is only OMERO can say
            for permits in (self._permits, self._joins):
                if permits is not None and permits.hangs():
                    raise hanging(permits)
        with self._admission.admit(session_key, requests):
            deadline = self._loop.time() + self._timeout
            outcomes, lost = await self._try(session_key, requests, deadline, tags)
            if lost:
                await self._try_again(session_key, requests, deadline, tags, outcomes, lost)
            return cast("list[Thumbnail | NotModified | ThumbnailError]", outcomes)

    async def default_size(self, session_key: str) -> int | None:
        """The longest side of thumbnails on pages, in pixels, as OMERO.server says it to new sessions; None: as usual.

        Asked for once for each join. Raises ThumbnailError as `get_all`.
        """
        asked = self._default_size
        joined = self._pool.joined(session_key)
        if asked is not None and joined is not None and asked[0] is joined:
            return asked[1]
        try:
            async with asyncio.timeout(self._timeout):
                asked = await self._ask_default_size(session_key) or await self._ask_default_size(session_key)
        except _NOT_LENT as error:
            raise self._why_not_lent(error) from error
        if asked is None:
            raise SessionRefused("the OMERO session has ended")
        self._default_size = asked
        return asked[1]

    async def _ask_default_size(self, session_key: str) -> tuple[JoinedSession, int | None] | None:
        """The session and what it says; None where only this join of it was lost."""
        async with self._pool.lend(session_key) as session:
            try:
                return session, _size_in(await session.client_settings())
            except (IceException, UserException) as error:
                match fault_of(error):
                    case Fault.SESSION_GONE | Fault.JOIN_GONE:
                        self._pool.drop(session_key, session)
                        return None
                    case Fault.REFUSED:
                        return session, None
                raise

    async def _try_again(
        self,
        session_key: str,
        requests: Sequence[ThumbnailRequest],
        deadline: float,
        tags: frozenset[str],
        outcomes: list[Outcome],
        lost: Sequence[int],
    ) -> None:
        """Put into `outcomes` what becomes of those that were `lost` with a join, which a fresh one tells.

        The session may be as good as ever, and only this join of it gone.
        """
        log.info("joining an OMERO session again: %s", outcomes[lost[0]])
        again: Sequence[Outcome]
        try:
            again, _ = await self._try(session_key, [requests[index] for index in lost], deadline, tags)
        except ThumbnailError as error:
            if len(lost) == len(outcomes):
                raise
            # what OMERO gave for the others is as good as ever
            # without its frames, of which this one knows it
            again = [error.with_traceback(None)] * len(lost)
        for index, outcome in zip(lost, again, strict=True):
            outcomes[index] = _for_good(outcome) if isinstance(outcome, JoinLost) else outcome

    async def _try(
        self, session_key: str, requests: Sequence[ThumbnailRequest], deadline: float, tags: frozenset[str]
    ) -> tuple[list[Outcome], list[int]]:
        """What becomes of each of `requests`, and which of them, by their place, were lost with the join."""
        # one that is joined is not waited for
        joining = asyncio.timeout_at(deadline) if self._pool.joined(session_key) is None else None
        try:
            async with joining or NO_CONTEXT, self._pool.lend(session_key) as session:
                if joining is not None:
                    # what follows keeps its own time, and answers with what it has when that is over
                    joining.reschedule(None)
                outcomes = await self._work_for(session).thumbnails(requests, deadline - self._loop.time(), tags)
                lost = [index for index, outcome in enumerate(outcomes) if isinstance(outcome, JoinLost)]
                if lost:
                    self._pool.drop(session_key, session)
                return outcomes, lost
        except _NOT_LENT as error:
            raise self._why_not_lent(error) from error

    def _why_not_lent(self, error: Exception) -> ThumbnailError:
        match error:
            case PoolSaturated():
                return OmeroUnavailable(f"{error}; raise omero.joined_sessions or add workers", "sessions full")
            case PoolClosed():
                return OmeroUnavailable(str(error), "stopping")
            case JoinsSuspended():
                return OmeroUnavailable(str(_join_failed(error.reason)))
            case IceException() | UserException():
                return _join_failed(error)
        return OmeroTooSlow(f"OMERO has not let the session in within {self._timeout:g} s")

    def _work_for(self, session: JoinedSession) -> ThumbnailScheduler:
        work = self._work.get(session)
        if work is None:
            self._forget_left()
            work = ThumbnailScheduler(
                session,
                stores=self._stores,
                permits=self._permits,
                caches=self._caches,
                waiting=lambda: self._admission.waiting,
            )
            self._work[session] = work
        return work

    def _forget_left(self) -> None:
        """Let go of the work for a few of the sessions that were left, so that all are seen to in time."""
        for _ in range(min(_LOOKED_AT, len(self._work))):
            session, work = self._work.popitem(last=False)
            if session.is_active:
                self._work[session] = work
            else:
                work.forget()


def _size_in(client_settings: Mapping[str, str]) -> int | None:
    text = client_settings.get(_DEFAULT_SIZE_SETTING, "")
    if not text.isascii() or not text.isdigit() or len(text) > _DIGITS_MAX:
        return None
    return int(text) if 1 <= int(text) <= _DEFAULT_SIZE_MAX else None


def _join_failed(error: IceException | UserException) -> ThumbnailError:
    fault = fault_of(error)
    if fault is Fault.SESSION_GONE:
        return SessionRefused("OMERO does not know this session, or it has ended")
    if fault is Fault.TOO_SLOW:
        return OmeroTooSlow(str(error))
    return OmeroUnavailable(described(error))


def _for_good(lost: JoinLost) -> ThumbnailError:
    """A second join did not help either."""
    if lost.fault is Fault.SESSION_GONE:
        return SessionRefused("the OMERO session has ended")
    return OmeroUnavailable(str(lost))
