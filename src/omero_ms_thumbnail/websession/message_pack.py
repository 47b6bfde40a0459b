"""Reads msgpack, the part of it that Django data has: nil, bool, numbers, text, bytes, arrays, maps.

The format is the msgpack specification's. Read here rather than by the ``msgpack`` package, which allocates an array
as long as the bytes claim it to be, once for each level of nesting.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

from omero_ms_thumbnail.websession.decode_error import SessionDecodeError

if TYPE_CHECKING:
    from omero_ms_thumbnail.websession.limits import Limits

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
    unpacker = _Unpacker(data, limits)
    value = unpacker.value(0)
    if unpacker.position != len(data):
        raise _damaged("something follows its end")
    return value


class _Unpacker:
    def __init__(self, data: bytes, limits: Limits) -> None:
        self.position = 0
        self._data = data
        self._values_left = limits.values
        self._depth = min(limits.depth, 100)  # read by recursion, which Python bounds at 1000 frames in all

    def value(self, depth: int) -> object:
        self._values_left -= 1
        if self._values_left < 0 or depth > self._depth:
            raise SessionDecodeError("too-large", "its msgpack has too many values or is nested too deeply")
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
            return self._text(self._length(first, _TEXT_LENGTH, 0x1F))
        if first in _BYTES_LENGTH:
            return self._take(self._length(first, _BYTES_LENGTH, 0))
        if 0x90 <= first <= 0x9F or first in _ARRAY_LENGTH:
            return [self.value(depth + 1) for _ in range(self._length(first, _ARRAY_LENGTH, 0x0F))]
        if 0x80 <= first <= 0x8F or first in _MAP_LENGTH:
            return {self._key(depth): self.value(depth + 1) for _ in range(self._length(first, _MAP_LENGTH, 0x0F))}
        # What is left are extension types and the one byte that is never used; neither is Django's.
        raise _damaged("it has a type that no session has")

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


def _damaged(how: str) -> SessionDecodeError:
    return SessionDecodeError("msgpack", f"its msgpack is damaged: {how}")
