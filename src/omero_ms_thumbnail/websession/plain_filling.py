"""What goes into dicts and sets while Python's unpickler reads a large pickle, looked at before it is there.

`plain_operations` puts operations into the pickle in place of those that fill a container with more than a few keys
whose hashes are known beforehand: what they would have put there comes here, as a tuple with `FILL` at its end, which
is on the unpickler's stack at no other time. So does each other tuple, which is made one without a hash, as those of
chosen numbers all have one.
"""

from __future__ import annotations

from itertools import compress
from sys import getsizeof
from typing import TYPE_CHECKING, Any, Final

from .pickle_costs import SET, SMALL_SET
from .pickle_keys import SALTED, Places
from .pickle_values import FrozenSet

if TYPE_CHECKING:
    from collections.abc import Sequence

FILL: Final = object()
"""At the end of a tuple of what is to be filled and what with."""

_MEMBERS_MOST: Final = 650_000
"""Members of all lists that sets are made of: one may be made so many as one likes."""
_FEW: Final = 10
"""Keys that may all be in each other's way."""
_PAIR: Final = 58
_KEY_ITEMS_MOST: Final = 16
_TEXTS: Final = frozenset({str, bytes})
_ATOMS: Final = SALTED | {int, float, bool, type(None)}


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
        self._places = Places()
        self._members = _MEMBERS_MOST

    def charge(self, size: int) -> None:
        """So many bytes more are taken. Raises `NotPlain` if there are not so many."""
        self._room -= size
        if self._room < 0:
            raise NotPlain

    def take(self, items: Any) -> object:
        """A tuple without a hash, or a frozen set of a list's members; or a container, filled, of a tuple for that."""
        if type(items) is list:
            try:
                return FrozenSet(items) if len(items) <= SMALL_SET else self._frozen_set(items)
            except TypeError:  # a tuple for a member
                return self._frozen_set(items)
        if not items or items[-1] is not FILL:
            return Tuple(items)
        container = items[0]
        if len(items) > 2:
            self._fill_dict(container, items[1])
            return container
        self._fill_set(*container)
        return container[0]

    def made_set(self, members: object) -> set[object]:
        """A set of the members in a list, as a call makes it."""
        self._count_call(members)
        return self._set(members)

    def made_frozen_set(self, members: object) -> FrozenSet:
        """A frozen set of the members in a list, as a call makes it."""
        self._count_call(members)
        return self._frozen_set(members)

    def _count_call(self, members: object) -> None:
        if type(members) is not list:
            raise NotPlain
        self._members -= len(members)
        if self._members < 0:
            raise NotPlain
        self.charge(SET)

    def _set(self, members: Any) -> set[object]:
        made: set[object] = set()
        self._fill_set(made, members)
        return made

    def _frozen_set(self, members: Any) -> FrozenSet:
        if len(members) <= SMALL_SET and Tuple not in map(type, members):
            return FrozenSet(members)
        made = FrozenSet(self._set(members))
        if len(made) > SMALL_SET:
            self.charge(getsizeof(made))
        return made

    def _fill_dict(self, container: object, items: Sequence[object]) -> None:
        if type(container) is not dict or len(items) % 2:
            raise NotPlain
        keys, values = items[::2], items[1::2]
        if len(container) + len(keys) > _FEW:
            kinds = {*map(type, keys)}
            if not kinds <= _TEXTS or not all(keys):
                cheap = self._places.cheap(keys, len(container))
                keys, values = [*compress(keys, cheap)], [*compress(values, cheap)]
                self.charge(_PAIR * len(keys))
        try:
            container.update(zip(keys, values, strict=True))
        except TypeError:  # a tuple for a key
            container.update(zip(map(_key, keys), values, strict=True))

    def _fill_set(self, container: object, members: list[object]) -> None:
        if type(container) is not set:
            raise NotPlain
        size = getsizeof(container)
        if len(container) + len(members) > _FEW and (not {*map(type, members)} <= SALTED or not all(members)):
            members = [*compress(members, self._places.cheap(members, len(container)))]
        try:
            container.update(members)
        except TypeError:  # a tuple for a member
            container.update(map(_key, members))
        self.charge(getsizeof(container) - size)


def _key(value: object) -> object:
    """A tuple that may be a key, of a few values that are none; any other value as it is."""
    if type(value) is not Tuple:
        return value
    if len(value) > _KEY_ITEMS_MOST or not {*map(type, value)} <= _ATOMS:
        raise NotPlain
    return tuple(value)
