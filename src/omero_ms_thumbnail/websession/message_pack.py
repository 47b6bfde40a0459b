"""Reads msgpack, the part of it that Django data has: nil, bool, numbers, text, bytes, arrays, maps.

The format is the msgpack specification's. Read here rather than by the ``msgpack`` package, which allocates an array
as long as the bytes claim it to be, once for each level of nesting; large ones are the package's where they keep what
they claim (`plain_message_pack`).
"""

from __future__ import annotations

import re
import struct
from typing import TYPE_CHECKING

from . import plain_message_pack
from .decode_error import SessionDecodeError

if TYPE_CHECKING:
    from .limits import Limits

_CONSTANTS: dict[int, object] = {0xC0: None, 0xC2: False, 0xC3: True}
_NUMBERS = {
    0xCA: struct.Struct(">f"),
    0xCB: struct.Struct(">d"),
    0xCC: struct.Struct(">B"),
    0xCD: struct.Struct(">H"),
    0xCE: struct.Struct(">I"),
    0xCF: struct.Struct(">Q"),
    0xD0: struct.Struct(">b"),
    0xD1: struct.Struct(">h"),
    0xD2: struct.Struct(">i"),
    0xD3: struct.Struct(">q"),
}
# Numbers of one size after each other, as the ids of many images are: read at once.
_RUN = re.compile(
    b"[\x00-\x7f]{2,1000}|"
    + b"|".join(
        b"(?:%b.{%d}){2,1000}" % (re.escape(bytes([first])), number.size) for first, number in _NUMBERS.items()
    ),
    re.DOTALL,
)
# Bytes of memory: of a value with its place in another, and what text, an array and a map take more.
_SMALL, _VALUE, _TEXT, _ARRAY, _MAP = 8, 40, 24, 56, 184
# Of which each takes a microsecond; large data that is sound and has more of them has been read by the package.
_LARGE_STEPS = 100_000
# first byte -> size of the big-endian length that follows
_TEXT_LENGTH = {0xD9: 1, 0xDA: 2, 0xDB: 4}
_BYTES_LENGTH = {0xC4: 1, 0xC5: 2, 0xC6: 4}
_ARRAY_LENGTH = {0xDC: 2, 0xDD: 4}
_MAP_LENGTH = {0xDE: 2, 0xDF: 4}


def is_map(data: bytes) -> bool:
    """Whether the first byte is a msgpack map's and no pickle's.

    0x80, the map of nothing, also begins every pickle since protocol 2, which has more bytes.
    """
    return bool(data) and (0x81 <= data[0] <= 0x8F or data[0] in _MAP_LENGTH or data == b"\x80")


def loads(data: bytes, limits: Limits) -> object:
    """The value that the whole of data is; `SessionDecodeError` if it is damaged or exceeds a limit."""
    steps = limits.values
    if len(data) >= plain_message_pack.LARGE and plain_message_pack.is_possible():
        plain = plain_message_pack.read(data, limits)
        if plain is not None:
            return plain
        # what comes here is damaged, or long texts that might have been many values
        steps = min(steps, _LARGE_STEPS)
    unpacker = _Unpacker(data, limits, steps)
    value = unpacker.value(0)
    if unpacker.position != len(data):
        raise _damaged("something follows its end")
    return value


class _Unpacker:
    def __init__(self, data: bytes, limits: Limits, steps: int) -> None:
        self.position = 0
        self._data = data
        self._steps_left = steps
        self._room = limits.memory
        self._depth = min(limits.depth, 100)  # read by recursion, which Python bounds at 1000 frames in all

    def value(self, depth: int) -> object:
        self._charge(_VALUE, steps=1)
        if depth > self._depth:
            raise _too_large()
        first = self._take(1)[0]
        if first <= 0x7F:
            return first
        if first >= 0xE0:
            return first - 0x100
        if first in _CONSTANTS:
            return _CONSTANTS[first]
        if first in _NUMBERS:
            number: object = _NUMBERS[first].unpack(self._take(_NUMBERS[first].size))[0]
            return number
        return self._sized(first, depth)

    def _sized(self, first: int, depth: int) -> object:
        if 0xA0 <= first <= 0xBF or first in _TEXT_LENGTH:
            self._charge(_TEXT)
            return self._text(self._length(first, _TEXT_LENGTH, 0x1F))
        if first in _BYTES_LENGTH:
            return self._take(self._length(first, _BYTES_LENGTH, 0))
        if 0x90 <= first <= 0x9F or first in _ARRAY_LENGTH:
            self._charge(_ARRAY)
            return self._array(self._length(first, _ARRAY_LENGTH, 0x0F), depth)
        if 0x80 <= first <= 0x8F or first in _MAP_LENGTH:
            self._charge(_MAP)
            return {self._key(depth): self.value(depth + 1) for _ in range(self._length(first, _MAP_LENGTH, 0x0F))}
        # What is left are extension types and the one byte that is never used; neither is Django's.
        raise _damaged("it has a type that no session has")

    def _array(self, length: int, depth: int) -> list[object]:
        items: list[object] = []
        while len(items) < length:
            run = _RUN.match(self._data, self.position)
            if run is None:
                items.append(self.value(depth + 1))
                continue
            numbers = _numbers(run[0])
            size = len(run[0]) // len(numbers)
            del numbers[length - len(items) :]
            self._charge((_VALUE if size > 1 else _SMALL) * len(numbers), steps=1)
            items += numbers
            self.position += size * len(numbers)
        return items

    def _charge(self, size: int, *, steps: int = 0) -> None:
        self._room -= size
        self._steps_left -= steps
        if self._room < 0 or self._steps_left < 0:
            raise _too_large()

    def _key(self, depth: int) -> object:
        key = self.value(depth + 1)
        # The package that Django loads these with refuses other keys as well.
        if not isinstance(key, (str, bytes)):
            raise _damaged("a key is neither text nor bytes")
        return key

    def _length(self, first: int, sizes: dict[int, int], mask: int) -> int:
        size = sizes.get(first)
        return first & mask if size is None else int.from_bytes(self._take(size), "big")

    def _text(self, length: int) -> str:
        try:
            return self._take(length).decode()
        except UnicodeDecodeError:
            raise _damaged("its text is not UTF-8") from None

    def _take(self, count: int) -> bytes:
        taken = self._data[self.position : self.position + count]
        if len(taken) != count:
            raise _damaged("it is cut off")
        self.position += count
        return taken


def _numbers(run: bytes) -> list[object]:
    number = _NUMBERS.get(run[0])
    if number is None:
        return [*run]
    return [value for (value,) in struct.iter_unpack(number.format.replace(">", ">x"), run)]


def _too_large() -> SessionDecodeError:
    return SessionDecodeError("too-large", "its msgpack has too many values, takes too much memory or is too deep")


def _damaged(how: str) -> SessionDecodeError:
    return SessionDecodeError("msgpack", f"its msgpack is damaged: {how}")
