"""An OMERO that hangs, as one does whose table of thumbnails is locked: how many of its connections hang with it, what
users are told and when, and that nothing is asked twice. In virtual time, with the heart as the service has it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import replace
from typing import Any

import pytest

from omero_embedded.world import ImageState
from omero_ms_thumbnail.omero.permits import COLD_PAGE, JOIN_PERMITS, Permits
from omero_ms_thumbnail.omero.pool import SessionPool
from omero_ms_thumbnail.omero.session import JoinedSession
from omero_ms_thumbnail.thumbnails.caches import Caches
from omero_ms_thumbnail.thumbnails.memory_cache import MemoryCache
from omero_ms_thumbnail.thumbnails.model import OmeroHangs, OmeroTooSlow, Thumbnail, ThumbnailError, ThumbnailRequest
from omero_ms_thumbnail.thumbnails.service import Thumbnails
from tests.support.simulated.loop import VirtualLoop, simulate
from tests.support.simulated.omero import NAMES, SimulatedOmero
from tests.unit.omero.small_omero import LEAVE_WITHIN, key_of, server_of

#: seconds that OMERO has for a request
TIMEOUT = 2.0

CALLS = 4

USERS = ("researcher", "colleague", "pathologist")

#: seconds between two looks at what hangs; what does not takes no time
LOOK_EVERY = 0.05


class LockedOmero(SimulatedOmero):
    """From `lock` on it answers none of what needs the table of thumbnails; with the heart that asks it."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self.loop.do(self._make_heart)

    @property
    def hanging(self) -> int:
        """Its database connections that calls hold now, also of those whose Ice connection went."""
        return self.omero.driver.connections_held

    def lock(self, what: str = "rows") -> None:
        self.omero.driver.hold(what)

    def unlock(self, what: str = "rows") -> None:
        self.omero.driver.release(what)

    def _make_heart(self) -> None:
        self.permits, self.joins = Permits(CALLS), Permits(JOIN_PERMITS)
        self.pool = SessionPool(self.join, idle_timeout=60, join_timeout=TIMEOUT)
        self.thumbnails = Thumbnails(
            self.pool,
            timeout=TIMEOUT,
            stores=2,
            permits=self.permits,
            joins=self.joins,
            caches=Caches(MemoryCache(bytes_max=1 << 20, life=600.0, clock=self.loop.time), facts_life=600.0),
        )

    async def join(self, key: str) -> JoinedSession:
        server = replace(server_of(self.omero, call_timeout=TIMEOUT), permits=self.permits)
        async with self.joins.flight("join") as permit:
            return await permit.spent_on(JoinedSession.join(server, key))

    def asked(self) -> int:
        """How many calls there were, but for those that close what is not needed any more."""
        return sum(count for operation, count in self.omero.workload.calls.items() if operation != "close")

    async def page(self, name: str, size: int = 96) -> list[Thumbnail | ThumbnailError]:
        return await self.thumbnails.get_all(
            self.keys[name], [ThumbnailRequest(image, size) for image in self.images(name)]
        )

    def images(self, name: str) -> list[int]:
        """Those of which OMERO has a picture for that user."""
        world = self.omero.world
        user = world.user_named(name)
        assert user is not None
        return [one.id for one in world.images.values() if world.may_read(user, one) and one.state is ImageState.READY]

    def believe_nothing(self) -> None:
        for work in self.thumbnails._work.values():
            work._facts.forget_all()

    async def end(self) -> None:
        await self.pool.close(LEAVE_WITHIN)
        self.permits.close()
        self.joins.close()
        await self.omero.close()


def _with_omero(test: Callable[[LockedOmero], Coroutine[Any, Any, None]]) -> None:
    loop = VirtualLoop()
    omero = LockedOmero(loop)

    async def main() -> None:
        await test(omero)
        await omero.end()

    simulate(loop, main())


async def _outcomes(asking: Coroutine[Any, Any, list[Thumbnail | ThumbnailError]]) -> set[type]:
    try:
        return {type(one) for one in await asking}
    except ThumbnailError as error:
        return {type(error)}


@pytest.mark.parametrize("is_cut", [False, True], ids=["their connections stand", "their connections are cut"])
def test_three_users_who_load_again_and_again_leave_people_four_of_ten_connections(is_cut: bool) -> None:
    async def test(omero: LockedOmero) -> None:
        loop = omero.loop
        for name in USERS:
            assert await _outcomes(omero.page(name)) == {Thumbnail}
        omero.lock()
        locked = loop.time()

        async def reload(name: str, every: float) -> None:
            number = 0
            while loop.time() < locked + 20:
                number += 1
                loading = asyncio.create_task(_outcomes(omero.page(name, 100 + number)))
                await asyncio.sleep(every)
                loading.cancel()

        async def leave(every: float) -> None:
            while loop.time() < locked + 20:
                await asyncio.sleep(every)
                if is_cut:
                    loop.network.cut()
                else:
                    session = omero.pool.joined(omero.keys[USERS[0]])
                    if session is not None:
                        omero.pool.drop(omero.keys[USERS[0]], session)

        most = 0

        async def look() -> None:
            nonlocal most
            while loop.time() < locked + 20:
                await asyncio.sleep(LOOK_EVERY)
                most = max(most, omero.hanging)

        await asyncio.gather(reload(USERS[0], 0.7), reload(USERS[1], 1.1), reload(USERS[2], 3), leave(2), look())
        assert CALLS <= most <= CALLS + JOIN_PERMITS
        omero.unlock()
        # where no call is left that could be answered, one finds out once OMERO was silent for as long again
        await asyncio.sleep(20 if is_cut else 1)
        for name in USERS:
            assert await _outcomes(omero.page(name, 200)) == {Thumbnail}

    _with_omero(test)


def test_whoever_comes_while_it_hangs_is_told_at_once_and_served_as_soon_as_it_goes_on() -> None:
    async def test(omero: LockedOmero) -> None:
        loop = asyncio.get_running_loop()
        # from the second look on it is certain what is seen
        for name in (*NAMES, *NAMES):
            await omero.page(name)
            # what is asked behind the answers has been answered too
            await asyncio.sleep(10)
        omero.lock()
        locked = loop.time()
        told: list[set[type]] = []
        while loop.time() < locked + COLD_PAGE:
            pages = [_outcomes(omero.page(name, 100 + len(told))) for name in NAMES]
            told += await asyncio.gather(*pages)
        assert told == [{OmeroTooSlow}] * len(told)
        assert omero.permits.usage().given_up == omero.hanging == CALLS
        now, asked = loop.time(), omero.asked()
        for name in NAMES:
            assert await _outcomes(omero.page(name, 120)) == {OmeroHangs}
            # what is believed, and kept
            assert await _outcomes(omero.page(name)) == {Thumbnail}
        # one who is not joined
        omero.keys["researcher"] = key_of(omero.omero, "researcher")
        assert await _outcomes(omero.page("researcher")) == {OmeroHangs}
        assert (loop.time(), omero.asked()) == (now, asked)
        omero.unlock()
        await asyncio.sleep(0.1)
        assert omero.permits.usage().in_use == 0
        for name in NAMES:
            assert await _outcomes(omero.page(name, 120)) == {Thumbnail}

    _with_omero(test)


@pytest.mark.parametrize("more", [{}, {"height": 50}], ids=["a set", "alone"])
@pytest.mark.parametrize("what", ["rows", "render"], ids=["the question for facts", "the picture"])
def test_what_was_given_up_still_runs_and_whoever_asks_again_gets_it(more: dict[str, int], what: str) -> None:
    async def test(omero: LockedOmero) -> None:
        key = omero.keys["researcher"]
        request = ThumbnailRequest(101, 100, **more)
        await omero.page("researcher")
        # what is asked behind the answers has been answered too
        await asyncio.sleep(10)
        omero.believe_nothing()
        omero.lock(what)
        with pytest.raises(OmeroTooSlow):
            await omero.thumbnails.get(key, request)
        asked = omero.asked()
        with pytest.raises(OmeroTooSlow):
            await omero.thumbnails.get(key, request)
        waiting = [asyncio.create_task(omero.thumbnails.get(key, request)) for _ in range(10)]
        await asyncio.sleep(0.1)
        assert omero.asked() == asked
        assert omero.permits.usage().given_up == omero.permits.usage().in_use == 1
        omero.unlock(what)
        assert {type(one) for one in await asyncio.gather(*waiting)} == {Thumbnail}
        # its store is closed behind it
        await asyncio.sleep(0.1)
        assert omero.permits.usage().in_use == 0

    _with_omero(test)
