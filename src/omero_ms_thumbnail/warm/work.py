"""The work itself: images in chunks through the service's own heart, one chunk after the other, resting in between."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from typing import Final, TypeVar

from ..thumbnails.model import (
    OmeroTooSlow,
    OmeroUnavailable,
    SessionRefused,
    Thumbnail,
    ThumbnailError,
    ThumbnailRequest,
)
from ..thumbnails.service import Thumbnails
from .pace import Pace
from .progress import Count, Progress
from .state import State

#: times that an image is asked for while OMERO is too slow for it or cannot be reached
_ATTEMPTS: Final = 4
#: chunks in a row of which nothing came back, until it is given up
_FAILURES_MAX: Final = 5
#: seconds that the chunk on its way has when it is interrupted
_GRACE: Final = 5.0

_R = TypeVar("_R")


class GivenUp(Exception):
    """It cannot go on; the text says why."""


class Interrupted(Exception):
    """Somebody wants it to end."""


class Warming:
    """One run; `stop` is set to interrupt it.

    `query` is a small question to OMERO, asked before each chunk; `clocks` tells which of some images have only a clock
    for a thumbnail. Both raise ThumbnailError where OMERO cannot be asked.
    """

    def __init__(
        self,
        thumbnails: Thumbnails,
        session_key: str,
        *,
        size: int,
        query: Callable[[], Awaitable[object]],
        clocks: Callable[[list[int]], Awaitable[set[int]]],
        pace: Pace,
        state: State,
        progress: Progress,
        count: Count,
        stop: asyncio.Event,
    ) -> None:
        self._thumbnails = thumbnails
        self._key = session_key
        self._size = size
        self._query = query
        self._clocks = clocks
        self._pace = pace
        self._state = state
        self._progress = progress
        self._count = count
        self._stop = stop
        self._attempts: dict[int, int] = {}
        self._failures = 0

    async def run(self, image_ids: Sequence[int]) -> None:
        """Get a thumbnail of each image. Raises GivenUp, Interrupted, StateUnusable."""
        waiting = deque(image_ids)
        self._progress.show(self._count)
        while waiting:
            await self._rest()
            chunk = [waiting.popleft() for _ in range(min(self._pace.chunk, len(waiting)))]
            # to the end: what OMERO is slow about may be slow about itself alone
            waiting.extend(await self._chunk(chunk))
            self._progress.show(self._count)

    async def _rest(self) -> None:
        if self._pace.rest:
            self._progress.show(self._count, f"OMERO is busy: resting {self._pace.rest:.1f} s")
            try:
                async with asyncio.timeout(self._pace.rest):
                    await self._stop.wait()
            except TimeoutError:
                pass
        if self._stop.is_set():
            raise Interrupted

    async def _chunk(self, chunk: list[int]) -> list[int]:
        """Ask for some images; returns those to ask for again."""
        loop = asyncio.get_running_loop()
        requests = [ThumbnailRequest(image_id, self._size) for image_id in chunk]
        try:
            began = loop.time()
            await self._unless_stopped(self._query())
            self._pace.query_took(loop.time() - began)
            began = loop.time()
            outcomes = await self._unless_stopped(self._thumbnails.get_all(self._key, requests))
            self._pace.chunk_took(loop.time() - began, len(chunk))
            got = [one for one, outcome in zip(chunk, outcomes, strict=True) if isinstance(outcome, Thumbnail)]
            clocks = await self._unless_stopped(self._clocks(got)) if got else set()
        except SessionRefused as error:
            raise GivenUp(f"{error}: log in again and give the new session key") from error
        except (OmeroUnavailable, OmeroTooSlow) as error:
            self._failures += 1
            if self._failures >= _FAILURES_MAX:
                raise GivenUp(f"OMERO could not be asked {self._failures} times in a row: {error}") from error
            self._pace.failed()
            return chunk
        self._failures = 0
        return self._take(chunk, outcomes, clocks)

    def _take(self, chunk: list[int], outcomes: Sequence[Thumbnail | ThumbnailError], clocks: set[int]) -> list[int]:
        again: list[int] = []
        done: list[int] = []
        for image_id, outcome in zip(chunk, outcomes, strict=True):
            if isinstance(outcome, SessionRefused):
                self._keep(done)
                raise GivenUp(f"{outcome}: log in again and give the new session key")
            if isinstance(outcome, Thumbnail) and (outcome.in_progress or image_id in clocks):
                self._fail(f"image {image_id} is still being imported: OMERO shows a clock")
            elif isinstance(outcome, Thumbnail):
                done.append(image_id)
            elif isinstance(outcome, OmeroTooSlow | OmeroUnavailable) and self._may_try_again(image_id):
                again.append(image_id)
            else:
                self._fail(str(outcome))
        self._keep(done)
        if again:
            self._pace.failed()
        return again

    def _keep(self, done: list[int]) -> None:
        self._state.add(done)
        self._count.done += len(done)

    def _fail(self, sentence: str) -> None:
        self._count.failed += 1
        self._progress.say(sentence)

    def _may_try_again(self, image_id: int) -> bool:
        self._attempts[image_id] = self._attempts.get(image_id, 1) + 1
        return self._attempts[image_id] <= _ATTEMPTS

    async def _unless_stopped(self, work: Awaitable[_R]) -> _R:
        """The result of `work`; when it is to end, what is on its way has a little time left."""
        task = asyncio.ensure_future(work)
        stopping = asyncio.create_task(self._stop.wait())
        try:
            await asyncio.wait({task, stopping}, return_when=asyncio.FIRST_COMPLETED)
            if not task.done():
                await asyncio.wait({task}, timeout=_GRACE)
            if not task.done():
                raise Interrupted
            return task.result()
        finally:
            stopping.cancel()
            task.cancel()
            await asyncio.gather(task, stopping, return_exceptions=True)
