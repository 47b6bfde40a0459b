"""Clients that leave before their answer is there: what is done for one ends with it.

Granian cancels nothing by itself; it tells those who ask (``client_disconnect`` of RSGI), and only of a client that has
sent nothing more after its request: of a pipeline it notices nothing.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, Final, Protocol, TypeVar

T = TypeVar("T")

#: seconds before anybody looks whether the client is still there: what is answered sooner costs nothing for it
LOOK_AFTER: Final = 0.05

#: nginx's own status for it; nobody ever reads this answer but the log and the metrics
CLIENT_LEFT: Final = 499


class ClientLeft(Exception):
    """The client did not wait for its answer."""


class Client(Protocol):
    """``granian.rsgi.HTTPProtocol``, as far as it is used here."""

    async def client_disconnect(self) -> None:
        """Return when the client has closed its connection."""


async def while_there(client: Client, answering: Coroutine[Any, Any, T]) -> T:
    """What `answering` returns or raises. It is cancelled if the client leaves; that raises ClientLeft."""
    task = asyncio.current_task()
    assert task is not None  # noqa: S101 - a coroutine that awaits asyncio runs in a task
    watching: asyncio.Task[None] | None = None
    has_left = False

    async def watch() -> None:
        nonlocal has_left
        await client.client_disconnect()
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
