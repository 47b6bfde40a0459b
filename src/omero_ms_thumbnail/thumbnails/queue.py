"""Which thumbnails go to OMERO next, and how many in one call: decisions only, no I/O.

Thumbnails that one `getThumbnailByLongestSideSet` may answer (`ways.Way.lane`) wait in a lane; each that goes alone is
a lane of its own. The lane whose first item has waited longest is served first.

A set costs OMERO some 7 ms whatever is in it, and two at once are nearly as good as four, so there are few large ones:

- One takes all that waits in its lane, as far as OMERO's message holds it, and no more than OMERO gives in half of the
  time that a call has, by the pace of the calls so far. While nothing is known of the pace, no more than a page.
- No more than `SETS_MAX` are on their way at a time.
- Where a set that is on its way is going to end before another is worth its cost, what waits, waits for that: the next
  takes all that has come meanwhile. That one has become late is said from outside.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, field
from typing import Final

from .item import Item

#: sets of one session on their way at once
SETS_MAX: Final = 2
#: what one call should take at least, in seconds, before another store works beside it
WORTH_SECONDS: Final = 0.02
#: thumbnails in one call while nothing is known of the pace; OMERO.web asks for as many
PAGE: Final = 50
#: pixels in one call at most, were all thumbnails square: a JPEG of nothing but noise takes 1.6 bytes for each, and
#: what OMERO answers must not exceed ``omero.message_size_max``, which has room for one of 4000 x 4000 (26 MiB)
PIXELS_MAX: Final = 10_000_000
#: weight of the newest call in the average pace
_NEWEST: Final = 0.3


@dataclass(frozen=True, slots=True)
class Batch:
    """What goes to OMERO on one ThumbnailStore: a set, or one item alone."""

    items: tuple[Item, ...]
    is_set: bool


@dataclass(frozen=True, slots=True)
class Stores:
    """The ThumbnailStores of one session: how many there may be, and what those in use are at."""

    total: int
    in_use: int = 0
    #: of those in use, those that answer sets
    sets: int = 0
    #: of those, the ones that take so long that nothing is worth waiting for them
    late: int = 0

    @property
    def has_room(self) -> bool:
        """Whether one more may be in use."""
        return self.in_use < self.total

    @property
    def has_room_for_a_set(self) -> bool:
        """Whether one more may answer a set."""
        return self.has_room and self.sets < SETS_MAX

    @property
    def end_soon(self) -> bool:
        """Whether a set is on its way that is not late."""
        return self.sets > self.late


@dataclass(slots=True)
class BatchQueue:
    """Items that wait for a ThumbnailStore. A set may take `seconds_max`."""

    seconds_max: float
    _lanes: OrderedDict[object, list[Item]] = field(default_factory=OrderedDict)
    _seconds_each: float = 0.0
    _unwanted: list[Item] = field(default_factory=list)

    def __bool__(self) -> bool:
        """Whether anything waits."""
        return bool(self._lanes)

    @property
    def waiting(self) -> int:
        """How many wait that a set may answer."""
        return sum(len(items) for items in self._lanes.values() if items[0].way.lane is not None)

    def add(self, item: Item) -> None:
        """Line an item up; its facts and its way must be known."""
        if item.facts is None:
            raise ValueError("an item without facts cannot be rendered")
        self._lanes.setdefault(_lane(item), []).append(item)

    def next_batch(self, stores: Stores) -> Batch | None:
        """The next batch. None if nothing is wanted or can wait, or all stores are in use."""
        self._drop_unwanted()
        if not stores.has_room:
            return None
        return self._take(may_be_a_set=stores.has_room_for_a_set and not self._had_better_wait(stores))

    def regrouped(self, batch: Batch) -> Batch | None:
        """A batch whose turn has come, with what has come since it was made.

        None if nobody waits for any of it any more.
        """
        if not batch.is_set:
            return batch
        lane = _lane(batch.items[0])
        self._lanes[lane] = [*batch.items, *self._lanes.get(lane, ())]
        self._lanes.move_to_end(lane, last=False)
        self._drop_unwanted()
        return self._take(may_be_a_set=True)

    def _take(self, *, may_be_a_set: bool) -> Batch | None:
        """The first that waits and may go."""
        for lane, items in self._lanes.items():
            first = items[0]
            if first.way.lane is None:
                del self._lanes[lane]
                return Batch((first,), is_set=False)
            if may_be_a_set:
                size = self._size_max(first.request.width)
                del self._lanes[lane]
                if items[size:]:
                    # to the back: other lanes come first
                    self._lanes[lane] = items[size:]
                return Batch(tuple(items[:size]), is_set=True)
        return None

    def unwanted(self) -> list[Item]:
        """Those that were taken out since this was asked last, since nobody waits for them: whoever asks ends them."""
        found, self._unwanted = self._unwanted, []
        return found

    def _had_better_wait(self, stores: Stores) -> bool:
        """Whether what a set may answer waits for one that is on its way, to go together with what comes meanwhile."""
        return stores.end_soon and self.can_wait(self.waiting)

    def can_wait(self, waiting: int) -> bool:
        """Whether OMERO answers so fast that `waiting` thumbnails had better wait for the call on its way to end."""
        return self._seconds_each > 0 and waiting * self._seconds_each < WORTH_SECONDS

    def took(self, seconds: float, thumbnails: int) -> None:
        """Learn from a set that answered `thumbnails` in `seconds`."""
        each = seconds / max(thumbnails, 1)
        self._seconds_each = each if not self._seconds_each else self._seconds_each * (1 - _NEWEST) + each * _NEWEST

    def _drop_unwanted(self) -> None:
        for lane, items in tuple(self._lanes.items()):
            wanted = [item for item in items if item.waiters > 0]
            if len(wanted) < len(items):
                # all who asked have gone: it costs OMERO nothing
                self._unwanted += [item for item in items if item.waiters == 0]
            if wanted:
                self._lanes[lane] = wanted
            else:
                del self._lanes[lane]

    def _size_max(self, width: int) -> int:
        in_time = int(self.seconds_max / self._seconds_each) if self._seconds_each else PAGE
        return max(1, min(in_time, PIXELS_MAX // width**2))


def _lane(item: Item) -> object:
    return item if item.way.lane is None else item.way.lane
