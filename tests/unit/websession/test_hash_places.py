"""The places of hashes are gone through as CPython does: containers grow alike, and chosen numbers are told apart."""

from __future__ import annotations

import random
import sys
from collections.abc import Callable

import pytest

from omero_ms_thumbnail.websession.hash_places import Budget, DictPlaces, SetPlaces, TooManyPlaces
from tests.unit.websession.colliding import in_a_dict, in_a_set

SEED = 20261130
MANY = 10**9


def dict_size(value: dict[object, object]) -> int:
    """How many places a dict has that has other keys than texts."""
    sizes = {}
    for bits in range(3, 22):
        number = 2**bits
        index = 1 if bits <= 7 else 2 if bits <= 15 else 4
        sizes[sys.getsizeof({}) + 32 + number * index + number * 2 // 3 * 24] = number
    return sizes[sys.getsizeof(value)]


def set_size(value: set[object]) -> int:
    return (sys.getsizeof(value) - sys.getsizeof(set())) // 16 or 8


@pytest.mark.parametrize("texts", [0, 1, 5, 6, 300, 683, 20_000, 44_000])
def test_dicts_grow_where_they_grow(texts: int) -> None:
    chance = random.Random(SEED)
    value: dict[object, object] = dict.fromkeys(map(str, range(texts)))
    places = DictPlaces(Budget(MANY), value)
    for _ in range(60):
        numbers = [chance.getrandbits(60) for _ in range(chance.randrange(1, 900))]
        value.update(dict.fromkeys(numbers))
        places.add(numbers)
        assert places.size == dict_size(value)
    assert DictPlaces(Budget(MANY), value).size == places.size


def test_sets_grow_where_they_grow() -> None:
    chance = random.Random(SEED)
    value: set[object] = set()
    places = SetPlaces(Budget(MANY), [])
    for _ in range(300):
        numbers = [chance.getrandbits(60) for _ in range(chance.choice([1, 2, 300, 900]))]
        value.update(numbers)
        places.add(numbers)
        assert places.size == set_size(value)
    assert SetPlaces(Budget(MANY), value).size == places.size


@pytest.mark.parametrize("kind", [DictPlaces, SetPlaces])
@pytest.mark.parametrize(
    "numbers",
    [
        [*range(50_000)],
        [*range(0, 500_000, 10)],
        [-number for number in range(50_000)],
        [*range(50_000, 0, -1)],
        random.Random(SEED).sample(range(10**9), 50_000),
    ],
    ids=["in a row", "by ten", "negative", "backwards", "random"],
)
def test_numbers_as_they_come_have_room(kind: type[DictPlaces | SetPlaces], numbers: list[int]) -> None:
    kind(Budget(250_000), []).add([*map(hash, numbers)])


@pytest.mark.parametrize("kind", [DictPlaces, SetPlaces])
def test_numbers_in_a_row_cost_nothing_but_where_others_are(kind: type[DictPlaces | SetPlaces]) -> None:
    budget = Budget(0)
    kind(budget, []).add([*range(50_000)])
    places = kind(Budget(10_000), [])
    places.add([3])
    with pytest.raises(TooManyPlaces):
        places.add([*range(50_000)])


@pytest.mark.parametrize(("kind", "chosen"), [(DictPlaces, in_a_dict), (SetPlaces, in_a_set)])
def test_numbers_that_are_chosen_have_none(
    kind: type[DictPlaces | SetPlaces], chosen: Callable[[int], tuple[int, ...]]
) -> None:
    numbers = chosen(13)
    kind(Budget(250_000), []).add(random.Random(SEED).sample(range(2**31), 50_000))
    with pytest.raises(TooManyPlaces):
        kind(Budget(10 * len(numbers)), []).add([*numbers])
