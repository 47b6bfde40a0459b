"""What OMERO draws, or has stored, for one joined session: sets and single thumbnails on their way.

Whatever goes to OMERO runs in tasks that belong to the session, not to a request: a request that gives up leaves the
others that wait for the same thumbnail unharmed, and no ThumbnailStore in the middle of a call.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Final

from ..ice.errors import IceException
from ..ice.types import UserException
from ..omero.exceptions import ConcurrencyException
from ..omero.faults import Fault, fault_of
from ..omero.permits import Permit, Permits
from ..omero.session import GROUP, JoinedSession
from ..tasks import NO_CONTEXT
from . import single
from .batch_window import BatchWindow
from .caches import DIRECT, SET, SINGLE, Caches
from .item import Item, ItemState, wanted
from .model import ImageFacts, ImageUnavailable, OmeroTooSlow, OmeroUnavailable, Thumbnail
from .queue import WORTH_SECONDS, Batch, BatchQueue, Stores
from .session_facts import SessionFacts
from .session_tasks import Tasks

log: Final = logging.getLogger(__name__)


def _ignore(*_: object) -> None:
    """Nobody waits for it any more."""


class JoinLost(Exception):
    """The joined session is of no use any more; `fault` says why."""

    def __init__(self, fault: Fault, cause: Exception) -> None:
        super().__init__(str(cause))
        self.fault = fault


class Drawing:
    """Of one session. `give` is called with what OMERO gave for an item, `ask_again` where too little is known."""

    def __init__(
        self,
        session: JoinedSession,
        facts: SessionFacts,
        caches: Caches,
        *,
        stores: int,
        permits: Permits | None,
        give: Callable[[Item, Thumbnail, str], None],
        ask_again: Callable[[Item], None],
        tasks: Tasks,
        waiting: Callable[[], int],
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self._session = session
        self._facts = facts
        self._caches = caches
        self._stores = stores
        self._permits = permits
        self._give_to = give
        self._ask_again = ask_again
        self._tasks = tasks
        self._queue = BatchQueue(session.call_timeout / 2)
        self._window = BatchWindow(waiting)
        self._on_their_way: set[Batch] = set()
        self._late: set[Batch] = set()

    def close(self) -> None:
        """The session is over, and nobody is called any more: nothing here keeps whoever was."""
        self._give_to = _ignore
        self._ask_again = _ignore

    def is_at_work(self) -> bool:
        """Whether OMERO works for somebody."""
        return bool(self._on_their_way)

    def line_up(self, item: Item) -> None:
        """It goes next, unless it makes settings that another on its way makes. Its facts and its way are known."""
        if self._has_to_wait(item):
            return
        item.becomes(ItemState.LINED_UP)
        self._queue.add(item)
        self._window.open(self._render_next)

    def fail(self, items: Sequence[Item], error: Exception) -> None:
        """OMERO has thrown `error`, or could not be asked."""
        fault = fault_of(error)
        if fault is Fault.TOO_SLOW:
            self._session.check_connection()
        for item in items:
            self._facts.forget(item.request.image_id)
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

    def _has_to_wait(self, item: Item) -> bool:
        found = item.facts
        if found is None or found.is_seen:
            return False
        user_id = self._facts.viewer.user_id
        if not self._caches.first_looks.has_to_wait(item, found.pixels_id, user_id, self._ask_again):
            return False
        item.becomes(ItemState.WAITING)
        return True

    def _render_next(self) -> None:
        while self._queue and (batch := self._queue.next_batch(self._stores_now())):
            self._goes_out(batch)
            self._tasks.start(self._render(batch), batch.items[0].context)
        self._end_unwanted()

    def _goes_out(self, batch: Batch) -> None:
        self._on_their_way.add(batch)
        for item in batch.items:
            item.becomes(ItemState.ON_ITS_WAY)

    def _end_unwanted(self) -> None:
        for item in self._queue.unwanted():
            item.done.cancel()

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
            if self._queue:
                self._window.open(self._render_next)

    def _flight(self, kind: str) -> AbstractAsyncContextManager[Permit | None]:
        return self._permits.flight(kind) if self._permits is not None else NO_CONTEXT

    def _regrouped(self, batch: Batch) -> Batch | None:
        """A batch that had to wait for its turn, with what has come meanwhile; None if nobody waits any more."""
        self._on_their_way.discard(batch)
        for item in batch.items:
            item.becomes(ItemState.LINED_UP)
        again = self._queue.regrouped(batch)
        if again is not None:
            self._goes_out(again)
        self._render_next()
        return again

    async def _ask_for(self, batch: Batch) -> None:
        items = list(batch.items)
        late = self._loop.call_later(WORTH_SECONDS, self._fall_late, batch) if batch.is_set else None
        try:
            if not await self._is_in_the_viewers_name(items):
                return
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
            self.fail(items, error)
        finally:
            if late is not None:
                late.cancel()
                self._late.discard(batch)

    async def _is_in_the_viewers_name(self, items: list[Item]) -> bool:
        """Whether the viewer is who they were, where another's first settings are to be made; else all line up again.

        An administrator's are made in the owner's name, and whether they are one may have changed since the join.
        """
        viewer = self._facts.viewer
        if all(one.facts is None or one.facts.is_seen or one.facts.owner_id == viewer.user_id for one in items):
            return True
        if await self._facts.is_viewer_still(viewer):
            return True
        for item in items:
            self._line_up_again(item)
        return False

    async def _lines_up_directly(self, items: list[Item], error: Exception) -> bool:
        """Whether OMERO refused `items` since it is read-only, and is asked for them without storing anything."""
        may_write = any(not item.way.is_direct for item in items)
        if fault_of(error) is not Fault.REFUSED or not may_write or not await self._session.is_read_only():
            return False
        for item in items:
            item.is_lost = True
            self._line_up_again(item)
        return True

    def _line_up_again(self, item: Item, found: ImageFacts | None = None) -> None:
        """On another way, by what is known of it, or by what was found meanwhile."""
        if found is not None:
            item.facts = found
        if item.facts is None or item.done.done():
            return
        item.way = self._facts.way_of(item, item.facts)
        key = self._facts.key_of(item.request, item.facts, item.way, item.named)
        if key != item.key:
            self._leave_flight(item)
            item.key = key
        self.line_up(item)

    def _leave_flight(self, item: Item) -> None:
        if item.key is not None:
            self._caches.flights.end(item.key, item)

    def _fall_late(self, batch: Batch) -> None:
        """What waits for the end of this set waits no longer."""
        self._late.add(batch)
        self._render_next()

    async def _alike(self, items: list[Item]) -> list[Item]:
        """Those of a set's items that are alike by facts that are no older than a second; the others line up again."""
        items = wanted(items)
        if len(items) < 2 or self._facts.are_alike(items):
            return items
        answer = await self._facts.ask([item.request for item in items], items[0].request.width)
        lane = None
        alike = []
        for item in wanted(items):
            facts = answer.found.get(item.request.image_id)
            if facts is None or item.done.done():
                self._is_gone(item, facts)
                continue
            way = self._facts.way_of(item, facts)
            lane = lane or way.lane
            if way.lane is None or way.lane != lane:
                self._line_up_again(item, facts)
                continue
            self._goes(item, facts)
            if not self._has_to_wait(item):
                alike.append(item)
        return alike

    async def _may_still_be_stored(self, item: Item) -> bool:
        """Whether it is to be stored by facts that are no older than a second; else it lines up again.

        Where nothing may be stored any more, OMERO would draw a stretched square.
        """
        if not wanted((item,)) or self._facts.are_alike((item,)):
            return True
        answer = await self._facts.ask([item.request], item.request.width)
        facts = answer.found.get(item.request.image_id)
        if item.done.done():
            return False
        if facts is None:
            self._is_gone(item, facts)
            return False
        if self._facts.way_of(item, facts) == item.way:
            self._goes(item, facts)
            return True
        self._line_up_again(item, facts)
        return False

    def _is_gone(self, item: Item, facts: ImageFacts | None) -> None:
        if facts is None and not item.done.done():
            item.done.set_exception(unreadable(item))

    def _goes(self, item: Item, facts: ImageFacts) -> None:
        """As it was to, by newer facts: its key may be another."""
        item.facts, item.way = facts, self._facts.way_of(item, facts)
        key = self._facts.key_of(item.request, facts, item.way, item.named)
        if key != item.key:
            self._leave_flight(item)
            item.key = key

    async def _render_set(self, items: list[Item]) -> None:
        async with self._session.stores.lend_for_sets(patiently=True) as store:
            items = wanted(items)
            if not items:
                return
            by_pixels = {item.facts.pixels_id: item for item in items if item.facts is not None}
            first = items[0]
            assert first.facts is not None  # noqa: S101 - the queue takes no item without facts
            context = {GROUP: str(first.facts.group_id)}
            self._caches.watcher.batch(len(by_pixels))
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
                self._give(item, Thumbnail(jpeg), SET)
            else:
                self._comes_alone(item)

    async def _render_alone(self, item: Item) -> None:
        assert item.facts is not None  # noqa: S101 - the queue takes no item without facts
        if not wanted((item,)):
            return
        async with self._session.stores.lend(patiently=True) as store:
            if not wanted((item,)):
                return
            thumbnail = await single.render_one(
                self._session, store, item.facts, item.request, is_direct=item.way.is_direct
            )
        if thumbnail.jpeg:
            self._give(item, thumbnail, DIRECT if item.way.is_direct else SINGLE)
        elif item.way.is_direct:
            if not item.done.done():
                item.done.set_exception(ImageUnavailable(f"OMERO has no thumbnail of image {item.request.image_id}"))
        else:
            # the stored file is empty: what OMERO draws is not
            item.is_lost = True
            self._line_up_again(item)

    def _give(self, item: Item, thumbnail: Thumbnail, source: str) -> None:
        """OMERO has answered."""
        assert item.facts is not None  # noqa: S101 - the queue takes no item without facts
        if not thumbnail.in_progress:
            has_row = item.facts.has_row or item.way.is_direct
            self._caches.watcher.made(int(not item.facts.is_seen), int(not has_row))
        if item.key is None:
            # there may be settings or a stored thumbnail now that there were not
            self._facts.forget(item.request.image_id)
        self._give_to(item, thumbnail, source)

    def _comes_alone(self, item: Item) -> None:
        """A set did not give it."""
        item.is_single = True
        self._line_up_again(item)

    def _try_again(self, item: Item, error: ConcurrencyException) -> None:
        """Once, after the time that OMERO says; whoever waits does not wait longer for that."""
        if item.was_tried_again:
            item.done.set_exception(OmeroUnavailable(f"OMERO was asked twice and said to try again: {error}"))
            return
        log.info("asking for image %d again in %d ms: %s", item.request.image_id, error.backOff, error)
        item.was_tried_again = True
        seconds = min(max(0.0, error.backOff / 1000), self._session.call_timeout)
        self._loop.call_later(seconds, self._ask_again, item)

    def _refused(self, item: Item) -> None:
        """For good, unless a set was, or the facts of the image, such as its group, are not true any more."""
        if item.facts is not None and item.way.lane is not None and not item.is_single:
            self._comes_alone(item)
        elif item.facts is not None and item.refused_with is None:
            # once: rights and settings may have changed between the question and the call, and who is administrator
            item.refused_with = (item.facts, self._facts.viewer)
            self._facts.expire_viewer()
            self._ask_again(item)
        else:
            item.done.set_exception(no_thumbnail(item))


def unreadable(item: Item) -> ImageUnavailable:
    """Why there is no picture of an image of which OMERO says nothing."""
    return ImageUnavailable(f"image {item.request.image_id} does not exist or you may not read it")


def no_thumbnail(item: Item) -> ImageUnavailable:
    """Why there is none of an image that OMERO refuses to draw."""
    return ImageUnavailable(f"OMERO cannot give a thumbnail of image {item.request.image_id}")
