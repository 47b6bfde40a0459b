"""A moment in which calls are collected that go to OMERO as one batch, counted in turns of the event loop."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final

#: turns of the event loop before anything goes to OMERO, so that what comes meanwhile goes with it: one for all who ask
#: at one moment, and one more for every few thumbnails that are waited for, of whichever user. A loop that has nothing
#: else to do takes less than 0.1 ms for all of them, a busy one reads and answers many requests
_TURNS_MAX: Final = 8
_WAITING_FOR_A_TURN: Final = 4


class BatchWindow:
    """Some turns of the event loop; `waiting` says how many thumbnails are waited for."""

    def __init__(self, waiting: Callable[[], int]) -> None:
        self._loop = asyncio.get_running_loop()
        self._waiting = waiting
        self._is_open = False

    def open(self, then: Callable[[], None]) -> None:
        """Call `then` when it closes, unless it is open already."""
        if not self._is_open:
            self._is_open = True
            self._close_after(min(_TURNS_MAX, 1 + self._waiting() // _WAITING_FOR_A_TURN), then)

    def _close_after(self, turns: int, then: Callable[[], None]) -> None:
        if turns:
            self._loop.call_soon(self._close_after, turns - 1, then)
        else:
            self._is_open = False
            then()
