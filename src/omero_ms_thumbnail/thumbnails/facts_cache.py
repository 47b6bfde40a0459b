"""Facts of images, as OMERO gave them to one session, which does not ask again for a few seconds.

They belong to the session that asked, age from the question, and go with the session. How long they are kept is how
long nobody notices that a right was taken away, or that rendering settings were saved elsewhere.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Iterable
from typing import Final

from .model import ImageFacts, ThumbnailRequest

#: seconds for which several images are taken to be alike: whoever saves settings changes that
FRESH: Final = 1.0

#: images that are remembered for each session
_REMEMBERED_MAX: Final = 20_000

#: bytes that one takes, about (measured with tracemalloc on CPython 3.11)
ENTRY_BYTES: Final = 900


def _ignore(_more: int) -> None:
    """Nobody counts."""


class FactsCache:
    """Facts of one session's images, each remembered in the size that it was asked for last, for `life` seconds.

    `count` is called for each that comes (1) and goes (-1), over all sessions.
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
        """What is there and not older than `life`."""
        entry = self._facts.get(image_id)
        return None if entry is None or entry[0] + self._life <= self._now() else entry[1]

    def key(self, request: ThumbnailRequest) -> bytes | None:
        """The key that was found for `request` by facts of its image that are not older than `life`."""
        entry = self._facts.get(request.image_id)
        return None if entry is None or entry[0] + self._life <= self._now() else entry[2].get(request)

    def key_by(self, facts: ImageFacts, request: ThumbnailRequest) -> bytes | None:
        """The key that was found for `request` by just these `facts`, which OMERO may have given again since."""
        entry = self._facts.get(facts.image_id)
        return entry[2].get(request) if entry is not None and entry[1] is facts else None

    def remember_key(self, request: ThumbnailRequest, facts: ImageFacts, key: bytes) -> None:
        """By `facts`, what is given for `request` has that key; remembered with them."""
        entry = self._facts.get(request.image_id)
        if entry is not None and entry[1] is facts:
            entry[2][request] = key

    def are_fresh(self, found: Iterable[ImageFacts]) -> bool:
        """Whether all of `found` were given within the last second, and none was forgotten since."""
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
            # the same object again leads to the same keys
            keys = entry[2] if entry is not None and entry[1] is facts else {}
            self._facts[facts.image_id] = (asked_at, facts, keys)
            self._facts.move_to_end(facts.image_id)
        self._evict()
        self._count(len(self._facts) - before)

    def forget(self, image_id: int) -> None:
        """Its facts have proved wrong."""
        if self._facts.pop(image_id, None) is not None:
            self._count(-1)

    def clear(self) -> None:
        """The session is over."""
        self._count(-len(self._facts))
        self._facts.clear()

    def _evict(self) -> None:
        least = self._now() - self._kept
        while self._facts:
            oldest = next(iter(self._facts))
            if self._facts[oldest][0] >= least and len(self._facts) <= _REMEMBERED_MAX:
                break
            del self._facts[oldest]
