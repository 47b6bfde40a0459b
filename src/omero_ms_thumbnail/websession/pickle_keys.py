"""Keys of dicts and members of sets: what is there twice is found by its hash, and a hash can be made expensive."""

from __future__ import annotations

import datetime
from itertools import compress
from typing import TYPE_CHECKING, Final, TypeVar, cast

from .pickle_bytes import damaged
from .placeholder import Placeholder

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

_Value = TypeVar("_Value")

# What is beyond these is no key of a session, and would let a pickle choose how long it takes to find a place for it: a
# tuple's hash is computed anew each time, an integer's is its remainder, and text that is equal but not the same is
# compared to its end each time.
_MAX_KEY_TEXT = 1000
_MAX_KEY_TUPLE = 16
_MAX_KEY_INTEGER = 2**64
_MAX_PLACES: Final = 10_000_000
#: where hashes are the same too, both tuples are looked at, which takes as long as so many more places
_MORE_FOR_TUPLE: Final = 9
SALTED: Final = frozenset({str, bytes, datetime.date, datetime.datetime, datetime.time, Placeholder})
"""Types whose hashes each process chooses, but for that of an empty text."""


class Places:
    """How many places may be looked at for one pickle to find those of keys whose hashes are known beforehand.

    The hash of a number is the number, and where a place is taken the next one is sought in an order that everybody
    knows. So numbers can be chosen that are all in each other's way, each of which is looked for in the places of all
    that are there before: a dict of 87,000, half a megabyte of pickle, took 9 s. Tuples of chosen numbers all have one
    hash, if somebody wants it. They are counted as if all were chosen so.
    """

    def __init__(self) -> None:
        self._left = _MAX_PLACES

    def cheap(self, keys: Sequence[object], there: int) -> list[bool]:
        """For each of the keys that come to so many whether it is put there: all, or those whose hash is not known.

        Nothing of OMERO.web's has keys but texts: a session of which such keys are left out says the same.
        """
        is_salted = [type(key) in SALTED and bool(key) for key in keys]
        known = is_salted.count(False)
        if not known:
            return is_salted
        kinds = [*map(type, keys)]
        tuples = sum(kinds.count(kind) for kind in {*kinds} if issubclass(kind, tuple))
        places = (known + tuples * _MORE_FOR_TUPLE) * (2 * there + len(keys)) // 2
        if places > self._left:
            return is_salted
        self._left -= places
        return [True] * len(keys)


class Keys:
    """The keys of one pickle."""

    def __init__(self) -> None:
        self._places = Places()

    def pairs(self, items: list[object], there: int) -> Iterable[tuple[object, object]]:
        """Keys, each with the value behind it, for a dict with so many there already.

        Raises SessionDecodeError for a key that can change or has no value.
        """
        keys = items[::2]
        if len(items) % 2:
            raise damaged("a key has no value")
        if {*map(type, keys)} == {str} and max(map(len, cast("list[str]", keys))) <= _MAX_KEY_TEXT and all(keys):
            return zip(keys, items[1::2], strict=True)
        keys = [*map(self._key, keys)]
        return self._cheap(zip(keys, items[1::2], strict=True), keys, there)

    def members(self, values: list[object], there: int) -> Iterable[object]:
        """The values as keys of a dict or members of a set with so many there already.

        A placeholder for each whose place may not be cheap to find. Raises SessionDecodeError for one that can change.
        """
        keys = [*map(self._key, values)]
        return self._cheap(keys, keys, there)

    def _cheap(self, values: Iterable[_Value], keys: list[object], there: int) -> Iterable[_Value]:
        return compress(values, self._places.cheap(keys, there))

    def _key(self, value: object) -> object:
        if isinstance(value, (list, dict, set, bytearray)):
            raise damaged("a key can change")
        if isinstance(value, tuple):
            cheap = len(value) <= _MAX_KEY_TUPLE and all(map(_is_cheap_key, value))
        else:
            cheap = _is_cheap_key(value)
        return value if cheap else Placeholder("key")


def _is_cheap_key(value: object) -> bool:
    if isinstance(value, int):
        return -_MAX_KEY_INTEGER < value < _MAX_KEY_INTEGER
    if isinstance(value, (str, bytes)):
        return len(value) <= _MAX_KEY_TEXT
    return value is None or isinstance(value, float) or type(value) in SALTED
