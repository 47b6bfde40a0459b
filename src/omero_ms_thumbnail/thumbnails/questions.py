"""What one session asks of OMERO about images: one query at a time, for all that waits and all that was just had."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable, Sequence
from contextvars import copy_context
from typing import Final

from ..ice.errors import IceException
from ..ice.types import UserException
from ..omero.session import JoinedSession
from .batch_window import BatchWindow
from .confirmation import CONFIRM_AT, Unconfirmed
from .item import Item, ItemState, wanted
from .session_facts import QueryResult, SessionFacts
from .session_tasks import Tasks

log: Final = logging.getLogger(__name__)

#: images in one query at most
IDS_MAX: Final = 500
#: of those that were just had, images that a query may have on top while somebody waits for it: 2 ms at most
_ON_TOP: Final = 25
#: the size in which stored thumbnails are looked for until one is asked for that is stored: OMERO.web's
_STORED_SIZE: Final = 96
#: seconds after which OMERO is asked about what was had alone, if no other question has told it meanwhile; for how long
#: that is put off while OMERO works for somebody who waits, and how often that is looked at
_COLLECT: Final = 0.25
_PUT_OFF_MAX: Final = 1.0
_LOOK_AGAIN: Final = 0.25
#: what part of the last question's time the next one waits for those whom that answered and who ask again at once, as a
#: page does that fills: a query of eight costs hardly more than one of four. In seconds at most, and at least, below
#: which it is not worth it
_BACK_PART: Final = 0.25
_BACK_MAX: Final = 0.005
_BACK_LEAST: Final = 0.001
#: seconds that it is put off at least, since a moment that is nearly there may be the same one to a clock
_LEAST: Final = 0.001


def _ignore(*_: object) -> None:
    """Nobody waits for it any more."""


class Questions:
    """Of one session. `answered` is called with what OMERO said of items, `failed` with why it said nothing.

    `is_busy` says whether OMERO works for somebody who waits.
    """

    def __init__(
        self,
        session: JoinedSession,
        facts: SessionFacts,
        unconfirmed: Unconfirmed,
        *,
        answered: Callable[[Sequence[Item], QueryResult], None],
        failed: Callable[[Sequence[Item], Exception], None],
        tasks: Tasks,
        is_busy: Callable[[], bool],
        waiting: Callable[[], int],
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self._session = session
        self._facts = facts
        self._unconfirmed = unconfirmed
        self._answered = answered
        self._failed = failed
        self._tasks = tasks
        self._is_busy = is_busy
        self._window = BatchWindow(waiting)
        self._items: list[Item] = []
        self._is_asking = False
        self._is_collecting = False
        self._is_due = False
        self._size = _STORED_SIZE
        #: how many are enough, until when they are waited for, and whether they are there
        self._enough = 0
        self._back_until = 0.0
        self._are_back = asyncio.Event()

    def close(self) -> None:
        """The session is over, and nobody is called any more: nothing here keeps whoever was."""
        self._answered = self._failed = _ignore

    def __bool__(self) -> bool:
        """Whether anything waits to be asked."""
        return bool(self._items)

    def ask_about(self, item: Item) -> None:
        """Ask, with all others that are to be asked about at this moment."""
        item.becomes(ItemState.ASKED_ABOUT)
        self._items.append(item)
        if len(self._items) >= self._enough:
            self._are_back.set()
        if not self._is_asking:
            self._window.open(self._begin)

    def confirm_soon(self, *, is_waited_for: bool) -> None:
        """Something was had: ask about it at once if it is waited for, else with what is asked next, or behind that."""
        if not len(self._unconfirmed):
            return
        if is_waited_for:
            self.confirm_now()
        elif not self._is_collecting:
            self._is_collecting = True
            self._tasks.start(self._collect(), copy_context())

    def confirm_now(self) -> None:
        """Somebody waits for what was had."""
        self._is_due = True
        if not self._is_asking:
            self._window.open(self._begin)

    async def _collect(self) -> None:
        """Ask about what was had, unless other questions do; not while somebody waits for OMERO, but for a second."""
        while (had_at := self._unconfirmed.oldest) is not None and self._session.is_active:
            age = self._loop.time() - had_at
            is_quiet = not self._is_busy() and not self._items
            if age >= _PUT_OFF_MAX or (age >= _COLLECT and is_quiet) or len(self._unconfirmed) >= CONFIRM_AT:
                self._is_due = True
                self._begin()
                break
            await self._pause(max(_COLLECT - age, _LEAST) if age < _COLLECT else _LOOK_AGAIN)
        self._is_collecting = False

    async def _pause(self, seconds: float) -> None:
        """Let time pass, unless the session goes before."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._session.wait_closed()

    def _begin(self) -> None:
        if not self._is_asking and (self._items or self._is_due):
            self._is_asking = True
            self._tasks.start(self._ask(), self._items[0].context if self._items else copy_context())

    async def _ask(self) -> None:
        """Ask for what is missing; what is wanted meanwhile goes into the next query."""
        try:
            while self._items or (self._is_due and len(self._unconfirmed)):
                await self._ask_once()
        finally:
            self._is_asking = False
            self._is_due = False

    async def _ask_once(self) -> None:
        """Ask when it is this session's turn, and then about all that has come while others were served."""
        items: list[Item] = []
        had: list[Item] = []
        self._facts.begin_database()
        await self._wait_for_those_answered()
        try:
            await self._facts.load_viewer()
            async with self._session.calls.flight("projection"):
                items, had = self._next_question()
                if not items and not had:
                    return
                began = self._loop.time()
                answer = await self._facts.ask([item.request for item in (*items, *had)], self._size)
                self._expect_back(len(items), self._loop.time() - began)
            await self._facts.load_database()
        except (IceException, UserException) as error:
            log.info("facts of images were not given: %s", error)
            if not items and not had:
                items, had = self._next_question()
            self._unconfirmed.give_up(had)
            self._failed(items, error)
            return
        self._unconfirmed.answered(had, answer)
        if not len(self._unconfirmed):
            self._is_due = False
        self._answered(items, answer)

    def _expect_back(self, answered: int, seconds: float) -> None:
        """So many have been answered by a query of so many seconds, and may ask again at once."""
        back = min(seconds * _BACK_PART, _BACK_MAX)
        if back >= _BACK_LEAST:
            self._enough = answered + len(self._items)
            self._back_until = self._loop.time() + back

    async def _wait_for_those_answered(self) -> None:
        left = self._back_until - self._loop.time()
        if left <= 0 or len(self._items) >= self._enough:
            return
        self._are_back.clear()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(left):
                await self._are_back.wait()

    def _next_question(self) -> tuple[list[Item], list[Item]]:
        """Those who wait for an answer, and what was had and goes with them."""
        items = self._next()
        for item in items:
            item.is_asked = True
        return items, self._unconfirmed.in_size(self._size)[: self._room_beside(items)]

    def _room_beside(self, items: Sequence[Item]) -> int:
        """For how many of those that were had there is room in the query about `items`."""
        if items and len(self._unconfirmed) < CONFIRM_AT:
            return _ON_TOP
        return max(IDS_MAX - len(items), 0)

    def _next(self) -> list[Item]:
        """Those to be asked about next, all that are stored in one size."""
        items, self._items = wanted(self._items[:IDS_MAX]), self._items[IDS_MAX:]
        size = next((item.request.width for item in items if item.request.is_plain), None)
        if size is None:
            size = self._unconfirmed.size
        if size is not None:
            self._size = size
        others = [item for item in items if item.request.is_plain and item.request.width != size]
        if others:
            self._items[:0] = others
            items = [item for item in items if not item.request.is_plain or item.request.width == size]
        return items
