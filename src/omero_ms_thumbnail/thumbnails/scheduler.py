"""The thumbnails that one joined session is asked for: from caches, else from OMERO.

OMERO says of each, to that very session, whether its user may see it and what it shows (`questions`). What shows that
is looked for in memory, in Redis, in OMERO's own files; what is nowhere OMERO draws, once for all who wait for it
(`flights`, `drawing`), and it is kept once it is certain what it shows (`confirmation`).

Where each of them is, is its `ItemState`: `item` has the table.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Sequence
from contextvars import copy_context
from functools import partial
from typing import Final

from ..ice.errors import ConnectionManuallyClosedException
from ..omero.faults import Fault
from ..omero.permits import Permits, outside_flights
from ..omero.session import JoinedSession
from ..omero.waiting import until_done
from . import content
from .caches import DISK, MEMORY, NOT_MODIFIED, REDIS, Caches
from .confirmation import Unconfirmed
from .drawing import Drawing, JoinLost, no_thumbnail, unreadable
from .item import Item, ItemState
from .model import (
    ImageFacts,
    NotModified,
    OmeroHangs,
    OmeroTooSlow,
    Thumbnail,
    ThumbnailError,
    ThumbnailRequest,
)
from .questions import Questions
from .reloads import Reloads
from .session_facts import QueryResult, SessionFacts
from .session_tasks import Tasks

Outcome = Thumbnail | NotModified | ThumbnailError | JoinLost

_NO_TAGS: Final[frozenset[str]] = frozenset()


class ThumbnailScheduler:
    """Thumbnails of one joined session. `waiting` says how many are waited for of all sessions."""

    def __init__(
        self,
        session: JoinedSession,
        *,
        stores: int,
        permits: Permits | None = None,
        caches: Caches | None = None,
        waiting: Callable[[], int] = lambda: 0,
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self._session = session
        self._permits = permits
        self._caches = caches or Caches()
        self._items: dict[ThumbnailRequest, Item] = {}
        self._reloads = Reloads()
        self._tasks = Tasks()
        self._facts = SessionFacts(session, self._caches)
        self._unconfirmed = Unconfirmed(self._facts, self._caches, self._keep)
        self._drawing = Drawing(
            session,
            self._facts,
            self._caches,
            stores=stores,
            permits=permits,
            give=self._give,
            ask_again=self._ask_again,
            tasks=self._tasks,
            waiting=waiting,
        )
        self._questions = Questions(
            session,
            self._facts,
            self._unconfirmed,
            answered=self._answered,
            failed=self._drawing.fail,
            tasks=self._tasks,
            is_busy=self._drawing.is_at_work,
            waiting=waiting,
        )

    async def thumbnails(
        self, requests: Sequence[ThumbnailRequest], timeout: float, tags: frozenset[str] = _NO_TAGS
    ) -> list[Outcome]:
        """What becomes of each of `requests`, in their order, within `timeout` seconds.

        NotModified is only for a picture of which the client has the key's tag, one of `tags`.
        """
        if self._permits is not None and self._permits.hangs():
            return [self.remembered(request) or hanging(self._permits) for request in requests]
        deadline = self._loop.time() + timeout
        items = [self._item(request, tags, is_alone=len(requests) == 1) for request in requests]
        for item in items:
            item.waiters += 1
        try:
            for item in items:
                await until_done(item.done, deadline - self._loop.time())
            self._tell(items)
            return [_outcome(item) for item in items]
        finally:
            for item in items:
                self._wait_no_more(item)

    def __repr__(self) -> str:
        states = Counter(item.state.value for item in self._items.values() if not item.done.done())
        counts = ", ".join(f"{count} {state}" for state, count in states.items()) or "nothing on its way"
        return f"<ThumbnailScheduler: {counts}; {len(self._unconfirmed)} had and to be confirmed>"

    def remembered(self, request: ThumbnailRequest) -> Thumbnail | None:
        """What the session's user would be given by facts that are still fresh enough, if it is in memory."""
        memory = self._caches.memory
        if memory is None:
            return None
        key = self._facts.cache.key(request) or self._facts.cached_key(request)
        return memory.get(key) if key is not None else None

    def forget(self) -> None:
        """The session is over: whoever waits is told, and nothing of it waits for the garbage collector."""
        lost = ConnectionManuallyClosedException("the OMERO session was left")
        for item in list(self._items.values()):
            if not item.done.done():
                item.done.set_exception(JoinLost(Fault.JOIN_GONE, lost))
        self._facts.forget_all()
        for part in (self._drawing, self._questions, self._unconfirmed):
            part.close()

    def _tell(self, items: Sequence[Item]) -> None:
        """Where what is answered came from."""
        watcher = self._caches.watcher
        sources = {items[0].source: 1} if len(items) == 1 else Counter(item.source for item in items)
        remembered, shared = sources.get(MEMORY, 0) + sources.get(NOT_MODIFIED, 0), sources.get(REDIS, 0)
        watcher.cache_used(remembered, shared, len(items) - remembered - shared)
        for source, count in sources.items():
            if source:
                watcher.pictures(source, count)

    def _item(self, request: ThumbnailRequest, tags: frozenset[str], *, is_alone: bool) -> Item:
        """The item that is on its way for `request`, or a new one."""
        item = self._items.get(request.anew)
        # with a `version`, what was asked before the settings were saved may be what they were
        if item is None or item.done.done() or (request.version and item.is_asked):
            return self._new_item(request, tags, is_alone=is_alone)
        item.tags &= tags
        return item

    def _new_item(self, request: ThumbnailRequest, tags: frozenset[str], *, is_alone: bool) -> Item:
        item = Item(request.anew, self._loop.create_future(), tags=tags)
        self._items[item.request] = item
        item.done.add_done_callback(partial(self._ended, item))
        self._reloads.requested(request, is_alone=is_alone)
        item.is_single = is_alone and self._reloads.was_reloaded_alone(request.image_id)
        cached = self._facts.cached(request)
        if cached is None:
            self._questions.ask_about(item)
        else:
            self._look_for([(item, cached)])
        return item

    def _wait_no_more(self, item: Item) -> None:
        item.waiters -= 1
        if item.done.done() and self._items.get(item.request) is item:
            del self._items[item.request]

    def _ended(self, item: Item, done: asyncio.Future[Thumbnail | NotModified]) -> None:
        """It is on its way no more."""
        if not item.waiters and self._items.get(item.request) is item:
            del self._items[item.request]
        # if all have gone who waited, nobody needs its exception
        if (done.cancelled() or done.exception() is not None) and item.key is not None:
            self._caches.flights.end(item.key, item)

    # what OMERO says of images

    def _ask_again(self, item: Item) -> None:
        """Ask about it, though something may be known."""
        if item.done.done():
            return
        item.facts = None
        self._leave_flight(item)
        self._facts.forget(item.request.image_id)
        self._questions.ask_about(item)

    def _leave_flight(self, item: Item) -> None:
        if item.key is not None:
            self._caches.flights.end(item.key, item)
            item.key = None

    def _answered(self, items: Sequence[Item], answer: QueryResult) -> None:
        found = []
        for item in items:
            facts = answer.found.get(item.request.image_id)
            if item.done.done():
                continue
            if facts is None:
                item.done.set_exception(unreadable(item))
            elif item.refused_with is not None and item.refused_with == (facts, self._facts.viewer):
                item.done.set_exception(no_thumbnail(item))
            else:
                if answer.named:
                    item.named = self._facts.named_of(item, answer)
                found.append((item, facts))
        self._look_for(found)

    # where pictures are

    def _look_for(self, found: Sequence[tuple[Item, ImageFacts]]) -> None:
        """Give what is kept or what the client has; look for the rest elsewhere."""
        missing = []
        cache = self._facts.cache
        for item, facts in found:
            item.becomes(ItemState.LOOKED_FOR)
            item.facts = facts
            item.key = cache.key_by(facts, item.request) if item.named is None else None
            if item.key is not None and self._is_kept(item):
                continue
            item.way = self._facts.way_of(item, facts)
            item.key = self._facts.key_of(item.request, facts, item.way, item.named)
            if not self._is_kept(item):
                missing.append(item)
            elif item.named is None and item.key is not None and not item.is_lost:
                cache.remember_key(item.request, facts, item.key)
        if any(item.key is not None for item in missing) and (self._caches.shared or self._caches.files):
            self._tasks.start(self._look_elsewhere(missing), missing[0].context)
        else:
            self._draw(missing)

    def _is_kept(self, item: Item) -> bool:
        """Whether it is, and was given."""
        if item.key is None:
            return False
        if item.tags and (tag := content.tag_of(item.key)) in item.tags:
            self._done(item, NotModified(tag), NOT_MODIFIED)
            return True
        kept = self._caches.memory.get(item.key) if self._caches.memory is not None else None
        if kept is None:
            return False
        self._done(item, kept, MEMORY)
        return True

    async def _look_elsewhere(self, items: list[Item]) -> None:
        """In what other workers share, then in OMERO's own files."""
        outside_flights()
        if self._caches.shared is not None:
            items = await self._shared(items)
        if self._caches.files is not None:
            items = await self._files(items)
        self._draw([item for item in items if not item.done.done()])

    async def _shared(self, items: list[Item]) -> list[Item]:
        assert self._caches.shared is not None  # noqa: S101 - as it is called
        keys = [item.key for item in items if item.key is not None]
        found = await self._caches.shared.get_all(self._facts.viewer.user_id, keys)
        for item in items:
            jpeg = found.get(item.key) if item.key is not None else None
            if jpeg is None or item.key is None:
                continue
            thumbnail = Thumbnail(jpeg, tag=content.tag_of(item.key))
            if self._caches.memory is not None:
                self._caches.memory.put(item.key, thumbnail)
            self._done(item, thumbnail, REDIS)
        return [item for item in items if item.key is None or item.key not in found]

    async def _files(self, items: list[Item]) -> list[Item]:
        """Those that OMERO has to be asked for, after what its files have was given."""
        assert self._caches.files is not None  # noqa: S101 - as it is called
        rows = {item: row for item in items if (row := _file_of(item)) is not None}
        found = await self._caches.files.read(list(rows.values())) if rows else {}
        missing = []
        for item in items:
            row = rows.get(item)
            jpeg = found.get(row) if row is not None else None
            if jpeg is None:
                missing.append(item)
            elif self._caches.files.wants_comparison():
                item.file = jpeg
                missing.append(item)
            else:
                self._give(item, Thumbnail(jpeg), DISK)
        return missing

    def _draw(self, items: Sequence[Item]) -> None:
        flights = self._caches.flights
        for item in items:
            if item.key is not None and flights.has_to_wait(item.key, item, self._go_on, self._questions.confirm_now):
                item.becomes(ItemState.WAITING)
            else:
                self._drawing.line_up(item)

    def _go_on(self, item: Item, thumbnail: Thumbnail | None) -> None:
        """Another session has drawn it; or has not, and it is this one's turn."""
        if thumbnail is not None:
            self._done(item, thumbnail, MEMORY)
        elif not self._session.is_active:
            self._ask_again(item)
        else:
            self._drawing.line_up(item)

    # what becomes of them

    def _give(self, item: Item, thumbnail: Thumbnail, source: str) -> None:
        """OMERO, or its disk, has given it."""
        assert item.facts is not None  # noqa: S101 - it was asked for by them
        item.becomes(ItemState.HAD)
        self._done(item, thumbnail, source)
        self._unconfirmed.add(item, item.facts, thumbnail)
        key = item.key
        self._questions.confirm_soon(is_waited_for=key is not None and self._caches.flights.is_waited_for(key, item))

    def _done(self, item: Item, outcome: Thumbnail | NotModified, source: str) -> None:
        item.source = source
        if not item.done.done():
            item.done.set_result(outcome)

    def _keep(self, pictures: dict[bytes, Thumbnail]) -> None:
        memory, shared = self._caches.memory, self._caches.shared
        if memory is not None:
            for key, thumbnail in pictures.items():
                memory.put(key, thumbnail)
        if shared is not None:
            jpegs = {key: thumbnail.jpeg for key, thumbnail in pictures.items()}
            self._tasks.start(self._share(jpegs), copy_context())

    async def _share(self, jpegs: dict[bytes, bytes]) -> None:
        assert self._caches.shared is not None  # noqa: S101 - as it is started
        await self._caches.shared.put_all(self._facts.viewer.user_id, jpegs)


def hanging(permits: Permits) -> OmeroHangs:
    """Why nothing is asked of OMERO."""
    return OmeroHangs(
        f"OMERO has ended none of {permits.limit} calls for more than {permits.patience:g} s, and is asked nothing more"
        " until it does; look at OMERO.server's log, and for locks in its database"
    )


def _file_of(item: Item) -> int | None:
    """The row whose file has what is asked for, if it may be shown."""
    facts = item.facts
    if item.key is None or item.way.is_direct or facts is None or facts.content is None or content.is_marked(facts):
        return None
    return facts.content.row.id if facts.content.row is not None else None


def _outcome(item: Item) -> Outcome:
    if not item.done.done():
        return OmeroTooSlow(f"OMERO has not answered for image {item.request.image_id} in time")
    error = item.done.exception()
    if error is None:
        return item.done.result()
    if isinstance(error, ThumbnailError | JoinLost):
        return error
    raise error
