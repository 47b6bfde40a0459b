"""`warm` and `check --image` by way of the real router and an OMERO on the official stubs."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from functools import partial

import pytest

from omero_ms_thumbnail.check.finding import Outcome
from omero_ms_thumbnail.check.stored import look_at_stored
from omero_ms_thumbnail.omero.exceptions import SecurityViolation
from omero_ms_thumbnail.omero.pool import SessionPool
from omero_ms_thumbnail.omero.session import GROUP, USER, JoinedSession
from omero_ms_thumbnail.omero.thumbnail_rows import thumbnails_of
from omero_ms_thumbnail.warm.making import Outcomes, ThumbnailMaker
from omero_ms_thumbnail.warm.whose import Warmer
from tests.real.conformance.harness import ALICE, ALICE_KEY, BOB, BOB_KEY, ROOT_KEY, OmeroStandin, pixels
from tests.real.conformance.thumbnail_client import LEAVE_WITHIN, assert_left_clean, joined, server_of

ROOT = 0
#: of alice's and bob's, in a read-only, a private and a read-write group; with settings and without
IMAGES = {11: ALICE, 12: ALICE, 13: BOB, 21: ALICE, 22: BOB, 31: ALICE, 41: ALICE, 42: BOB}


@asynccontextmanager
async def pool_at(standin: OmeroStandin) -> AsyncIterator[SessionPool]:
    server = replace(server_of(standin.plain), thumbnail_stores=2)
    pool = SessionPool(partial(JoinedSession.join, server), idle_timeout=60.0)
    try:
        yield pool
    finally:
        await pool.close(LEAVE_WITHIN)


async def warmed(standin: OmeroStandin, key: str, user: int, *images: int) -> Outcomes:
    async with pool_at(standin) as pool:
        maker = ThumbnailMaker(pool, key, Warmer(user, is_administrator=user == ROOT), size=96, at_once=2)
        return await maker.make(await maker.look(images))


async def owners_of_rows(standin: OmeroStandin) -> dict[int, list[int]]:
    async with joined(standin.plain, ROOT_KEY) as session:
        rows = await thumbnails_of(session, [pixels(image) for image in IMAGES])
    return {image: [row.owner_id for row in rows if row.pixels_id == pixels(image)] for image in IMAGES}


async def test_an_administrator_acts_as_each_owner(omero_standin: OmeroStandin) -> None:
    assert await warmed(omero_standin, ROOT_KEY, ROOT, *IMAGES) == dict.fromkeys(IMAGES)
    assert await owners_of_rows(omero_standin) == {image: [owner] for image, owner in IMAGES.items()}
    calls = omero_standin.calls("createThumbnailsByLongestSideSet")
    assert {call["user"] for call in calls} == {str(ALICE), str(BOB)}
    assert len({call["group"] for call in calls}) == 3
    assert not omero_standin.calls("getThumbnailByLongestSide")
    await assert_left_clean(omero_standin)


async def test_who_is_none_may_not(omero_standin: OmeroStandin) -> None:
    """What `warm` leaves out is refused by OMERO, for whoever would try all the same."""
    async with joined(omero_standin.plain, BOB_KEY) as session, session.stores.lend() as store:
        with pytest.raises(SecurityViolation):
            await store.create_thumbnails_by_longest_side_set(96, [pixels(11)], {GROUP: "3", USER: str(ALICE)})


@pytest.mark.parametrize("image", [43, 44, 47, 48])
async def test_what_has_no_thumbnail_is_told_from_the_rest(image: int, omero_standin: OmeroStandin) -> None:
    outcomes = await warmed(omero_standin, ALICE_KEY, ALICE, 11, image, 12)
    assert [one for one, outcome in outcomes.items() if outcome is not None] == [image]
    await assert_left_clean(omero_standin)


@pytest.mark.parametrize("image", [45, 46])
async def test_what_a_set_does_not_give_is_made_alone(image: int, omero_standin: OmeroStandin) -> None:
    assert await warmed(omero_standin, ALICE_KEY, ALICE, 11, image) == {11: None, image: None}


async def test_looking_at_what_is_stored_leaves_nothing(omero_standin: OmeroStandin) -> None:
    await warmed(omero_standin, ROOT_KEY, ROOT, 11, 12)
    before = await owners_of_rows(omero_standin)
    for key in (ALICE_KEY, BOB_KEY, ROOT_KEY):
        async with joined(omero_standin.plain, key) as session:
            for image in (11, 12, 13):
                stored, sizes, _ = await look_at_stored(session, image, 96)
                assert sizes.outcome is Outcome.OK
                # these pictures show who asked for them, so another's differ
                assert key != ALICE_KEY or stored.outcome is Outcome.OK, stored
    assert await owners_of_rows(omero_standin) == before
    await assert_left_clean(omero_standin)
