"""Who may wait for OMERO when many do: decisions only, no I/O.

What waits is bounded, since the last to come waits for all before it, and the room is shared out by a threshold that
moves with what is left of it: whoever has more waiting than `SHARE` times the room that is left is told to come back.
One user alone may so take four fifths, and there is always room for somebody who has nothing waiting; the more users
want, the less each may have. (Choudhury and Hahne, "Dynamic Queue Length Thresholds for Shared-Memory Packet Switches",
1998.) Nobody who has been let in is turned out again.

A user here is a joined OMERO session, as everywhere below `web`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Final

from .model import ThumbnailRequest, TooManyWaiting

#: how many times the room that is left one user may have waiting
SHARE: Final = 4

#: what a thumbnail counts, and what one of that counts that the user waits for already: it is asked of OMERO once for
#: both, but whoever waits for it takes memory here
_NEW, _AGAIN = 8, 1


class Admission:
    """Lets at most `most` thumbnails be waited for."""

    def __init__(self, most: int) -> None:
        self._most = most * _NEW
        self._taken = 0
        self._users: dict[str, _Waiting] = {}

    @contextmanager
    def admit(self, user: str, requests: Sequence[ThumbnailRequest]) -> Iterator[None]:
        """What `user` asks for waits inside. Raises TooManyWaiting where there is no room, or none for this user."""
        waiting = self._users.get(user) or _Waiting()
        self._check(waiting)
        self._users[user] = waiting
        self._taken += waiting.add(requests)
        try:
            yield
        finally:
            self._taken -= waiting.remove(requests)
            if not waiting.taken:
                del self._users[user]

    def _check(self, waiting: _Waiting) -> None:
        left = self._most - self._taken
        if left <= 0:
            raise TooManyWaiting(f"{self._taken // _NEW} thumbnails are waited for already (max-waiting-thumbnails)")
        if waiting.taken > SHARE * left:
            raise TooManyWaiting(
                f"one user has {waiting.taken // _NEW} of the {self._most // _NEW} thumbnails waiting that may wait "
                "for all (max-waiting-thumbnails)"
            )


class _Waiting:
    """What one user has waiting: how often each thumbnail, and what it counts in all."""

    def __init__(self) -> None:
        self._times: Counter[ThumbnailRequest] = Counter()
        self.taken = 0

    def add(self, requests: Sequence[ThumbnailRequest]) -> int:
        """What they take."""
        before = self.taken
        for request in requests:
            self._times[request] += 1
            self.taken += _NEW if self._times[request] == 1 else _AGAIN
        return self.taken - before

    def remove(self, requests: Sequence[ThumbnailRequest]) -> int:
        """What they give back."""
        before = self.taken
        for request in requests:
            self._times[request] -= 1
            if self._times[request]:
                self.taken -= _AGAIN
            else:
                self.taken -= _NEW
                del self._times[request]
        return before - self.taken
