"""Whoever gives up, at whichever await: nobody else notices, nothing stays open, and the next one is served."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from omero_ms_thumbnail.omero.pool import SessionPool
from omero_ms_thumbnail.omero.session import GROUP
from omero_ms_thumbnail.thumbnails.caches import Caches
from omero_ms_thumbnail.thumbnails.memory_cache import MemoryCache
from omero_ms_thumbnail.thumbnails.model import Thumbnail, ThumbnailRequest
from omero_ms_thumbnail.thumbnails.service import Thumbnails
from tests.support.simulated.loop import VirtualLoop, end
from tests.support.simulated.omero import SimulatedOmero
from tests.unit.omero.small_omero import LEAVE_WITHIN

_IN_DEBUG_MODE_ONE_OF = 10

PIXELS, CONTEXT = 1_000_101, {GROUP: "3"}

#: a set, one by one, one that OMERO cannot draw, one that the colleague may not read
WANTED = [
    *(ThumbnailRequest(image, 48) for image in (101, 102, 103)),
    ThumbnailRequest(101, 48, rendering_def_id=10_001),
    ThumbnailRequest(120, 48),
    ThumbnailRequest(107, 48),
]


class Stage:
    """An OMERO, a pool and thumbnails in a loop of their own."""

    def __init__(self, *, debug: bool = True, **milliseconds: float) -> None:
        self.loop = VirtualLoop(debug=debug)
        self.omero = SimulatedOmero(self.loop)
        self.omero.take(**milliseconds)
        self.key = self.omero.keys["colleague"]
        self.pool = self.loop.do(lambda: SessionPool(self.omero.join, idle_timeout=60.0))
        caches = Caches(MemoryCache(bytes_max=1 << 20, life=60.0, clock=self.loop.time))
        self.thumbnails = self.loop.do(lambda: Thumbnails(self.pool, timeout=15.0, stores=2, caches=caches))

    async def draw(self) -> bytes:
        async with self.pool.lend(self.key) as session, session.stores.lend() as store:
            await store.set_pixels_id(PIXELS, CONTEXT)
            return await store.get_thumbnail_by_longest_side(16, CONTEXT)

    async def ask(self) -> list[object]:
        outcomes = await self.thumbnails.get_all(self.key, WANTED)
        return [one.jpeg if isinstance(one, Thumbnail) else type(one) for one in outcomes]

    async def close(self) -> None:
        await self.pool.close(LEAVE_WITHIN)

    def finish(self) -> None:
        """Everybody leaves; nothing and nobody may be left."""
        began = self.loop.time()
        self.loop.run_until_complete(self.close())
        self.loop.settle()
        # nothing ran into the time that leaving has at most
        assert self.loop.time() - began < 1.0
        counts = self.omero.omero.omero
        assert counts.stores_created == counts.stores_closed
        assert counts.stores_overlapping == 0
        assert len(self.omero.omero.router) == 0
        assert self.loop.network.transports == []
        assert all(self.omero.detached)
        self.omero.close()
        self.loop.settle()
        assert self.loop.tasks() == []
        assert self.loop.complaints == self.loop.unheard() == []


Act = Callable[[Stage], Coroutine[Any, Any, Any]]


def everything(act: Act, check: Callable[[Stage], None], *, before: Act | None = None, **milliseconds: float) -> int:
    """Begin `act` after `before`, cancel it after one step, two steps, … and `check` each time; how often."""
    cancelled = 0
    while True:
        stage = Stage(debug=cancelled % _IN_DEBUG_MODE_ONE_OF == 0, **milliseconds)
        try:
            if before is not None:
                stage.loop.run_until_complete(before(stage))
            task = stage.loop.create_task(act(stage))
            for _ in range(cancelled):
                stage.loop.step()
            if task.done():
                stage.finish()
                return cancelled
            task.cancel()
            stage.loop.run_until_complete(asyncio.wait({task}))
            assert task.cancelled(), task
            check(stage)
            stage.finish()
        finally:
            end(stage.loop)
        cancelled += 1


def is_drawn_for_the_next(stage: Stage) -> None:
    picture = stage.loop.run_until_complete(stage.draw())
    assert b"flat-0" in picture
    assert len(stage.omero.joined) == 1


@pytest.mark.parametrize("milliseconds", [{}, {"join": 30.0, "store": 20.0, "thumbnail": 10.0}], ids=["fast", "slow"])
def test_whoever_borrows_may_give_up_at_every_await(milliseconds: dict[str, float]) -> None:
    assert everything(Stage.draw, is_drawn_for_the_next, **milliseconds) > 10


def test_whoever_borrows_what_is_joined_may_give_up_at_every_await() -> None:
    assert everything(Stage.draw, is_drawn_for_the_next, before=Stage.draw) > 3


def test_closing_may_be_given_up_and_begun_again() -> None:
    assert everything(Stage.close, lambda _stage: None, before=Stage.draw) > 3


@pytest.mark.long
def test_whoever_asks_for_thumbnails_may_give_up_at_every_await() -> None:
    alone = Stage()
    expected = alone.loop.run_until_complete(alone.ask())
    alone.finish()
    end(alone.loop)
    others: list[asyncio.Task[list[object]]] = []

    async def another_asks(stage: Stage) -> None:
        others.append(stage.loop.create_task(stage.ask()))

    def all_have_all(stage: Stage) -> None:
        assert stage.loop.run_until_complete(others.pop()) == expected
        assert stage.loop.run_until_complete(stage.ask()) == expected

    assert everything(Stage.ask, all_have_all, before=another_asks) > 15
    assert [one.result() for one in others] == [expected]
