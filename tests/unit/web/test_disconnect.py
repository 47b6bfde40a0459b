"""Clients that leave: what is done for them is cancelled, and nobody else's."""

from __future__ import annotations

import asyncio

import pytest

from omero_ms_thumbnail.web.disconnect import ClientLeft, cancel_on_disconnect
from tests.unit.web.requests import Client


class Work:
    """What is done for a client until it is let go."""

    def __init__(self) -> None:
        self.begun = asyncio.Event()
        self.go_on = asyncio.Event()
        self.ended = ""

    async def __call__(self) -> str:
        self.begun.set()
        try:
            await self.go_on.wait()
        except asyncio.CancelledError:
            self.ended = "cancelled"
            raise
        self.ended = "done"
        return "answer"


async def test_the_work_for_a_client_that_leaves_is_cancelled() -> None:
    client, work = Client(), Work()
    answering = asyncio.create_task(cancel_on_disconnect(client.left, work()))
    await work.begun.wait()
    client.gone.set()
    with pytest.raises(ClientLeft):
        await asyncio.wait_for(answering, 10)
    assert work.ended == "cancelled"
    assert not answering.cancelled()
    assert answering.cancelling() == 0


async def test_who_stays_gets_the_answer_and_nobody_looks_any_more() -> None:
    client, work = Client(), Work()
    looking = asyncio.Event()

    async def left() -> None:
        looking.set()
        await client.gone.wait()

    client.left = left  # type: ignore[method-assign]
    answering = asyncio.create_task(cancel_on_disconnect(client.left, work()))
    await asyncio.wait_for(looking.wait(), 10)
    work.go_on.set()
    assert await asyncio.wait_for(answering, 10) == "answer"
    client.gone.set()
    await asyncio.sleep(0)
    assert asyncio.all_tasks() == {asyncio.current_task()}


async def test_what_is_answered_at_once_is_looked_at_by_nobody() -> None:
    client, work = Client(), Work()
    client.gone.set()
    work.go_on.set()
    assert await cancel_on_disconnect(client.left, work()) == "answer"


async def test_an_error_is_passed_on() -> None:
    async def fails() -> None:
        raise LookupError("no such image")

    with pytest.raises(LookupError, match="no such image"):
        await cancel_on_disconnect(Client().left, fails())


async def test_a_service_that_stops_cancels_as_ever() -> None:
    client, work = Client(), Work()
    answering = asyncio.create_task(cancel_on_disconnect(client.left, work()))
    await work.begun.wait()
    answering.cancel()
    with pytest.raises(asyncio.CancelledError):
        await answering
    assert work.ended == "cancelled"
