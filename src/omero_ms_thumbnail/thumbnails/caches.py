"""Where a worker keeps pictures of one OMERO.server, and what all its sessions have in common."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

from .first_looks import FirstLooks
from .flights import Flights
from .memory_cache import MemoryCache
from .question_mode import QuestionMode
from .redis_cache import RedisCache

#: where pictures come from: kept in memory or in Redis, OMERO's own files, or OMERO's calls: a set, a stored thumbnail
#: alone, one drawn without being stored; and those that the client had
MEMORY, REDIS, DISK, SET, SINGLE, DIRECT, NOT_MODIFIED = (
    "memory",
    "redis",
    "disk",
    "set",
    "single",
    "direct",
    "not_modified",
)


class StoredFiles(Protocol):
    """The files of OMERO's stored thumbnails."""

    async def read(self, row_ids: Sequence[int]) -> dict[int, bytes]:
        """The JPEGs of those rows whose files are whole."""

    def wants_comparison(self) -> bool:
        """Whether the next is not to be shown, but OMERO asked, and `compared` called."""

    def compared(self, row_id: int, stored: bytes, given: bytes) -> bool:
        """Whether the file of a row holds what OMERO gave for it; the row has not changed between the two."""


class Watcher(Protocol):
    """Counts what becomes of pictures: metrics and the access log."""

    def cache_used(self, remembered: int, shared: int, asked: int) -> None:
        """For one request: so many came from memory, from Redis, and were asked of OMERO."""

    def remembered(self, count: int) -> None:
        """For one request: all of it, so many, came from memory, and OMERO was asked nothing."""

    def made(self, settings: int, rows: int) -> None:
        """OMERO has made rendering settings, and stored thumbnails, for what it gave."""

    def pictures(self, source: str, count: int) -> None:
        """So many were given that came from there."""

    def facts_asked(self, seconds: float, ids: int) -> None:
        """OMERO has answered a query about so many images."""

    def batch(self, size: int) -> None:
        """OMERO is asked for so many pictures in one call."""

    def disagreed(self, count: int) -> None:
        """So many are not kept, since OMERO's facts were others after they were had."""


class Unwatched:
    """Nobody wants to know."""

    def cache_used(self, remembered: int, shared: int, asked: int) -> None:
        """Nothing."""

    def remembered(self, count: int) -> None:
        """Nothing."""

    def made(self, settings: int, rows: int) -> None:
        """Nothing."""

    def pictures(self, source: str, count: int) -> None:
        """Nothing."""

    def facts_asked(self, seconds: float, ids: int) -> None:
        """Nothing."""

    def batch(self, size: int) -> None:
        """Nothing."""

    def disagreed(self, count: int) -> None:
        """Nothing."""


@dataclass(frozen=True, slots=True)
class Caches:
    """Each place is optional. `facts_life` is how long, in seconds, a session keeps facts of images.

    `by_content`: pictures are kept by what they show; else nothing is kept, and OMERO is asked for each.
    """

    memory: MemoryCache | None = None
    shared: RedisCache | None = None
    files: StoredFiles | None = None
    facts_life: float = 5.0
    by_content: bool = True
    watcher: Watcher = field(default_factory=Unwatched)
    flights: Flights = field(default_factory=Flights)
    first_looks: FirstLooks = field(default_factory=FirstLooks)
    questions: QuestionMode = field(default_factory=QuestionMode)

    @property
    def keeps(self) -> bool:
        """Whether pictures are kept anywhere, by what they show."""
        return self.by_content and (self.memory is not None or self.shared is not None)

    def count_facts(self, more: int) -> None:
        """Sessions remember so many more images' facts, or less."""
        if self.memory is not None:
            self.memory.count_facts(more)
