"""What one session was told of images, believed for a few seconds without asking again.

It belongs to the session that asked, ages from the question, and goes with the session. How long it is believed is how
long nobody notices that a right was taken away, or that rendering settings were saved elsewhere.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Iterable
from typing import Final

from .model import ImageFacts, ThumbnailRequest

#: seconds for which several images are believed to be alike: whoever saves settings changes that
FRESH: Final = 1.0

#: images that are remembered for each session
_REMEMBERED_MAX: Final = 20_000

#: bytes that one takes, about (measured with tracemalloc on CPython 3.11)
ENTRY_BYTES: Final = 900


def _ignore(_more: int) -> None:
    """Nobody counts."""


class Beliefs:
    """Facts of one session's images, each remembered in the size that it was asked for last, for `life` seconds.

    `count` is told of each that comes (1) and goes (-1), over all sessions.
    """

    def __init__(self, life: float, count: Callable[[int], None] = _ignore) -> None:
        self._life = life
        self._kept = max(life, FRESH)
        self._count = count
        self._facts: OrderedDict[int, tuple[float, ImageFacts, dict[ThumbnailRequest, bytes]]] = OrderedDict()
        self._now = asyncio.get_running_loop().time

    def __len__(self) -> int:
        return len(self._facts)

    def get(self, image_id: int) -> ImageFacts | None:
        """What is remembered and still believed."""
        entry = self._facts.get(image_id)
        return None if entry is None or entry[0] + self._life <= self._now() else entry[1]

    def key(self, request: ThumbnailRequest) -> bytes | None:
        """The key that was found for `request` by what is still believed of its image."""
        entry = self._facts.get(request.image_id)
        return None if entry is None or entry[0] + self._life <= self._now() else entry[2].get(request)

    def key_by(self, facts: ImageFacts, request: ThumbnailRequest) -> bytes | None:
        """The key that was found for `request` by just these `facts`, which OMERO may have told again since."""
        entry = self._facts.get(facts.image_id)
        return entry[2].get(request) if entry is not None and entry[1] is facts else None

    def found_key(self, request: ThumbnailRequest, facts: ImageFacts, key: bytes) -> None:
        """By `facts`, what is given for `request` has that key; remembered with them."""
        entry = self._facts.get(request.image_id)
        if entry is not None and entry[1] is facts:
            entry[2][request] = key

    def are_fresh(self, found: Iterable[ImageFacts]) -> bool:
        """Whether all of `found` were told within the last second, and none of them has proved wrong since."""
        least = self._now() - FRESH
        for facts in found:
            entry = self._facts.get(facts.image_id)
            if entry is None or entry[1] != facts or entry[0] < least:
                return False
        return True

    def remember(self, found: Iterable[ImageFacts], asked_at: float) -> None:
        """Remember what was asked at `asked_at` by the loop's clock; what is over goes, and the oldest of too many."""
        before = len(self._facts)
        for facts in found:
            entry = self._facts.get(facts.image_id)
            # told again to the letter, they lead to the same keys
            keys = entry[2] if entry is not None and entry[1] is facts else {}
            self._facts[facts.image_id] = (asked_at, facts, keys)
            self._facts.move_to_end(facts.image_id)
        self._let_go()
        self._count(len(self._facts) - before)

    def forget(self, image_id: int) -> None:
        """What is remembered of it has proved wrong."""
        if self._facts.pop(image_id, None) is not None:
            self._count(-1)

    def clear(self) -> None:
        """The session is over."""
        self._count(-len(self._facts))
        self._facts.clear()

    def _let_go(self) -> None:
        least = self._now() - self._kept
        while self._facts:
            oldest = next(iter(self._facts))
            if self._facts[oldest][0] >= least and len(self._facts) <= _REMEMBERED_MAX:
                break
            del self._facts[oldest]
