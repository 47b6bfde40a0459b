"""One drawing for each key at a time in a worker, whichever sessions wait for it. Decisions only, no I/O.

The first session that wants a picture draws it with its own rights. Others, each of which OMERO has told the same key,
wait until it is certain that the picture has that key. Where the drawing fails, for whatever reason of that session's,
the next draws with its own: errors are never shared.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Final

from .item import Item
from .model import Thumbnail

#: called with the picture; or, with None, since it is this one's turn to draw it
GoOn = Callable[[Item, Thumbnail | None], None]
#: called when somebody waits for it to be certain what was drawn
Hurry = Callable[[], None]


class Flights:
    """The drawings of one worker."""

    def __init__(self) -> None:
        self._flights: Final[dict[bytes, _Flight]] = {}

    def __len__(self) -> int:
        return len(self._flights)

    def has_to_wait(self, key: bytes, item: Item, go_on: GoOn, hurry: Hurry) -> bool:
        """Whether another draws the picture, after which `go_on` is called; else this one does.

        `hurry` is called where it has drawn it and somebody waits.
        """
        flight = self._flights.get(key)
        if flight is None:
            self._flights[key] = _Flight(item, hurry)
            return False
        if flight.item is item:
            return False
        flight.waiting.append((item, go_on, hurry))
        if flight.item.done.done():
            flight.hurry()
        return True

    def is_waited_for(self, key: bytes, item: Item) -> bool:
        """Whether `item` draws what others wait for."""
        flight = self._flights.get(key)
        return flight is not None and flight.item is item and any(not one.done.done() for one, _, _ in flight.waiting)

    def end(self, key: bytes, item: Item, thumbnail: Thumbnail | None = None) -> None:
        """`item` has drawn the picture, which certainly has that key; or, with None, has not or is not certain."""
        flight = self._flights.get(key)
        if flight is None or flight.item is not item:
            return
        if thumbnail is None:
            while flight.waiting:
                following, go_on, hurry = flight.waiting.popleft()
                if following.done.done():
                    continue
                if not following.waiters:
                    following.done.cancel()
                    continue
                flight.item, flight.hurry = following, hurry
                go_on(following, None)
                return
        del self._flights[key]
        for waiting, go_on, _ in flight.waiting:
            if not waiting.done.done():
                go_on(waiting, thumbnail)


class _Flight:
    """Who draws, and who waits for it."""

    __slots__ = ("hurry", "item", "waiting")

    def __init__(self, item: Item, hurry: Hurry) -> None:
        self.item = item
        self.hurry = hurry
        self.waiting: deque[tuple[Item, GoOn, Hurry]] = deque()
