"""Tasks that belong to a session, not to the request that had them begin."""

from __future__ import annotations

from collections.abc import Coroutine
from contextvars import Context
from typing import Any, Final

from ..omero.permits import outside_flights
from ..tasks import TaskSet


class Tasks:
    """Those that have begun; each is kept until it ends."""

    def __init__(self) -> None:
        self._tasks: Final[TaskSet[None]] = TaskSet()

    def start(self, coroutine: Coroutine[Any, Any, None], context: Context) -> None:
        """Begin one, logged and counted as `context` says."""
        # a task of its own is a flight of its own, whatever it was that had it begin; and a context is one task's
        context = context.copy()
        context.run(outside_flights)
        self._tasks.start(coroutine, context)
