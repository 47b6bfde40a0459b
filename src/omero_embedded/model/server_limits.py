"""What limits OMERO: read-only mode, and calls that are to fail on order."""

from __future__ import annotations

from collections import deque

from .omero_errors import OmeroError


class ServerLimits:
    """Set by whoever prepares a test.

    `database_connections` is ``omero.db.poolsize``: whoever drives calls lets so many hold one at once.
    """

    def __init__(self, *, database_connections: int = 10, read_only: bool = False) -> None:
        self.database_connections = database_connections
        #: ``omero.cluster.read_only``
        self.read_only = read_only
        self._ordered: dict[str | None, deque[OmeroError]] = {}

    def fail(self, error: OmeroError, operation: str | None = None, times: int = 1) -> None:
        """Let the next calls of an operation (None: of any) fail, such as with TryAgain."""
        self._ordered.setdefault(operation, deque()).extend([error] * times)

    def try_again(self, operation: str | None = None, times: int = 1, back_off: int = 100) -> None:
        """As `fail`, as a deadlock in the database has it; `back_off` is in ms."""
        self.fail(
            OmeroError("TryAgain", "org.hibernate.exception.LockAcquisitionException", back_off), operation, times
        )

    def check(self, operation: str) -> None:
        """Raise what was ordered for this operation."""
        for key in (operation, None):
            ordered = self._ordered.get(key)
            if ordered:
                raise ordered.popleft()
