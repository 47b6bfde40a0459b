"""Thumbnails that a worker remembers for a while, in memory: bounded in bytes, each for one user.

The key is the OMERO user and everything that was asked for, so nobody is shown what OMERO gave to another. How long a
thumbnail is remembered bounds how long a right that was taken away, or rendering settings that were changed, are not
noticed.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable
from typing import Final

from .model import Thumbnail, ThumbnailRequest

#: what an entry takes besides its JPEG, about (measured with tracemalloc on CPython 3.11)
_ENTRY_BYTES: Final = 700


class MemoryCache:
    """The least recently used thumbnails go first. `life` is in seconds, `bytes_max` counts entries whole."""

    def __init__(self, *, bytes_max: int, life: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._bytes_max = bytes_max
        self.life = life
        self._clock = clock
        self._entries: OrderedDict[tuple[int, ThumbnailRequest], tuple[float, Thumbnail]] = OrderedDict()
        self.bytes = 0
        self.hits = 0

    def __len__(self) -> int:
        return len(self._entries)

    def get(self, user: int, request: ThumbnailRequest) -> Thumbnail | None:
        """What that user was given for that request, if it is remembered and not too old."""
        key = (user, request)
        entry = self._entries.get(key)
        if entry is not None:
            if entry[0] > self._clock():
                self._entries.move_to_end(key)
                self.hits += 1
                return entry[1]
            self._drop(key)
        return None

    def put(self, user: int, request: ThumbnailRequest, thumbnail: Thumbnail, *, age: float = 0.0) -> None:
        """Remember a thumbnail that OMERO gave `age` seconds ago, unless it is only a clock."""
        size = len(thumbnail.jpeg) + _ENTRY_BYTES
        if thumbnail.in_progress or size > self._bytes_max or age >= self.life:
            return
        key = (user, request)
        if key in self._entries:
            self._drop(key)
        self._entries[key] = (self._clock() + self.life - age, thumbnail)
        self.bytes += size
        while self.bytes > self._bytes_max:
            self._drop(next(iter(self._entries)))

    def _drop(self, key: tuple[int, ThumbnailRequest]) -> None:
        _, thumbnail = self._entries.pop(key)
        self.bytes -= len(thumbnail.jpeg) + _ENTRY_BYTES
