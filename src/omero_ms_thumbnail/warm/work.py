"""The work itself: images in chunks of one owner's, one chunk after the other, resting in between."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Sequence
from typing import Final, TypeVar

from ..omero.thumbnail_rows import StoredPixels
from ..thumbnails.model import OmeroTooSlow, OmeroUnavailable, SessionRefused
from .making import NotMade, Outcomes, ThumbnailMaker
from .pace import Pace
from .progress import Count, Progress
from .state import WarmState

#: times that an image is asked for while OMERO is too slow for it or cannot be reached
_ATTEMPTS: Final = 4
#: chunks in a row of which nothing came back, until it is given up
_FAILURES_MAX: Final = 5
#: seconds that the chunk on its way has when it is interrupted
_GRACE: Final = 5.0

#: of an image that is no more among those that can be warmed
_GONE: Final = NotMade("it was deleted meanwhile, or given to another user")

_R = TypeVar("_R")


class GivenUp(Exception):
    """It cannot go on; the text says why."""


class Interrupted(Exception):
    """Somebody wants it to end."""


class Warming:
    """One run; `stop` is set to interrupt it."""

    def __init__(
        self,
        maker: ThumbnailMaker,
        *,
        pace: Pace,
        state: WarmState,
        progress: Progress,
        count: Count,
        stop: asyncio.Event,
    ) -> None:
        self._maker = maker
        self._pace = pace
        self._state = state
        self._progress = progress
        self._count = count
        self._stop = stop
        self._attempts: dict[int, int] = {}
        self._failures = 0

    async def run(self, images: Sequence[StoredPixels]) -> None:
        """Make a thumbnail of each image. Raises GivenUp, Interrupted, StateUnusable."""
        waiting = deque(images)
        self._progress.show(self._count)
        while waiting:
            await self._rest()
            # to the end: what OMERO is slow about may be slow about itself alone
            waiting.extend(await self._chunk(self._next_of(waiting)))
            self._progress.show(self._count)

    def _next_of(self, waiting: deque[StoredPixels]) -> list[StoredPixels]:
        """Take the next images of one group and owner, as many as the pace says."""
        chunk = [waiting.popleft()]
        whose = (chunk[0].group_id, chunk[0].owner_id)
        while waiting and len(chunk) < self._pace.chunk and (waiting[0].group_id, waiting[0].owner_id) == whose:
            chunk.append(waiting.popleft())
        return chunk

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

    async def _chunk(self, chunk: list[StoredPixels]) -> list[StoredPixels]:
        """Make some thumbnails; returns the images to try again."""
        loop = asyncio.get_running_loop()
        try:
            began = loop.time()
            known = await self._unless_stopped(self._maker.look([one.image_id for one in chunk]))
            self._pace.query_took(loop.time() - began)
            began = loop.time()
            outcomes = await self._unless_stopped(self._maker.make(known))
            self._pace.chunk_took(loop.time() - began, len(chunk))
        except SessionRefused as error:
            raise GivenUp(f"{error}: log in again and give the new session key") from error
        except (OmeroUnavailable, OmeroTooSlow) as error:
            self._failures += 1
            if self._failures >= _FAILURES_MAX:
                raise GivenUp(f"OMERO could not be asked {self._failures} times in a row: {error}") from error
            self._pace.failed()
            return chunk
        self._failures = 0
        return self._take(chunk, outcomes)

    def _take(self, chunk: list[StoredPixels], outcomes: Outcomes) -> list[StoredPixels]:
        again: list[StoredPixels] = []
        done: list[int] = []
        for pixels in chunk:
            image_id = pixels.image_id
            outcome = outcomes.get(image_id, _GONE)
            if outcome is None:
                done.append(image_id)
            elif outcome.again and self._may_try_again(image_id):
                again.append(pixels)
            else:
                self._fail(f"image {image_id}: {outcome.why}")
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
