"""The thumbnails that one joined session is asked for: single flight, facts, batches on their way to OMERO.

Whatever goes to OMERO runs in tasks that belong to this work, not to a request: a request that gives up leaves the
others that wait for the same thumbnail unharmed, and no ThumbnailStore in the middle of a call.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable, Coroutine, Sequence
from contextlib import AbstractAsyncContextManager
from contextvars import Context, copy_context
from functools import partial
from typing import Any, Final

from ..ice.errors import IceException, UnknownException
from ..ice.values import UserException
from ..omero.faults import Fault, fault_of
from ..omero.permits import Permit, Permits, outside_flights
from ..omero.session import GROUP, JoinedSession
from ..omero.waiting import until_done
from . import careful, facts
from .ahead import ReadAhead
from .batches import WORTH_SECONDS, Batch, BatchQueue, Item, Stores
from .keeping import Caches, Kept
from .model import (
    ImageFacts,
    ImageUnavailable,
    OmeroHangs,
    OmeroTooSlow,
    OmeroUnavailable,
    Thumbnail,
    ThumbnailError,
    ThumbnailRequest,
)

log: Final = logging.getLogger(__name__)

#: times that the event loop goes round before anything goes to OMERO, so that what comes meanwhile goes with it: once
#: for all who ask at one moment, and once more for every few thumbnails that are waited for, of whichever user. A loop
#: that has nothing else to do takes less than 0.1 ms for all of them, a busy one reads and answers many requests
_ROUNDS_MAX: Final = 8
_WAITING_FOR_A_ROUND: Final = 4
#: in place of a limit of calls
_UNLIMITED: Final = contextlib.nullcontext()
#: images in one projection at most
_PROJECTION_MAX: Final = 1_000


class JoinLost(Exception):
    """The joined session is of no use any more; `fault` says why."""

    def __init__(self, fault: Fault, cause: Exception) -> None:
        super().__init__(str(cause))
        self.fault = fault


Outcome = Thumbnail | ThumbnailError | JoinLost

#: told for each request how many thumbnails came from memory, from the shared cache, and are asked of OMERO
CacheUsed = Callable[[int, int, int], None]


def _untold(memory: int, shared: int, asked: int) -> None:
    """Nobody wants to know."""


class SessionWork:
    """Thumbnails of one joined session. `waiting` says how many are waited for of all sessions."""

    def __init__(
        self,
        session: JoinedSession,
        *,
        stores: int,
        permits: Permits | None = None,
        caches: Caches | None = None,
        cache_used: CacheUsed | None = None,
        waiting: Callable[[], int] = lambda: 0,
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self._waiting = waiting
        self._cache_used = cache_used or _untold
        self._session = session
        self._stores = stores
        self._permits = permits
        self._remembered = facts.RememberedFacts()
        self._ahead = ReadAhead()
        self._items: dict[ThumbnailRequest, Item] = {}
        self._unknown: list[Item] = []
        self._queue = BatchQueue()
        self._asking = False
        self._will_pump = False
        self._rendering: dict[Batch, float] = {}
        self._late: set[Batch] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._kept = Kept(session, caches or Caches(), self._tasks)

    async def thumbnails(self, requests: Sequence[ThumbnailRequest], timeout: float) -> list[Outcome]:
        """What becomes of each of `requests`, in their order, within `timeout` seconds."""
        if not self._kept.is_possible:
            self._cache_used(0, 0, len(requests))
            return await self._ask_omero(requests, timeout)
        kept = await self._find_kept(requests)
        if len(kept) == len(requests):
            return [kept[request] for request in requests]
        asked = iter(await self._ask_omero([request for request in requests if request not in kept], timeout))
        return [kept[request] if request in kept else next(asked) for request in requests]

    def remembered(self, request: ThumbnailRequest) -> Thumbnail | None:
        """What this worker remembers for the session's user."""
        return self._kept.remembered(request)

    async def _find_kept(self, requests: Sequence[ThumbnailRequest]) -> dict[ThumbnailRequest, Thumbnail]:
        """What the caches have for the session's user."""
        found: dict[ThumbnailRequest, Thumbnail] = {}
        remembered = 0
        try:
            if self._session.user_id is None and self._permits is not None and self._permits.hangs():
                return found
            await self._kept.know_user()
            found.update((one, thumbnail) for one in requests if (thumbnail := self._kept.remembered(one)) is not None)
            remembered = len(found)
            found.update(await self._kept.shared([request for request in requests if request not in found]))
        except (IceException, UserException) as error:
            # OMERO itself is asked next, and then says what is wrong
            log.info("the caches were not asked: %s", error)
        self._cache_used(remembered, len(found) - remembered, len(requests) - len(found))
        return found

    async def _ask_omero(self, requests: Sequence[ThumbnailRequest], timeout: float) -> list[Outcome]:
        if self._permits is not None and self._permits.hangs():
            return [hanging(self._permits) for _ in requests]
        deadline = self._loop.time() + timeout
        items = [self._item(request) for request in requests]
        for item in items:
            item.waiters += 1
        try:
            for item in items:
                await until_done(item.done, deadline - self._loop.time())
            return [_outcome(item) for item in items]
        finally:
            for item in items:
                self._wait_no_more(item)

    def _item(self, request: ThumbnailRequest) -> Item:
        """The item that is on its way for `request`, or a new one."""
        item = self._items.get(request)
        return self._new_item(request) if item is None or item.done.done() else item

    def _new_item(self, request: ThumbnailRequest) -> Item:
        item = Item(request, self._loop.create_future())
        self._items[request] = item
        self._ahead.asked(request.image_id)
        item.facts = self._remembered.get(request.image_id)
        if item.facts is None:
            self._unknown.append(item)
        else:
            item.is_remembered = True
            self._queue.add(item)
        if not self._waits_for_a_batch(item):
            self._pump_soon()
        return item

    def _waits_for_a_batch(self, item: Item) -> bool:
        """Whether what comes next is decided at the end of a batch that is on its way, and `item` can wait for that."""
        if len(self._rendering) == len(self._late) or self._ahead.is_due:
            return False
        if item.facts is None:
            return self._queue.can_wait(len(self._unknown))
        return not item.careful and self._queue.can_wait(self._queue.waiting)

    def _wait_no_more(self, item: Item) -> None:
        item.waiters -= 1
        if item.done.done():
            self._forget(item, item.done)
        elif not item.waiters:
            item.done.add_done_callback(partial(self._forget, item))

    def _forget(self, item: Item, done: asyncio.Future[Thumbnail]) -> None:
        """It is on its way no more."""
        if self._items.get(item.request) is item:
            del self._items[item.request]
        if not done.cancelled():
            # if all have gone who waited, nobody needs it
            done.exception()

    # facts

    async def _ask(self) -> None:
        """Ask for the facts that are missing; what is wanted meanwhile goes into the next projection."""
        try:
            while self._wants_facts():
                items, self._unknown = self._unknown[:_PROJECTION_MAX], self._unknown[_PROJECTION_MAX:]
                items = self._still_unknown(_wanted(items))
                try:
                    found = await self._facts_of({item.request.image_id for item in items})
                except (IceException, UserException) as error:
                    log.info("facts of images were not given: %s", error)
                    self._fail(items, error)
                    continue
                for item in items:
                    self._take_facts(item, found.get(item.request.image_id))
                self._render_next()
        finally:
            self._asking = False

    def _still_unknown(self, items: list[Item]) -> list[Item]:
        """Those of `items` whose facts have not been read ahead meanwhile."""
        for item in items:
            if item.doubted is None:
                item.facts = self._remembered.get(item.request.image_id)
            if item.facts is not None:
                item.is_remembered = True
                self._queue.add(item)
        return [item for item in items if item.facts is None]

    async def _facts_of(self, image_ids: set[int]) -> dict[int, ImageFacts]:
        """Facts of `image_ids`, and on the way of those that are likely to be asked for next."""
        ahead = {image_id for image_id in self._ahead.after(image_ids) if self._remembered.get(image_id) is None}
        asked = sorted(image_ids | ahead)
        found = await facts.ask(self._session, asked) if asked else {}
        self._remembered.remember(found.values())
        return found

    def _wants_facts(self) -> bool:
        """Whether facts are missing, or soon will be, and had better be asked for now.

        Not when they may wait for the end of the batch on its way.
        """
        if self._ahead.is_due:
            return True
        brisk = len(self._rendering) - len(self._late)
        return bool(self._unknown) and not (brisk and self._queue.can_wait(len(self._unknown)))

    def _take_facts(self, item: Item, found: ImageFacts | None) -> None:
        if item.done.done():
            return
        if found is None:
            item.done.set_exception(
                ImageUnavailable(f"image {item.request.image_id} does not exist or you may not read it")
            )
            return
        if found == item.doubted:
            item.done.set_exception(_no_thumbnail(item))
            return
        item.facts = found
        self._queue.add(item)

    # rendering

    def _pump_soon(self) -> None:
        # not at once, so that all who ask at this moment come into one query or batch
        if not self._will_pump:
            self._will_pump = True
            self._pump_after(min(_ROUNDS_MAX, 1 + self._waiting() // _WAITING_FOR_A_ROUND))

    def _pump_after(self, rounds: int) -> None:
        if rounds:
            self._loop.call_soon(self._pump_after, rounds - 1)
        else:
            self._pump()

    def _pump(self) -> None:
        """Start whatever had better go to OMERO now."""
        self._will_pump = False
        self._render_next()
        if not self._asking and self._wants_facts():
            self._asking = True
            self._start(self._ask(), self._unknown[0].context if self._unknown else copy_context())

    def _render_next(self) -> None:
        while self._queue and (batch := self._queue.next_batch(self._stores_now())):
            self._rendering[batch] = self._loop.time()
            self._start(self._render(batch), batch.items[0].context)

    def _stores_now(self) -> Stores:
        now = self._loop.time()
        left = sum(self._queue.left_of(batch, now - began) for batch, began in self._rendering.items())
        return Stores(self._stores, len(self._rendering), len(self._late), left)

    async def _render(self, batch: Batch) -> None:
        asked: Batch | None = batch
        try:
            has_to_wait = self._permits is not None and self._permits.locked()
            async with self._flight("set" if not batch.careful else "single"):
                if has_to_wait:
                    asked = self._regrouped(batch)
                if asked is not None:
                    await self._ask_for(asked)
        finally:
            if asked is not None:
                del self._rendering[asked]
            if self._queue or self._unknown or self._ahead.is_due:
                self._pump_soon()

    def _flight(self, kind: str) -> AbstractAsyncContextManager[Permit | None]:
        return self._permits.flight(kind) if self._permits is not None else _UNLIMITED

    def _regrouped(self, batch: Batch) -> Batch | None:
        """A batch that had to wait for its turn, with what has come meanwhile; None if nobody waits any more."""
        del self._rendering[batch]
        again = self._queue.regrouped(batch, self._stores_now())
        if again is not None:
            self._rendering[again] = self._loop.time()
        self._render_next()
        return again

    async def _ask_for(self, batch: Batch) -> None:
        self._rendering[batch] = self._loop.time()
        late = self._loop.call_later(WORTH_SECONDS, self._fall_late, batch)
        try:
            if batch.careful:
                await self._render_carefully(batch.items[0])
            else:
                await self._render_set(batch.items)
        except (IceException, UserException) as error:
            self._fail(list(batch.items), error)
        finally:
            late.cancel()
            self._late.discard(batch)

    def _fall_late(self, batch: Batch) -> None:
        """What waits for the end of this batch waits no longer."""
        self._late.add(batch)
        self._pump()

    async def _render_set(self, batch: tuple[Item, ...]) -> None:
        async with self._session.stores.lend(patiently=True) as store:
            items = _wanted(batch)
            if not items:
                return
            by_pixels = {item.facts.pixels_id: item for item in items if item.facts is not None}
            first = items[0]
            assert first.facts is not None  # noqa: S101 - the queue takes no item without facts
            context = {GROUP: str(first.facts.group_id)}
            began = self._loop.time()
            try:
                thumbnails = await store.get_thumbnail_by_longest_side_set(
                    first.request.width, list(by_pixels), context
                )
            except (UserException, UnknownException) as error:
                if fault_of(error) is not Fault.REFUSED:
                    raise
                log.info("OMERO refused a set of %d thumbnails: %s", len(items), error)
                thumbnails = {}
            finally:
                # from one that has timed out too: it was too large
                self._queue.took(self._loop.time() - began, len(items))
        for item in items:
            assert item.facts is not None  # noqa: S101 - the queue takes no item without facts
            jpeg = thumbnails.get(item.facts.pixels_id)
            if jpeg:
                thumbnail = Thumbnail(jpeg)
                if not item.done.done():
                    item.done.set_result(thumbnail)
                self._kept.keep(item.request, item.facts.pixels_id, thumbnail, asked_at=began, is_sure=False)
            else:
                item.careful = True
                self._queue.add(item)

    async def _render_carefully(self, item: Item) -> None:
        assert item.facts is not None  # noqa: S101 - the queue takes no item without facts
        async with self._session.stores.lend(patiently=True) as store:
            if not _wanted((item,)):
                return
            began = self._loop.time()
            thumbnail = await careful.render(self._session, store, item.facts, item.request)
        if item.done.done():
            return
        if thumbnail.jpeg:
            item.done.set_result(thumbnail)
            self._kept.keep(item.request, item.facts.pixels_id, thumbnail, asked_at=began, is_sure=True)
        else:
            item.done.set_exception(ImageUnavailable(f"OMERO has no thumbnail of image {item.request.image_id}"))

    def _fail(self, items: list[Item], error: Exception) -> None:
        fault = fault_of(error)
        if fault is Fault.TOO_SLOW:
            self._session.doubt()
        for item in items:
            self._remembered.forget(item.request.image_id)
            if item.done.done():
                continue
            if fault is Fault.REFUSED:
                log.info("OMERO refused a thumbnail of image %d: %s", item.request.image_id, error)
                self._refused(item)
            elif fault is Fault.TOO_SLOW:
                item.done.set_exception(OmeroTooSlow(str(error)))
            elif self._session.is_active and fault is Fault.UNAVAILABLE:
                item.done.set_exception(OmeroUnavailable(str(error)))
            else:
                item.done.set_exception(JoinLost(fault, error))

    def _refused(self, item: Item) -> None:
        """For good, unless what was remembered of the image, such as its group, is not true any more."""
        if not item.is_remembered:
            item.done.set_exception(_no_thumbnail(item))
            return
        item.is_remembered = False
        item.doubted, item.facts = item.facts, None
        self._unknown.append(item)
        self._pump_soon()

    def _start(self, coroutine: Coroutine[Any, Any, None], context: Context) -> None:
        # a task of its own is a flight of its own, whatever it was that had it begin; and a context is one task's
        context = context.copy()
        context.run(outside_flights)
        task = asyncio.create_task(coroutine, context=context)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


def hanging(permits: Permits) -> OmeroHangs:
    """Why nothing is asked of OMERO."""
    return OmeroHangs(
        f"OMERO has ended none of {permits.limit} calls for more than {permits.patience:g} s, and is asked nothing more"
        " until it does; look at OMERO.server's log, and for locks in its database"
    )


def _wanted(items: Sequence[Item]) -> list[Item]:
    """Those that somebody waits for; the others are over, and cost OMERO nothing."""
    wanted = [item for item in items if item.waiters]
    for item in items:
        if not item.waiters:
            item.done.cancel()
    return wanted


def _no_thumbnail(item: Item) -> ImageUnavailable:
    return ImageUnavailable(f"OMERO cannot give a thumbnail of image {item.request.image_id}")


def _outcome(item: Item) -> Outcome:
    if not item.done.done():
        return OmeroTooSlow(f"OMERO has not answered for image {item.request.image_id} in time")
    error = item.done.exception()
    if error is None:
        return item.done.result()
    if isinstance(error, ThumbnailError | JoinLost):
        return error
    raise error
