"""`check --image` on the model that answers as a real server did: what earlier versions left is found, nothing left."""

from __future__ import annotations

from typing import Any

import pytest

from omero_embedded.model.data import ThumbnailRow
from omero_ms_thumbnail.check.diagnoses import STORED_DIFFERS, STORED_EMPTY, STORED_FILE_MISSING, STRETCHED
from omero_ms_thumbnail.check.finding import Finding, Outcome
from omero_ms_thumbnail.check.stored import look_at_stored
from tests.unit.embedded.truth import PEOPLE, Stage, Store
from tests.unit.thumbnails.model_session import ModelSession

GROUPS = ["rw----", "rwr---", "rwra--", "rwrw--"]
ROW = "96x72"


def staged(permissions: str, *steps: str) -> Stage:
    stage = Stage(permissions, 1)
    for step in steps:
        stage.step(step, 0)
    return stage


async def checked(stage: Stage, who: str = "owner") -> dict[str, Finding]:
    """What is found, having seen to it that nothing was left."""
    session: Any = ModelSession(stage, who)
    database = stage.database
    before = stage._left(stage.image(0)), dict(database.files), [*database.thumbnails], [*database.rendering_defs]
    findings = await look_at_stored(session, 1001, 96)
    assert (
        stage._left(stage.image(0)),
        dict(database.files),
        [*database.thumbnails],
        [*database.rendering_defs],
    ) == before
    await session.leave()
    assert stage.server.sessions.stores_open == 0
    return {one.step: one for one in findings}


def seeing(permissions: str) -> list[str]:
    """Who may see the owner's image."""
    return ["owner", "leader", "root", *(["member"] if permissions != "rw----" else [])]


def keep(stage: Stage, jpeg: bytes) -> None:
    """Put something else into the only file there is."""
    (row,) = stage.database.files
    stage.database.files[row] = jpeg


@pytest.mark.parametrize("permissions", GROUPS)
@pytest.mark.parametrize(
    "steps",
    [
        [],
        ["owner saves red"],
        ["owner saves red", "owner stores 96"],
        ["owner saves red", "owner stores 96", "owner saves blue"],
        ["owner saves red", "in progress"],
        ["in progress"],
    ],
)
async def test_where_nothing_is_wrong_nothing_is_found_and_nothing_left(permissions: str, steps: list[str]) -> None:
    for who in seeing(permissions):
        found = await checked(staged(permissions, *steps), who)
        assert {one.outcome for one in found.values()} == {Outcome.OK}, who


@pytest.mark.parametrize("permissions", GROUPS)
async def test_the_picture_of_a_stale_store_is_found_by_whoever_is_shown_it(permissions: str) -> None:
    for who in seeing(permissions):
        stage = staged(permissions, "owner saves red", "owner stores 96")
        keep(stage, f"{ROW} blue".encode())
        stored = (await checked(stage, who))["stored thumbnail"]
        assert stored.diagnosis is STORED_DIFFERS
        assert "the settings are those of user 102 (owner)" in stored.found


@pytest.mark.parametrize("permissions", GROUPS)
async def test_saving_the_settings_once_more_mends_it(permissions: str) -> None:
    stage = staged(permissions, "owner saves red", "owner stores 96")
    keep(stage, f"{ROW} blue".encode())
    stage.step("owner saves red", 0)
    assert (await checked(stage))["stored thumbnail"].outcome is Outcome.OK
    stage.step("owner stores 96", 0)
    assert "the same that OMERO draws now" in (await checked(stage))["stored thumbnail"].found


async def test_a_members_own_row_and_settings_are_told_from_the_owners() -> None:
    stage = staged("rwra--", "owner saves red", "owner stores 96", "member saves green", "member stores 96")
    (row,) = (one.id for one in stage.database.thumbnails if one.owner_id == PEOPLE["member"])
    stage.database.files[row] = f"{ROW} red".encode()
    assert (await checked(stage, "owner"))["stored thumbnail"].outcome is Outcome.OK
    found = await checked(stage, "member")
    assert found["stored thumbnail"].diagnosis is STORED_DIFFERS
    assert f"the 96 x 72 of user 103 (member), Thumbnail:{row}" in found["stored thumbnail"].found
    assert "the settings are those of user 103 (member)" in found["stored thumbnail"].found


async def test_a_full_disk() -> None:
    stage = staged("rwr---", "owner saves red", "owner stores 96")
    keep(stage, b"")
    assert (await checked(stage, "member"))["stored thumbnail"].diagnosis is STORED_EMPTY


async def test_a_lost_file_of_which_a_member_can_have_no_other() -> None:
    stage = staged("rwr---", "owner saves red", "owner stores 96")
    stage.database.files.clear()
    assert (await checked(stage, "member"))["stored thumbnail"].diagnosis is STORED_FILE_MISSING
    assert (await checked(stage, "owner"))["stored thumbnail"].outcome is Outcome.OK


@pytest.mark.parametrize("permissions", GROUPS)
async def test_a_clock_that_was_stored_once(permissions: str) -> None:
    for who in seeing(permissions):
        found = await checked(staged(permissions, "owner saves red", "in progress", "owner stores 96", "complete"), who)
        # OMERO has removed its file, and only some may have another drawn
        may_not = who in ("leader", "member") and permissions in ("rw----", "rwr---")
        assert found["stored thumbnail"].diagnosis is (STORED_FILE_MISSING if may_not else None), who
        assert found["stored sizes"].outcome is Outcome.OK
        assert "that is no fault" in found["stored sizes"].found


async def test_a_stretched_square() -> None:
    stage = staged("rwra--", "owner saves red")
    event = stage.database.new_event(PEOPLE["member"], 503)
    stage.database.thumbnails.put(ThumbnailRow(77, 2001, PEOPLE["member"], 96, 96, None, event))
    assert (await checked(stage))["stored sizes"].diagnosis is STRETCHED


async def test_settings_that_a_mixed_page_made_are_told_from_those_that_somebody_saved() -> None:
    stage = Stage("rwra--", 2)
    stage.step("owner saves red", 0)
    stage.step("of member", 1)
    stage.step("member saves blue", 1)
    # the page that makes them: the member has settings of the other image
    page = Store(stage, "member")
    page.call("getThumbnailByLongestSideSet", 96, [2001, 2002])
    page.close()
    stage.step("leader saves green", 0)
    settings = (await checked(stage))["rendering settings"]
    assert "user 103 (member), user 104 (leader)" in settings.found
    (made,) = (one.id for one in stage.database.rendering_defs.of(2001).values() if one.owner_id == PEOPLE["member"])
    assert settings.found.endswith(f"omero delete RenderingDef:{made}")
    assert "1 of the others' were never changed" in settings.found
