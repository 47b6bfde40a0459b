"""First looks at an image, one after the other: each makes rendering settings where it finds none.

Two at once, such as two sizes, would both find none, and OMERO keeps what both make, or refuses one of them.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial

from .batches import Item
from .model import Thumbnail


@dataclass(slots=True)
class _Look:
    item: Item
    waiting: list[Item] = field(default_factory=list)


class FirstLooks:
    """Those of one session."""

    def __init__(self) -> None:
        self._looks: dict[int, _Look] = {}

    def has_to_wait(self, item: Item, pixels_id: int, go_on: Callable[[Item], None]) -> bool:
        """Whether another first look at the image is on its way; else this one is, until the item is done.

        `go_on` is called with each that had to wait for it, once it has ended.
        """
        look = self._looks.get(pixels_id)
        if look is None:
            self._looks[pixels_id] = _Look(item)
            item.done.add_done_callback(partial(self._ended, pixels_id, go_on))
            return False
        if look.item is item:
            return False
        look.waiting.append(item)
        return True

    def _ended(self, pixels_id: int, go_on: Callable[[Item], None], done: asyncio.Future[Thumbnail]) -> None:
        look = self._looks.pop(pixels_id)
        if not done.cancelled():
            # whoever waits for it is told of it too
            done.exception()
        for item in look.waiting:
            go_on(item)
