"""Tasks that belong to a session, not to the request that had them begin."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from contextvars import Context
from typing import Any, Final

from ..omero.permits import outside_flights


class Tasks:
    """Those that have begun; each is kept until it ends."""

    def __init__(self) -> None:
        self._tasks: Final[set[asyncio.Task[None]]] = set()

    def start(self, coroutine: Coroutine[Any, Any, None], context: Context) -> None:
        """Begin one, told of as `context` tells."""
        # a task of its own is a flight of its own, whatever it was that had it begin; and a context is one task's
        context = context.copy()
        context.run(outside_flights)
        task = asyncio.create_task(coroutine, context=context)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
