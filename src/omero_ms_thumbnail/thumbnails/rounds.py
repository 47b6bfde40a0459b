"""Waiting until all who ask at one moment have asked."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final

#: times that the event loop goes round before anything goes to OMERO, so that what comes meanwhile goes with it: once
#: for all who ask at one moment, and once more for every few thumbnails that are waited for, of whichever user. A loop
#: that has nothing else to do takes less than 0.1 ms for all of them, a busy one reads and answers many requests
_ROUNDS_MAX: Final = 8
_WAITING_FOR_A_ROUND: Final = 4


class Rounds:
    """Some rounds of the event loop; `waiting` says how many thumbnails are waited for."""

    def __init__(self, waiting: Callable[[], int]) -> None:
        self._loop = asyncio.get_running_loop()
        self._waiting = waiting
        self._is_due = False

    def begin(self, then: Callable[[], None]) -> None:
        """Call `then` after them, unless they have begun."""
        if not self._is_due:
            self._is_due = True
            self._after(min(_ROUNDS_MAX, 1 + self._waiting() // _WAITING_FOR_A_ROUND), then)

    def _after(self, rounds: int, then: Callable[[], None]) -> None:
        if rounds:
            self._loop.call_soon(self._after, rounds - 1, then)
        else:
            self._is_due = False
            then()
