"""What is kept of what OMERO gave one session's user: the caches, asked before OMERO and filled behind it."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import struct
import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from ..ice.errors import IceException
from ..ice.values import UserException
from ..omero.permits import outside_flights
from ..omero.session import JoinedSession
from . import careful, clocks
from .memory_cache import MemoryCache
from .model import ImageFacts, Thumbnail, ThumbnailRequest
from .redis_cache import RedisCache

log: Final = logging.getLogger(__name__)

#: when OMERO was asked for it, in milliseconds since the epoch: behind a JPEG that is shared
_ASKED: Final = struct.Struct(">Q")

#: seconds for which what comes is collected before OMERO is asked about it
_COLLECT: Final = 0.05
#: seconds between looks whether OMERO still works for somebody who waits, and how long that puts the question off
_LOOK_AGAIN: Final = 0.25
_PUT_OFF_MAX: Final = 1.0
#: thumbnails that are enough for a question: they take memory and are not kept yet
_ENOUGH: Final = 500
#: images of which is found out for one question whether they are in progress: each is drawn for that
_LOOKED_AT_MAX: Final = 8
#: images of which that is remembered
_REMEMBERED_MAX: Final = 10_000


@dataclass(frozen=True, slots=True)
class Caches:
    """Where thumbnails are kept, each place optional."""

    memory: MemoryCache | None = None
    shared: RedisCache | None = None


@dataclass(frozen=True, slots=True)
class _Given:
    """A thumbnail that OMERO gave; `unsure` of which image it may be only a clock."""

    unsure: ImageFacts | None
    thumbnail: Thumbnail
    asked_at: float


class Kept:
    """The caches as one session's user may see them. The user is OMERO's answer, not anybody's claim.

    What is kept may have been given to another session of the user, here or elsewhere. So a session of which OMERO has
    not heard for the life of a cache is shown nothing of it: it may have ended.

    `on_their_way` is whatever OMERO still works on for somebody who waits.
    """

    def __init__(self, session: JoinedSession, caches: Caches, on_their_way: Collection[object]) -> None:
        self._session = session
        #: Pixels that are marked as those of a clock, and are ready
        self._ready: set[int] = set()
        self._on_their_way = on_their_way
        self._caches = caches
        self._given: dict[ThumbnailRequest, _Given] = {}
        self._making_sure: asyncio.Task[None] | None = None

    @property
    def is_possible(self) -> bool:
        """Whether anything is kept anywhere."""
        return self._caches.memory is not None or self._caches.shared is not None

    def remembered(self, request: ThumbnailRequest) -> Thumbnail | None:
        """What this worker remembers."""
        user, memory = self._session.user_id, self._caches.memory
        if memory is None or user is None or request.is_section or not self._session.has_answered_within(memory.life):
            return None
        return memory.get(user, request)

    async def know_user(self) -> None:
        """Ask whose session it is, if this worker remembers anything. Raises what OMERO throws, or IceException."""
        if self._session.user_id is None and self._caches.memory:
            await self._session.event_context()

    async def shared(self, requests: Sequence[ThumbnailRequest]) -> dict[ThumbnailRequest, Thumbnail]:
        """What other workers have shared. Raises what OMERO throws, or IceException."""
        wanted = [request for request in requests if not request.is_section]
        if self._caches.shared is None or not wanted:
            return {}
        user = (await self._session.event_context()).userId
        if not self._session.has_answered_within(self._caches.shared.life):
            return {}
        found = await _get_shared(self._caches.shared, user, wanted)
        if self._caches.memory is not None:
            for request, (age, thumbnail) in found.items():
                self._caches.memory.put(user, request, thumbnail, age=age)
        return {request: thumbnail for request, (_, thumbnail) in found.items()}

    def keep(
        self, request: ThumbnailRequest, facts: ImageFacts, thumbnail: Thumbnail, *, asked_at: float, is_sure: bool
    ) -> None:
        """Keep a thumbnail that OMERO has just given, behind whoever asked for it.

        It is as old as the question, put to OMERO at `asked_at` by the loop's clock: rights may have changed since.

        One that is not sure, since it came in a set, is kept only if OMERO says that it is more than a clock. That is
        asked for many at a time, and once nobody waits for OMERO any more, or a second has passed.
        """
        if not self.is_possible or request.is_section:
            return
        if is_sure and thumbnail.in_progress:
            return
        self._given[request] = _Given(None if is_sure else facts, thumbnail, asked_at)
        if self._making_sure is None or self._making_sure.done():
            self._making_sure = asyncio.create_task(self._make_sure())

    async def _make_sure(self) -> None:
        outside_flights()
        while self._given:
            await self._until_nobody_waits()
            given, self._given = self._given, {}
            try:
                user = (await self._session.event_context()).userId
                clocks_of = await self._clocks_among({one.unsure for one in given.values() if one.unsure is not None})
            except (IceException, UserException) as error:
                # nothing is lost but the time that keeping them would have saved
                log.info("%d thumbnails are not kept: %s", len(given), error)
                continue
            await self._keep_final(
                user, {request: one for request, one in given.items() if one.unsure not in clocks_of}
            )

    async def _clocks_among(self, given: set[ImageFacts]) -> set[ImageFacts]:
        """Those that may be clocks, for all that OMERO says. Raises what OMERO throws, or IceException."""
        asked = sorted({one.pixels_id for one in given} - self._ready)
        marked = await clocks.marked(self._session, asked) if asked else set()
        found = {one for one in given if one.pixels_id in marked}
        for one in sorted(found)[:_LOOKED_AT_MAX]:
            if not await self._is_in_progress(one):
                found.discard(one)
                if len(self._ready) >= _REMEMBERED_MAX:
                    self._ready.clear()
                self._ready.add(one.pixels_id)
        return found

    async def _is_in_progress(self, facts: ImageFacts) -> bool:
        try:
            async with self._session.stores.lend(patiently=True) as store:
                return await careful.is_in_progress(store, facts)
        except UserException as error:
            # such as of one in progress that has no settings: OMERO draws nothing of it but in a set
            log.info("image %d is not kept, since OMERO does not draw it: %s", facts.image_id, error)
            return True

    async def _until_nobody_waits(self) -> None:
        await self._pause(_COLLECT)
        put_off = _COLLECT
        while self._on_their_way and put_off < _PUT_OFF_MAX and len(self._given) < _ENOUGH and self._session.is_active:
            await self._pause(_LOOK_AGAIN)
            put_off += _LOOK_AGAIN

    async def _pause(self, seconds: float) -> None:
        """Let time pass, unless the session goes before."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._session.wait_closed()

    async def _keep_final(self, user: int, given: Mapping[ThumbnailRequest, _Given]) -> None:
        now = asyncio.get_running_loop().time()
        aged = {request: (now - one.asked_at, one.thumbnail) for request, one in given.items()}
        if self._caches.memory is not None:
            for request, (age, thumbnail) in aged.items():
                self._caches.memory.put(user, request, thumbnail, age=age)
        if self._caches.shared is not None and aged:
            now_everywhere = time.time()
            await self._caches.shared.put_all(
                user,
                {
                    _shared_key(user, request): thumbnail.jpeg + _ASKED.pack(int((now_everywhere - age) * 1000))
                    for request, (age, thumbnail) in aged.items()
                    if not thumbnail.in_progress
                },
            )


def _shared_key(user: int, request: ThumbnailRequest) -> bytes:
    asked = (request.image_id, request.width, request.height, request.rendering_def_id, request.z, request.t)
    numbers = (user, *("" if one is None else one for one in asked))
    # the version comes from the client: last, whatever is in it
    return ":".join((*map(str, numbers), request.version)).encode()


async def _get_shared(
    cache: RedisCache, user: int, requests: Sequence[ThumbnailRequest]
) -> dict[ThumbnailRequest, tuple[float, Thumbnail]]:
    """Those of `requests` that are shared, with their age in seconds."""
    keys = {_shared_key(user, request): request for request in requests}
    found = {}
    for key, value in (await cache.get_all(user, list(keys))).items():
        (asked,) = _ASKED.unpack_from(value, len(value) - _ASKED.size)
        # clocks of machines differ: one from the future is new, and none is ever older than its life
        age = max(0.0, time.time() - asked / 1000)
        if age < cache.life:
            found[keys[key]] = (age, Thumbnail(value[: -_ASKED.size]))
    return found
