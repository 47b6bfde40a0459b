"""Reading and writing Ice's basic types: sizes, integers, floating point numbers, strings, byte sequences.

No I/O and no knowledge of Slice classes: bytes in, values out. All numbers are little-endian. A reader never goes past
the end of what it was given, never allocates for a length that the remaining bytes could not fill, and never takes more
memory for what it reads than it was allowed: an empty sequence is one byte on the wire and a hundred in Python.
Source: "Data Encoding", ZeroC Ice manual 3.7.
"""

from __future__ import annotations

import struct
from typing import Any, Final, NamedTuple

from .errors import MarshalException, MemoryLimitException, UnsupportedEncodingException


class EncodingVersion(NamedTuple):
    """The version of an encapsulation's encoding."""

    major: int
    minor: int

    def __str__(self) -> str:
        return f"{self.major}.{self.minor}"


ENCODING_1_0: Final = EncodingVersion(1, 0)
ENCODING_1_1: Final = EncodingVersion(1, 1)

_SHORT: Final = struct.Struct("<h")
_INT: Final = struct.Struct("<i")
_LONG: Final = struct.Struct("<q")
_FLOAT: Final = struct.Struct("<f")
_DOUBLE: Final = struct.Struct("<d")

#: size (4 bytes, counts itself) and encoding version (2 bytes)
ENCAPSULATION_HEADER: Final = 6

#: bytes of memory that the values of one message may take where nothing else is said
ALLOWANCE: Final = 64 << 20

# what CPython takes, rounded up: a container or string itself, and one element of a container with a small value in it
OBJECT_BYTES: Final = 64
_ELEMENT_BYTES: Final = 40
# of a string for each byte of UTF-8: one character outside the BMP makes all of them four bytes wide, and while it is
# decoded there are the bytes and the narrow form too
CHARACTER_BYTES: Final = 6


class OutputStream:
    """Appends values of Slice's basic types to a buffer, in encoding 1.1; in 1.0 they are the same.

    `sliced` chooses the sliced format for class instances and exceptions.
    """

    __slots__ = ("buffer", "instances", "sliced")

    def __init__(self, *, sliced: bool = False) -> None:
        self.buffer = bytearray()
        self.sliced = sliced
        #: what `encoding` writes class instances with, once there is one; any type, since it builds on this file
        self.instances: Any = None

    def write_bool(self, value: bool) -> None:
        """One byte, 0 or 1."""
        self.buffer.append(1 if value else 0)

    def write_byte(self, value: int) -> None:
        """One byte, 0 to 255."""
        try:
            self.buffer.append(value)
        except (ValueError, TypeError):
            raise MarshalException(f"{value!r} is not a byte") from None

    def _pack(self, form: struct.Struct, value: float, slice_type: str) -> None:
        try:
            self.buffer += form.pack(value)
        except (struct.error, OverflowError):
            raise MarshalException(f"{value!r} is not a Slice {slice_type}") from None

    def write_short(self, value: int) -> None:
        """Two bytes, signed."""
        self._pack(_SHORT, value, "short")

    def write_int(self, value: int) -> None:
        """Four bytes, signed."""
        self._pack(_INT, value, "int")

    def write_long(self, value: int) -> None:
        """Eight bytes, signed."""
        self._pack(_LONG, value, "long")

    def write_float(self, value: float) -> None:
        """IEEE 754 single precision."""
        self._pack(_FLOAT, value, "float")

    def write_double(self, value: float) -> None:
        """IEEE 754 double precision."""
        self._pack(_DOUBLE, value, "double")

    def write_size(self, value: int) -> None:
        """One byte below 255, else 255 and four bytes."""
        if 0 <= value < 255:
            self.buffer.append(value)
        elif value < 0:
            raise MarshalException(f"{value} is not a size")
        else:
            self.buffer.append(255)
            self.write_int(value)

    def write_string(self, value: str) -> None:
        """Size in bytes, then UTF-8 without a terminator."""
        try:
            encoded = value.encode()
        except (UnicodeEncodeError, AttributeError):
            raise MarshalException("a string holds what UTF-8 cannot encode, or is not a string") from None
        self.write_size(len(encoded))
        self.buffer += encoded

    def write_byte_seq(self, value: bytes) -> None:
        """Size, then the bytes."""
        try:
            self.write_size(len(value))
            self.buffer += value
        except (TypeError, ValueError):
            raise MarshalException(f"a {type(value).__name__} is not a sequence of bytes") from None

    def write_encapsulation(self, content: bytes | bytearray, encoding: EncodingVersion) -> None:
        """An encapsulation around content that was encoded with `encoding`."""
        self.write_int(len(content) + ENCAPSULATION_HEADER)
        self.buffer += bytes(encoding)
        self.buffer += content

    def patch_int(self, position: int, value: int) -> None:
        """Overwrite the four bytes at `position`, written earlier as a placeholder."""
        _INT.pack_into(self.buffer, position, value)


class InputStream:
    """Reads values of Slice's basic types from `data[position:end]`.

    Every method raises `MarshalException` where the bytes are not what was asked for, and `MemoryLimitException` where
    the values would take more than `allowance` bytes of memory.
    """

    __slots__ = ("allowance", "data", "encoding", "end", "instances", "position")

    def __init__(
        self,
        data: bytes,
        position: int = 0,
        end: int | None = None,
        encoding: EncodingVersion = ENCODING_1_1,
        allowance: int = ALLOWANCE,
    ) -> None:
        self.allowance = allowance
        self.data = data
        self.position = position
        self.end = len(data) if end is None else end
        self.encoding = encoding
        #: what `encoding` reads class instances with, once there is one
        self.instances: Any = None

    @property
    def remaining(self) -> int:
        """Bytes not read yet."""
        return self.end - self.position

    def _advance(self, count: int) -> int:
        position = self.position
        if count < 0 or count > self.end - position:
            raise MarshalException(f"{count} bytes expected where {self.end - position} are left")
        self.position = position + count
        return position

    def charge(self, size: int) -> None:
        """Count `size` bytes of memory for what is about to be read; MemoryLimitException if they are too many."""
        self.allowance -= size
        if self.allowance < 0:
            raise MemoryLimitException("the values in a message would take more memory than MessageSizeMax allows")

    def skip(self, count: int) -> None:
        """Pass over `count` bytes."""
        self._advance(count)

    def read_bool(self) -> bool:
        """One byte; anything but 0 is true, as in Ice."""
        return self.data[self._advance(1)] != 0

    def read_byte(self) -> int:
        """One byte, 0 to 255."""
        position = self.position
        # not by _advance, since every slice and every size begins with one
        if position >= self.end:
            raise MarshalException("a byte expected where none is left")
        self.position = position + 1
        return self.data[position]

    def read_short(self) -> int:
        """Two bytes, signed."""
        value: int = _SHORT.unpack_from(self.data, self._advance(2))[0]
        return value

    def read_int(self) -> int:
        """Four bytes, signed."""
        value: int = _INT.unpack_from(self.data, self._advance(4))[0]
        return value

    def read_long(self) -> int:
        """Eight bytes, signed."""
        value: int = _LONG.unpack_from(self.data, self._advance(8))[0]
        return value

    def read_float(self) -> float:
        """IEEE 754 single precision."""
        value: float = _FLOAT.unpack_from(self.data, self._advance(4))[0]
        return value

    def read_double(self) -> float:
        """IEEE 754 double precision."""
        value: float = _DOUBLE.unpack_from(self.data, self._advance(8))[0]
        return value

    def read_size(self) -> int:
        """A size, 0 to 2^31 - 1; what it counts may still be missing."""
        first = self.read_byte()
        if first < 255:
            return first
        value = self.read_int()
        if value < 0:
            raise MarshalException("a size is negative")
        return value

    def read_count(self, element_size: int) -> int:
        """The number of elements of a sequence or dictionary, checked against the bytes that are left.

        `element_size` is the least number of bytes that one element can take.
        """
        count = self.read_size()
        if count * element_size > self.end - self.position:
            raise MarshalException(f"{count} elements cannot stand in the {self.remaining} bytes that are left")
        self.charge(OBJECT_BYTES + count * _ELEMENT_BYTES)
        return count

    def read_string(self) -> str:
        """A UTF-8 string."""
        size = self.read_size()
        start = self._advance(size)
        self.charge(OBJECT_BYTES + size * CHARACTER_BYTES)
        try:
            return self.data[start : start + size].decode()
        except UnicodeDecodeError:
            raise MarshalException("a string is not UTF-8") from None

    def read_byte_seq(self) -> bytes:
        """A sequence of bytes, copied out."""
        size = self.read_size()
        start = self._advance(size)
        self.charge(OBJECT_BYTES + size)
        return self.data[start : start + size]

    def read_encapsulation(self) -> InputStream:
        """A stream over the content of the encapsulation that begins here; this stream goes on behind it."""
        start = self.position
        size = self.read_int()
        if size < ENCAPSULATION_HEADER or size > self.end - start:
            raise MarshalException(f"an encapsulation says that it has {size} bytes, {self.end - start} are left")
        encoding = EncodingVersion(self.read_byte(), self.read_byte())
        if encoding not in (ENCODING_1_0, ENCODING_1_1):
            raise UnsupportedEncodingException(f"the peer uses Ice encoding {encoding}; 1.0 and 1.1 are understood")
        self.position = start + size
        return InputStream(self.data, start + ENCAPSULATION_HEADER, start + size, encoding, self.allowance)
