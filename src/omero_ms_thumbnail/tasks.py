"""What asyncio leaves to whoever uses it, and is needed in several rooms."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterator
from contextlib import AbstractAsyncContextManager, nullcontext
from contextvars import Context
from typing import Any, Final, Generic, TypeVar

T = TypeVar("T")

#: a context that does nothing, for ``with`` and ``async with``, in place of one that limits or observes
NO_CONTEXT: Final = nullcontext()


class TaskSet(Generic[T]):
    """Tasks that have begun and that nobody has to await: an event loop itself keeps none of them from vanishing."""

    def __init__(self) -> None:
        self._tasks: Final[set[asyncio.Task[T]]] = set()

    def __len__(self) -> int:
        return len(self._tasks)

    def __iter__(self) -> Iterator[asyncio.Task[T]]:
        """Those that have not ended, as they are now."""
        return iter(tuple(self._tasks))

    def start(self, coroutine: Coroutine[Any, Any, T], context: Context | None = None) -> asyncio.Task[T]:
        """Begin one, in a copy of this context or in `context`; it is in the set until it ends."""
        task = asyncio.create_task(coroutine, context=context)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task


async def shared(task: asyncio.Task[T], gone: Callable[[], Exception]) -> T:
    """The result of what is asked for once for many: whoever is cancelled leaves it to the others.

    Raises what the task raises, and what `gone` makes where the task itself was cancelled, by whoever ended it: that
    cancels nobody who asks.
    """
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        waiting = asyncio.current_task()
        if task.cancelled() and waiting is not None and not waiting.cancelling():
            raise gone() from None
        raise
    finally:
        # an exception knows its frames: one that knew the task too would keep all of them and itself
        del task


def within(seconds: float | None) -> AbstractAsyncContextManager[object]:
    """As `asyncio.timeout`; for None as long as it takes, which costs nothing."""
    return asyncio.timeout(seconds) if seconds is not None else NO_CONTEXT
