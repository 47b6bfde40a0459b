"""Whoever floods the queue leaves room in it for others, and has most of it where nobody else wants it."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import ExitStack

import pytest
from hypothesis import given
from hypothesis import strategies as st

from omero_embedded.workload import Latency
from omero_ms_thumbnail.thumbnails.admission import SHARE, Admission
from omero_ms_thumbnail.thumbnails.model import Thumbnail, ThumbnailRequest, TooManyWaiting
from omero_ms_thumbnail.thumbnails.service import Thumbnails
from tests.unit.omero.small_omero import key_of, pool_at, small_omero


def wells(count: int, first: int = 1) -> list[ThumbnailRequest]:
    return [ThumbnailRequest(number, 96) for number in range(first, first + count)]


def flood(admission: Admission, inside: ExitStack, user: str, requests: Sequence[ThumbnailRequest]) -> int:
    """Ask for each by itself; how many were let in."""
    admitted = 0
    for request in requests:
        try:
            inside.enter_context(admission.admit(user, [request]))
        except TooManyWaiting:
            continue
        admitted += 1
    return admitted


def test_one_user_has_most_of_it_alone_and_leaves_the_rest_to_others() -> None:
    admission = Admission(5_000)
    with ExitStack() as inside:
        assert flood(admission, inside, "a plate of wells", wells(10_000)) == pytest.approx(4_000, abs=1)
        # thirty others with as many on their way as a browser asks for at once
        assert [flood(admission, inside, f"user {number}", wells(6)) for number in range(30)] == [6] * 30
        with pytest.raises(TooManyWaiting, match=r"one user has \d+ of the 5000 .*\(max-waiting-thumbnails\)"):
            inside.enter_context(admission.admit("a plate of wells", wells(1, 10_001)))


def test_a_class_that_opens_a_plate_each_has_nearly_all_of_it() -> None:
    admission = Admission(5_000)
    with ExitStack() as inside:
        admitted = [flood(admission, inside, f"user {number % 25}", [well]) for number, well in enumerate(wells(5_000))]
    assert sum(admitted) > 4_900


def test_what_is_waited_for_already_takes_little() -> None:
    admission = Admission(100)
    with ExitStack() as inside:
        # as often as OMERO is asked for it: once
        for _ in range(16):
            inside.enter_context(admission.admit("user", wells(25)))
        assert flood(admission, inside, "another", wells(5)) == 5
        # and yet it takes memory, which has an end
        assert flood(admission, inside, "user", wells(25) * 20) < 200


USERS, PAGES, MOST = 4, 8, 40


@given(
    st.lists(
        st.tuples(st.integers(0, USERS - 1), st.integers(1, 30), st.integers(1, PAGES), st.booleans()), max_size=60
    )
)
def test_the_bound_holds_and_a_newcomer_has_room_until_it_is_reached(
    steps: list[tuple[int, int, int, bool]],
) -> None:
    admission = Admission(MOST)
    inside: list[tuple[str, list[ThumbnailRequest], ExitStack]] = []
    for number, first, count, leaves in steps:
        if leaves and inside:
            inside.pop(number % len(inside))[2].close()
            continue
        user, requests = f"user {number}", wells(count, first)
        distinct = {(name, one) for name, asked, _ in inside for one in asked}
        weight = len(distinct) * 7 / 8 + sum(len(asked) for _, asked, _ in inside) / 8
        own = {one for name, one in distinct if name == user}
        own_weight = len(own) * 7 / 8 + sum(len(asked) for name, asked, _ in inside if name == user) / 8
        assert weight < MOST + PAGES
        stack = ExitStack()
        if weight < MOST and own_weight <= SHARE * (MOST - weight):
            stack.enter_context(admission.admit(user, requests))
            inside.append((user, requests, stack))
        else:
            with pytest.raises(TooManyWaiting):
                stack.enter_context(admission.admit(user, requests))
    for _, _, stack in inside:
        stack.close()
    # nothing is left of anybody
    with ExitStack() as alone:
        assert flood(admission, alone, "somebody", wells(100)) == pytest.approx(MOST * SHARE / (SHARE + 1), abs=1)


async def test_others_are_served_while_one_user_asks_for_three_thousand_wells() -> None:
    async with small_omero(Latency(thumbnail=1, at_once=4)) as omero, pool_at(omero, call_timeout=60) as pool:
        thumbnails = Thumbnails(pool, timeout=60, stores=4, waiting_max=250)
        flooding, other = key_of(omero), key_of(omero, "colleague")
        # by the cache buster: each is one more for OMERO to draw
        asked = [
            asyncio.create_task(thumbnails.get(flooding, ThumbnailRequest(101 + n % 6, 16, version=str(n))))
            for n in range(3_000)
        ]
        try:
            await asyncio.sleep(0)
            for n in range(20):
                found = await thumbnails.get(other, ThumbnailRequest(101 + n % 6, 16, version=f"other {n}"))
                assert isinstance(found, Thumbnail)
                # OMERO gives both their turn: not everybody before is served first
                assert n or sum(1 for task in asked if not task.done()) > 100
            outcomes = await asyncio.gather(*asked, return_exceptions=True)
        finally:
            for task in asked:
                task.cancel()
        assert sum(1 for one in outcomes if isinstance(one, Thumbnail)) >= 200
        assert sum(1 for one in outcomes if isinstance(one, TooManyWaiting)) >= 2_400
