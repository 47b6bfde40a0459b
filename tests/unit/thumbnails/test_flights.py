"""One drawing for each key in a worker: alone, and with the sessions of many people on the model of OMERO."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from typing import Any

import pytest

from omero_ms_thumbnail.ice.errors import ConnectionManuallyClosedException
from omero_ms_thumbnail.omero import exceptions
from omero_ms_thumbnail.thumbnails.caches import Caches
from omero_ms_thumbnail.thumbnails.flights import Flights
from omero_ms_thumbnail.thumbnails.item import Item
from omero_ms_thumbnail.thumbnails.memory_cache import MemoryCache
from omero_ms_thumbnail.thumbnails.model import Thumbnail, ThumbnailRequest
from tests.unit.embedded.truth import Stage
from tests.unit.thumbnails.model_session import TIMEOUT, Asker, OngoingModelCall

KEY = b"db/drawn/1"
PICTURE = Thumbnail(b"a picture")


class Told:
    """What a flight has told those that wait."""

    def __init__(self) -> None:
        self.told: list[tuple[Item, Thumbnail | None]] = []
        self.hurried = 0

    def go_on(self, item: Item, thumbnail: Thumbnail | None) -> None:
        self.told.append((item, thumbnail))

    def hurry(self) -> None:
        self.hurried += 1


@pytest.fixture
async def told() -> Told:
    return Told()


def _item() -> Item:
    item = Item(ThumbnailRequest(1, 64), asyncio.get_running_loop().create_future())
    item.waiters = 1
    return item


def _in_flight(told: Told, count: int) -> tuple[Flights, list[Item]]:
    """So many that want one picture, of which the first draws it."""
    flights = Flights()
    items = [_item() for _ in range(count)]
    waiting = [flights.has_to_wait(KEY, item, told.go_on, told.hurry) for item in items]
    assert waiting == [False, *[True] * (count - 1)]
    return flights, items


async def test_the_first_draws_and_the_others_are_given_its_picture(told: Told) -> None:
    flights, items = _in_flight(told, 3)
    assert not flights.has_to_wait(KEY, items[0], told.go_on, told.hurry)
    assert flights.is_waited_for(KEY, items[0])
    assert not flights.is_waited_for(KEY, items[1])
    flights.end(KEY, items[0], PICTURE)
    assert told.told == [(items[1], PICTURE), (items[2], PICTURE)]
    assert not flights


async def test_another_key_is_another_flight(told: Told) -> None:
    flights, _ = _in_flight(told, 1)
    assert not flights.has_to_wait(b"db/drawn/2", _item(), told.go_on, told.hurry)
    assert len(flights) == 2


async def test_where_it_is_not_certain_the_next_draws(told: Told) -> None:
    flights, items = _in_flight(told, 3)
    flights.end(KEY, items[0])
    assert told.told == [(items[1], None)]
    # whoever has ended it ends it no more
    flights.end(KEY, items[0], PICTURE)
    assert told.told == [(items[1], None)]
    flights.end(KEY, items[1], PICTURE)
    assert told.told[1:] == [(items[2], PICTURE)]
    assert not flights


async def test_who_has_gone_does_not_draw(told: Told) -> None:
    flights, items = _in_flight(told, 4)
    items[1].waiters = 0
    items[2].done.cancel()
    flights.end(KEY, items[0])
    assert told.told == [(items[3], None)]
    assert items[1].done.cancelled()


async def test_a_flight_for_which_nobody_waits_is_over(told: Told) -> None:
    flights, items = _in_flight(told, 2)
    items[1].done.cancel()
    assert not flights.is_waited_for(KEY, items[0])
    flights.end(KEY, items[0])
    assert not flights
    assert told.told == []


async def test_whoever_comes_when_it_is_drawn_hurries_it_on(told: Told) -> None:
    flights, items = _in_flight(told, 2)
    assert told.hurried == 0
    items[0].done.set_result(PICTURE)
    assert flights.has_to_wait(KEY, _item(), told.go_on, told.hurry)
    assert told.hurried == 1


# many people's sessions

PEOPLE = 30
IMAGES = 6

#: at another size than that which is stored
LARGER = [ThumbnailRequest(1001 + number, 192, stored=False) for number in range(IMAGES)]
STORED = [ThumbnailRequest(1001 + number, 96) for number in range(IMAGES)]


def _dataset() -> Stage:
    """Of the owner, who has looked at all of it; nobody else has."""
    stage = Stage("rwra--", IMAGES)
    for number in range(IMAGES):
        stage.step(f"owner saves {('red', 'blue')[number % 2]}", number)
        stage.step("owner stores 96", number)
    return stage


@pytest.fixture
async def askers() -> AsyncIterator[list[Asker]]:
    stage, caches = _dataset(), Caches(MemoryCache(bytes_max=1 << 20, life=3600), facts_life=0)
    async with AsyncExitStack() as stack:
        made = [
            await stack.enter_async_context(Asker(stage, ("member", "leader")[number % 2], caches=caches))
            for number in range(PEOPLE)
        ]
        yield made
        async with asyncio.timeout(TIMEOUT):
            while caches.flights:
                # what was drawn last becomes certain behind the answer
                await asyncio.sleep(0)


def _drawn(askers: list[Asker]) -> int:
    """How many pictures OMERO has drawn, or given, for whomever."""
    count = 0
    for asker in askers:
        for name, *arguments in asker.session.asked:
            if name.startswith("getThumbnail"):
                count += len(arguments[1]) if name.endswith("Set") else 1
    return count


def _queries(asker: Asker) -> int:
    return sum(call[0] == "projection" and "index(p)" in call[1] for call in asker.session.asked)


def _right(size: tuple[int, int]) -> list[Any]:
    return [[*size, ("red", "blue")[number % 2]] for number in range(IMAGES)]


@pytest.mark.parametrize(("requests", "size"), [(LARGER, (192, 144)), (STORED, (96, 72))])
async def test_thirty_open_one_dataset(
    askers: list[Asker], requests: list[ThumbnailRequest], size: tuple[int, int]
) -> None:
    pages = await asyncio.gather(*(asker.ask(*requests) for asker in askers))
    assert pages == [_right(size)] * PEOPLE
    assert all(_queries(asker) >= 1 for asker in askers)
    assert _drawn(askers) == IMAGES


class Held:
    """OMERO does not answer one session's call for a thumbnail until it is told how."""

    def __init__(self, asker: Asker) -> None:
        self._asker = asker
        self._begin = asker.session.send
        self.has_come = asyncio.Event()
        self._answer: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        asker.session.send = self.begin  # type: ignore[method-assign]

    def begin(self, proxy: Any, operation: Any, *arguments: Any, context: Any = None) -> Any:
        if not operation.name.startswith("getThumbnail"):
            return self._begin(proxy, operation, *arguments, context=context)
        self._asker.session.asked.append(("held",))
        self.has_come.set()
        return OngoingModelCall(asyncio.create_task(self._held()))

    async def _held(self) -> Any:
        return await asyncio.shield(self._answer)

    def throw(self, error: Exception) -> None:
        self._answer.set_exception(error)


def _refusal() -> Exception:
    return exceptions.SecurityViolation(
        serverStackTrace="", serverExceptionClass="ome.conditions.SecurityViolation", message="not for this one"
    )


def _failure() -> Exception:
    return exceptions.InternalException(
        serverStackTrace="", serverExceptionClass="ome.conditions.InternalException", message="for this one alone"
    )


@pytest.mark.parametrize("trouble", [_refusal, _failure, lambda: ConnectionManuallyClosedException("it is gone")])
async def test_what_one_session_is_refused_the_next_draws_with_its_own(
    askers: list[Asker], trouble: Callable[[], Exception]
) -> None:
    first, *others = askers
    held = Held(first)
    unlucky = asyncio.create_task(first.work.thumbnails(LARGER[:1], TIMEOUT))
    await held.has_come.wait()
    pages = asyncio.gather(*(asker.ask(LARGER[0]) for asker in others))
    while not all(_queries(asker) for asker in others):
        await asyncio.sleep(0)
    held.throw(trouble())
    assert await pages == [[[192, 144, "red"]]] * len(others)
    # errors are never shared, and the others draw it once
    (outcome,) = await unlucky
    assert isinstance(outcome, Exception)
    assert _drawn(others) == 1


async def test_the_session_that_draws_ends(askers: list[Asker]) -> None:
    first, *others = askers
    held = Held(first)
    unlucky = asyncio.create_task(first.work.thumbnails(LARGER[:1], TIMEOUT))
    await held.has_come.wait()
    pages = asyncio.gather(*(asker.ask(LARGER[0]) for asker in others))
    while not all(_queries(asker) for asker in others):
        await asyncio.sleep(0)
    first.session.is_active = False
    first.work.forget()
    assert await pages == [[[192, 144, "red"]]] * len(others)
    assert isinstance((await unlucky)[0], Exception)
    assert _drawn(others) == 1
    held.throw(ConnectionManuallyClosedException("it is gone"))


async def test_the_request_that_draws_is_cancelled(askers: list[Asker]) -> None:
    """What OMERO works for is not stopped by that: the others are given it, or draw it."""
    first, *others = askers
    began = asyncio.create_task(first.work.thumbnails(LARGER[:1], TIMEOUT))
    while not first.work._drawing.is_at_work():
        await asyncio.sleep(0)
    pages = asyncio.gather(*(asker.ask(LARGER[0]) for asker in others))
    began.cancel()
    assert await pages == [[[192, 144, "red"]]] * len(others)
    assert _drawn(askers) == 1


async def test_what_is_not_certain_is_handed_to_nobody(askers: list[Asker]) -> None:
    """Who draws saves settings of their own while OMERO draws: that is no picture of the others'."""
    first, *others = (asker for asker in askers if asker.session.user_id == askers[0].session.user_id)
    leaders = [asker for asker in askers if asker.session.user_id != askers[0].session.user_id]
    begin = first.session.send

    def save_and_begin(proxy: Any, operation: Any, *arguments: Any, context: Any = None) -> Any:
        if operation.name == "setPixelsId":
            first.stage.database.save_settings(first.stage.image(0).primary, first.session.user_id, "green")
        return begin(proxy, operation, *arguments, context=context)

    drawing = asyncio.create_task(first.ask(LARGER[0]))
    first.session.send = save_and_begin  # type: ignore[method-assign]
    pages = await asyncio.gather(*(asker.ask(LARGER[0]) for asker in leaders))
    assert pages == [[[192, 144, "red"]]] * len(leaders)
    assert await drawing == [[192, 144, "green"]]
    # what the same user's other sessions see now
    assert await others[0].ask(LARGER[0]) == [[192, 144, "green"]]


async def test_what_is_not_certain_is_not_kept(askers: list[Asker]) -> None:
    """The same, and the others come when it is drawn."""
    first, leader = askers[:2]
    begin = first.session.send

    def save_and_begin(proxy: Any, operation: Any, *arguments: Any, context: Any = None) -> Any:
        if operation.name == "setPixelsId":
            first.stage.database.save_settings(first.stage.image(0).primary, first.session.user_id, "green")
        return begin(proxy, operation, *arguments, context=context)

    first.session.send = save_and_begin  # type: ignore[method-assign]
    assert await first.ask(LARGER[0]) == [[192, 144, "green"]]
    assert await leader.ask(LARGER[0]) == [[192, 144, "red"]]
