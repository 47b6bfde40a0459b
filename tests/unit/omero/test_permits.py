"""Permits in virtual time: who gets one when, what a call that was lost holds up, when OMERO is said to hang."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from contextvars import Context
from pathlib import Path
from typing import Any

import pytest

from omero_ms_thumbnail.ice.errors import UnknownException
from omero_ms_thumbnail.omero.exceptions import OptimisticLockException
from omero_ms_thumbnail.omero.permit_table import LOST_MAX, PermitTable
from omero_ms_thumbnail.omero.permits import COLD_PAGE, Permit, Permits, patience
from tests.support.simulated.loop import VirtualLoop, simulate

#: what OMERO takes for a call where it does not hang
CALL = 0.5


def _permits(limit: int, test: Callable[[Permits], Coroutine[Any, Any, None]]) -> None:
    loop = VirtualLoop()
    loop.pass_time(1_000)

    async def main() -> None:
        permits = Permits(limit)
        await test(permits)
        permits.close()

    simulate(loop, main())


async def _call(permits: Permits, seconds: float = CALL) -> None:
    """A call that OMERO answers."""
    reply = asyncio.get_running_loop().create_future()
    async with permits.flight("set") as permit:
        permit.watch(reply)
        await asyncio.sleep(seconds)
        reply.set_result(None)
        await asyncio.sleep(0)


async def _begun(permits: Permits) -> tuple[Permit, asyncio.Future[None]]:
    """A call that is on its way, with the reply to come; whoever asked has gone already."""
    permit = await permits.acquire("set")
    reply: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    permit.watch(reply)
    permit.release()
    return permit, reply


def _used(permits: Permits) -> tuple[int, int]:
    usage = permits.usage()
    return usage.in_use, usage.given_up


def test_not_more_than_there_are_and_in_the_order_of_asking() -> None:
    async def test(permits: Permits) -> None:
        order: list[int] = []
        most = 0

        async def call(number: int) -> None:
            nonlocal most
            async with permits.flight("set"):
                order.append(number)
                most = max(most, permits.usage().in_use)
                await asyncio.sleep(1)

        await asyncio.gather(*(call(number) for number in range(10)))
        assert order == list(range(10))
        assert most == 3
        assert _used(permits) == (0, 0)

    _permits(3, test)


def test_one_that_leaves_the_line_takes_nothing_with_it() -> None:
    async def test(permits: Permits) -> None:
        first = await permits.acquire("set")
        waiting = [asyncio.create_task(permits.acquire("set")) for _ in range(3)]
        await asyncio.sleep(0)
        waiting[0].cancel()
        await asyncio.sleep(0)
        # cancelled in the very moment in which it was granted
        first.release()
        waiting[1].cancel()
        permit = await waiting[2]
        assert _used(permits) == (1, 0)
        permit.release()
        assert _used(permits) == (0, 0)
        assert not permits.locked()

    _permits(1, test)


def test_it_is_given_back_with_the_reply_however_late() -> None:
    async def test(permits: Permits) -> None:
        permit, reply = await _begun(permits)
        permit.give_up()
        await asyncio.sleep(3_600)
        assert permits.usage().oldest == pytest.approx(3_600)
        assert _used(permits) == (1, 1)
        assert permits.locked()
        reply.set_result(None)
        await asyncio.sleep(0)
        assert _used(permits) == (0, 0)

    _permits(1, test)


def test_a_flight_of_several_calls_holds_one() -> None:
    async def test(permits: Permits) -> None:
        permit = await permits.acquire("single")
        for _ in range(3):
            reply = asyncio.get_running_loop().create_future()
            permit.watch(reply)
            reply.set_result(None)
            await asyncio.sleep(0)
            assert _used(permits) == (1, 0)
        permit.hold()
        permit.release()
        assert _used(permits) == (1, 0)
        permit.release()
        assert _used(permits) == (0, 0)

    _permits(2, test)


def test_a_flight_within_another_has_its_permit() -> None:
    async def test(permits: Permits) -> None:
        others = Permits(1)
        async with permits.flight("set"), permits.flight("query"), others.flight("join"):
            assert _used(permits) == _used(others) == (1, 0)
            # what another task does is another flight
            waiting = asyncio.create_task(_call(permits), context=Context())
            await asyncio.sleep(0)
            assert permits.locked()
        await waiting
        assert _used(permits) == (0, 0)
        async with permits.flight("set"):
            # runs when the flight in which it began is over
            inherited = asyncio.create_task(_call(permits))
        await asyncio.sleep(0)
        assert _used(permits) == (1, 0)
        await inherited
        assert _used(permits) == (0, 0)

    _permits(1, test)


@pytest.mark.parametrize("answer", [OptimisticLockException(message="…"), UnknownException("…")])
def test_an_exception_of_omeros_is_an_answer(answer: Exception) -> None:
    async def test(permits: Permits) -> None:
        _, reply = await _begun(permits)
        reply.set_exception(answer)
        await asyncio.sleep(0)
        assert _used(permits) == (0, 0)

    _permits(1, test)


def test_a_lost_call_holds_its_permit_for_as_long_as_such_calls_take() -> None:
    async def test(permits: Permits) -> None:
        await _call(permits)
        _, reply = await _begun(permits)
        reply.set_exception(ConnectionError())
        await asyncio.sleep(CALL)
        # OMERO answers others
        await _call(permits, 0.1)
        assert _used(permits) == (1, 1)
        await asyncio.sleep(2 * CALL)
        assert _used(permits) == (0, 0)

    _permits(2, test)


def test_leaving_and_joining_again_cannot_pile_up_calls_in_an_omero_that_hangs() -> None:
    async def test(permits: Permits) -> None:
        loop = asyncio.get_running_loop()
        await _call(permits)
        began = loop.time()
        times: list[float] = []
        # whoever gets a permit loses the connection after 2 s, and asks again
        while True:
            try:
                async with asyncio.timeout_at(began + 120):
                    _, reply = await _begun(permits)
            except TimeoutError:
                break
            times.append(loop.time() - began)
            loop.call_later(2, reply.set_exception, ConnectionError())
        assert len([time for time in times if time < 20]) <= 6, times
        # each time OMERO has been silent for twice as long
        assert len(times) <= 4 + 5, times
        assert permits.usage().in_use == permits.usage().given_up == 4

    _permits(4, test)


def test_an_omero_that_answers_again_frees_what_was_lost() -> None:
    async def test(permits: Permits) -> None:
        await _call(permits)
        for _ in range(3):
            _, reply = await _begun(permits)
            await asyncio.sleep(0.01)
            asyncio.get_running_loop().call_later(5, reply.set_exception, ConnectionError())
        await asyncio.sleep(6)
        assert _used(permits) == (3, 3)
        # one finds out, and its answer frees the others
        await _call(permits)
        assert _used(permits) == (0, 0)

    _permits(3, test)


def test_a_lost_call_is_over_some_day() -> None:
    async def test(permits: Permits) -> None:
        _, reply = await _begun(permits)
        await asyncio.sleep(10 * LOST_MAX)
        reply.cancel()
        await asyncio.sleep(0)
        await asyncio.sleep(LOST_MAX - 1)
        assert _used(permits) == (1, 1)
        await asyncio.sleep(1)
        assert _used(permits) == (0, 0)

    _permits(1, test)


def test_it_hangs_when_all_are_taken_for_longer_than_a_cold_page() -> None:
    async def test(permits: Permits) -> None:
        (first, one), (_, other) = await _begun(permits), await _begun(permits)
        await asyncio.sleep(COLD_PAGE - 0.001)
        assert not permits.hangs()
        await asyncio.sleep(0.001)
        assert permits.hangs()
        first.give_up()
        await asyncio.sleep(3_600)
        assert permits.hangs()
        one.set_result(None)
        await asyncio.sleep(0)
        assert not permits.hangs()
        # and whoever takes that has as long again
        await _begun(permits)
        assert permits.locked()
        assert not permits.hangs()
        other.set_result(None)

    _permits(2, test)


def test_it_does_not_hang_where_some_come_back() -> None:
    async def test(permits: Permits) -> None:
        await _begun(permits)
        for _ in range(100):
            await _call(permits, COLD_PAGE / 4)
            assert not permits.hangs()

    _permits(2, test)


def test_one_that_finds_out_does_not_end_the_hang_for_the_others() -> None:
    async def test(permits: Permits) -> None:
        await _call(permits)
        replies = [(await _begun(permits))[1] for _ in range(2)]
        await asyncio.sleep(COLD_PAGE)
        assert permits.hangs()
        replies[0].set_exception(ConnectionError())
        # for twice as long as OMERO was silent
        await asyncio.sleep(2 * COLD_PAGE + 2 * CALL)
        assert not permits.hangs()
        _, reply = await _begun(permits)
        assert permits.hangs()
        reply.set_result(None)
        await asyncio.sleep(0)
        assert not permits.hangs()

    _permits(2, test)


def test_patience_is_not_shorter_than_what_sets_are_made_to_take() -> None:
    assert patience(2.0) == patience(15.0) == COLD_PAGE
    assert patience(60.0) == 30.0


# several workers, each with its view of one table


def test_two_workers_take_turns(tmp_path: Path) -> None:
    one, other = _workers(tmp_path, 1, 2)
    assert one.take(1.0, 0, 1.0) == 0
    assert other.take(1.1, 0, 1.0) == -1
    assert one.take(1.2, 0, 1.0) == -1
    assert one.give_back(0, 2.0, answered=True) == [other.worker]
    # granted and not noticed yet: nobody else's
    assert one.collect(2.0, [(0, 1.0)], more=False) == ([], [])
    assert other.collect(2.1, [(0, 1.0), (0, 1.0)], more=False) == ([0], [])
    assert other.give_back(0, 3.0, answered=True) == [one.worker]
    assert one.collect(3.0, [(0, 1.0)], more=False) == ([0], [])
    assert one.give_back(0, 4.0, answered=True) == [other.worker]
    assert other.collect(4.1, [], more=False) == ([], [])
    assert not one.is_full()
    _close(one, other)


def test_what_a_dead_worker_was_granted_goes_to_the_next_and_what_it_held_is_lost(tmp_path: Path) -> None:
    one, other, third = _workers(tmp_path, 2, 3)
    for table in (one, other):
        assert table.take(1.0, 0, 5.0) >= 0
    assert other.take(1.1, 0, 5.0) == third.take(1.2, 0, 5.0) == -1
    assert one.give_back(0, 2.0, answered=True) == [other.worker]
    assert one.review(2.5, lambda worker: worker != other.worker) == [third.worker]
    assert third.collect(2.6, [(0, 5.0)], more=False) == ([0], [])
    usage = one.usage(3.0)
    assert (usage.in_use, usage.given_up) == (2, 1)
    # the death was noticed at 2.5, and such calls take 5 s
    third.give_back(0, 3.0, answered=True)
    one.review(7.4, lambda _: True)
    assert one.usage(7.4).in_use == 1
    one.review(7.5, lambda _: True)
    assert one.usage(7.5).in_use == 0
    _close(one, other, third)


def test_the_row_of_a_dead_worker_is_used_again(tmp_path: Path) -> None:
    (one,) = _workers(tmp_path, 1, 1)
    for _ in range(2_000):
        (other,) = _workers(tmp_path, 1, 1)
        other.close()
        one.review(1.0, lambda _: False)
    one.close()


def _workers(folder: Path, limit: int, count: int) -> list[PermitTable]:
    tables = [PermitTable(limit, COLD_PAGE, folder / "calls.permits") for _ in range(count)]
    for table in tables:
        table.enter(lambda _: None)
    return tables


def _close(*tables: PermitTable) -> None:
    for table in tables:
        table.close()
