"""What is told of the next images by the ids that were asked for last."""

from __future__ import annotations

import random

import pytest

from omero_ms_thumbnail.thumbnails.ahead import AHEAD, ReadAhead


def seen(*image_ids: int) -> ReadAhead:
    ahead = ReadAhead()
    for image_id in image_ids:
        ahead.asked(image_id)
    return ahead


@pytest.mark.parametrize("distance", [1, 4, 20, 1000])
def test_even_distances_go_on(distance: int) -> None:
    ahead = seen(*range(100, 100 + 9 * distance, distance))
    last = 100 + 8 * distance
    assert ahead.after([last]) == [last + distance * number for number in range(1, AHEAD + 1)]


def test_requests_that_overtook_one_another_and_a_gap_change_nothing() -> None:
    ahead = seen(10, 14, 12, 16, 20, 22, 18, 26, 28)
    assert ahead.after([26, 28])[:3] == [30, 32, 34]


def test_what_is_asked_for_here_and_there_says_nothing() -> None:
    ids = random.Random(7).sample(range(10_000_000), 9)
    assert seen(*ids).after(ids[-1:]) == []


def test_distances_that_are_wide_apart_say_nothing() -> None:
    assert seen(*range(0, 9 * 1001, 1001)).after([8 * 1001]) == []


@pytest.mark.parametrize("image_ids", [(), (5,), (5, 6), (5, 5, 5, 5, 5, 5, 5, 5, 5)])
def test_a_few_say_nothing(image_ids: tuple[int, ...]) -> None:
    assert seen(*image_ids).after([5]) == []


def test_only_the_last_ones_count() -> None:
    ahead = seen(*range(1_000, 1_500, 50), *range(1, 10))
    assert ahead.after([9])[0] == 10
