"""What `warm` leaves in OMERO, in all four kinds of groups, by the model that answers as a real server did."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from omero_embedded.model.data import ImageState
from omero_ms_thumbnail.omero.session import USER
from omero_ms_thumbnail.warm.making import Outcomes, ThumbnailMaker
from omero_ms_thumbnail.warm.whose import Warmer
from tests.unit.embedded.truth import PEOPLE, Stage, Store
from tests.unit.thumbnails.model_session import ModelSession

GROUPS = ["rw----", "rwr---", "rwra--", "rwrw--"]
ROW = "96x72"
SIZE = 96


def staged(permissions: str, *images: list[str]) -> Stage:
    stage = Stage(permissions, len(images))
    for number, steps in enumerate(images):
        for step in steps:
            stage.step(step, number)
    return stage


class Pool:
    """Lends the one session that there is."""

    def __init__(self, session: ModelSession) -> None:
        self._session = session

    @asynccontextmanager
    async def lend(self, _key: str) -> AsyncIterator[ModelSession]:
        yield self._session


async def warmed(stage: Stage, who: str = "root") -> tuple[Outcomes, ModelSession]:
    session = ModelSession(stage, who)
    pool: Any = Pool(session)
    warmer = Warmer(PEOPLE[who], (await session.event_context()).isAdmin)
    maker = ThumbnailMaker(pool, "a key", warmer, size=SIZE, at_once=1)
    outcomes = await maker.make(await maker.look([*stage.database.images]))
    await session.leave()
    assert stage.server.sessions.stores_open == 0
    return outcomes, session


def left(stage: Stage, number: int) -> dict[str, Any]:
    return stage._left(stage.image(number))


def calls(session: ModelSession) -> list[str]:
    """The calls to ThumbnailStores, by their names."""
    return [name for name, *_ in session.asked if name not in ("projection", "createThumbnailStore", "close")]


def failed(outcomes: Outcomes) -> list[int]:
    """The places of the images of which there is no thumbnail."""
    return [image - 1001 for image, outcome in outcomes.items() if outcome is not None]


@pytest.mark.parametrize("permissions", GROUPS)
async def test_rows_and_settings_are_the_owners(permissions: str) -> None:
    stage = staged(permissions, [], ["owner saves red"], ["owner saves red", "owner stores 96"], ["of member"])
    outcomes, _ = await warmed(stage)
    assert outcomes == dict.fromkeys(stage.database.images)
    for number in range(3):
        assert left(stage, number) == {"rows": {"owner": [ROW]}, "settings": {"owner": 1}}
    assert left(stage, 3) == {"rows": {"member": [ROW]}, "settings": {"member": 1}}


@pytest.mark.parametrize("permissions", GROUPS)
async def test_the_owners_page_and_everybody_elses_find_what_was_made(permissions: str) -> None:
    stage = staged(permissions, ["owner saves red"], [], ["owner saves blue", "owner stores 96", "owner saves green"])
    await warmed(stage)
    rows = [*stage.database.thumbnails]
    viewers = ["owner", "leader", "root", *(["member"] if permissions != "rw----" else [])]
    for who in viewers:
        shown = Store(stage, who).call("getThumbnailByLongestSideSet", SIZE, [2001, 2002, 2003])
        assert {number: picture.decode().split()[1] for number, picture in shown.items()} == {
            2001: "red",
            2002: "default",
            2003: "green",
        }
    assert [*stage.database.thumbnails] == rows


@pytest.mark.parametrize("permissions", GROUPS)
@pytest.mark.parametrize(
    "others", [["member saves blue"], ["member saves blue", "member stores 96"], ["root stores 96"]]
)
async def test_what_others_have_stays_as_it_is(permissions: str, others: list[str]) -> None:
    if permissions in ("rw----", "rwr---") and others[0].startswith("member"):
        # OMERO lets nobody have settings of another's image there
        return
    stage = staged(permissions, ["owner saves red", *others], ["owner saves red"])
    before = left(stage, 0)
    outcomes, _ = await warmed(stage)
    assert not failed(outcomes)
    after = left(stage, 0)
    assert after["settings"] == before["settings"]
    assert after["rows"] == before["rows"] | {"owner": [ROW]}


@pytest.mark.parametrize("who", ["owner", "member", "leader"])
@pytest.mark.parametrize("permissions", GROUPS)
async def test_anybody_else_warms_what_is_theirs(permissions: str, who: str) -> None:
    stage = staged(permissions, ["owner saves red"], [], ["of member"], ["of leader"])
    outcomes, session = await warmed(stage, who)
    mine = [number for number in range(4) if stage.image(number).owner_id == PEOPLE[who]]
    assert sorted(outcomes) == [1001 + number for number in mine]
    assert not failed(outcomes)
    for number in range(4):
        assert left(stage, number)["rows"] == ({who: [ROW]} if number in mine else {})
    assert not [asked for asked in session.asked if USER in str(asked)]


async def test_what_is_made_already_costs_one_call_for_all() -> None:
    stage = staged("rwr---", *([["owner saves red"]] * 20))
    _, session = await warmed(stage)
    assert calls(session) == ["createThumbnailsByLongestSideSet", "getThumbnailByLongestSideSet"]
    _, session = await warmed(stage)
    assert calls(session) == ["getThumbnailByLongestSideSet"]


@pytest.mark.parametrize(
    "prepared", [[], ["owner saves red"], ["owner saves red", "owner stores 96", "owner saves blue"]]
)
@pytest.mark.parametrize("permissions", GROUPS)
async def test_in_progress_is_said_until_it_has_come_and_no_longer(permissions: str, prepared: list[str]) -> None:
    stage = staged(permissions, ["owner saves red"], [*prepared, "in progress"])
    outcomes, _ = await warmed(stage)
    assert failed(outcomes) == [1]
    assert "clock" in str(outcomes[1002])
    stage.step("complete", 1)
    outcomes, _ = await warmed(stage)
    assert not failed(outcomes)


async def test_a_version_that_stays_is_no_clock() -> None:
    stage = staged("rwr---", ["owner saves red", "in progress", "owner stores 96", "complete"])
    assert left(stage, 0)["rows"] == {"owner": [f"{ROW} version -1"]}
    for _ in range(2):
        outcomes, _ = await warmed(stage)
        assert not failed(outcomes)
    assert left(stage, 0)["rows"] == {"owner": [f"{ROW} version -1"]}


@pytest.mark.parametrize(
    "prepared", [[], ["owner saves red"], ["owner saves red", "owner stores 96", "owner saves blue"]]
)
async def test_a_file_that_is_missing_is_said_each_time(prepared: list[str]) -> None:
    stage = staged("rwr---", ["owner saves red"], prepared, ["owner saves red"])
    stage.image(1).state = ImageState.FAILING
    for _ in range(2):
        outcomes, _ = await warmed(stage)
        assert failed(outcomes) == [1]


async def test_an_empty_file_is_no_thumbnail() -> None:
    stage = staged("rwr---", ["owner saves red", "owner stores 96"], ["owner saves red", "owner stores 96"])
    (row,) = stage.database.thumbnails.of(2002)
    stage.database.files[row] = b""
    outcomes, _ = await warmed(stage)
    assert failed(outcomes) == [1]
    assert "full disk" in str(outcomes[1002])


async def test_a_file_that_was_lost_is_drawn_again() -> None:
    stage = staged("rwr---", ["owner saves red", "owner stores 96"])
    stage.database.files.clear()
    outcomes, _ = await warmed(stage)
    assert not failed(outcomes)
    assert [picture.decode() for picture in stage.database.files.values()] == [f"{ROW} red"]


async def test_a_read_only_omero_is_named_and_what_is_stored_there_is_found() -> None:
    stage = staged("rwr---", ["owner saves red", "owner stores 96"], ["owner saves red"], [])
    stage.server.limits.read_only = True
    outcomes, _ = await warmed(stage)
    assert failed(outcomes) == [1, 2]
    assert all("it is read-only" in str(outcomes[image]) for image in (1002, 1003))
