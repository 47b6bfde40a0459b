"""Clients that leave before their answer is there: what is done for one ends with it.

Granian cancels nothing by itself; it tells those who ask (ASGI's ``http.disconnect``), and only of a client that has
sent nothing more after its request: of a pipeline it notices nothing.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, Final, TypeVar

T = TypeVar("T")

#: returns when the client has closed its connection
Disconnected = Callable[[], Awaitable[None]]

#: seconds before anybody looks whether the client is still there: what is answered sooner costs nothing for it
LOOK_AFTER: Final = 0.05

#: nginx's own status for it; nobody ever reads this answer but the log and the metrics
CLIENT_LEFT: Final = 499


class ClientLeft(Exception):
    """The client did not wait for its answer. `user_id` is who asked, where that is known."""

    user_id: int | None = None


async def cancel_on_disconnect(disconnected: Disconnected, answering: Coroutine[Any, Any, T]) -> T:
    """What `answering` returns or raises. It is cancelled if the client has `disconnected`; that raises ClientLeft."""
    task = asyncio.current_task()
    assert task is not None  # noqa: S101 - a coroutine that awaits asyncio runs in a task
    watching: asyncio.Task[None] | None = None
    has_left = False

    async def watch() -> None:
        nonlocal has_left
        await disconnected()
        has_left = True
        task.cancel()

    def begin_watching() -> None:
        nonlocal watching
        watching = asyncio.create_task(watch())

    timer = asyncio.get_running_loop().call_later(LOOK_AFTER, begin_watching)
    try:
        return await answering
    except asyncio.CancelledError:
        if not has_left:
            raise
        task.uncancel()
        raise ClientLeft from None
    finally:
        timer.cancel()
        if watching is not None:
            watching.cancel()
