"""How many places CPython looks at to put keys into a dict or a set: known from their hashes, before it does.

The hash of a number is the number, and where a place is taken the next one is sought in an order that everybody knows.
So numbers can be chosen that are all in each other's way: a dict of 87,000, half a megabyte of pickle, takes 9 s.
Here the same places are gone through without keys, a byte for each, and counted; with too many there is no dict.
Order and growth are those of CPython's `Objects/dictobject.c` and `Objects/setobject.c`, from 3.11 on.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable
from typing import Final

_SMALLEST: Final = 8
_SHIFT: Final = 5
#: a hash as the unsigned number that it is to C
_BITS: Final = 2**64 - 1
#: places behind one that a set looks at before it goes elsewhere
_NEIGHBOURS: Final = 9
#: members beyond which a set grows twofold, not fourfold
_LARGE_SET: Final = 50_000
_FREE: Final = b"\0"
_TAKEN: Final = b"\1"


class TooManyPlaces(Exception):
    """More places would have to be looked at than may be."""


class Budget:
    """How many places may be looked at, over all containers of one pickle."""

    def __init__(self, places: int) -> None:
        self.places = places

    def spend(self, places: int) -> None:
        """So many were looked at. Raises `TooManyPlaces` if there were not so many left."""
        self.places -= places
        if self.places < 0:
            raise TooManyPlaces


class _Places:
    """The places of one container, which has the size that it has grown to with so many keys."""

    def __init__(self, budget: Budget, size: int, hashes: Iterable[int]) -> None:
        self._budget = budget
        self._hashes = array("q", hashes)
        self._make(size)

    def __len__(self) -> int:
        """How many keys there are, one that is there twice counted as two."""
        return len(self._hashes)

    @property
    def size(self) -> int:
        """How many places there are: a power of two."""
        return len(self._taken)

    def _make(self, size: int) -> None:
        self._taken = bytearray(size)
        self._place(self._hashes.tolist())

    def _add(self, hashes: list[int]) -> None:
        self._place(hashes)
        self._hashes.extend(hashes)

    def _place(self, hashes: list[int]) -> None:
        if not hashes or self._in_a_row(hashes):
            return
        self._budget.spend(len(hashes))
        self._budget.spend(self._seek(hashes, self._budget.places))

    def _seek(self, hashes: list[int], most: int) -> int:
        """Find a place for each; how many were looked at in vain, which is not much more than most."""
        raise NotImplementedError

    def _in_a_row(self, hashes: list[int]) -> bool:
        """Whether these are numbers one behind the other, each of which finds its place free; they are put there."""
        first, count = hashes[0], len(hashes)
        if hashes[-1] - first + 1 != count or first < 0 or hashes != [*range(first, first + count)]:
            return False
        taken, begin = self._taken, first & (len(self._taken) - 1)
        end = min(begin + count, len(taken))
        behind = begin + count - end
        if taken.find(_TAKEN, begin, end) >= 0 or taken.find(_TAKEN, 0, behind) >= 0:
            return False
        taken[begin:end] = _TAKEN * (end - begin)
        taken[:behind] = _TAKEN * behind
        return True


class DictPlaces(_Places):
    """The places of a dict."""

    def __init__(self, budget: Budget, keys: Iterable[object]) -> None:
        there = [*keys]
        # A dict of nothing but text takes less for each key, and grows when there comes another one.
        texts = next((number for number, key in enumerate(there) if type(key) is not str), len(there))
        size = _SMALLEST
        while texts > size * 2 // 3:
            size = _at_least(size * 2 // 3 * 3)
        if texts:
            size = _at_least(texts * 3)
        while len(there) > size * 2 // 3:
            size = _at_least(size * 2 // 3 * 3)
        super().__init__(budget, size, map(hash, there))

    def add(self, hashes: list[int]) -> None:
        """Put keys of these hashes in, the first of which is no text if there was none but texts before."""
        done = 0
        while done < len(hashes):
            room = self.size * 2 // 3 - len(self)
            if room <= 0:
                self._make(_at_least(len(self) * 3))
                room = self.size * 2 // 3 - len(self)
            self._add(hashes[done : done + room])
            done += room

    def _seek(self, hashes: list[int], most: int) -> int:
        taken, mask, in_vain = self._taken, len(self._taken) - 1, 0
        for value in hashes:
            place = value & mask
            if taken[place]:
                perturbed = value & _BITS
                while taken[place]:
                    perturbed >>= _SHIFT
                    place = (5 * place + perturbed + 1) & mask
                    in_vain += 1
                if in_vain > most:
                    break
            taken[place] = 1
        return in_vain


class SetPlaces(_Places):
    """The places of a set."""

    def __init__(self, budget: Budget, members: Iterable[object]) -> None:
        there = [*members]
        size, count = _SMALLEST, _room_of_set(_SMALLEST)
        while len(there) >= count:
            size = _size_of_set(count)
            count = _room_of_set(size)
        super().__init__(budget, size, map(hash, there))

    def add(self, hashes: list[int]) -> None:
        """Put members of these hashes in."""
        done = 0
        while done < len(hashes):
            room = _room_of_set(self.size) - len(self)
            self._add(hashes[done : done + room])
            done += room
            # when it is full, not only when there comes another
            if len(self) >= _room_of_set(self.size):
                self._make(_size_of_set(len(self)))

    def _seek(self, hashes: list[int], most: int) -> int:
        taken, mask, in_vain = self._taken, len(self._taken) - 1, 0
        for value in hashes:
            place = value & mask
            if taken[place]:
                perturbed = value & _BITS
                while taken[place]:
                    in_vain += 1
                    if place + _NEIGHBOURS <= mask:
                        free = taken.find(_FREE, place + 1, place + 1 + _NEIGHBOURS)
                        if free >= 0:
                            place = free
                            break
                        in_vain += _NEIGHBOURS
                    perturbed >>= _SHIFT
                    place = (5 * place + 1 + perturbed) & mask
                if in_vain > most:
                    break
            taken[place] = 1
        return in_vain


def _at_least(size: int) -> int:
    return max(_SMALLEST, 1 << (size - 1).bit_length())


def _room_of_set(size: int) -> int:
    return -(-(size - 1) * 3 // 5)


def _size_of_set(count: int) -> int:
    return max(_SMALLEST, 1 << (count * (2 if count > _LARGE_SET else 4)).bit_length())
