"""How gently OMERO is asked: how many images at a time, and how long to rest. Decisions only, no I/O.

How long a thumbnail takes says little about how busy OMERO is: one that it kept takes a few milliseconds, one that it
renders seconds. A small query always takes about the same, unless OMERO has more to do than it can: so each chunk
begins with one, and rests become longer while it takes much longer than it once did.
"""

from __future__ import annotations

from typing import Final

#: seconds of work in one chunk: so soon can an interruption end it, and so soon is OMERO looked at again
_CHUNK_SECONDS: Final = 2.0
_CHUNK_MAX: Final = 10

#: a query that takes this many times the shortest one, and at least so many seconds, says that OMERO is busy
_BUSY_TIMES: Final = 5.0
_BUSY_SECONDS: Final = 0.25

_REST_FIRST: Final = 0.5
_REST_AFTER_FAILURE: Final = 1.0
_REST_MAX: Final = 30.0


class Pace:
    """The pace of one run; times are in seconds."""

    def __init__(self, concurrency: int) -> None:
        self._concurrency = concurrency
        self._shortest_query = float("inf")
        self._each = _CHUNK_SECONDS
        #: how long to rest before the next chunk
        self.rest = 0.0

    @property
    def chunk(self) -> int:
        """How many images to ask for next."""
        each_way = int(_CHUNK_SECONDS / self._each) if self._each else _CHUNK_MAX
        return max(1, min(each_way, _CHUNK_MAX)) * self._concurrency

    def query_took(self, seconds: float) -> None:
        """Learn from a small query."""
        self._shortest_query = min(self._shortest_query, seconds)
        if seconds >= _BUSY_SECONDS and seconds >= self._shortest_query * _BUSY_TIMES:
            self.rest = min(max(self.rest * 2, _REST_FIRST), _REST_MAX)
        else:
            self.rest = self.rest / 2 if self.rest > _REST_FIRST else 0.0

    def chunk_took(self, seconds: float, images: int) -> None:
        """Learn from a chunk."""
        self._each = (self._each + seconds / max(images, 1) * self._concurrency) / 2

    def failed(self) -> None:
        """OMERO could not be asked, or not in time."""
        self.rest = min(max(self.rest * 2, _REST_AFTER_FAILURE), _REST_MAX)
        self._each = _CHUNK_SECONDS
