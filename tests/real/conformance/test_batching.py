"""How many calls OMERO gets for what is asked: one join, single flight, batches, and one by one for the rest."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from omero_ms_thumbnail.omero.rtypes import RLong
from omero_ms_thumbnail.thumbnails.model import ImageUnavailable
from tests.real.conformance.harness import ALICE_KEY, BOB_KEY, ROOT_KEY, SHARED, OmeroStandin, pixels
from tests.real.conformance.test_client import SECTION_OF_RENDERING_DEF
from tests.real.conformance.thumbnail_client import assert_left_clean, heart_at, told

SET = "getThumbnailByLongestSideSet"
ONE = "getThumbnailByLongestSide"


def images_in_sets(standin: OmeroStandin) -> list[list[int]]:
    """The images of each set that was asked for, in order of arrival."""
    return [[one - pixels(0) for one in call["arguments"][1]] for call in standin.calls(SET)]


async def test_fifty_requests_at_once_are_one_join_one_projection_and_few_sets(omero_standin: OmeroStandin) -> None:
    images = range(1000, 1050)
    async with heart_at(omero_standin.plain) as heart:
        shown = await asyncio.gather(*(heart.get(image) for image in images))
        assert [one["image"] for one in shown] == list(images)
        assert len(heart.pool) == 1
    stats = omero_standin.stats()
    assert stats["joins"] == 1
    assert stats["calls"]["projection"] == 1
    assert stats["calls"][SET] <= 4
    assert stats["calls"].get(ONE, 0) == 0
    assert sorted(image for images in images_in_sets(omero_standin) for image in images) == list(images)
    await assert_left_clean(omero_standin)


async def test_fifty_images_at_once_with_one_store_are_one_set(omero_standin: OmeroStandin) -> None:
    images = list(range(1000, 1050))
    async with heart_at(omero_standin.plain, stores=1) as heart:
        assert await heart.get_all(images) == images
    assert images_in_sets(omero_standin) == [images]
    assert omero_standin.stats()["calls"]["createThumbnailStore"] == 1


async def test_what_is_known_of_images_is_not_asked_again(omero_standin: OmeroStandin) -> None:
    async with heart_at(omero_standin.plain) as heart:
        for height in (40, 48):
            assert (await heart.get(11, height=height))["height"] == height
    assert omero_standin.stats()["calls"]["projection"] == 1
    assert omero_standin.stats()["joins"] == 1


async def test_users_do_not_share_a_join(omero_standin: OmeroStandin) -> None:
    async with heart_at(omero_standin.plain) as heart:
        await asyncio.gather(*(heart.get(11, key=key) for key in (ALICE_KEY, BOB_KEY, ROOT_KEY) * 10))
    assert sorted(client["key"] for client in omero_standin.stats()["clients"].values()) == sorted(
        [ALICE_KEY, BOB_KEY, ROOT_KEY]
    )
    await assert_left_clean(omero_standin, ALICE_KEY, BOB_KEY, ROOT_KEY)


@pytest.mark.parametrize(("more", "operation"), [({}, SET), ({"height": 96}, "getThumbnailDirect")])
async def test_two_who_ask_for_the_same_are_one_call(
    more: dict[str, int], operation: str, omero_standin: OmeroStandin
) -> None:
    async with heart_at(omero_standin.plain) as heart:
        first = asyncio.create_task(heart.get(49, **more))
        await told(omero_standin.wait_for, operation, 1)
        second = asyncio.create_task(heart.get(49, **more))
        # one after the other through the same door: once this is answered, the second has been taken note of
        assert (await heart.get(11))["image"] == 11
        omero_standin.release()
        assert await first == await second
    assert len(omero_standin.calls(operation)) == (2 if operation == SET else 1)


async def test_a_request_that_gives_up_leaves_the_others_unharmed(omero_standin: OmeroStandin) -> None:
    async with heart_at(omero_standin.plain) as heart:
        first = asyncio.create_task(heart.get(49))
        second = asyncio.create_task(heart.get(49))
        await told(omero_standin.wait_for, SET, 1)
        first.cancel()
        with pytest.raises(asyncio.CancelledError):
            await first
        omero_standin.release()
        assert (await second)["image"] == 49
    assert omero_standin.stats()["calls"][SET] == 1
    await assert_left_clean(omero_standin)


async def test_a_request_that_gave_up_before_its_turn_costs_omero_no_call(omero_standin: OmeroStandin) -> None:
    async with heart_at(omero_standin.plain, stores=1) as heart:
        held = asyncio.create_task(heart.get(49))
        await told(omero_standin.wait_for, SET, 1)
        impatient = asyncio.create_task(heart.get(12))
        patient = asyncio.create_task(heart.get(11))
        # one projection for both: they are on their way, and the only store is not to be had
        await told(omero_standin.wait_for, "projection", 2)
        impatient.cancel()
        with pytest.raises(asyncio.CancelledError):
            await impatient
        omero_standin.release()
        assert (await held)["image"] == 49
        assert (await patient)["image"] == 11
    assert images_in_sets(omero_standin) == [[49], [11]]


async def test_a_request_that_gives_up_in_a_call_leaves_the_store_alone_until_it_ends(
    omero_standin: OmeroStandin,
) -> None:
    async with heart_at(omero_standin.plain, stores=1) as heart:
        impatient = asyncio.create_task(heart.get(49))
        await told(omero_standin.wait_for, SET, 1)
        impatient.cancel()
        with pytest.raises(asyncio.CancelledError):
            await impatient
        patient = asyncio.create_task(heart.get(11))
        await told(omero_standin.wait_for, "projection", 2)
        assert omero_standin.stats()["calls"][SET] == 1
        omero_standin.release()
        assert (await patient)["image"] == 11
    await assert_left_clean(omero_standin)


@pytest.mark.parametrize("image", [45, 46])
async def test_what_a_set_leaves_out_is_asked_for_the_careful_way(image: int, omero_standin: OmeroStandin) -> None:
    async with heart_at(omero_standin.plain, stores=1) as heart:
        assert await heart.get_all([11, image, 12]) == [11, image, 12]
    assert images_in_sets(omero_standin) == [[11, image, 12]]
    assert [call["arguments"] for call in omero_standin.calls("setPixelsId")] == [[pixels(image)]]
    assert omero_standin.stats()["calls"][ONE] == 1


async def test_one_that_fails_in_a_set_fails_alone(omero_standin: OmeroStandin) -> None:
    async with heart_at(omero_standin.plain, stores=1) as heart:
        assert await heart.get_all([11, 43, 47, 48, 12]) == [11, *[ImageUnavailable] * 3, 12]


async def test_a_set_that_fails_as_a_whole_is_asked_for_one_by_one(omero_standin: OmeroStandin) -> None:
    images = [11, 12, 1000]
    async with heart_at(omero_standin.plain, stores=1) as heart:
        omero_standin.fail(SET, "ResourceError")
        assert await heart.get_all(images) == images
    assert images_in_sets(omero_standin) == [images]
    assert [call["arguments"] for call in omero_standin.calls("setPixelsId")] == [[pixels(one)] for one in images]


async def test_an_image_that_was_deleted_is_missing_and_the_others_come(omero_standin: OmeroStandin) -> None:
    async with heart_at(omero_standin.plain) as heart:
        assert await heart.get_all([11, 12, 1000]) == [11, 12, 1000]
        omero_standin.set_image(12, deleted=True)
        assert await heart.get_all([11, 12, 1000]) == [11, ImageUnavailable, 1000]


@pytest.mark.parametrize("more", [{}, {"height": 48}])
async def test_an_image_that_was_moved_to_another_group_is_found_at_once(
    more: dict[str, int], omero_standin: OmeroStandin
) -> None:
    async with heart_at(omero_standin.plain) as heart:
        # what is known changes when thumbnails are stored, and stays from then on
        for _ in range(2):
            await heart.get_all([11, 12])
        assert omero_standin.stats()["calls"]["projection"] == 2
        omero_standin.set_image(12, group=SHARED)
        assert (await heart.get(12, **more))["image"] == 12
        assert (await heart.get(11, **more))["image"] == 11
    assert omero_standin.stats()["calls"]["projection"] == 3


async def test_an_image_that_fails_for_another_reason_is_looked_up_once_more_and_not_rendered_again(
    omero_standin: OmeroStandin,
) -> None:
    async with heart_at(omero_standin.plain) as heart:
        await heart.get(12)
        omero_standin.set_image(12, behaviour="fails")
        with pytest.raises(ImageUnavailable, match="cannot give a thumbnail of image 12"):
            await heart.get(12, height=48)
    assert omero_standin.stats()["calls"]["projection"] == 3
    assert omero_standin.stats()["calls"]["getThumbnailDirect"] == 1


async def test_the_work_of_one_image_holds_up_no_other(omero_standin: OmeroStandin) -> None:
    async with heart_at(omero_standin.plain, stores=2) as heart:
        held = asyncio.create_task(heart.get(49, height=96))
        await told(omero_standin.wait_for, "getThumbnailDirect", 1)
        assert await heart.get_all([11, 12, 13]) == [11, 12, 13]
        omero_standin.release()
        assert (await held)["image"] == 49


@pytest.mark.parametrize("more", [{}, {"height": 96}])
async def test_a_slow_image_holds_up_no_other_though_omero_was_fast_before(
    more: dict[str, int], omero_standin: OmeroStandin
) -> None:
    async with heart_at(omero_standin.plain, stores=3) as heart:
        for size in range(20, 30):
            await heart.get_all([1000, 1001], size)
        operation = "getThumbnailDirect" if more else SET
        before = len(omero_standin.calls(operation))
        held = asyncio.create_task(heart.get(49, 48, **more))
        await told(omero_standin.wait_for, operation, before + 1)
        async with asyncio.timeout(5):
            assert await heart.get_all([1000, 1001]) == [1000, 1001]
            assert await heart.get_all([1002, 1003]) == [1002, 1003]
        omero_standin.release()
        assert (await held)["image"] == 49


async def test_no_more_calls_at_once_than_allowed_over_all_users(omero_standin: OmeroStandin) -> None:
    omero_standin.set_image(11, behaviour="held")
    async with heart_at(omero_standin.plain, calls_at_once=1) as heart:
        alice = asyncio.create_task(heart.get(11, key=ALICE_KEY))
        await told(omero_standin.wait_for, SET, 1)
        bob = asyncio.create_task(heart.get(11, key=BOB_KEY))
        await told(omero_standin.wait_for, "projection", 2)
        async with heart.pool.lend(BOB_KEY) as session:
            # as long a conversation as a thumbnail takes: Bob's would be on its way by now
            await session.event_context()
            for _ in range(3):
                await session.projection(SECTION_OF_RENDERING_DEF, {"id": RLong(601)})
        calls = omero_standin.stats()["calls"]
        assert (calls["createThumbnailStore"], calls[SET]) == (1, 1)
        omero_standin.set_image(11, behaviour="normal")
        omero_standin.release()
        assert [(await one)["image"] for one in (alice, bob)] == [11, 11]


async def test_what_comes_while_a_set_waits_for_its_turn_goes_with_it(omero_standin: OmeroStandin) -> None:
    async with heart_at(omero_standin.plain, calls_at_once=1) as heart:
        # OMERO is known to be fast
        for _ in range(5):
            await heart.get_all(list(range(1000, 1040)), key=ROOT_KEY)
        omero_standin.set_image(11, behaviour="held")
        before = omero_standin.stats()["calls"][SET]
        alice = asyncio.create_task(heart.get(11, key=ALICE_KEY))
        await told(omero_standin.wait_for, SET, before + 1)
        roots = []
        for image in range(1000, 1010):
            roots.append(asyncio.create_task(heart.get(image, key=ROOT_KEY)))
            async with heart.pool.lend(ROOT_KEY) as session:
                # long enough for whatever the request itself sets about
                await session.projection(SECTION_OF_RENDERING_DEF, {"id": RLong(601)})
        omero_standin.release()
        assert (await alice)["image"] == 11
        assert [(await root)["image"] for root in roots] == list(range(1000, 1010))
        assert omero_standin.stats()["calls"][SET] == before + 2


async def test_two_hundred_images_of_all_kinds_use_no_store_twice_at_once(omero_standin: OmeroStandin) -> None:
    kinds: dict[int, Any] = {1000 + 7 * number: "empty in set" for number in range(10)}
    kinds |= {1003 + 7 * number: "left out of set" for number in range(10)}
    for image, behaviour in kinds.items():
        omero_standin.set_image(image, behaviour=behaviour)
    images = list(range(1000, 1200))
    async with heart_at(omero_standin.plain) as heart:
        answers = await asyncio.gather(
            *(heart.get_all(images[at : at + 50]) for at in range(0, 200, 50)),
            *(heart.get(image, height=64) for image in images[::20]),
        )
        assert [image for part in answers[:4] for image in part] == images
    stats = omero_standin.stats()
    # twenty that sets left out and ten of another size have stores of their own; two are for sets
    assert stats["calls"]["createThumbnailStore"] <= 20 + 10 + 2
    await assert_left_clean(omero_standin)
