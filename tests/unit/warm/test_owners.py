"""`warm` as an administrator, as an owner and as somebody else: whose rows and settings are there afterwards."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from typing import TypeVar

import pytest

from omero_embedded.world import ImageState
from omero_ms_thumbnail.omero.session import JoinedSession, OmeroServer
from omero_ms_thumbnail.omero.thumbnail_rows import StoredPixels, pixels_of, settings_of, thumbnails_of
from tests.unit.check.fragile_session import fragile_session
from tests.unit.warm.conftest import Bench

T = TypeVar("T")

ADMINISTRATOR, COLLEAGUE = "b7d1e0a2-3c4f-4e5a-9b6c-7d8e9f0a1b2c", "c8e2f1b3-4d5a-4f6b-8c7d-8e9f0a1b2c3d"
SIZE = 80
#: images of each owner: some of them have no settings yet
SOME = 10


@pytest.fixture(autouse=True)
def sessions(bench: Bench) -> Iterator[None]:
    fragile_session(bench.omero, "root", ADMINISTRATOR)
    fragile_session(bench.omero, "colleague", COLLEAGUE)
    yield
    for key in (ADMINISTRATOR, COLLEAGUE):
        bench.omero.do(lambda key=key: bench.omero.omero.sessions.end(key))  # type: ignore[misc]


def ask(bench: Bench, question: Callable[[JoinedSession], Awaitable[T]]) -> T:
    """The answer that an administrator gets."""

    async def asked() -> T:
        omero = bench.omero.omero
        session = await JoinedSession.join(OmeroServer(omero.host, omero.tcp_port, None), ADMINISTRATOR)
        try:
            return await question(session)
        finally:
            await session.leave(5)

    return asyncio.run(asked())


def owners_of_rows(bench: Bench, pixels: dict[int, StoredPixels], size: int) -> dict[int, list[int]]:
    """The users who have a row of that size, by image."""
    rows = ask(bench, lambda session: thumbnails_of(session, [one.pixels_id for one in pixels.values()]))
    return {
        image: [row.owner_id for row in rows if (row.pixels_id, row.size) == (one.pixels_id, one.thumbnail_size(size))]
        for image, one in pixels.items()
    }


def images_of(bench: Bench, *targets: str) -> dict[int, StoredPixels]:
    world = bench.omero.omero.world
    images: list[int] = []
    for target in targets:
        kind, _, number = target.partition(":")
        place = int(number) - 1
        images += world.datasets[place].images if kind == "Dataset" else world.plates[place].wells.values()
    return ask(bench, lambda session: pixels_of(session, images))


def some_of_each_owner(bench: Bench) -> dict[int, StoredPixels]:
    """Of the researcher, of the pathologist in a private group, of the colleague."""
    lots = [images_of(bench, target) for target in ("Dataset:1", "Dataset:2", "Plate:1")]
    return {image: one for lot in lots for image, one in [*lot.items()][:SOME]}


def test_an_administrator_leaves_rows_and_settings_of_the_owners(bench: Bench) -> None:
    pixels = some_of_each_owner(bench)
    ended = bench.run(*map(str, pixels), "--size", str(SIZE), key=ADMINISTRATOR)
    assert (ended.returncode, ended.stderr) == (0, "")
    assert f"{len(pixels)} thumbnails of {len(pixels)} images, 0 failed" in ended.stdout
    assert "left out" not in ended.stdout
    assert len({one.owner_id for one in pixels.values()}) == 3
    assert owners_of_rows(bench, pixels, SIZE) == {image: [one.owner_id] for image, one in pixels.items()}
    settings = ask(bench, lambda session: settings_of(session, [one.pixels_id for one in pixels.values()]))
    with_settings = {(one.pixels_id, one.owner_id) for one in settings}
    assert with_settings >= {(one.pixels_id, one.owner_id) for one in pixels.values()}


def test_an_administrator_makes_no_settings_but_the_owners(bench: Bench) -> None:
    pixels = some_of_each_owner(bench)
    ids = [one.pixels_id for one in pixels.values()]
    before = {one.id for one in ask(bench, lambda session: settings_of(session, ids))}
    bench.run(*map(str, pixels), key=ADMINISTRATOR)
    made = [one for one in ask(bench, lambda session: settings_of(session, ids)) if one.id not in before]
    owners = {one.pixels_id: one.owner_id for one in pixels.values()}
    assert [one for one in made if one.owner_id != owners[one.pixels_id]] == []


def test_anybody_else_warms_what_is_theirs_and_is_told_of_the_rest(bench: Bench) -> None:
    mine, others = images_of(bench, "Dataset:1"), images_of(bench, "Plate:1")
    before = owners_of_rows(bench, others, 64)
    ended = bench.run("Dataset:1", "Plate:1", "--size", "64")
    assert ended.returncode == 0
    first = ended.stdout.splitlines()[0]
    assert first.startswith(f"{len(others)} of {len(mine) + len(others)} images are another user's and left out")
    last = ended.stdout.splitlines()[-1]
    assert f"{len(mine)} thumbnails of {len(mine) + len(others)} images, {len(others)} of other users left out" in last
    assert owners_of_rows(bench, others, 64) == before
    assert owners_of_rows(bench, mine, 64) == {image: [one.owner_id] for image, one in mine.items()}


def test_where_all_is_another_users_nothing_is_drawn(bench: Bench) -> None:
    before = bench.rendered()
    ended = bench.run("Dataset:1", key=COLLEAGUE)
    assert ended.returncode == 0
    assert "0 thumbnails of 60 images, 60 of other users left out, 0 failed" in ended.stdout
    assert bench.rendered() == before


def test_it_asks_for_sets_and_not_for_each_image(bench: Bench) -> None:
    calls = bench.omero.omero.workload.calls
    before = dict(calls)
    wells = [*images_of(bench, "Plate:1")][:50]
    assert bench.run(*map(str, wells), "--size", "56", key=ADMINISTRATOR).returncode == 0
    sets = calls["createThumbnailsByLongestSideSet"] - before.get("createThumbnailsByLongestSideSet", 0)
    assert 0 < sets < len(wells) / 2
    singles = calls.get("getThumbnailByLongestSide", 0) - before.get("getThumbnailByLongestSide", 0)
    assert singles == 0


def test_an_image_that_was_a_clock_once_is_warmed_when_it_has_come(bench: Bench) -> None:
    world = bench.omero.omero.world
    clock = next(image for image in world.images.values() if image.state is ImageState.IN_PROGRESS)
    target = f"Image:{clock.id}"
    assert bench.run(target).returncode == 1
    clock.state = ImageState.READY
    try:
        ended = bench.run(target)
    finally:
        clock.state = ImageState.IN_PROGRESS
        # others find it as it was
        for row_id in list(world.database.thumbnails.of(clock.pixels_id)):
            world.database.thumbnails.delete(row_id)
    assert ended.returncode == 0, ended.stdout
    assert "1 thumbnails of 1 images, 0 failed" in ended.stdout
