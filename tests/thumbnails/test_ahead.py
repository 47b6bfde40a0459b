"""What is told of the next images by the ids that were asked for last."""

from __future__ import annotations

import random

import pytest

from omero_ms_thumbnail.thumbnails.ahead import AHEAD_MIN, AHEAD_SPREAD, ReadAhead


def seen(*image_ids: int) -> ReadAhead:
    ahead = ReadAhead()
    for image_id in image_ids:
        ahead.asked(image_id)
    return ahead


@pytest.mark.parametrize("distance", [1, 4, 20, 1000])
def test_even_distances_go_on(distance: int) -> None:
    ahead = seen(*range(100, 100 + 9 * distance, distance))
    last = 100 + 8 * distance
    after = ahead.after([last])
    assert after == [last + distance * number for number in range(1, len(after) + 1)]
    assert AHEAD_MIN <= len(after) < AHEAD_MIN + AHEAD_SPREAD


def test_requests_that_overtook_one_another_and_a_gap_change_nothing() -> None:
    ahead = seen(10, 14, 12, 16, 20, 22, 18, 26, 28)
    assert ahead.after([26, 28])[:3] == [30, 32, 34]


@pytest.mark.parametrize("workers", [2, 3])
@pytest.mark.parametrize("distance", [1, 20])
def test_one_of_several_workers_sees_the_distance_too(workers: int, distance: int) -> None:
    """Which requests of a page come to it is chance."""
    rng = random.Random(workers)
    told = 0
    for _ in range(100):
        here = [number * distance for number in range(60) if not rng.randrange(workers)][-9:]
        after = seen(*here).after(here[-1:])
        told += after[:1] == [here[-1] + distance]
    assert told > 90


def test_what_is_asked_for_here_and_there_says_nothing() -> None:
    ids = random.Random(7).sample(range(10_000_000), 9)
    assert seen(*ids).after(ids[-1:]) == []


def test_distances_that_are_wide_apart_say_nothing() -> None:
    assert seen(*range(0, 9 * 1001, 1001)).after([8 * 1001]) == []


@pytest.mark.parametrize("image_ids", [(), (5,), (5, 6), (5, 5, 5, 5, 5, 5, 5, 5, 5)])
def test_a_few_say_nothing(image_ids: tuple[int, ...]) -> None:
    assert seen(*image_ids).after([5]) == []


@pytest.mark.parametrize("distance", [1, 4])
def test_the_next_are_due_once_half_is_used_up(distance: int) -> None:
    ahead = seen(*range(100, 100 + 9 * distance, distance))
    first = ahead.after([100 + 8 * distance])
    for image_id in first[: len(first) // 2 - 1]:
        ahead.asked(image_id)
        assert not ahead.is_due
    ahead.asked(first[len(first) // 2])
    assert ahead.is_due
    # they go on where the first ended, whatever is asked for meanwhile
    second = ahead.after([])
    assert second[0] == first[-1] + distance
    assert not ahead.is_due


def test_nothing_is_due_before_anything_was_asked_for_ahead() -> None:
    for ahead in (ReadAhead(), seen(*range(1, 10))):
        assert not ahead.is_due
        assert ahead.after([]) == []


def test_nothing_is_due_to_a_page_that_lies_elsewhere() -> None:
    ahead = seen(*range(1, 10))
    first = ahead.after([9])
    ahead.asked(first[-1] + 1)
    assert not ahead.is_due
    ahead.asked(1)
    assert not ahead.is_due


def test_nothing_more_is_due_where_the_distance_is_lost() -> None:
    ahead = seen(*range(1, 10))
    first = ahead.after([9])
    for image_id in (7_001, 105, 90_003, 512, 33_333, 2_048, 77_777, first[-1]):
        ahead.asked(image_id)
    assert ahead.is_due
    assert ahead.after([]) == []
    assert not ahead.is_due


def test_users_who_began_together_ask_at_different_moments() -> None:
    users = [seen(*range(1_000 * user, 1_000 * user + 9)) for user in range(1, 21)]
    assert len({len(one.after([1_000 * user + 8])) for user, one in enumerate(users, 1)}) > 8


def test_only_the_last_ones_count() -> None:
    ahead = seen(*range(1_000, 1_500, 50), *range(1, 10))
    assert ahead.after([9])[0] == 10
