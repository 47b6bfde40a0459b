"""What a real OMERO does that the heart has to know: each test is named after what it says.

On the model of OMERO that answers as a real server did.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from omero_embedded.model.data import Pixels
from omero_ms_thumbnail.omero.permits import Permits
from omero_ms_thumbnail.thumbnails import facts_cache, reloads, session_facts
from omero_ms_thumbnail.thumbnails.caches import Caches
from omero_ms_thumbnail.thumbnails.memory_cache import MemoryCache
from omero_ms_thumbnail.thumbnails.model import ThumbnailRequest
from tests.unit.embedded.truth import PEOPLE, Stage
from tests.unit.thumbnails.model_session import Asker

SHARED = ["rwra--", "rwrw--"]


def stage_of(group: str, *images: list[str]) -> Stage:
    """A group with images that were prepared by these steps."""
    stage = Stage(group, len(images))
    for number, steps in enumerate(images):
        for text in steps:
            stage.step(text, number)
    return stage


def settings_of(stage: Stage, number: int) -> dict[str, int]:
    left: dict[str, int] = stage._left(stage.image(number))["settings"]
    return left


def rows_of(stage: Stage, number: int) -> dict[str, list[str]]:
    left: dict[str, list[str]] = stage._left(stage.image(number))["rows"]
    return left


# stores


async def test_settings_that_were_saved_are_seen_in_the_very_next_picture() -> None:
    stage = stage_of("rwrw--", ["owner saves red"])
    async with Asker(stage, "owner") as owner, Asker(stage, "member") as member:
        assert await owner.see(0) == [[96, 72, "red"]]
        stage.step("owner saves blue", 0)
        assert await owner.see(0) == [[96, 72, "blue"]]
        assert await member.see(0) == [[96, 72, "blue"]]
        stage.step("owner saves green", 0)
        for more in ({"stored": False}, {"height": 72}, {"z": 0, "t": 0}, {"version": "2"}, {}):
            assert await owner.see(0, **more) == [[96, 72, "green"]], more


async def test_each_thumbnail_that_is_no_set_has_a_store_of_its_own() -> None:
    stage = stage_of("rwrw--", ["owner saves red"])
    async with Asker(stage, "owner") as owner:
        for version in range(5):
            await owner.see(0, stored=False, version=str(version))
        assert owner.session.count("createThumbnailStore") == 5
        await owner.session.stores.close(5)
        assert owner.session.count("close") == 5


async def test_settings_that_are_named_leave_no_rows_and_change_nothing_that_is_shown_afterwards() -> None:
    stage = stage_of("rwr---", ["owner saves red", "member saves green"])
    newest = {who: stage._newest(stage.image(0), PEOPLE[who]) for who in ("owner", "member")}
    async with Asker(stage, "owner") as owner:
        for _ in range(2):
            for who, look in (("member", "green"), ("owner", "red")):
                assert await owner.see(0, rendering_def_id=newest[who]) == [[96, 72, look]]
        assert rows_of(stage, 0) == {}
        assert await owner.see(0) == [[96, 72, "red"]]


async def test_settings_that_are_named_and_one_of_z_and_t() -> None:
    stage = stage_of("rwrw--", ["owner saves red"])
    newest = stage._newest(stage.image(0), PEOPLE["owner"])
    async with Asker(stage, "owner") as owner:
        for more in ({"z": 0}, {"t": 0}):
            assert await owner.see(0, rendering_def_id=newest, **more) == [[96, 72, "red"]]


# sets


@pytest.mark.parametrize("group", SHARED)
@pytest.mark.parametrize("as_singles", [False, True])
async def test_a_mixed_page_makes_no_settings_in_the_viewers_name(group: str, as_singles: bool) -> None:
    stage = stage_of(
        group,
        *(["owner saves red"] for _ in range(6)),
        *(["of member", "member saves green"] for _ in range(6)),
        *(["owner saves red", "member saves blue"] for _ in range(6)),
    )
    async with Asker(stage, "member") as member:
        if as_singles:
            answers = await asyncio.gather(*(member.see(number) for number in range(18)))
            pictures = [picture for (picture,) in answers]
        else:
            pictures = await member.see(*range(18))
        assert [look for _, _, look in pictures] == ["red"] * 6 + ["green"] * 6 + ["blue"] * 6
        assert sorted(map(sorted, member.session.sets())) == [
            list(range(6)),
            list(range(6, 12)),
            list(range(12, 18)),
        ]
    assert [settings_of(stage, number) for number in range(6)] == [{"owner": 1}] * 6
    assert [settings_of(stage, number) for number in range(6, 12)] == [{"member": 1}] * 6


@pytest.mark.parametrize("group", SHARED)
async def test_a_stored_thumbnail_of_the_viewers_makes_no_others(group: str) -> None:
    looked = ["owner saves red", "owner stores 96"]
    stage = stage_of(group, looked, [*looked[:1], "member stores 96", *looked[1:]])
    async with Asker(stage, "member") as member:
        assert await member.see(0, 1) == [[96, 72, "red"]] * 2
    assert rows_of(stage, 0) == {"owner": ["96x72"]}


async def test_a_page_of_images_that_are_alike_is_one_set() -> None:
    stage = stage_of("rwrw--", *(["owner saves red"] for _ in range(50)))
    async with Asker(stage, "member") as member:
        await member.see(*range(50))
        assert [sorted(one) for one in member.session.sets()] == [list(range(50))]
        assert member.session.count("createThumbnailStore") == 1


async def test_what_is_known_of_images_is_asked_anew_before_they_go_in_one_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(facts_cache, "FRESH", -1.0)
    stage = stage_of("rwrw--", ["owner saves red"], ["owner saves red"])
    async with Asker(stage, "member") as member:
        permits = member.work._drawing._permits = Permits(1)
        async with permits.flight("another"):
            asking = asyncio.create_task(member.see(0, 1))
            while not member.work._drawing.is_at_work():
                await asyncio.sleep(0)
            # while the set waits for its turn
            stage.step("member saves green", 0)
        assert await asking == [[96, 72, "green"], [96, 72, "red"]]
        assert member.session.sets() in ([[0], [1]], [[1], [0]])
    assert settings_of(stage, 1) == {"owner": 1}


async def test_an_image_without_settings_does_not_keep_a_page_from_being_shown() -> None:
    stage = stage_of("rwr---", ["owner saves red", "owner stores 96"], [], ["owner saves blue"], ["of member"])
    async with Asker(stage, "member") as member:
        assert await member.see(0, 1, 2, 3) == [
            [96, 72, "red"],
            "ImageUnavailable",
            [96, 72, "blue"],
            [96, 72, "default"],
        ]
        assert sorted(member.session.sets()) == [[0], [3]]


async def test_what_would_make_a_set_throw_comes_alone() -> None:
    stored = ["owner saves red", "owner stores 96"]
    # in rwra-- a member may not update what the owner has to
    stage = stage_of("rwra--", stored, [*stored, "owner saves blue"], stored)
    async with Asker(stage, "member") as member:
        assert await member.see(0, 1, 2) == [[96, 72, "red"], "ImageUnavailable", [96, 72, "red"]]
        assert member.session.sets() == [[0, 2]]
        assert await member.see(1, stored=False) == [[96, 72, "blue"]]


@pytest.mark.parametrize("numbers", [(0,), (0, 1)])
async def test_a_stored_file_that_is_empty_does_not_cost_the_picture(numbers: tuple[int, ...]) -> None:
    stage = stage_of("rwrw--", *(["owner saves red", "owner stores 96"] for _ in range(2)))
    for row_id in stage.database.files:
        stage.database.files[row_id] = b""
    async with Asker(stage, "owner") as owner:
        assert await owner.see(*numbers) == [[96, 72, "red"]] * len(numbers)


async def test_what_was_saved_and_asked_for_anew_alone_stays_alone() -> None:
    stage = stage_of("rwrw--", *(["owner saves red"] for _ in range(4)))
    async with Asker(stage, "owner") as owner:
        await owner.see(0, 1, 2, 3, version="1")
        assert len(owner.session.sets()) == 1
        stage.step("owner saves blue", 0)
        stage.step("owner saves blue", 1)
        for version in ("2", "2&1"):
            looks = await asyncio.gather(owner.see(0, version=version), owner.see(1, version=version))
            assert looks == [[[96, 72, "blue"]]] * 2
        # others do not, nor does a page
        await asyncio.gather(owner.see(2, version="1&_"), owner.see(3, version="1&_"))
        assert len(owner.session.sets()) == 1
        await owner.see(0, 1, 2, 3, version="3")
        assert sorted(owner.session.sets()[1]) == [0, 1, 2, 3]


def test_no_more_looks_are_remembered_than_there_is_room_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reloads, "_REMEMBERED_MAX", 2)
    seen = reloads.Reloads()
    for image_id in (1, 2, 3):
        seen.requested(ThumbnailRequest(image_id, 96, version="1"), is_alone=True)
    # of the first nothing is known any more
    seen.requested(ThumbnailRequest(1, 96, version="2"), is_alone=True)
    assert not seen.was_reloaded_alone(1)
    seen.requested(ThumbnailRequest(3, 96, version="2"), is_alone=False)
    assert not seen.was_reloaded_alone(3)
    seen.requested(ThumbnailRequest(3, 96, version="3"), is_alone=True)
    assert seen.was_reloaded_alone(3)


# whose settings


@pytest.mark.parametrize("group", ["rw----", "rwr---", *SHARED])
@pytest.mark.parametrize("numbers", [(0,), (0, 1, 2)])
async def test_an_administrators_first_look_makes_the_owners_settings(group: str, numbers: tuple[int, ...]) -> None:
    stage = stage_of(group, *([] for _ in numbers))
    async with Asker(stage, "root") as root:
        assert await root.see(*numbers) == [[96, 72, "default"]] * len(numbers)
    assert [settings_of(stage, number) for number in numbers] == [{"owner": 1}] * len(numbers)


async def test_who_is_no_administrator_any_more_makes_their_own() -> None:
    stage = stage_of("rwrw--", [], [])
    stage.server.people.set_groups(PEOPLE["root"], (503, 0, 1))
    async with Asker(stage, "root") as root:
        await root.see(0)
        stage.server.people.set_groups(PEOPLE["root"], (503, 1))
        assert await root.see(1) == [[96, 72, "default"]]
    assert settings_of(stage, 1) == {"root": 1}


@pytest.mark.parametrize("group", ["rw----", "rwr---", *SHARED])
async def test_who_is_administrator_since_they_were_joined_is_shown_what_only_one_may_see(group: str) -> None:
    stage = stage_of(group, ["owner saves red"], [])
    stage.server.people.set_groups(PEOPLE["root"], (503, 1))
    async with Asker(stage, "root") as root:
        await root.see(0)
        stage.server.people.set_groups(PEOPLE["root"], (503, 0, 1))
        # an image without settings, which may be made in the owner's name alone
        assert await root.see(1) == [[96, 72, "default"]]
    assert settings_of(stage, 1) == {"owner": 1}


async def test_who_was_let_into_a_group_since_they_were_joined_has_its_pictures_kept(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(session_facts, "_VIEWER_LIFE", 0.0)
    stage = stage_of("rwrw--", ["owner saves red"])
    stage.server.people.set_groups(PEOPLE["member"], (1,))
    async with Asker(stage, "member", caches=Caches(MemoryCache(bytes_max=1 << 20, life=60), facts_life=0.0)) as member:
        assert await member.see(0) == ["ImageUnavailable"]
        stage.server.people.set_groups(PEOPLE["member"], (503, 1))
        for _ in range(3):
            assert await member.see(0) == [[96, 72, "red"]]
        assert len(member.session.sets()) == 1


@pytest.mark.parametrize("who", ["owner", "member", "root"])
async def test_two_first_looks_at_once_make_settings_once(who: str) -> None:
    stage = stage_of("rwrw--", [], [])
    async with Asker(stage, who) as asker:
        looks = await asyncio.gather(
            asker.see(0, 1),
            asker.see(0, stored=False, version="1"),
            asker.ask(ThumbnailRequest(1001, 64, stored=False)),
            asker.ask(ThumbnailRequest(1002, 64, 32, stored=False)),
        )
        assert [look for one in looks for _, _, look in one] == ["default"] * 5
    made = {"owner" if who == "root" else who: 1}
    assert [settings_of(stage, number) for number in range(2)] == [made, made]


async def test_a_first_look_that_somebody_else_has_beaten_is_shown_all_the_same() -> None:
    stage = stage_of("rwrw--", [])
    async with Asker(stage, "owner") as here, Asker(stage, "owner") as there:
        looks = await asyncio.gather(here.see(0, stored=False), there.see(0, stored=False))
        assert looks == [[[96, 72, "default"]]] * 2


async def test_settings_made_between_two_calls_of_a_look_are_used() -> None:
    stage = stage_of("rwrw--", [])
    async with Asker(stage, "owner") as owner:
        begin = owner.session.send

        def begin_after_somebody_else(proxy: Any, operation: Any, *arguments: Any, context: Any = None) -> Any:
            if operation.name == "resetDefaults":
                stage.step("owner saves red", 0)
            return begin(proxy, operation, *arguments, context=context)

        owner.session.send = begin_after_somebody_else  # type: ignore[method-assign]
        assert await owner.see(0, stored=False) == [[96, 72, "red"]]
    assert settings_of(stage, 0) == {"owner": 1}


# clocks


async def _until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not condition():
            await asyncio.sleep(0.01)


async def test_a_clock_is_never_kept_and_a_picture_always_may_be() -> None:
    stage = stage_of(
        "rwrw--",
        ["owner saves red", "in progress", "owner stores 96", "complete"],
        ["owner saves red", "in progress"],
        ["owner saves red"],
    )
    memory = MemoryCache(bytes_max=1 << 20, life=60)
    async with Asker(stage, "owner", caches=Caches(memory)) as owner:
        pictures = await owner.see(0, 1, 2)
        assert [look for _, _, look in pictures] == ["red", "clock", "red"]
        await _until(lambda: len(memory) == 2)
        stage.step("complete", 1)
        (picture,) = await owner.see(1)
        assert picture == [96, 72, "red"]
        await _until(lambda: len(memory) == 3)
        # the marks of the clocks are still there
        assert [rows_of(stage, number) for number in range(2)] == [{"owner": ["96x72 version -1"]}] * 2


async def test_what_is_marked_as_a_clock_comes_alone_and_is_kept_once_it_is_ready() -> None:
    stage = stage_of("rwrw--", ["owner saves red", "in progress", "owner stores 96", "complete"])
    memory = MemoryCache(bytes_max=1 << 20, life=60)
    async with Asker(stage, "owner", caches=Caches(memory)) as owner:
        await owner.see(0)
        await _until(lambda: len(memory) == 1)
        for number in range(1, 4):
            assert await owner.see(0, version=str(number)) == [[96, 72, "red"]]
        assert owner.session.count("getThumbnailByLongestSide") == 1
        assert owner.session.sets() == []


# refusals


def _see(asker: Asker, *numbers: int) -> Awaitable[list[Any]]:
    return asker.see(*numbers)


def _see_without_storing(asker: Asker, *numbers: int) -> Awaitable[list[Any]]:
    return asker.see(*numbers, stored=False)


@pytest.mark.parametrize(
    ("operation", "see"),
    [
        ("projection", _see),
        ("getThumbnailByLongestSideSet", _see),
        ("setPixelsId", _see_without_storing),
        ("getThumbnailByLongestSideDirect", _see_without_storing),
    ],
)
async def test_what_omero_asks_to_try_again_is_tried_once_more_and_then_is_for_later(
    operation: str, see: Callable[..., Awaitable[list[Any]]]
) -> None:
    stage = stage_of("rwrw--", *(["owner saves red"] for _ in range(4)))
    async with Asker(stage, "owner") as owner:
        stage.server.limits.try_again(operation, back_off=1)
        assert await see(owner, 0, 1) == [[96, 72, "red"]] * 2
        stage.server.limits.try_again(operation, times=4, back_off=1)
        assert await see(owner, 2, 3) == ["OmeroUnavailable"] * 2


async def test_whoever_waits_for_omero_to_be_ready_waits_no_longer_than_they_would() -> None:
    stage = stage_of("rwrw--", ["owner saves red"])
    async with Asker(stage, "owner") as owner:
        stage.server.limits.try_again("getThumbnailByLongestSideSet", back_off=3_600_000)
        (outcome,) = await owner.work.thumbnails([ThumbnailRequest(1001, 96)], 0.05)
        assert type(outcome).__name__ == "OmeroTooSlow"


# facts


async def test_an_image_with_two_pixels_is_shown_by_its_first() -> None:
    stage = stage_of("rwrw--", ["owner saves red"])
    image = stage.image(0)
    # made earlier, and put behind the other
    image.pixels.append(Pixels(17, image, 192, 256, size_c=2))
    stage.database.pixels[17] = image.pixels[1]
    async with Asker(stage, "owner") as owner:
        assert await owner.see(0) == [[96, 72, "red"]]


async def test_a_question_that_waits_for_its_turn_takes_what_has_come_meanwhile() -> None:
    stored = ["owner saves red", "owner stores 96"]
    stage = stage_of("rwrw--", stored, stored, stored)
    async with Asker(stage, "owner") as owner:
        permits = owner.session.permits = Permits(1)
        async with permits.flight("another"):
            asking = [asyncio.create_task(owner.see(number)) for number in (0, 1)]
            while not permits._waiting:
                await asyncio.sleep(0)
            asking.append(asyncio.create_task(owner.see(2)))
            for _ in range(100):
                await asyncio.sleep(0)
            assert owner.session.count("projection") == 0
        assert await asyncio.gather(*asking) == [[[96, 72, "red"]]] * 3
        assert owner.session.count("projection") == 1
