"""What is bounded stays so, and lets go of the oldest first."""

from __future__ import annotations

from omero_ms_thumbnail.bounded import BoundedDict, ExpiringDict


def test_the_oldest_goes_for_one_that_comes() -> None:
    kept: BoundedDict[str, int] = BoundedDict(2)
    kept["a"] = 1
    kept["b"] = 2
    # neither new nor newer than it was
    kept["a"] = 3
    assert kept == {"a": 3, "b": 2}
    kept["c"] = 4
    assert kept == {"b": 2, "c": 4}


def test_what_is_put_again_is_the_newest() -> None:
    kept: ExpiringDict[str, int] = ExpiringDict(2)
    kept.put("a", 1, 100.0, 0.0)
    kept.put("b", 2, 100.0, 0.0)
    kept.put("a", 3, 100.0, 0.0)
    kept.put("c", 4, 100.0, 0.0)
    assert kept == {"a": (100.0, 3), "c": (100.0, 4)}


def test_two_that_are_over_go_for_one_that_comes() -> None:
    kept: ExpiringDict[int, str] = ExpiringDict(1_000)
    for number in range(100):
        kept.put(number, "", 10.0, 0.0)
    for number in range(100, 180):
        kept.put(number, "", 1_000.0, 10.0)
    assert list(kept) == [*range(100, 180)]


def test_one_that_counts_still_is_not_in_the_way_of_one_that_is_over() -> None:
    kept: ExpiringDict[str, int] = ExpiringDict(10)
    kept.put("long", 1, 1_000.0, 0.0)
    kept.put("short", 2, 1.0, 0.0)
    kept.put("next", 3, 1_000.0, 1.0)
    assert list(kept) == ["long", "next"]


def test_there_are_never_more_than_there_may_be() -> None:
    kept: ExpiringDict[int, str] = ExpiringDict(50)
    for number in range(500):
        kept.put(number, "", 1_000.0 - number, float(number) / 10)
        assert len(kept) <= 50
    assert 499 in kept
