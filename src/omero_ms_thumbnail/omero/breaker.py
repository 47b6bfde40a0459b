"""When OMERO may be asked to let somebody in: decisions only, no I/O.

A circuit breaker over all joins of one worker. After a few in a row that OMERO could not or would not answer it is
open: nobody joins but one now and then, to see whether OMERO is back, and all others are told at once. The time between
two such tries doubles up to a second, and is drawn at random, so that the workers of several machines do not knock
together. Any answer of OMERO's closes it, be it a refusal.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from typing import Final

from ..ice.errors import IceException
from ..ice.types import UserException

#: joins in a row that have to fail: one broken connection is nobody else's
FAILURES_TO_OPEN: Final = 3
#: seconds from one try to the next: at first, and at most. An OMERO that is back is noticed within the latter
FIRST_WAIT: Final = 0.1
LONGEST_WAIT: Final = 1.0
#: tries that OMERO has not answered, above which there are no more: one that hangs must not be given ever more to do
TRIES_MAX: Final = 4


class JoinsSuspended(Exception):
    """OMERO has not let somebody in, and is not asked again so soon; `reason` and the text say what was wrong."""

    def __init__(self, reason: IceException | UserException) -> None:
        super().__init__(str(reason))
        self.reason = reason


class CircuitBreaker:
    """Told of every join's beginning and end. `now` is in seconds; `chance` is from 0 to 1."""

    def __init__(
        self, *, now: Callable[[], float] = time.monotonic, chance: Callable[[], float] = random.random
    ) -> None:
        self._now = now
        self._chance = chance
        self._failures = 0
        self._wait = 0.0
        self._next_try = 0.0
        self._opened = 0
        self._tries = 0
        self._reason: IceException | UserException | None = None

    @property
    def is_open(self) -> bool:
        """Whether joins are held back."""
        return self._wait > 0

    def check(self) -> None:
        """Return if a join may begin now; raises JoinsSuspended."""
        if self._reason is not None and self.is_open and (self._now() < self._next_try or self._tries >= TRIES_MAX):
            raise JoinsSuspended(self._reason)

    def begin(self) -> int:
        """A join begins, after `check`: the number to report its end with."""
        if self.is_open:
            self._tries += 1
            self._next_try = self._now() + self._drawn()
        return self._opened

    def succeeded(self) -> None:
        """OMERO has answered a join: it lets people in, or says why it does not let in this one."""
        self._failures = self._tries = 0
        self._wait = 0.0
        self._reason = None

    def timed_out(self, begun: int, reason: IceException | UserException) -> None:
        """A join that `begin` numbered is waited for no longer, and has not ended: its try is still under way."""
        if begun != self._opened:
            # it began before the breaker opened: it says nothing new
            return
        self._reason = reason
        if self.is_open:
            self._wait = min(self._wait * 2, LONGEST_WAIT)
        else:
            self._failures += 1
            if self._failures < FAILURES_TO_OPEN:
                return
            self._wait = FIRST_WAIT
            self._tries = 0
            self._opened += 1
        self._next_try = self._now() + self._drawn()

    def failed(self, begun: int, reason: IceException | UserException | None = None) -> None:
        """A join that `begin` numbered ended without an answer, for `reason`; None where it had timed out before."""
        if begun == self._opened and self.is_open:
            # there is room for another try
            self._tries = max(self._tries - 1, 0)
        if reason is not None:
            self.timed_out(begun, reason)

    def _drawn(self) -> float:
        return self._wait * (0.5 + self._chance() / 2)
