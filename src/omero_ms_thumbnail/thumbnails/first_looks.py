"""First looks at an image, one after the other: each makes rendering settings where it finds none.

Two at once, such as two sizes, would both find none, and OMERO keeps what both make, or refuses one of them.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial

from .item import Item
from .model import NotModified, Thumbnail


@dataclass(slots=True)
class _Look:
    item: Item
    waiting: list[tuple[Item, Callable[[Item], None]]] = field(default_factory=list)


class FirstLooks:
    """Those of one worker: a user may have several sessions."""

    def __init__(self) -> None:
        self._looks: dict[tuple[int, int], _Look] = {}

    def has_to_wait(self, item: Item, pixels_id: int, user_id: int, go_on: Callable[[Item], None]) -> bool:
        """Whether another first look of the user's at it is on its way; else this one is, until the item is done.

        `go_on` is called with the item, if it had to wait, once that has ended.
        """
        place = (pixels_id, user_id)
        look = self._looks.get(place)
        if look is None:
            self._looks[place] = _Look(item)
            item.done.add_done_callback(partial(self._ended, place))
            return False
        if look.item is item:
            return False
        look.waiting.append((item, go_on))
        return True

    def _ended(self, place: tuple[int, int], done: asyncio.Future[Thumbnail | NotModified]) -> None:
        look = self._looks.pop(place)
        if not done.cancelled():
            # whoever waits for it is told of it too
            done.exception()
        for item, go_on in look.waiting:
            go_on(item)
