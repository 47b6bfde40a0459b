"""Numbers that are all in each other's way, as somebody chooses them who wants a dict or a set to take for ever."""

from __future__ import annotations

import random
from functools import cache

_SEED = 20261130
_NEIGHBOURS = 9


@cache
def in_a_dict(bits: int) -> tuple[int, ...]:
    """So many numbers that a dict of them has 2**bits places, a third of which are all in the way of another third."""
    mask = 2**bits - 1
    chance = random.Random(_SEED)
    taken: dict[int, int] = {}
    place = 12_345 & mask
    for length in range(2**bits // 2):
        taken[place] = length
        place = (5 * place + 1) & mask
    found: set[int] = set()
    while len(found) < 2**bits // 7:
        number = perturbed = chance.getrandbits(31)
        place = number & mask
        while place in taken and perturbed:
            perturbed >>= 5
            place = (5 * place + perturbed + 1) & mask
        if not perturbed and taken.get(place, 2**bits) < 2**bits // 8:
            found.add(number)
    return (*taken, *found)


@cache
def in_a_set(bits: int) -> tuple[int, ...]:
    """Two fifths of 2**bits numbers, and some that have to go past all of them in a set of 2**bits places."""
    mask = 2**bits - 1
    taken: set[int] = set()
    way: dict[int, int] = {}
    place = 1_234 & mask
    while len(taken) < 2**bits * 2 // 5:
        way[place] = len(way)
        taken.update(range(place, min(place + _NEIGHBOURS, mask) + 1))
        place = (5 * place + 1) & mask
    full = {place for place in taken if taken.issuperset(range(place, min(place + _NEIGHBOURS, mask) + 1))}
    found = []
    for number in range(2**bits, 2**bits * 200):
        place, perturbed = number & mask, number
        while place in full and perturbed:
            perturbed >>= 5
            place = (5 * place + perturbed + 1) & mask
        if not perturbed and way.get(place, len(way)) < len(way) // 3:
            found.append(number)
    return (*taken, *found[: 2**bits // 8])
