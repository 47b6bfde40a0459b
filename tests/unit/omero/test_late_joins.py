"""An OMERO that is frozen behind a router which goes on: what is asked of it meanwhile has a bound. In virtual time."""

from __future__ import annotations

import asyncio

import pytest

from omero_ms_thumbnail.ice.errors import InvocationTimeoutException
from omero_ms_thumbnail.omero.breaker import TRIES_MAX, JoinsSuspended
from omero_ms_thumbnail.omero.pool import PoolClosed, SessionPool
from omero_ms_thumbnail.omero.session import JoinedSession
from tests.support.simulated.loop import VirtualLoop, simulate
from tests.support.simulated.omero import SimulatedOmero
from tests.unit.omero.small_omero import LEAVE_WITHIN, key_of

JOIN_TIMEOUT = 15.0

#: those under way when OMERO froze, one more for each that failed before the breaker opened, and tries
LATE_MAX = 16 + 2 + TRIES_MAX


class FrozenOmero(SimulatedOmero):
    """Its router answers, and it does not until it is thawed; with a pool of its sessions."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self.thawed = asyncio.Event()
        self.omero.workload.take = self._take  # type: ignore[method-assign]
        self.pool = self.loop.do(lambda: SessionPool(self.join, idle_timeout=60, join_timeout=JOIN_TIMEOUT))

    async def _take(self, milliseconds: float) -> None:
        await self.thawed.wait()

    async def lend(self, key: str) -> JoinedSession:
        async with self.pool.lend(key) as session:
            return session

    async def end(self) -> None:
        await self.pool.close(LEAVE_WITHIN)
        await self.omero.close()


def test_a_late_join_is_not_made_twice_and_is_there_for_the_next() -> None:
    loop = VirtualLoop()
    omero = FrozenOmero(loop)

    async def main() -> None:
        key = omero.keys["researcher"]
        with pytest.raises(InvocationTimeoutException, match="not let the session in within 15 s"):
            await omero.lend(key)
        told = loop.time()
        for _ in range(100):
            with pytest.raises(JoinsSuspended, match="not let the session in within 15 s"):
                await omero.lend(key)
        assert loop.time() == told
        assert len(omero.joining) == len(omero.pool) == 1
        omero.thawed.set()
        await asyncio.sleep(0.1)
        session = omero.pool.joined(key)
        assert session is not None
        assert await omero.lend(key) is session
        # as any other it is left when nobody asks for it
        await asyncio.sleep(90)
        assert len(omero.pool) == 0
        assert not session.is_active
        await omero.end()
        assert len(omero.joined) == 1
        assert omero.detached == [True]

    simulate(loop, main())


def test_one_that_is_refused_late_says_so_to_the_next() -> None:
    loop = VirtualLoop()
    omero = FrozenOmero(loop)

    async def main() -> None:
        key = omero.keys["researcher"]
        with pytest.raises(InvocationTimeoutException):
            await omero.lend(key)
        omero.end_session("researcher")
        omero.thawed.set()
        await asyncio.sleep(0.1)
        assert len(omero.pool) == 0
        assert await omero.lend(omero.keys["researcher"])
        await omero.end()

    simulate(loop, main())


def test_closing_leaves_a_late_one_that_comes_and_gives_up_one_that_does_not() -> None:
    for comes in (True, False):
        loop = VirtualLoop(debug=False)
        omero = FrozenOmero(loop)

        async def main(omero: FrozenOmero = omero, comes: bool = comes) -> None:
            with pytest.raises(InvocationTimeoutException):
                await omero.lend(omero.keys["researcher"])
            closing = asyncio.create_task(omero.pool.close(LEAVE_WITHIN))
            await asyncio.sleep(1)
            with pytest.raises(PoolClosed):
                await omero.lend(omero.keys["researcher"])
            if comes:
                omero.thawed.set()
            await closing
            assert omero.joining == []
            assert omero.detached == [True] * comes
            omero.thawed.set()
            await omero.omero.close()

        simulate(loop, main())


def test_frozen_for_ten_minutes_it_is_asked_little_and_lets_everybody_in_when_it_goes_on() -> None:
    loop = VirtualLoop()
    omero = FrozenOmero(loop)
    keys = [key_of(omero.omero, "researcher") for _ in range(60)]

    async def main() -> None:
        most = await _ask_again_and_again(omero, keys, until=580.0)
        assert TRIES_MAX < most <= LATE_MAX
        # none was broken off, which would log its user out
        assert min(begun for _, begun in omero.joining) == 0.0
        assert len(omero.pool) <= LATE_MAX
        tasks = len(asyncio.all_tasks())
        assert tasks < 10 * LATE_MAX
        omero.thawed.set()
        thawed = loop.time()
        for key in keys:
            assert (await _ask_until_served(omero, key)).is_active
        assert loop.time() - thawed < 2.0
        await omero.end()
        # nobody was logged out
        assert omero.detached == [True] * len(keys)

    simulate(loop, main())


def test_frozen_for_an_hour_it_costs_no_more_than_for_ten_minutes() -> None:
    loop = VirtualLoop(debug=False)
    omero = FrozenOmero(loop)
    keys = [key_of(omero.omero, "researcher") for _ in range(60)]

    async def main() -> None:
        assert await _ask_again_and_again(omero, keys, until=3_600.0) <= LATE_MAX
        assert len(loop.network.transports) <= 2 * LATE_MAX
        # nor is it given up: joins that are lost make room for tries
        assert max(begun for _, begun in omero.joining) > 2_400.0
        omero.thawed.set()
        assert (await _ask_until_served(omero, keys[0])).is_active
        await omero.end()

    simulate(loop, main())


async def _ask_again_and_again(omero: FrozenOmero, keys: list[str], *, until: float) -> int:
    """Everybody every twenty seconds; the most joins that were under way at once."""
    most = 0
    while omero.loop.time() < until:
        outcomes = await asyncio.gather(*map(omero.lend, keys), return_exceptions=True)
        assert {type(one) for one in outcomes} <= {InvocationTimeoutException, JoinsSuspended}
        most = max(most, len(omero.joining))
        await asyncio.sleep(20 - omero.loop.time() % 20)
    return most


async def _ask_until_served(omero: FrozenOmero, key: str) -> JoinedSession:
    """As a page does that is told to come back."""
    while True:
        try:
            return await omero.lend(key)
        except JoinsSuspended:
            await asyncio.sleep(0.1)
