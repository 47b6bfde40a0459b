"""A pickle's bytes and the literals in them: lengths, lines, the text forms of protocol 0.

Knows how a literal is spelled, not what an operation does with it. The spellings are those of CPython's
``pickletools`` and PEP 307, 3154 and 574; text written by Python 2's ``str`` is told apart here too.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from .decode_error import SessionDecodeError

if TYPE_CHECKING:
    from typing import Literal

_DECIMAL = re.compile(rb"[+-]?[0-9]+")
_MAX_DIGITS = 4300  # Python's own bound since 3.11; reading decimals costs time square to their length
_STRING_ESCAPE = re.compile(rb"\\(?:x([0-9a-fA-F]{2})|([0-7]{1,3})|(.?))")
_CHARACTER_ESCAPES = {
    b"\\": b"\\",
    b"'": b"'",
    b'"': b'"',
    b"a": b"\a",
    b"b": b"\b",
    b"f": b"\f",
    b"n": b"\n",
    b"r": b"\r",
    b"t": b"\t",
    b"v": b"\v",
}


def damaged(how: str) -> SessionDecodeError:
    """The error for a pickle that no pickler wrote."""
    return SessionDecodeError("pickle", f"its pickle is damaged: {how}")


class PickleBytes:
    """A read position in a pickle. Every method moves it past what it returns and raises at the end."""

    __slots__ = ("data", "position")

    def __init__(self, data: bytes) -> None:
        self.position = 0
        self.data = data

    @property
    def remaining(self) -> int:
        """How many bytes are left."""
        return len(self.data) - self.position

    def take(self, count: int) -> bytes:
        """The next count bytes. Compared with what is left before anything is allocated."""
        start = self.position
        end = start + count
        if count < 0 or end > len(self.data):
            raise damaged("it is cut off or claims a length that it does not have")
        self.position = end
        return self.data[start:end]

    def byte(self) -> int:
        """The next byte."""
        if self.position >= len(self.data):
            raise damaged("it is cut off")
        self.position += 1
        return self.data[self.position - 1]

    def integer(self, size: int, byteorder: Literal["little", "big"] = "little", *, signed: bool = False) -> int:
        """An integer of size bytes."""
        return int.from_bytes(self.take(size), byteorder, signed=signed)

    def counted(self, size: int, *, signed: bool = False) -> bytes:
        """Bytes that follow their own length, a little-endian integer of size bytes."""
        return self.take(self.integer(size, signed=signed))

    def line(self) -> bytes:
        """The bytes before the next newline."""
        end = self.data.find(b"\n", self.position)
        if end < 0:
            raise damaged("a line has no end")
        start = self.position
        self.position = end + 1
        return self.data[start:end]

    def name(self) -> str:
        """The name in a line, of a module or in a module."""
        return utf8(self.line())


def utf8(raw: bytes) -> str:
    """Text of any protocol but 0; Python pickles unpaired surrogates as if they were characters."""
    return raw.decode("utf-8", "surrogatepass")


def raw_unicode_escape(line: bytes) -> str:
    """Text of protocol 0."""
    return line.decode("raw-unicode-escape")


def decimal(line: bytes) -> int:
    """An integer in decimal digits."""
    if len(line) > _MAX_DIGITS or not _DECIMAL.fullmatch(line):
        raise damaged("an integer is not one")
    return int(line)


def decimal_or_bool(line: bytes) -> int:
    """INT's literal: ``00`` and ``01`` are how protocols 0 and 1 spell False and True."""
    if line in (b"00", b"01"):
        return line == b"01"
    return decimal(line)


def long_decimal(line: bytes) -> int:
    """LONG's literal: decimal digits, and an L if Python 2 or 3 wrote it."""
    return decimal(line.removesuffix(b"L"))


def twos_complement(raw: bytes) -> int:
    """An integer of as many bytes as it needs, of none for 0."""
    return int.from_bytes(raw, "little", signed=True)


def quoted(line: bytes) -> bytes:
    """STRING's literal: what Python 2's repr of a str shows, with the quotes."""
    if len(line) < 2 or line[0] != line[-1] or line[:1] not in (b"'", b'"'):
        raise damaged("a string has no quotes around it")
    return _STRING_ESCAPE.sub(_unescaped, line[1:-1])


def _unescaped(escape: re.Match[bytes]) -> bytes:
    hexadecimal, octal, character = escape.groups()
    if hexadecimal:
        return bytes([int(hexadecimal, 16)])
    if octal:
        return bytes([int(octal, 8) & 0xFF])
    return _CHARACTER_ESCAPES.get(character, escape[0])


def python2_text(raw: bytes) -> str | bytes:
    """What a Python 2 str was: text if it is UTF-8, as every key and session key of OMERO.web's is, bytes if not."""
    try:
        return raw.decode()
    except UnicodeDecodeError:
        return raw
