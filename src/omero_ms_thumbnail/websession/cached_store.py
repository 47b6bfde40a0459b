"""Sessions that were looked up a moment ago, so that a page of a hundred thumbnails costs its store one read.

How long a moment is decides how long somebody is still served who has logged out: `MAX_AGE`, well below the second that
the service promises.
"""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Final

from ..bounded import ExpiringDict
from ..tasks import TaskSet, shared
from .store import SessionStoreUnavailable

if TYPE_CHECKING:
    from .store import SessionStore
    from .web_session import WebSession

MAX_AGE: Final = 0.5
"""Seconds."""

_SESSIONS = 10_000


@dataclass(slots=True)
class _Reading:
    """A read that is under way, for everybody who asks meanwhile."""

    task: asyncio.Task[WebSession | None] = field(repr=False)
    began: float


class CachedSessionStore:
    """A `SessionStore` that remembers another one's sessions; it closes the other one with itself.

    Only sessions are remembered: neither that there is none nor that the store is down. max_age is in seconds.
    """

    def __init__(self, store: SessionStore, *, max_age: float = MAX_AGE, sessions_max: int = _SESSIONS) -> None:
        self._store = store
        self._max_age = max_age
        self._entries: ExpiringDict[str, WebSession] = ExpiringDict(sessions_max)
        self._readings: dict[str, _Reading] = {}
        #: all reads that have not ended, those of which nothing will be remembered too
        self._tasks: TaskSet[WebSession | None] = TaskSet()

    async def get(self, session_id: str) -> WebSession | None:
        """The session with this id, or None; see `SessionStore.get`."""
        return self.remembered(session_id) or await self._read(session_id)

    def remembered(self, session_id: str) -> WebSession | None:
        """The session with this id if it is remembered, without waiting for anything."""
        entry = self._entries.get(session_id)
        return entry[1] if entry is not None and time.monotonic() < entry[0] else None

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
        self._entries.clear()
        # a store that is closed under a read may be opened again for it
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._store.close()

    def describe(self) -> str:
        """The store's description."""
        return self._store.describe()

    async def _read(self, session_id: str) -> WebSession | None:
        reading = self._readings.get(session_id)
        # What a slow read finds is as old as the read: who asks later than that gets a read of his own.
        if reading is None or time.monotonic() - reading.began > self._max_age:
            reading = _Reading(self._tasks.start(self._store.get(session_id)), time.monotonic())
            self._readings[session_id] = reading
            reading.task.add_done_callback(partial(self._finished, session_id, reading))
        try:
            return await shared(reading.task, self._not_read)
        finally:
            # as there: what is raised knows this frame too
            del reading

    def _not_read(self) -> SessionStoreUnavailable:
        """The store's own client gave the read up, or the store is being closed."""
        return SessionStoreUnavailable(f"The {self.describe()} was not read to the end.")

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
        left = self._max_age if session.expires is None else min(self._max_age, session.expires - time.time())
        self._entries.put(session_id, session, began + left, time.monotonic())
