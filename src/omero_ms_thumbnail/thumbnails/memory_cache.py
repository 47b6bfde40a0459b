"""Pictures that a worker keeps in memory by what they show: bounded in bytes, whoever they were drawn for.

The key says what a picture shows (`content`), and is made of OMERO's answer to whoever asks. The facts of images that
sessions keep (`facts_cache`) take room from the same bound.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable
from typing import Final

from .facts_cache import ENTRY_BYTES
from .model import Thumbnail

#: what an entry takes besides its JPEG, about (measured with tracemalloc on CPython 3.11)
_ENTRY_BYTES: Final = 700


class MemoryCache:
    """The least recently used pictures go first. `life` is in seconds, `bytes_max` counts entries whole."""

    def __init__(self, *, bytes_max: int, life: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._bytes_max = bytes_max
        self.life = life
        self._clock = clock
        self._entries: OrderedDict[bytes, tuple[float, Thumbnail]] = OrderedDict()
        self._facts = 0
        self.bytes = 0

    def __len__(self) -> int:
        return len(self._entries)

    @property
    def facts(self) -> int:
        """How many images' facts sessions remember, of all sessions."""
        return self._facts

    def count_facts(self, more: int) -> None:
        """So many more are remembered, or less: they take room from pictures."""
        self._facts += more
        self.bytes += more * ENTRY_BYTES
        self._make_room()

    def get(self, key: bytes) -> Thumbnail | None:
        """The picture with that key, if it is there and not too old."""
        entry = self._entries.get(key)
        if entry is not None:
            if entry[0] > self._clock():
                self._entries.move_to_end(key)
                return entry[1]
            self._drop(key)
        return None

    def put(self, key: bytes, thumbnail: Thumbnail) -> None:
        """Keep a picture, unless it is only a clock."""
        size = len(thumbnail.jpeg) + _ENTRY_BYTES
        if thumbnail.in_progress or size > self._bytes_max or not self.life:
            return
        if key in self._entries:
            self._drop(key)
        self._entries[key] = (self._clock() + self.life, thumbnail)
        self.bytes += size
        self._make_room()

    def _make_room(self) -> None:
        while self.bytes > self._bytes_max and self._entries:
            self._drop(next(iter(self._entries)))

    def _drop(self, key: bytes) -> None:
        _, thumbnail = self._entries.pop(key)
        self.bytes -= len(thumbnail.jpeg) + _ENTRY_BYTES
