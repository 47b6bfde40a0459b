"""What is kept of what OMERO gave one session's user: the caches, asked before OMERO and filled behind it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from ..ice.errors import IceException
from ..ice.values import UserException
from ..omero.session import JoinedSession
from . import clocks
from .memory_cache import MemoryCache
from .model import Thumbnail, ThumbnailRequest
from .redis_cache import RedisCache

log: Final = logging.getLogger(__name__)

#: seconds for which what comes is collected before OMERO is asked about it
_COLLECT: Final = 0.05
#: seconds between looks whether OMERO still works for somebody who waits, and how long that puts the question off
_LOOK_AGAIN: Final = 0.25
_PUT_OFF_MAX: Final = 1.0
#: thumbnails that are enough for a question: they take memory and are not kept yet
_ENOUGH: Final = 500


@dataclass(frozen=True, slots=True)
class Caches:
    """Where thumbnails are kept, each place optional."""

    memory: MemoryCache | None = None
    shared: RedisCache | None = None


class Kept:
    """The caches as one session's user may see them. The user is OMERO's answer, not anybody's claim."""

    def __init__(self, session: JoinedSession, caches: Caches, is_busy: Callable[[], bool]) -> None:
        self._session = session
        self._is_busy = is_busy
        self._caches = caches
        self._unsure: dict[ThumbnailRequest, tuple[int, Thumbnail]] = {}
        self._making_sure: asyncio.Task[None] | None = None

    def remembered(self, request: ThumbnailRequest) -> Thumbnail | None:
        """What this worker remembers."""
        user = self._session.user_id
        if self._caches.memory is None or user is None or request.is_section:
            return None
        return self._caches.memory.get(user, request)

    async def shared(self, requests: Sequence[ThumbnailRequest]) -> dict[ThumbnailRequest, Thumbnail]:
        """What other workers have shared. Raises what OMERO throws, or IceException."""
        wanted = [request for request in requests if not request.is_section]
        if self._caches.shared is None or not wanted:
            return {}
        user = (await self._session.event_context()).userId
        found = await self._caches.shared.get_all(user, wanted)
        if self._caches.memory is not None:
            for request, (age, thumbnail) in found.items():
                self._caches.memory.put(user, request, thumbnail, age=age)
        return {request: thumbnail for request, (_, thumbnail) in found.items()}

    def keep(self, request: ThumbnailRequest, pixels_id: int, thumbnail: Thumbnail, *, is_sure: bool) -> None:
        """Keep a thumbnail that OMERO has just given, behind whoever asked for it.

        One that is not sure, since it came in a set, is kept only if OMERO says that it is more than a clock. That is
        asked for many at a time, and once nobody waits for OMERO any more, or a second has passed.
        """
        if (self._caches.memory is None and self._caches.shared is None) or request.is_section:
            return
        if is_sure and thumbnail.in_progress:
            return
        self._unsure[request] = (-1 if is_sure else pixels_id, thumbnail)
        if self._making_sure is None or self._making_sure.done():
            self._making_sure = asyncio.create_task(self._make_sure())

    async def _make_sure(self) -> None:
        while self._unsure:
            await self._until_nobody_waits()
            given, self._unsure = self._unsure, {}
            try:
                user = (await self._session.event_context()).userId
                asked = sorted({pixels_id for pixels_id, _ in given.values() if pixels_id >= 0})
                clocks_of = await clocks.in_progress(self._session, asked) if asked else set()
            except (IceException, UserException) as error:
                # nothing is lost but the time that keeping them would have saved
                log.info("%d thumbnails are not kept: %s", len(given), error)
                continue
            final = {
                request: thumbnail for request, (pixels_id, thumbnail) in given.items() if pixels_id not in clocks_of
            }
            await self._keep_final(user, final)

    async def _until_nobody_waits(self) -> None:
        await asyncio.sleep(_COLLECT)
        put_off = _COLLECT
        while self._is_busy() and put_off < _PUT_OFF_MAX and len(self._unsure) < _ENOUGH:
            await asyncio.sleep(_LOOK_AGAIN)
            put_off += _LOOK_AGAIN

    async def _keep_final(self, user: int, thumbnails: Mapping[ThumbnailRequest, Thumbnail]) -> None:
        if self._caches.memory is not None:
            for request, thumbnail in thumbnails.items():
                self._caches.memory.put(user, request, thumbnail)
        if self._caches.shared is not None and thumbnails:
            await self._caches.shared.put_all(user, thumbnails)
