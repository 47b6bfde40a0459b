"""What becomes of a request for a thumbnail, by way of the real router and an OMERO of plain rules."""

from __future__ import annotations

from typing import Any

import pytest

from omero_ms_thumbnail.thumbnails.model import (
    ImageUnavailable,
    OmeroUnavailable,
    SessionRefused,
    ThumbnailError,
    ThumbnailRequest,
)
from tests.real.conformance.glacier2 import TRANSPORTS
from tests.real.conformance.harness import ALICE_KEY, BOB, BOB_KEY, EXPIRED_KEY, LAB, ROOT_KEY, OmeroStandin, pixels
from tests.real.conformance.test_client import SERVER_ERRORS
from tests.real.conformance.thumbnail_client import assert_left_clean, heart_at

#: an OMERO exception -> what whoever asked for one thumbnail is told; every other says that there is none
TOLD: dict[str, type[ThumbnailError]] = {
    "RemovedSessionException": SessionRefused,
    "SessionTimeoutException": SessionRefused,
    # a join anew tells whether a session has ended that OMERO only does not want to use
    "SessionException": OmeroUnavailable,
    "ShutdownInProgress": OmeroUnavailable,
    # worth another try, and no word of the image
    **dict.fromkeys(
        (
            "ConcurrencyException",
            "ConcurrentModification",
            "DatabaseBusyException",
            "LockTimeout",
            "MissingPyramidException",
            "OptimisticLockException",
            "TryAgain",
        ),
        OmeroUnavailable,
    ),
}


@pytest.mark.parametrize("transport", TRANSPORTS)
async def test_one_and_many_over(transport: str, omero_standin: OmeroStandin) -> None:
    async with heart_at(omero_standin.routers[transport]) as heart:
        assert await heart.get(11) == {
            "image": 11,
            "width": 96,
            "height": 96,
            "rendering_def": 601,
            "z": 5,
            "t": 2,
        }
        assert await heart.get_all([12, 13, 21, 31, 1000]) == [12, 13, 21, 31, 1000]
    await assert_left_clean(omero_standin)


@pytest.mark.parametrize(
    ("image", "size", "more", "shown"),
    [
        (12, 64, {}, {"width": 64, "height": 32}),
        (13, 64, {}, {"width": 32, "height": 64}),
        (12, 30, {"height": 70}, {"width": 30, "height": 70}),
        (11, 64, {"z": 7, "t": 1}, {"width": 64, "height": 64, "z": 7, "t": 1}),
        (11, 64, {"z": 7}, {"z": 7, "t": 2}),
        (11, 64, {"t": 1}, {"z": 5, "t": 1}),
        (11, 64, {"z": 0, "t": 0, "height": 20}, {"width": 64, "height": 20, "z": 0, "t": 0}),
        (11, 64, {"rendering_def_id": 602}, {"rendering_def": 602, "z": 1, "t": 0}),
        (11, 64, {"rendering_def_id": 602, "z": 9}, {"rendering_def": 602, "z": 9, "t": 0}),
        (11, 64, {"rendering_def_id": 777}, {"rendering_def": 601}),
        # OMERO takes the settings of any image with as many channels
        (12, 64, {"rendering_def_id": 602}, {"image": 12, "rendering_def": 602}),
    ],
)
async def test_what_was_asked_for_is_shown(
    image: int, size: int, more: dict[str, int], shown: dict[str, Any], omero_standin: OmeroStandin
) -> None:
    async with heart_at(omero_standin.plain) as heart:
        answer = await heart.get(image, size, **more)
    assert {name: answer[name] for name in shown} == shown
    assert answer["image"] == image


async def test_a_user_sees_an_image_with_their_own_settings(omero_standin: OmeroStandin) -> None:
    async with heart_at(omero_standin.plain) as heart:
        # hers come last: a stored thumbnail of the owner's that is newer than his settings would be shown to him too
        assert (await heart.get(11, key=BOB_KEY))["rendering_def"] == 602
        assert (await heart.get(11, key=ALICE_KEY))["rendering_def"] == 601


@pytest.mark.parametrize("more", [{}, {"height": 50}, {"z": 1, "t": 1}, {"rendering_def_id": 602}])
async def test_what_is_not_readable_is_not_there(more: dict[str, int], omero_standin: OmeroStandin) -> None:
    async with heart_at(omero_standin.plain) as heart:
        for image in (1404, 22):
            with pytest.raises(ImageUnavailable, match=rf"image {image} does not exist or you may not read it"):
                await heart.get(image, **more)
        assert await heart.get_all([22, 21]) == [ImageUnavailable, 21]
        assert await heart.get_all([22, 21], key=BOB_KEY) == [22, ImageUnavailable]
        assert await heart.get_all([22, 21], key=ROOT_KEY) == [22, 21]


async def test_images_of_several_groups_are_asked_for_each_in_its_own(omero_standin: OmeroStandin) -> None:
    async with heart_at(omero_standin.plain) as heart:
        assert await heart.get_all([11, 21, 31]) == [11, 21, 31]
    asked = omero_standin.calls("getThumbnailByLongestSideSet")
    assert {call["group"]: call["arguments"][1] for call in asked} == {
        "3": [pixels(11)],
        "4": [pixels(21)],
        "5": [pixels(31)],
    }


@pytest.mark.parametrize("more", [{"height": 96}, {"z": 0, "t": 0}])
async def test_missing_settings_are_made_by_the_owner(more: dict[str, int], omero_standin: OmeroStandin) -> None:
    async with heart_at(omero_standin.plain) as heart:
        assert (await heart.get(41, **more))["image"] == 41
    assert omero_standin.stats()["calls"]["resetDefaults"] == 1
    assert [call["user"] for call in omero_standin.calls("resetDefaults")] == [None]


@pytest.mark.parametrize("more", [{"height": 96}, {"z": 0, "t": 0}])
async def test_missing_settings_are_made_for_the_owner_by_an_administrator(
    more: dict[str, int], omero_standin: OmeroStandin
) -> None:
    async with heart_at(omero_standin.plain) as heart:
        assert (await heart.get(42, key=ROOT_KEY, **more))["image"] == 42
    (reset,) = omero_standin.calls("resetDefaults")
    assert (reset["user"], reset["group"]) == (str(BOB), str(LAB))


@pytest.mark.parametrize("more", [{}, {"height": 96}, {"z": 0, "t": 0}])
async def test_missing_settings_are_not_made_by_who_may_not(more: dict[str, int], omero_standin: OmeroStandin) -> None:
    async with heart_at(omero_standin.plain) as heart:
        with pytest.raises(ImageUnavailable, match="cannot give a thumbnail of image 41"):
            await heart.get(41, key=BOB_KEY, **more)
        assert await heart.get_all([41, 11], key=BOB_KEY) == [ImageUnavailable, 11]


@pytest.mark.parametrize("more", [{"height": 96}, {"z": 0, "t": 0}])
@pytest.mark.parametrize("behaviour", ["in progress", ["in progress", "missing settings"]])
async def test_an_image_still_being_imported_is_a_clock_and_says_so(
    more: dict[str, int], behaviour: str | list[str], omero_standin: OmeroStandin
) -> None:
    omero_standin.set_image(44, behaviour=behaviour)
    async with heart_at(omero_standin.plain) as heart:
        clock = await heart.thumbnails.get(ALICE_KEY, ThumbnailRequest(44, 96, **more))
        done = await heart.thumbnails.get(ALICE_KEY, ThumbnailRequest(11, 96, **more))
    assert clock.in_progress
    assert not done.in_progress


async def test_settings_that_cannot_be_made_yet_cost_that_image_alone(omero_standin: OmeroStandin) -> None:
    omero_standin.set_image(
        44, behaviour=["in progress", "missing settings", "throws omero.MissingPyramidException in resetDefaults"]
    )
    async with heart_at(omero_standin.plain) as heart:
        # as OMERO.web: it is asked for all the same, and this OMERO makes nothing of it
        with pytest.raises(ImageUnavailable):
            await heart.get(44, height=96)
        assert await heart.get(11, height=96)


@pytest.mark.parametrize("name", SERVER_ERRORS)
async def test_omero_throws_and_whoever_asked_is_told(name: str, omero_standin: OmeroStandin) -> None:
    omero_standin.set_image(12, behaviour=f"throws omero.{name}")
    async with heart_at(omero_standin.plain) as heart:
        # alone and with a size of its own: OMERO throws it at the call itself
        with pytest.raises(ThumbnailError) as told:
            await heart.get(12, height=96)
        assert type(told.value) is TOLD.get(name, ImageUnavailable)
        # among others: OMERO leaves an empty entry, and one by one throws again
        others = await heart.get_all([11, 12, 13])
    if type(told.value) is ImageUnavailable:
        # what OMERO says of one image is for the log
        assert str(told.value) == "OMERO cannot give a thumbnail of image 12"
    assert others == [11, TOLD.get(name, ImageUnavailable), 13]


@pytest.mark.parametrize("operation", ["setPixelsId", "getThumbnailDirect"])
async def test_one_image_that_omero_cannot_show_is_not_there_and_the_next_is(
    operation: str, omero_standin: OmeroStandin
) -> None:
    omero_standin.set_image(12, behaviour=f"throws omero.InternalException in {operation}")
    async with heart_at(omero_standin.plain) as heart:
        for image in (12, 43, 47, 48):
            with pytest.raises(ImageUnavailable, match=f"cannot give a thumbnail of image {image}"):
                await heart.get(image, height=96)
        assert await heart.get(11, height=96)
    # each on a store of its own
    assert omero_standin.stats()["calls"]["createThumbnailStore"] == 5


@pytest.mark.parametrize(("key", "told"), [("no-such-key", SessionRefused), (EXPIRED_KEY, OmeroUnavailable)])
async def test_who_omero_does_not_let_in_is_refused(
    key: str, told: type[ThumbnailError], omero_standin: OmeroStandin
) -> None:
    async with heart_at(omero_standin.plain) as heart:
        with pytest.raises(told) as refused:
            await heart.get(11, key=key)
        assert len(heart.pool) == 0
    assert key not in str(refused.value)


async def test_a_join_worth_another_try_is_no_refusal(omero_standin: OmeroStandin) -> None:
    key = omero_standin.start_session("bob", refuse="ConcurrencyException")
    async with heart_at(omero_standin.plain) as heart:
        with pytest.raises(OmeroUnavailable):
            await heart.get(11, key=key)
