"""Keys of dicts and members of sets: what is there twice is found by its hash, and a hash can be made expensive."""

from __future__ import annotations

import datetime
from typing import TYPE_CHECKING, cast

from .pickle_bytes import damaged
from .placeholder import Placeholder

if TYPE_CHECKING:
    from collections.abc import Iterator

# What is beyond these is no key of a session, and would let a pickle choose how long it takes to find a place for it: a
# tuple's hash is computed anew each time, an integer's is its remainder, which collides at will, and text that is equal
# but not the same is compared to its end each time. Tuples of chosen integers all have one hash, if somebody wants it,
# and then each is compared with all that were there before. Nor need hashes be the same: each of 80,000 integers was
# looked for in most others' places, one after the other, which took 9 s. So only so many places may be looked at for
# keys whose hashes are known beforehand, as those of numbers are and of all that is one value in every process.
_MAX_PLACES = 50_000_000
_MAX_KEY_TEXT = 1000
_MAX_KEY_TUPLE = 16
_MAX_KEY_INTEGER = 2**64
_MAX_TUPLES = 1000
#: whose hashes each process chooses, as those of texts
_SALTED = frozenset({datetime.date, datetime.datetime, datetime.time})


class Keys:
    """The keys of one pickle."""

    def __init__(self) -> None:
        self._tuples = 0
        self._known = 0
        self._places = _MAX_PLACES
        #: in place of each key for which none may be looked at any more
        self._beyond = Placeholder("key")

    def pairs(self, items: list[object], there: int) -> Iterator[tuple[object, object]]:
        """Keys, each with the value behind it, for a dict with so many there already.

        Raises SessionDecodeError for a key that can change or has no value.
        """
        keys = items[::2]
        if len(items) % 2:
            raise damaged("a key has no value")
        if {*map(type, keys)} == {str} and max(map(len, cast("list[str]", keys))) <= _MAX_KEY_TEXT and all(keys):
            return zip(keys, items[1::2], strict=True)
        return zip(self.members(keys, there), items[1::2], strict=True)

    def members(self, values: list[object], there: int) -> Iterator[object]:
        """The values as keys of a dict or members of a set with so many there already.

        A placeholder for each whose place may not be cheap to find. Raises SessionDecodeError for one that can change.
        """
        most = there + len(values)
        return (self._key(value, most) for value in values)

    def _key(self, value: object, most: int) -> object:
        if isinstance(value, (list, dict, set, bytearray)):
            raise damaged("a key can change")
        if isinstance(value, tuple):
            self._tuples += 1
            few = self._tuples <= _MAX_TUPLES and len(value) <= _MAX_KEY_TUPLE
            cheap = few and all(map(_is_cheap_key, value))
        else:
            cheap = _is_cheap_key(value)
        if not cheap:
            return Placeholder("key")
        if not (isinstance(value, (str, bytes, Placeholder)) or type(value) in _SALTED) or not value:
            self._known += 1
            self._places -= min(self._known, most)
            if self._places < 0:
                return self._beyond
        return value


def _is_cheap_key(value: object) -> bool:
    if isinstance(value, int):
        return -_MAX_KEY_INTEGER < value < _MAX_KEY_INTEGER
    if isinstance(value, (str, bytes)):
        return len(value) <= _MAX_KEY_TEXT
    return value is None or isinstance(value, (float, Placeholder)) or type(value) in _SALTED
