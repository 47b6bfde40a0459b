"""Whether an OMERO.server is read-only (``omero.cluster.read_only``), asked for where it makes a difference.

A read-only OMERO refuses what would write, each call in words of its own: ApiUsageException from `resetDefaults`,
SecurityViolation from a stored call or a set where a row or settings would have to be made. ``...Direct`` calls work.
So it is asked for once something was refused that writes, and what it says is remembered for some minutes.

Sources: `EventHandler`, `BasicACLVoter`, `ThumbnailBeanReadOnly` and `ReadOnlyConfigInit` of omero-server.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Final

from .exceptions import ApiUsageException

#: the keys that say it, as `IConfig.getConfigValues` takes them; every user may read them
READ_ONLY_KEYS: Final = r"^omero\.cluster\.read_only\.runtime\."

#: of these the one of the database, into which settings and stored thumbnails go, or into the repository of their files
_SAYS: Final = ("omero.cluster.read_only.runtime.db", "omero.cluster.read_only.runtime.repo")

#: seconds for which it is remembered: an OMERO changes only on being started anew
_LIFE: Final = 300.0

#: what OMERO says of whatever writes (`EventHandler.invoke`)
_REFUSES_WRITES: Final = "This instance is read-only"


class ReadOnlyMode:
    """What is known of one OMERO.server, for all its sessions. `now` is in seconds."""

    def __init__(self, *, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._until = float("-inf")
        self._is_read_only = False

    @property
    def is_known(self) -> bool:
        """Whether there is no need to ask."""
        return self._now() < self._until

    @property
    def is_on(self) -> bool:
        """Whether OMERO is known to be read-only."""
        return self._is_read_only and self.is_known

    def update(self, values: Mapping[str, str]) -> None:
        """What OMERO says of `READ_ONLY_KEYS`; one before 5.4.6 has none of them, and is not read-only."""
        self._remember(any(values.get(key) == "true" for key in _SAYS))

    def update_from(self, error: Exception) -> None:
        """A call failed: what that says, if anything."""
        if isinstance(error, ApiUsageException) and error.message == _REFUSES_WRITES:
            self._remember(True)

    def _remember(self, is_read_only: bool) -> None:
        self._is_read_only = is_read_only
        self._until = self._now() + _LIFE
