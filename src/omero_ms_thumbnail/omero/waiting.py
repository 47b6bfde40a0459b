"""Waiting for what others may wait for too, or what must go on: neither a time-out nor a cancellation ends it."""

from __future__ import annotations

import asyncio
from typing import Any


async def until_done(future: asyncio.Future[Any], timeout: float) -> bool:
    """Wait until `future` is done, for at most `timeout` seconds; whether it is.

    What `asyncio.wait` does for many futures, for one, at half the cost.
    """
    if future.done() or timeout <= 0:
        return future.done()
    loop = future.get_loop()
    waiter: asyncio.Future[None] = loop.create_future()

    def wake(_future: asyncio.Future[Any] | None = None) -> None:
        if not waiter.done():
            waiter.set_result(None)

    timer = loop.call_later(timeout, wake)
    future.add_done_callback(wake)
    try:
        await waiter
    finally:
        timer.cancel()
        future.remove_done_callback(wake)
    return future.done()
