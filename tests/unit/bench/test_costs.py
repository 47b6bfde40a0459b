"""The OMERO that costs what a real one does: what calls take, wait for and leave. No time passes."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Iterator
from typing import Any

import pytest

from bench.costly_omero import CostlyOmero
from bench.costly_world import PAGE, WELLS, CostlyWorld, shown
from bench.costs import CONNECTIONS, query_time
from omero_embedded.model.omero_sessions import OmeroSession
from omero_ms_thumbnail.omero import queries as hql
from omero_ms_thumbnail.omero.rtypes import rlong_list
from omero_ms_thumbnail.omero.session import JoinedSession, OmeroServer
from tests.support.simulated.loop import VirtualLoop, simulate

EVERYWHERE = {"omero.group": "-1"}


class Client:
    """Calls of one visitor, without Ice between."""

    def __init__(self, omero: CostlyOmero, visitor: int = 0) -> None:
        self._omero = omero
        self.session: OmeroSession = omero.sessions.keep(omero.world.users[visitor + 1])
        self.store = ""

    async def join(self) -> None:
        key = self.session.key
        await self._run("createSession", self._omero.model.join(key, key, "client"))

    async def query(self, ids: list[int]) -> list[Any]:
        model = self._omero.model
        steps = model.projection(self.session, hql.PIXELS_OF_IMAGES, {"ids": ids}, EVERYWHERE)
        rows: list[Any] = await self._run("projection", steps)
        return rows

    async def create(self) -> None:
        self.store = await self._run("createThumbnailStore", self._omero.model.create_thumbnail_store(self.session))

    async def call(self, operation: str, *arguments: Any) -> Any:
        # a set in all groups, anything else in that of the image, as OMERO.web has it
        context = EVERYWHERE if operation.endswith("Set") else {"omero.group": str(self.session.group_id)}
        steps = self._omero.model.call_store(self.session, self.store, operation, arguments, context)
        return await self._run(operation, steps)

    async def _run(self, operation: str, steps: Any) -> Any:
        return await self._omero.omero.run(operation, steps)


@pytest.fixture
def loop() -> Iterator[VirtualLoop]:
    loop = VirtualLoop(debug=False)
    yield loop
    if not loop.is_closed():
        loop.close()


@pytest.fixture(scope="module")
def made() -> CostlyWorld:
    """Only looked at: a call that writes has a world of its own."""
    return CostlyWorld(pages=1, singles=3)


def pixels(images: list[int]) -> list[int]:
    return [image + 1_000_000 for image in images]


async def _taken(loop: VirtualLoop, work: Awaitable[Any]) -> float:
    """Milliseconds."""
    began = loop.time()
    await work
    return round((loop.time() - began) * 1000, 6)


def test_what_calls_take(loop: VirtualLoop, made: CostlyWorld) -> None:
    async def main() -> list[float]:
        client, pages = Client(CostlyOmero(made)), made.pages[0]
        stored = pixels(pages.stored[0])
        first, second = stored[:2]
        return [
            await _taken(loop, work())
            for work in (
                client.join,
                lambda: client.query(pages.stored[0][:1]),
                lambda: client.query(pages.stored[0]),
                lambda: client.query(made.wells[0]),
                client.create,
                lambda: client.call("setPixelsId", first),
                lambda: client.call("getThumbnailByLongestSide", 96),
                lambda: client.call("setPixelsId", second),
                lambda: client.call("getThumbnailByLongestSideDirect", 64),
                lambda: client.call("getThumbnailByLongestSideSet", 96, stored),
                lambda: client.call("getThumbnailByLongestSideSet", 96, pixels(pages.unseen[0])),
                lambda: client.call("close"),
            )
        ]

    assert simulate(loop, main()) == [10, 4.08, 8, 34.72, 3, 4, 4, 4, 7, 7 + 50 * 0.7, 7 + 50 * 9, 2.5]
    assert query_time(PAGE) == pytest.approx(0.008)
    assert query_time(WELLS) == pytest.approx(0.03472)


def test_no_more_calls_have_connections_than_there_are(loop: VirtualLoop, made: CostlyWorld) -> None:
    async def main() -> tuple[float, float, int]:
        omero = CostlyOmero(made)
        client, other = Client(omero), Client(omero)
        ids = made.pages[0].stored[0]
        queries = asyncio.gather(*(client.query(ids) for _ in range(3 * CONNECTIONS)))
        # a store is made without one
        created = await _taken(loop, other.create())
        joined = await _taken(loop, other.join())
        await queries
        return created, joined, omero.stats()["connections"]

    # the join comes behind all queries: three rounds of 8 ms, of which 3 had passed, and then it takes its own time
    assert simulate(loop, main()) == (3, 3 * 8 - 3 + 10, CONNECTIONS)
    assert loop.time() == pytest.approx((3 * 8 + 10) / 1000)


@pytest.mark.parametrize(
    ("calls", "events"),
    [
        ([("getThumbnailByLongestSideSet", 96, "all")], 2),
        ([("setPixelsId", "first"), ("getThumbnailByLongestSide", 96)], 2),
        ([("setPixelsId", "first"), ("getThumbnailByLongestSideDirect", 96)], 1),
        ([], 0),
    ],
    ids=["set", "stored", "Direct", "join, query, create, close"],
)
def test_events_are_counted(calls: list[tuple[Any, ...]], events: int, loop: VirtualLoop, made: CostlyWorld) -> None:
    named = {"all": pixels(made.pages[1].stored[0]), "first": pixels(made.pages[1].stored[0])[0]}

    async def main() -> int:
        omero = CostlyOmero(made)
        client = Client(omero, 1)
        before = omero.stats()["events"]
        await client.join()
        await client.query(made.wells[0])
        await client.create()
        for operation, *arguments in calls:
            await client.call(operation, *(named.get(one, one) for one in arguments))
        await client.call("close")
        after: int = omero.stats()["events"]
        return after - before

    assert simulate(loop, main()) == events


def test_over_ice_calls_take_as_long(loop: VirtualLoop, made: CostlyWorld) -> None:
    """An answer is written within the time of its call, and sent when that is over."""

    async def main() -> float:
        omero = CostlyOmero(made)
        await omero.start()
        key = omero.sessions.keep(made.visitors[1]).key
        ids = made.pages[1].stored[0]
        session = await JoinedSession.join(OmeroServer("127.0.0.1", omero.tcp_port, None), key)

        async def query() -> None:
            rows = await session.projection(hql.PIXELS_OF_IMAGES, {"ids": rlong_list(ids)})
            assert len(rows) == len(ids)

        taken = await _taken(loop, query())
        await session.leave(5.0)
        await omero.close()
        return taken

    assert simulate(loop, main()) == 8


def test_each_sees_what_there_is_for_them_and_each_picture_says_what_it_shows(
    loop: VirtualLoop, made: CostlyWorld
) -> None:
    async def main() -> list[tuple[int, bool]]:
        omero, seen = CostlyOmero(made), []
        for visitor, pages in enumerate(made.pages):
            client = Client(omero, visitor)
            await client.create()
            page = pages.stored[0]
            answer = await client.call("getThumbnailByLongestSideSet", 96, pixels(page))
            right = all(shown(image, 96) in answer[image + 1_000_000] for image in page)
            seen.append((len(await client.query([*page, *made.pages[0].stored[0]])), right))
            await client.call("close")
        return seen

    # what is private is there for its owner alone
    assert simulate(loop, main()) == [(PAGE, True)] * 3
