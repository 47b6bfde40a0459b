"""Which thumbnails go to OMERO next, and how many in one call: decisions only, no I/O.

Thumbnails that one `getThumbnailByLongestSideSet` can answer (same group, same size) wait in a lane; each that needs
the careful way is a lane of its own. The lane whose first item has waited longest is served first.

How they are shared out follows the pace of the calls so far, in seconds for each thumbnail:

- What waits is spread over as many ThumbnailStores as take at least `WORTH_SECONDS` each. So where OMERO answers at
  once, one call takes all that has come while the last one was on its way; where it renders slowly, four stores work on
  a page side by side. Before anything is known of the pace, all stores work.
- A store takes its share of what waits and of what the calls on their way have left: those that end next find as much,
  so that all stores come to the end of a page together.
- No call takes more than OMERO renders in `TARGET_SECONDS`: a slow image then holds up few others.
"""

from __future__ import annotations

import asyncio
import math
from collections import OrderedDict
from contextvars import Context, copy_context
from dataclasses import dataclass, field
from typing import Final

from .model import ImageFacts, Thumbnail, ThumbnailRequest

#: what one call should take at most, in seconds
TARGET_SECONDS: Final = 0.25
#: what one call should take at least, in seconds, before another store works beside it
WORTH_SECONDS: Final = 0.02
#: thumbnails in one call at most; OMERO.web asks for as many
BATCH_MAX: Final = 50
#: pixels in one call at most, were all thumbnails square: a JPEG of nothing but noise takes 1.6 bytes for each, and
#: what OMERO answers must not exceed ``omero.message_size_max`` (16 MiB)
PIXELS_MAX: Final = 10_000_000
#: weight of the newest call in the average pace
_NEWEST: Final = 0.3


@dataclass(eq=False, slots=True)
class Item:
    """A thumbnail on its way: `waiters` requests share `done`."""

    request: ThumbnailRequest
    done: asyncio.Future[Thumbnail]
    waiters: int = 0
    facts: ImageFacts | None = None
    careful: bool = False
    #: the facts are from an earlier request, and may not be true any more
    is_remembered: bool = False
    #: facts with which OMERO refused it
    doubted: ImageFacts | None = None
    #: of whoever asked first: what is done for it is told of as that one's
    context: Context = field(default_factory=copy_context)


@dataclass(frozen=True, slots=True)
class Batch:
    """What goes to OMERO on one ThumbnailStore: a set, or one item the careful way."""

    items: tuple[Item, ...]
    careful: bool


@dataclass(frozen=True, slots=True)
class Stores:
    """The ThumbnailStores of one session: how many there are, and what those in use are at."""

    total: int
    in_use: int = 0
    #: of those in use, those that take so long that nothing is worth waiting for them
    late: int = 0
    #: thumbnails that OMERO has yet to give to those in use, estimated
    left: float = 0.0


@dataclass(slots=True)
class BatchQueue:
    """Items that wait for a ThumbnailStore."""

    _lanes: OrderedDict[object, list[Item]] = field(default_factory=OrderedDict)
    _seconds_each: float = 0.0

    def __bool__(self) -> bool:
        """Whether anything waits."""
        return bool(self._lanes)

    @property
    def waiting(self) -> int:
        """How many wait that a set can answer."""
        return sum(len(items) for items in self._lanes.values() if not _is_careful(items))

    def add(self, item: Item) -> None:
        """Line an item up; its facts must be known."""
        item.careful = item.careful or not item.request.is_plain
        self._lanes.setdefault(_lane(item), []).append(item)

    def next_batch(self, stores: Stores) -> Batch | None:
        """The next batch. None if nothing is wanted or can wait, or all stores are in use."""
        self._drop_unwanted()
        free = stores.total - stores.in_use
        if free <= 0:
            return None
        waiting = self.waiting
        if stores.in_use > stores.late and self.can_wait(waiting):
            return self._take(stores, 0)
        return self._take(stores, self._useful_stores(waiting, free))

    def regrouped(self, batch: Batch, stores: Stores) -> Batch | None:
        """A batch whose turn has come, with what has come since it was made; `stores` are those without its own.

        None if nobody waits for any of it any more.
        """
        if batch.careful:
            return batch
        lane = _lane(batch.items[0])
        self._lanes[lane] = [*batch.items, *self._lanes.get(lane, ())]
        self._lanes.move_to_end(lane, last=False)
        self._drop_unwanted()
        return self._take(stores, self._useful_stores(self.waiting, stores.total - stores.in_use))

    def _take(self, stores: Stores, useful: int) -> Batch | None:
        """The first that waits, where sets are worth so many stores."""
        share = math.ceil((self.waiting + stores.left) / stores.total)
        for lane, items in self._lanes.items():
            if _is_careful(items):
                del self._lanes[lane]
                return Batch(tuple(items), careful=True)
            if useful:
                size_max = self._size_max(items[0].request.width)
                size = min(math.ceil(len(items) / useful), max(share, self._size_worth()), size_max)
                del self._lanes[lane]
                if items[size:]:
                    # to the back: other lanes come first
                    self._lanes[lane] = items[size:]
                return Batch(tuple(items[:size]), careful=False)
        return None

    def left_of(self, batch: Batch, seconds: float) -> float:
        """How many thumbnails of a batch OMERO has yet to give after `seconds`, by the pace so far."""
        given = seconds / self._seconds_each if self._seconds_each else 0.0
        return max(0.0, len(batch.items) - given)

    def can_wait(self, waiting: int) -> bool:
        """Whether OMERO answers so fast that `waiting` thumbnails had better wait for the call on its way to end."""
        return self._seconds_each > 0 and waiting * self._seconds_each < WORTH_SECONDS

    def took(self, seconds: float, thumbnails: int) -> None:
        """Learn from a call that answered `thumbnails` in `seconds`."""
        each = seconds / max(thumbnails, 1)
        self._seconds_each = each if not self._seconds_each else self._seconds_each * (1 - _NEWEST) + each * _NEWEST

    def drain(self) -> list[Item]:
        """Everything that waits, taken out."""
        items = [item for lane in self._lanes.values() for item in lane]
        self._lanes.clear()
        return items

    def _drop_unwanted(self) -> None:
        for lane, items in tuple(self._lanes.items()):
            for item in items:
                if item.waiters == 0:
                    # all who asked have gone: it costs OMERO nothing
                    item.done.cancel()
            wanted = [item for item in items if item.waiters > 0]
            if wanted:
                self._lanes[lane] = wanted
            else:
                del self._lanes[lane]

    def _useful_stores(self, waiting: int, free: int) -> int:
        if not self._seconds_each:
            return free
        return max(1, min(free, int(waiting * self._seconds_each / WORTH_SECONDS)))

    def _size_worth(self) -> int:
        return math.ceil(WORTH_SECONDS / self._seconds_each) if self._seconds_each else 1

    def _size_max(self, width: int) -> int:
        most = min(BATCH_MAX, PIXELS_MAX // width**2)
        if self._seconds_each:
            most = min(most, int(TARGET_SECONDS / self._seconds_each))
        return max(1, most)


def _lane(item: Item) -> object:
    if item.facts is None:
        raise ValueError("an item without facts cannot be rendered")
    return item if item.careful else (item.facts.group_id, item.request.width)


def _is_careful(items: list[Item]) -> bool:
    return items[0].careful
