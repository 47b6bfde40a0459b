"""Sessions that were looked up a moment ago, so that a page of a hundred thumbnails costs its store one read.

How long a moment is decides how long somebody is still served who has logged out. A store that tells of changes
(`Invalidations`) lets a session be kept for as long as it is certain that nothing was missed; with any other it is kept
for `MAX_AGE`, well below the second that the service promises.
"""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Final, NamedTuple, Protocol

from omero_ms_thumbnail.websession.store import SessionStoreUnavailable

if TYPE_CHECKING:
    from collections.abc import Callable

    from omero_ms_thumbnail.websession.session import WebSession
    from omero_ms_thumbnail.websession.store import SessionStore

MAX_AGE: Final = 0.5
"""Seconds."""

_TRACKED_MAX_AGE = 60.0
_SESSIONS = 10_000


class Invalidations(Protocol):
    """News of changed sessions."""

    lease_until: float
    """Of every change more than a second before this time of `time.monotonic` there has been news."""

    def start(self, forget: Callable[[str | None], None]) -> None:
        """Begin to listen, where it has not begun. Calls forget with the id of a changed session, None for any."""

    async def close(self) -> None:
        """Listen no more."""


class _Entry(NamedTuple):
    session: WebSession
    fresh_until: float
    """Whatever happens."""
    tracked_until: float
    """As long as there is news of changes."""


@dataclass(slots=True)
class _Reading:
    """A read that is under way, for everybody who asks meanwhile."""

    task: asyncio.Task[WebSession | None] = field(repr=False)
    began: float


class CachedSessionStore:
    """A `SessionStore` that remembers another one's sessions; it closes the other one with itself.

    Only sessions are remembered: neither that there is none nor that the store is down. max_age is in seconds.
    """

    def __init__(
        self,
        store: SessionStore,
        invalidations: Invalidations | None = None,
        *,
        max_age: float = MAX_AGE,
        sessions_max: int = _SESSIONS,
    ) -> None:
        self._store = store
        self._invalidations = invalidations
        self._max_age = max_age
        self._sessions_max = sessions_max
        self._entries: dict[str, _Entry] = {}
        self._readings: dict[str, _Reading] = {}
        #: all reads that have not ended, those of which nothing will be remembered too
        self._tasks: set[asyncio.Task[WebSession | None]] = set()

    async def get(self, session_id: str) -> WebSession | None:
        """The session with this id, or None; see `SessionStore.get`."""
        return self.remembered(session_id) or await self._read(session_id)

    def remembered(self, session_id: str) -> WebSession | None:
        """The session with this id if it is remembered, without waiting for anything."""
        entry = self._entries.get(session_id)
        if entry is None:
            return None
        now = time.monotonic()
        if now < entry.fresh_until or (
            now < entry.tracked_until and self._invalidations is not None and now < self._invalidations.lease_until
        ):
            return entry.session
        return None

    def is_unreadable(self, session_id: str) -> bool:
        """As the store says."""
        return self._store.is_unreadable(session_id)

    async def ping(self) -> None:
        """Ask the store itself."""
        await self._store.ping()

    async def close(self) -> None:
        """Forget every session and close the store; reads under way are given up."""
        tasks = tuple(self._tasks)
        for task in tasks:
            task.cancel()
        self.forget(None)
        # a store that is closed under a read may be opened again for it
        await asyncio.gather(*tasks, return_exceptions=True)
        if self._invalidations is not None:
            await self._invalidations.close()
        await self._store.close()

    def describe(self) -> str:
        """The store's description."""
        return self._store.describe()

    def forget(self, session_id: str | None) -> None:
        """Read a session anew when it is asked for next, or every session; reads under way are not remembered."""
        if session_id is None:
            self._entries.clear()
            self._readings.clear()
        else:
            self._entries.pop(session_id, None)
            self._readings.pop(session_id, None)

    async def _read(self, session_id: str) -> WebSession | None:
        if self._invalidations is not None:
            self._invalidations.start(self.forget)
        reading = self._readings.get(session_id)
        # What a slow read finds is as old as the read: who asks later than that gets a read of his own.
        if reading is None or time.monotonic() - reading.began > self._max_age:
            reading = _Reading(asyncio.create_task(self._store.get(session_id)), time.monotonic())
            self._readings[session_id] = reading
            self._tasks.add(reading.task)
            reading.task.add_done_callback(self._tasks.discard)
            reading.task.add_done_callback(partial(self._finished, session_id, reading))
        try:
            # Whoever goes away leaves the read to the others.
            return await asyncio.shield(reading.task)
        except asyncio.CancelledError:
            waiting = asyncio.current_task()
            if reading.task.cancelled() and waiting is not None and not waiting.cancelling():
                # The store's own client gave the read up, or the store is being closed: nobody cancelled who asks.
                raise SessionStoreUnavailable(f"The {self.describe()} was not read to the end.") from None
            raise
        finally:
            # An exception knows its frames: if this one knew the task too, it would keep all of them and itself.
            del reading

    def _finished(self, session_id: str, reading: _Reading, _task: asyncio.Task[WebSession | None]) -> None:
        is_current = self._readings.get(session_id) is reading
        if is_current:
            del self._readings[session_id]
        # Retrieved here too, as everybody who asked may have gone away.
        if reading.task.cancelled() or reading.task.exception() is not None:
            return
        session = reading.task.result()
        if session is None:
            self._entries.pop(session_id, None)
        elif is_current:
            self._remember(session_id, session, reading.began)

    def _remember(self, session_id: str, session: WebSession, began: float) -> None:
        left = _TRACKED_MAX_AGE if session.expires is None else session.expires - time.time()
        self._entries.pop(session_id, None)
        self._make_room()
        self._entries[session_id] = _Entry(
            session,
            fresh_until=began + min(left, self._max_age),
            tracked_until=began + min(left, _TRACKED_MAX_AGE),
        )

    def _make_room(self) -> None:
        """Let go of two that are of no use any more, so that there are never many of those, or of one where all are."""
        for _ in range(2):
            # The oldest comes first: an entry is made anew each time that it is read.
            oldest = next(iter(self._entries), None)
            if oldest is None or self._entries[oldest].tracked_until > time.monotonic():
                break
            del self._entries[oldest]
        if len(self._entries) >= self._sessions_max:
            del self._entries[next(iter(self._entries))]
