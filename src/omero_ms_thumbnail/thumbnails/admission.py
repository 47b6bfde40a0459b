"""Who may wait for OMERO when many do: decisions only, no I/O.

What waits is bounded, since the last to come waits for all before it, and the room is shared out by a threshold that
moves with what is left of it: whoever has more waiting than `SHARE` times the room that is left is told to come back.
One user alone may so take four fifths, and there is always room for somebody who has nothing waiting; the more users
want, the less each may have. (Choudhury and Hahne, "Dynamic Queue Length Thresholds for Shared-Memory Packet Switches",
1998.) Nobody who has been let in is turned out again.

A user here is a joined OMERO session, as everywhere below `web`.
"""

from __future__ import annotations

from collections.abc import Sequence
from types import TracebackType
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

    @property
    def waiting(self) -> int:
        """How many thumbnails are waited for, of all users."""
        return self._taken // _NEW

    def admit(self, user: str, requests: Sequence[ThumbnailRequest]) -> Admitted:
        """``with admission.admit(user, requests)``: what `user` asks for waits inside.

        Entering raises TooManyWaiting where there is no room, or none for this user.
        """
        return Admitted(self, user, requests)

    def enter(self, user: str, requests: Sequence[ThumbnailRequest]) -> None:
        """For `Admitted`: count what waits from now on. Raises TooManyWaiting."""
        waiting = self._users.get(user) or _Waiting()
        self._check(waiting)
        self._users[user] = waiting
        self._taken += waiting.add(requests)

    def leave(self, user: str, requests: Sequence[ThumbnailRequest]) -> None:
        """For `Admitted`: what `enter` counted waits no more."""
        waiting = self._users[user]
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


class Admitted:
    """What one user waits for, while it does."""

    __slots__ = ("_admission", "_requests", "_user")

    def __init__(self, admission: Admission, user: str, requests: Sequence[ThumbnailRequest]) -> None:
        self._admission = admission
        self._user = user
        self._requests = requests

    def __enter__(self) -> None:
        self._admission.enter(self._user, self._requests)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._admission.leave(self._user, self._requests)


class _Waiting:
    """What one user has waiting: how often each thumbnail, and what it counts in all."""

    def __init__(self) -> None:
        self._times: dict[ThumbnailRequest, int] = {}
        self.taken = 0

    def add(self, requests: Sequence[ThumbnailRequest]) -> int:
        """What they take."""
        before = self.taken
        for request in requests:
            times = self._times.get(request, 0)
            self._times[request] = times + 1
            self.taken += _AGAIN if times else _NEW
        return self.taken - before

    def remove(self, requests: Sequence[ThumbnailRequest]) -> int:
        """What they give back."""
        before = self.taken
        for request in requests:
            times = self._times.pop(request) - 1
            if times:
                self._times[request] = times
            self.taken -= _AGAIN if times else _NEW
        return before - self.taken
