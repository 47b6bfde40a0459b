"""Keys of dicts and members of sets: what is there twice is found by its hash, and a hash can be made expensive."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from omero_ms_thumbnail.websession.pickle_bytes import damaged
from omero_ms_thumbnail.websession.placeholder import Placeholder

if TYPE_CHECKING:
    from collections.abc import Iterator

# What is beyond these is no key of a session, and would let a pickle choose how long it takes to find a place for it: a
# tuple's hash is computed anew each time, an integer's is its remainder, which collides at will, and text that is equal
# but not the same is compared to its end each time. Tuples of chosen integers all have one hash, if somebody wants it,
# and then each is compared with all that were there before.
_MAX_KEY_TEXT = 1000
_MAX_KEY_TUPLE = 16
_MAX_KEY_INTEGER = 2**64
_MAX_TUPLES = 1000


class Keys:
    """The keys of one pickle."""

    def __init__(self) -> None:
        self._tuples = 0

    def pairs(self, items: list[object]) -> Iterator[tuple[object, object]]:
        """Keys, each with the value behind it. Raises SessionDecodeError for a key that can change or has no value."""
        keys = items[::2]
        if len(items) % 2:
            raise damaged("a key has no value")
        if {*map(type, keys)} == {str} and max(map(len, cast("list[str]", keys))) <= _MAX_KEY_TEXT:
            return zip(keys, items[1::2], strict=True)
        return zip(map(self.key, keys), items[1::2], strict=True)

    def key(self, value: object) -> object:
        """The value as a key of a dict or a member of a set; a placeholder if finding its place may not be cheap."""
        if isinstance(value, (list, dict, set, bytearray)):
            raise damaged("a key can change")
        if isinstance(value, tuple):
            self._tuples += 1
            few = self._tuples <= _MAX_TUPLES and len(value) <= _MAX_KEY_TUPLE
            cheap = few and all(map(_is_cheap_key, value))
        else:
            cheap = _is_cheap_key(value)
        return value if cheap else Placeholder("key")


def _is_cheap_key(value: object) -> bool:
    if isinstance(value, int):
        return -_MAX_KEY_INTEGER < value < _MAX_KEY_INTEGER
    if isinstance(value, (str, bytes)):
        return len(value) <= _MAX_KEY_TEXT
    return value is None or isinstance(value, (float, Placeholder))
