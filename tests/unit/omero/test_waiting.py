"""Waiting for what others wait for too, in virtual time."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest

from omero_ms_thumbnail.omero.waiting import until_done
from tests.support.simulated.loop import VirtualLoop, end


@pytest.fixture
def loop() -> Iterator[VirtualLoop]:
    virtual = VirtualLoop()
    yield virtual
    end(virtual)


def test_it_ends_with_the_future(loop: VirtualLoop) -> None:
    future = loop.create_future()
    loop.call_later(3, future.set_result, "there")
    assert loop.run_until_complete(until_done(future, 10))
    assert loop.time() == 3
    assert loop.run_until_complete(until_done(future, 0))


def test_a_failure_is_an_end_and_is_left_to_whoever_asks_for_it(loop: VirtualLoop) -> None:
    future = loop.create_future()
    loop.call_later(3, future.set_exception, ValueError("no"))
    assert loop.run_until_complete(until_done(future, 10))
    assert isinstance(future.exception(), ValueError)


def test_the_future_outlives_the_wait_for_it(loop: VirtualLoop) -> None:
    future = loop.create_future()
    assert not loop.run_until_complete(until_done(future, 10))
    assert loop.time() == 10
    assert not loop.run_until_complete(until_done(future, -1))
    waiting = loop.create_task(until_done(future, 10))
    loop.settle()
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        loop.run_until_complete(waiting)
    assert not future.done()
    # neither a callback nor a timer is left
    assert not future._callbacks
    loop.settle()
    assert all(timer.cancelled() for timer in loop._scheduled)
    future.cancel()


def test_many_wait_for_one(loop: VirtualLoop) -> None:
    future = loop.create_future()
    waits = [loop.create_task(until_done(future, seconds)) for seconds in (1, 5, 9)]
    loop.call_later(4, future.set_result, None)
    assert [loop.run_until_complete(wait) for wait in waits] == [False, True, True]
    assert loop.time() == 4


def test_what_ends_when_time_is_up_has_ended(loop: VirtualLoop) -> None:
    future = loop.create_future()
    wait = loop.create_task(until_done(future, 5))
    loop.settle()
    loop.call_later(5, future.set_result, None)
    assert loop.run_until_complete(wait)
