"""The thumbnails that one joined session is asked for: single flight, facts, sets and singles on their way to OMERO.

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

from ..ice.errors import IceException
from ..ice.values import UserException
from ..omero.exceptions import ConcurrencyException
from ..omero.faults import Fault, fault_of
from ..omero.permits import Permit, Permits, outside_flights
from ..omero.session import GROUP, JoinedSession
from ..omero.waiting import until_done
from . import careful
from .batches import WORTH_SECONDS, Batch, BatchQueue, Item, Stores
from .first_looks import FirstLooks
from .keeping import Caches, Kept
from .knowledge import Knowledge
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
from .saves import Saves

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

#: told how many rendering settings, and how many stored thumbnails, OMERO has made for what it gave
Made = Callable[[int, int], None]


def _untold(*numbers: int) -> None:
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
        made: Made | None = None,
        waiting: Callable[[], int] = lambda: 0,
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self._waiting = waiting
        self._cache_used = cache_used or _untold
        self._made = made or _untold
        self._session = session
        self._stores = stores
        self._permits = permits
        self._knowledge = Knowledge(session)
        self._saves = Saves()
        self._first_looks = FirstLooks()
        self._items: dict[ThumbnailRequest, Item] = {}
        self._unknown: list[Item] = []
        self._queue = BatchQueue(session.call_timeout / 2)
        self._asking = False
        self._will_pump = False
        self._on_their_way: set[Batch] = set()
        self._late: set[Batch] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._kept = Kept(session, caches or Caches(), self._tasks)

    async def thumbnails(self, requests: Sequence[ThumbnailRequest], timeout: float) -> list[Outcome]:
        """What becomes of each of `requests`, in their order, within `timeout` seconds."""
        is_alone = len(requests) == 1
        if not self._kept.is_possible:
            self._cache_used(0, 0, len(requests))
            return await self._ask_omero(requests, timeout, is_alone=is_alone)
        kept = await self._find_kept(requests)
        if len(kept) == len(requests):
            return [kept[request] for request in requests]
        missing = [request for request in requests if request not in kept]
        asked = iter(await self._ask_omero(missing, timeout, is_alone=is_alone))
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

    async def _ask_omero(
        self, requests: Sequence[ThumbnailRequest], timeout: float, *, is_alone: bool
    ) -> list[Outcome]:
        if self._permits is not None and self._permits.hangs():
            return [hanging(self._permits) for _ in requests]
        deadline = self._loop.time() + timeout
        items = [self._item(request, is_alone=is_alone) for request in requests]
        for item in items:
            item.waiters += 1
        try:
            for item in items:
                await until_done(item.done, deadline - self._loop.time())
            return [_outcome(item) for item in items]
        finally:
            for item in items:
                self._wait_no_more(item)

    def _item(self, request: ThumbnailRequest, *, is_alone: bool) -> Item:
        """The item that is on its way for `request`, or a new one."""
        item = self._items.get(request)
        return self._new_item(request, is_alone=is_alone) if item is None or item.done.done() else item

    def _new_item(self, request: ThumbnailRequest, *, is_alone: bool) -> Item:
        item = Item(request, self._loop.create_future())
        self._items[request] = item
        self._knowledge.wants(request.image_id)
        if self._saves.is_anew(request, is_alone=is_alone):
            # settings were saved, perhaps the first of this user's
            self._knowledge.forget(request.image_id)
        item.is_single = is_alone and self._saves.was_saved(request.image_id)
        remembered = self._knowledge.of(request)
        if remembered is None:
            self._unknown.append(item)
        else:
            item.is_remembered = True
            self._line_up(item, remembered)
        if not self._waits_for_a_batch(item):
            self._pump_soon()
        return item

    def _waits_for_a_batch(self, item: Item) -> bool:
        """Whether what comes next is decided at the end of a set that is on its way, and `item` can wait for that."""
        if not self._stores_now().end_soon or self._knowledge.is_due:
            return False
        if item.facts is None:
            return self._queue.can_wait(len(self._unknown))
        return item.way.lane is not None and self._queue.can_wait(self._queue.waiting)

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

    def _ask_facts_of(self, item: Item) -> None:
        """Ask for them, though some may be known."""
        item.facts = None
        item.is_remembered = False
        self._knowledge.forget(item.request.image_id)
        self._unknown.append(item)
        self._pump_soon()

    async def _ask(self) -> None:
        """Ask for the facts that are missing; what is wanted meanwhile goes into the next projection."""
        try:
            while self._wants_facts():
                items = self._next_unknown()
                try:
                    found = await self._knowledge.ask({item.request.image_id for item in items})
                except (IceException, UserException) as error:
                    log.info("facts of images were not given: %s", error)
                    self._fail(items, error)
                    continue
                for item in items:
                    self._take_facts(item, found.get(item.request.image_id))
                self._render_next()
        finally:
            self._asking = False

    def _next_unknown(self) -> list[Item]:
        """Those to be asked for next: what of the unknown is not known meanwhile, all in one stored size."""
        items, self._unknown = self._unknown[:_PROJECTION_MAX], self._unknown[_PROJECTION_MAX:]
        unknown = []
        for item in _wanted(items):
            remembered = self._knowledge.of(item.request) if item.doubted is None else None
            if remembered is None:
                unknown.append(item)
            else:
                # read ahead
                item.is_remembered = True
                self._line_up(item, remembered)
        size = next((item.request.width for item in unknown if item.request.is_plain), self._knowledge.size)
        self._knowledge.size = size
        others = [item for item in unknown if item.request.is_plain and item.request.width != size]
        if others:
            self._unknown[:0] = others
            unknown = [item for item in unknown if not item.request.is_plain or item.request.width == size]
        return unknown

    def _wants_facts(self) -> bool:
        """Whether facts are missing, or soon will be, and had better be asked for now.

        Not when they may wait for the end of the set on its way.
        """
        if self._knowledge.is_due and not (self._permits is not None and self._permits.locked()):
            # ahead of anybody's asking, so only where nobody waits for that permit
            return True
        return bool(self._unknown) and not (self._stores_now().end_soon and self._queue.can_wait(len(self._unknown)))

    def _take_facts(self, item: Item, found: ImageFacts | None) -> None:
        if item.done.done():
            return
        if found is None:
            item.done.set_exception(
                ImageUnavailable(f"image {item.request.image_id} does not exist or you may not read it")
            )
        elif found == item.doubted:
            item.done.set_exception(_no_thumbnail(item))
        else:
            self._line_up(item, found)

    def _line_up(self, item: Item, found: ImageFacts) -> None:
        """It goes next, unless it makes settings that another on its way makes."""
        item.facts = found
        item.way = self._knowledge.way_of(item, found)
        if not self._has_to_wait(item, found):
            self._queue.add(item)

    def _has_to_wait(self, item: Item, found: ImageFacts) -> bool:
        return not found.is_seen and self._first_looks.has_to_wait(item, found.pixels_id, self._ask_facts_of)

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
            self._on_their_way.add(batch)
            self._start(self._render(batch), batch.items[0].context)

    def _stores_now(self) -> Stores:
        sets = sum(batch.is_set for batch in self._on_their_way)
        return Stores(self._stores, len(self._on_their_way), sets, len(self._late))

    async def _render(self, batch: Batch) -> None:
        asked: Batch | None = batch
        try:
            has_to_wait = self._permits is not None and self._permits.locked()
            async with self._flight("set" if batch.is_set else "single"):
                if has_to_wait:
                    asked = self._regrouped(batch)
                if asked is not None:
                    await self._ask_for(asked)
        finally:
            if asked is not None:
                self._on_their_way.discard(asked)
            if self._queue or self._unknown or self._knowledge.is_due:
                self._pump_soon()

    def _flight(self, kind: str) -> AbstractAsyncContextManager[Permit | None]:
        return self._permits.flight(kind) if self._permits is not None else _UNLIMITED

    def _regrouped(self, batch: Batch) -> Batch | None:
        """A batch that had to wait for its turn, with what has come meanwhile; None if nobody waits any more."""
        self._on_their_way.discard(batch)
        again = self._queue.regrouped(batch)
        if again is not None:
            self._on_their_way.add(again)
        self._render_next()
        return again

    async def _ask_for(self, batch: Batch) -> None:
        items = list(batch.items)
        late = self._loop.call_later(WORTH_SECONDS, self._fall_late, batch) if batch.is_set else None
        try:
            if not batch.is_set:
                if items[0].way.is_direct or await self._may_still_be_stored(items[0]):
                    await self._render_alone(items[0])
                return
            items = await self._alike(items)
            if items:
                await self._render_set(items)
        except (IceException, UserException) as error:
            if await self._lines_up_directly(items, error):
                return
            if len(items) == 1:
                # what OMERO throws for a set of one, it throws for that one
                items[0].is_single = True
            self._fail(items, error)
        finally:
            if late is not None:
                late.cancel()
                self._late.discard(batch)

    async def _lines_up_directly(self, items: list[Item], error: Exception) -> bool:
        """Whether OMERO refused `items` since it is read-only, and is asked for them without storing anything."""
        may_write = any(not item.way.is_direct for item in items)
        if fault_of(error) is not Fault.REFUSED or not may_write or not await self._session.is_read_only():
            return False
        for item in items:
            item.is_lost = True
            if item.facts is not None:
                self._line_up(item, item.facts)
        return True

    def _fall_late(self, batch: Batch) -> None:
        """What waits for the end of this set waits no longer."""
        self._late.add(batch)
        self._pump()

    async def _alike(self, items: list[Item]) -> list[Item]:
        """Those of a set's items that are alike by facts that are no older than a second; the others line up again."""
        items = _wanted(items)
        if len(items) < 2 or self._knowledge.are_alike(items):
            return items
        found = await self._knowledge.ask({item.request.image_id for item in items})
        lane = None
        alike = []
        for item in _wanted(items):
            told = found.get(item.request.image_id)
            if told is None or item.done.done():
                self._take_facts(item, told)
                continue
            item.is_remembered = False
            way = self._knowledge.way_of(item, told)
            lane = lane or way.lane
            if way.lane is None or way.lane != lane:
                self._line_up(item, told)
                continue
            item.facts, item.way = told, way
            if not self._has_to_wait(item, told):
                alike.append(item)
        return alike

    async def _may_still_be_stored(self, item: Item) -> bool:
        """Whether it is to be stored by facts that are no older than a second; else it lines up again.

        Where nothing may be stored any more, OMERO would draw a stretched square.
        """
        if not _wanted((item,)) or self._knowledge.are_alike((item,)):
            return True
        found = await self._knowledge.ask({item.request.image_id})
        told = found.get(item.request.image_id)
        if item.done.done():
            return False
        if told is not None and self._knowledge.way_of(item, told) == item.way:
            item.facts, item.is_remembered = told, False
            return True
        item.is_remembered = False
        self._take_facts(item, told)
        return False

    async def _render_set(self, items: list[Item]) -> None:
        async with self._session.stores.lend_for_sets(patiently=True) as store:
            items = _wanted(items)
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
            finally:
                # from one that has timed out too: it was too large
                self._queue.took(self._loop.time() - began, len(items))
        for item in items:
            assert item.facts is not None  # noqa: S101 - the queue takes no item without facts
            jpeg = thumbnails.get(item.facts.pixels_id)
            if jpeg:
                self._give(item, Thumbnail(jpeg), began=began, is_sure=False)
            else:
                self._leave_out(item)

    async def _render_alone(self, item: Item) -> None:
        assert item.facts is not None  # noqa: S101 - the queue takes no item without facts
        if not _wanted((item,)):
            return
        async with self._session.stores.lend(patiently=True) as store:
            if not _wanted((item,)):
                return
            began = self._loop.time()
            thumbnail = await careful.render(
                self._session, store, item.facts, item.request, is_direct=item.way.is_direct
            )
        if thumbnail.jpeg:
            self._give(item, thumbnail, began=began, is_sure=True)
        elif item.way.is_direct:
            if not item.done.done():
                item.done.set_exception(ImageUnavailable(f"OMERO has no thumbnail of image {item.request.image_id}"))
        else:
            # the stored file is empty: what OMERO draws is not
            item.is_lost = True
            self._line_up(item, item.facts)

    def _give(self, item: Item, thumbnail: Thumbnail, *, began: float, is_sure: bool) -> None:
        """OMERO has answered, asked at `began` by the loop's clock."""
        assert item.facts is not None  # noqa: S101 - the queue takes no item without facts
        if not thumbnail.in_progress:
            self._made(not item.facts.is_seen, not (item.way.is_direct or item.facts.has_row))
        if not (item.facts.is_seen and (item.facts.has_own_row or item.way.is_direct)):
            # there are settings or a stored thumbnail now that there were not
            self._knowledge.forget(item.request.image_id)
        if not item.done.done():
            item.done.set_result(thumbnail)
        self._kept.keep(item.request, item.facts, thumbnail, asked_at=began, is_sure=is_sure)

    def _leave_out(self, item: Item) -> None:
        """A set did not give it: it comes alone."""
        assert item.facts is not None  # noqa: S101 - the queue takes no item without facts
        item.is_single = True
        self._line_up(item, item.facts)

    def _fail(self, items: Sequence[Item], error: Exception) -> None:
        fault = fault_of(error)
        if fault is Fault.TOO_SLOW:
            self._session.doubt()
        for item in items:
            self._knowledge.forget(item.request.image_id)
            if item.done.done():
                continue
            if isinstance(error, ConcurrencyException):
                self._try_again(item, error)
            elif fault is Fault.REFUSED:
                log.info("OMERO refused a thumbnail of image %d: %s", item.request.image_id, error)
                self._refused(item)
            elif fault is Fault.TOO_SLOW:
                item.done.set_exception(OmeroTooSlow(str(error)))
            elif self._session.is_active and fault is Fault.UNAVAILABLE:
                item.done.set_exception(OmeroUnavailable(str(error)))
            else:
                item.done.set_exception(JoinLost(fault, error))

    def _try_again(self, item: Item, error: ConcurrencyException) -> None:
        """Once, after the time that OMERO says; whoever waits does not wait longer for that."""
        if item.was_tried_again:
            item.done.set_exception(OmeroUnavailable(f"OMERO was asked twice and said to try again: {error}"))
            return
        log.info("asking for image %d again in %d ms: %s", item.request.image_id, error.backOff, error)
        item.was_tried_again = True
        seconds = min(max(0.0, error.backOff / 1000), self._session.call_timeout)
        self._loop.call_later(seconds, self._ask_facts_of, item)

    def _refused(self, item: Item) -> None:
        """For good, unless a set was, or what was remembered of the image, such as its group, is not true any more."""
        if item.facts is not None and item.way.lane is not None and not item.is_single:
            self._leave_out(item)
        elif item.is_remembered:
            item.doubted = item.facts
            self._ask_facts_of(item)
        else:
            item.done.set_exception(_no_thumbnail(item))

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
