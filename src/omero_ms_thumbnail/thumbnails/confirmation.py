"""What was had of one session, and is kept once OMERO's facts give the same key again. Decisions only, no I/O.

Settings may be saved, and files written anew, while a picture is on its way. So what OMERO or its disk gave is kept
only if a query that began after the picture was had gives the key under which it was asked for.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final

from . import content
from .caches import Caches
from .item import Item
from .model import ImageFacts, Thumbnail
from .session_facts import QueryResult, SessionFacts

#: pictures at which OMERO is asked about them: they take memory and are not kept yet
CONFIRM_AT: Final = 500


def _ignore(_pictures: dict[bytes, Thumbnail]) -> None:
    """Nobody keeps them."""


@dataclass(frozen=True, slots=True)
class Had:
    """A picture, by which facts it was asked for, and since when it is here, by the loop's clock."""

    item: Item
    facts: ImageFacts
    key: bytes | None
    thumbnail: Thumbnail
    had_at: float


class Unconfirmed:
    """The pictures of one session that may be kept. `keep` is called with those that are, by their keys."""

    def __init__(self, facts: SessionFacts, caches: Caches, keep: Callable[[dict[bytes, Thumbnail]], None]) -> None:
        self._facts = facts
        self._caches = caches
        self._keep = keep
        self._had: dict[Item, Had] = {}
        self._loop = asyncio.get_running_loop()

    def __len__(self) -> int:
        return len(self._had)

    def add(self, item: Item, facts: ImageFacts, thumbnail: Thumbnail) -> None:
        """It was had just now."""
        may_be = item.key is not None or (not item.way.is_direct and item.request.is_plain)
        is_waited_for = item.key is not None and self._caches.flights.is_waited_for(item.key, item)
        is_wanted = self._caches.keeps or is_waited_for or item.file is not None
        if not is_wanted or thumbnail.in_progress or not may_be or facts.content is None:
            self._end(item, None)
            return
        self._had[item] = Had(item, facts, item.key, thumbnail, self._loop.time())

    def close(self) -> None:
        """The session is over: nothing is kept any more, and nothing here keeps whoever did."""
        self.give_up()
        self._keep = _ignore

    @property
    def size(self) -> int | None:
        """The stored size in which OMERO has to be asked about the first of those that are stored."""
        return next((one.facts.size for one in self._had.values() if not one.item.way.is_direct), None)

    @property
    def oldest(self) -> float | None:
        """Since when the first of them is here, by the loop's clock."""
        return next((one.had_at for one in self._had.values()), None)

    def in_size(self, size: int) -> list[Item]:
        """Those about which OMERO may be asked together with what is stored in `size`."""
        return [one.item for one in self._had.values() if one.item.way.is_direct or one.facts.size == size]

    def answered(self, asked: Iterable[Item], answer: QueryResult) -> None:
        """OMERO has answered about `asked`, which `in_size` gave."""
        kept: dict[bytes, Thumbnail] = {}
        disagreed = 0
        for item in asked:
            had = self._had.get(item)
            if had is None or had.had_at > answer.asked_at:
                continue
            del self._had[item]
            key = self._key_now(had, answer)
            if key is not None:
                had.thumbnail.tag = content.tag_of(key)
                kept[key] = had.thumbnail
                if not answer.named and not item.is_lost:
                    self._facts.cache.remember_key(item.request, answer.found[item.request.image_id], key)
            elif had.key is not None:
                disagreed += 1
            self._end(item, had.thumbnail if key is not None else None)
            self._compare(had, key)
        if disagreed:
            self._caches.watcher.disagreed(disagreed)
        if kept:
            self._keep(kept)

    def give_up(self, asked: Iterable[Item] | None = None) -> None:
        """OMERO does not tell, of these or of any."""
        for item in list(self._had) if asked is None else asked:
            if self._had.pop(item, None) is not None:
                self._end(item, None)

    def _key_now(self, had: Had, answer: QueryResult) -> bytes | None:
        """The key of what was had, if it certainly has one."""
        item, now = had.item, answer.found.get(had.item.request.image_id)
        if now is None:
            return None
        named = self._facts.named_of(item, answer) if answer.named else None
        key = self._facts.key_of(item.request, now, item.way, named)
        if had.key is None:
            # what was not stored before, or not as it was to be, is now
            return key if content.was_stored(had.facts, now) else None
        return key if key == had.key else None

    def _compare(self, had: Had, key: bytes | None) -> None:
        """What OMERO gave with the file of its row, which was not shown but read to see whether it is the right one."""
        content_then = had.facts.content
        if had.item.file is None or key is None or key != had.key or self._caches.files is None:
            return
        if content_then is not None and content_then.row is not None:
            self._caches.files.compared(content_then.row.id, had.item.file, had.thumbnail.jpeg)

    def _end(self, item: Item, thumbnail: Thumbnail | None) -> None:
        if item.key is not None:
            self._caches.flights.end(item.key, item, thumbnail)
