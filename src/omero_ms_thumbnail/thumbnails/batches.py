"""Which thumbnails go to OMERO next, and how many in one call: decisions only, no I/O.

Thumbnails that one `getThumbnailByLongestSideSet` can answer (same group, same size) wait in a lane; each that needs
the careful way is a lane of its own. The lane whose first item has waited longest is served first. A batch takes an
equal share for each free ThumbnailStore, so that stores work side by side, but never more than OMERO renders in
`TARGET_SECONDS` at the pace seen so far: a slow image then holds up few others.
"""

from __future__ import annotations

import asyncio
import math
from collections import OrderedDict
from dataclasses import dataclass, field
from typing import Final

from .model import ImageFacts, Thumbnail, ThumbnailRequest

#: what one call should take, in seconds
TARGET_SECONDS: Final = 0.25
#: thumbnails in one call at most; OMERO.web asks for as many
BATCH_MAX: Final = 50
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


@dataclass(frozen=True, slots=True)
class Batch:
    """What goes to OMERO on one ThumbnailStore: a set, or one item the careful way."""

    items: tuple[Item, ...]
    careful: bool


@dataclass(slots=True)
class BatchQueue:
    """Items that wait for a ThumbnailStore."""

    _lanes: OrderedDict[object, list[Item]] = field(default_factory=OrderedDict)
    _seconds_each: float = 0.0

    def add(self, item: Item) -> None:
        """Line an item up; its facts must be known."""
        facts = item.facts
        if facts is None:
            raise ValueError("an item without facts cannot be rendered")
        item.careful = item.careful or not item.request.is_plain
        lane: object = item if item.careful else (facts.group_id, item.request.width)
        self._lanes.setdefault(lane, []).append(item)

    def next_batch(self, free_stores: int) -> Batch | None:
        """The next batch, where `free_stores` are free, this one's included. None if nothing is wanted."""
        while self._lanes and free_stores > 0:
            lane, items = next(iter(self._lanes.items()))
            wanted = [item for item in items if item.waiters > 0]
            for item in items:
                if item.waiters == 0:
                    # all who asked have gone: it costs OMERO nothing
                    item.done.cancel()
            size = min(math.ceil(len(wanted) / free_stores), self._size_max())
            taken, left = wanted[:size], wanted[size:]
            del self._lanes[lane]
            if left:
                # to the back: other lanes come first
                self._lanes[lane] = left
            if taken:
                return Batch(tuple(taken), careful=taken[0].careful)
        return None

    def took(self, seconds: float, thumbnails: int) -> None:
        """Learn from a call that answered `thumbnails` in `seconds`."""
        each = seconds / max(thumbnails, 1)
        self._seconds_each = each if not self._seconds_each else self._seconds_each * (1 - _NEWEST) + each * _NEWEST

    def drain(self) -> list[Item]:
        """Everything that waits, taken out."""
        items = [item for lane in self._lanes.values() for item in lane]
        self._lanes.clear()
        return items

    def _size_max(self) -> int:
        if not self._seconds_each:
            return BATCH_MAX
        return max(1, min(BATCH_MAX, int(TARGET_SECONDS / self._seconds_each)))
