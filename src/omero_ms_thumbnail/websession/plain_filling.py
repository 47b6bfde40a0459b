"""What goes into dicts and sets while Python's unpickler reads a large pickle, looked at before it is there.

`plain_operations` puts operations into the pickle in place of those that fill a container with more than a few keys
whose hashes are known beforehand: what they would have put there comes here, as a tuple with `FILL` at its end, which
is on the unpickler's stack at no other time. So does each other tuple, which is made one without a hash, as those of
chosen numbers all have one.
"""

from __future__ import annotations

import datetime
from sys import getsizeof
from typing import TYPE_CHECKING, Any, Final

from .hash_places import Budget, DictPlaces, SetPlaces
from .pickle_costs import SET, SMALL_SET
from .pickle_values import FrozenSet

if TYPE_CHECKING:
    from collections.abc import Sequence

FILL: Final = object()
"""At the end of a tuple of what is to be filled and what with."""

_PLACES: Final = 650_000
"""Places that may be looked at for one pickle; to look at one takes 0.2 µs."""
_FEW: Final = 100
"""Keys that may all be in each other's way."""
_AT_ONCE: Final = 1000
_SAME_MOST: Final = 50
"""Keys that may be there twice, which no pickler writes."""
_PAIR: Final = 58
_ROOM_IN_DICT: Final = 5
_FEW_IN_DICT: Final = 2 * _ROOM_IN_DICT
_KEY_ITEMS_MOST: Final = 16
#: kinds of keys of which there is an estimate before they are there
_TEXTS: Final = frozenset({str, bytes})
#: whose hashes each process chooses, but for that of nothing
_SALTED: Final = _TEXTS | frozenset({datetime.date, datetime.datetime, datetime.time})
_ATOMS: Final = _SALTED | {int, float, bool, type(None)}


class NotPlain(Exception):
    """It is for our own reader to read, or to say why not."""


class Tuple(tuple[object, ...]):
    """A tuple that is no key."""

    __slots__ = ()
    __hash__ = None  # type: ignore[assignment]


class Filling:
    """The containers of one pickle, whose values may take so many bytes of memory."""

    def __init__(self, room: int) -> None:
        self._room = room
        self._budget = Budget(_PLACES)
        #: by the number of a container that is kept with them
        self._places: dict[int, tuple[object, DictPlaces | SetPlaces]] = {}

    def charge(self, size: int) -> None:
        """So many bytes more are taken. Raises `NotPlain` if there are not so many."""
        self._room -= size
        if self._room < 0:
            raise NotPlain

    def take(self, items: tuple[Any, ...]) -> object:
        """A tuple without a hash; or the container, filled, if it is one of the tuples for that."""
        if not items or items[-1] is not FILL:
            return Tuple(items)
        container = items[0]
        if len(items) > 2:
            pairs = items[1]
            if type(container) is dict and len(container) * 2 + len(pairs) <= _FEW_IN_DICT:
                try:
                    container.update(zip(pairs[::2], pairs[1::2], strict=True))
                except TypeError:  # a tuple for a key
                    self._fill_dict(container, pairs)
            else:
                self._fill_dict(container, pairs)
            return container
        if type(container) is list:
            return self.frozen_set(container)
        self._fill_set(*container)
        return container[0]

    def made_set(self, members: object) -> set[object]:
        """A set of the members in a list."""
        if type(members) is not list:
            raise NotPlain
        if len(members) <= SMALL_SET:
            try:
                made = set(members)
            except TypeError:  # a tuple for a member
                made = {*map(_key, members)}
            self.charge(SET)
            return made
        # one list may be made so many sets of as one likes
        self._budget.spend(len(members))
        made = set()
        self._fill_set(made, members)
        self._places.pop(id(made), None)
        return made

    def frozen_set(self, members: object) -> FrozenSet:
        """A frozen set of the members in a list."""
        if type(members) is list and len(members) <= SMALL_SET and Tuple not in map(type, members):
            self.charge(SET)
            return FrozenSet(members)
        made = FrozenSet(self.made_set(members))
        if len(made) > SMALL_SET:
            self.charge(getsizeof(made))
        return made

    def _fill_dict(self, container: object, items: Sequence[object]) -> None:
        if type(container) is not dict or len(items) % 2:
            raise NotPlain
        keys, values = list(items[::2]), items[1::2]
        kinds = {*map(type, keys)}
        if Tuple in kinds:
            keys = [*map(_key, keys)]
        if not kinds <= _TEXTS:
            self.charge(_PAIR * len(keys))
        places = self._places.get(id(container))
        if places is None:
            if kinds <= _SALTED or len(container) + len(keys) <= _FEW:
                container.update(zip(keys, values, strict=True))
                return
            texts = next((number for number, key in enumerate(keys) if type(key) is not str), len(keys))
            container.update(zip(keys[:texts], values[:texts], strict=True))
            keys, values = keys[texts:], values[texts:]
            self._places[id(container)] = places = container, DictPlaces(self._budget, container)
        known = places[1]
        for first in range(0, len(keys), _AT_ONCE):
            some = keys[first : first + _AT_ONCE]
            known.add([*map(hash, some)])
            container.update(zip(some, values[first : first + _AT_ONCE], strict=True))
            if len(known) - len(container) > _SAME_MOST:
                raise NotPlain

    def _fill_set(self, container: object, members: list[object]) -> None:
        if type(container) is not set:
            raise NotPlain
        kinds = {*map(type, members)}
        if Tuple in kinds:
            members = [*map(_key, members)]
        size = getsizeof(container)
        places = self._places.get(id(container))
        if places is None and (kinds <= _SALTED or len(container) + len(members) <= _FEW):
            container.update(members)
            self.charge(getsizeof(container) - size)
            return
        if places is None:
            self._places[id(container)] = places = container, SetPlaces(self._budget, container)
        known = places[1]
        for first in range(0, len(members), _AT_ONCE):
            some = members[first : first + _AT_ONCE]
            known.add([*map(hash, some)])
            container.update(some)
            if len(known) - len(container) > _SAME_MOST:
                raise NotPlain
        self.charge(getsizeof(container) - size)


def _key(value: object) -> object:
    """A tuple that may be a key, of a few values that are none; any other value as it is."""
    if type(value) is not Tuple:
        return value
    if len(value) > _KEY_ITEMS_MOST or not {*map(type, value)} <= _ATOMS:
        raise NotPlain
    return tuple(value)
