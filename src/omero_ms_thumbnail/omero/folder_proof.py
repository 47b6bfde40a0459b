"""Whether a folder with thumbnails is that of this OMERO: decisions only, no I/O.

Rows are numbered alike in every OMERO, so the folder of another one, or an old copy, has files of the same names with
other pictures in them. Before a picture is shown, a few have to be what OMERO gives; from then on one now and then.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from hashlib import blake2b
from typing import Final

#: different pictures that have to agree at first, or so many rows: pictures that show nothing look alike in every OMERO
FIRST_PICTURES: Final = 3
FIRST_ROWS: Final = 30
#: afterwards one of so many is compared, and none within so many seconds of the last: each costs OMERO an event
EVERY: Final = 500
PAUSE: Final = 60.0
#: seconds that a folder is not used in after a picture was another one
DISTRUST: Final = 3600.0


class FolderProof:
    """What is known of one folder. `now` is in seconds.

    For each picture that was read and would be shown: `wants_comparison`. If it does, it is not shown; OMERO is asked
    as if there was no file, and `compared` told what both have.
    """

    def __init__(self, *, every: int = EVERY, now: Callable[[], float] = time.monotonic) -> None:
        self._every = every
        self._now = now
        self._distrusted_until: float | None = None
        self._begin()

    def _begin(self) -> None:
        self._pictures: set[bytes] = set()
        self._rows: set[int] = set()
        self._is_proven = False
        self._shown = 0
        self._asked_at = 0.0

    @property
    def is_distrusted(self) -> bool:
        """Whether a picture was another one, not so long ago: the folder is not to be read."""
        if self._distrusted_until is not None and self._now() >= self._distrusted_until:
            self._distrusted_until = None
        return self._distrusted_until is not None

    @property
    def is_proven(self) -> bool:
        """Whether enough pictures agreed, and none has been another one since."""
        return self._is_proven

    def wants_comparison(self) -> bool:
        """Whether the next picture is not to be shown, but compared."""
        if self.is_distrusted or not self._is_proven:
            return True
        self._shown += 1
        if self._shown < self._every or self._now() < self._asked_at + PAUSE:
            return False
        self._shown, self._asked_at = 0, self._now()
        return True

    def compared(self, row_id: int, stored: bytes, given: bytes) -> bool:
        """Whether the file of a row holds what OMERO gave for it; the row must not have changed between the two."""
        if stored != given:
            self._begin()
            self._distrusted_until = self._now() + DISTRUST
            return False
        if not self._is_proven and not self.is_distrusted:
            self._pictures.add(blake2b(stored, digest_size=16).digest())
            self._rows.add(row_id)
            if len(self._pictures) >= FIRST_PICTURES or len(self._rows) >= FIRST_ROWS:
                self._is_proven, self._asked_at = True, self._now()
        return True
