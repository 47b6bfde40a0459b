"""Whether a site's database answers the query about what pictures show fast enough. Decisions only, no I/O.

It costs what the plain one costs, on the largest archives too, where the database has its indexes and statistics. Where
it has not, the plain facts and OMERO's own calls take over for a while.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import Final

log: Final = logging.getLogger(__name__)

#: seconds that one may take which is not looked into, and images about which it is asked at most
SLOW: Final = 1.0
_IDS_MAX: Final = 100
#: how many times longer than the plain one it takes where the database is the reason
_TIMES: Final = 3.0
#: times in a row that this has to be so: one alone may have met a busy moment, of OMERO's or of ours
TIMES_IN_A_ROW: Final = 3
#: seconds for which the plain one takes over
PLAIN_FOR: Final = 600.0


class QuestionMode:
    """Of one OMERO.server in one worker. `warn` is called with why it is the plain one from now on."""

    def __init__(
        self, *, clock: Callable[[], float] = time.monotonic, warn: Callable[[str], None] | None = None
    ) -> None:
        self._clock = clock
        self._warn = warn or _warn
        self._plain_until = float("-inf")
        #: what a slow one took for each image, until a plain one has been measured
        self._slow: float | None = None
        self._in_a_row = 0

    @property
    def with_content(self) -> bool:
        """Whether the next is to be asked for what pictures show."""
        return self._slow is None and self._clock() >= self._plain_until

    def took(self, seconds: float, ids: int, *, with_content: bool) -> None:
        """OMERO has answered about so many images."""
        each = seconds / max(ids, 1)
        if with_content:
            if seconds > SLOW and ids <= _IDS_MAX:
                # it may be OMERO that is slow: the next one tells
                self._slow = each
            else:
                self._in_a_row = 0
            return
        slow, self._slow = self._slow, None
        if slow is None:
            return
        if each * _TIMES < slow:
            self._count(f"it takes {slow * 1000:.0f} ms for each image, and {each * 1000:.0f} ms without that")
        else:
            self._in_a_row = 0

    def refused(self, error: Exception) -> None:
        """OMERO does not take it, but takes the plain one."""
        self._count(f"OMERO refused it: {error}")

    def _count(self, why: str) -> None:
        self._in_a_row += 1
        if self._in_a_row < TIMES_IN_A_ROW:
            return
        self._in_a_row = 0
        self._plain_until = self._clock() + PLAIN_FOR
        self._warn(why)


def _warn(why: str) -> None:
    log.warning(
        "OMERO is not asked what pictures show for %d min, and no picture is kept: %s. Does OMERO's database have"
        " its indexes and statistics (ANALYZE)?",
        PLAIN_FOR / 60,
        why,
    )
