"""The operations of pickles of plain data, as patterns that take a pickle apart as Python's unpickler does.

Each operation is matched with the bytes that are its own, one behind the other from the first byte to STOP. What they
make: None, true, false, numbers, texts, bytes, lists, dicts, tuples. Nothing is named, called or given a state by them.
Not among them are those that nothing of this needs or few sessions have: sets (their hashes can be chosen, as tuples'
can, and the small ones of CPython take most of all), what takes values from the stack again, integers of more than 64
bits, the texts of Python 2 and of protocol 0, extension codes, persistent ids, buffers.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

SHORT: Final = 256
"""Bytes from which on a text's length takes more than one byte."""

_STOP: Final = ord(".")
_LONG: Final = b"XB"  # BINUNICODE, BINBYTES
_FRAME: Final = 0x95
_FRAME_BYTES: Final = 9
_MAX_FRAMES: Final = 1_000
"""A pickler begins one each 64 KiB."""


def _counted(codes: bytes, lengths: int = SHORT, more: bytes = b"") -> bytes:
    """Operations with so many bytes as the byte behind the code says."""
    each = b"|".join(b"%b%b.{%d}" % (re.escape(bytes([length])), more, length) for length in range(lengths))
    return b"[%b](?:%b)" % (codes, each)


_OPERATION: Final = b"|".join(
    (
        rb"[}\](N\x88\x89\x94eaus)]",  # containers, MARK, constants, MEMOIZE, and what fills containers
        rb"[Khq].",  # BININT1, BINGET, BINPUT
        _counted(rb"\x8cC"),  # SHORT_BINUNICODE, SHORT_BINBYTES
        _counted(_LONG, more=rb"\x00\x00\x00"),
        rb"M..",  # BININT2
        rb"J.{4}",  # BININT
        rb"G.{8}",  # BINFLOAT
        _counted(rb"\x8a", 9),  # LONG1 of 64 bits
        # the memo is as large as its largest number: LONG_BINGET and LONG_BINPUT below 131,072
        rb"[jr]..[\x00-\x01]\x00",
        rb"\x80[\x02-\x05]",  # PROTO
    )
)
_TUPLE_CODES: Final = b"\x85\x86\x87t"
_TUPLES: Final = b"[%b]" % _TUPLE_CODES
# No more than 2,000 at once, as a pattern takes memory for each.
_RUN: Final = re.compile(b"(?>%b|%b){1,2000}+" % (_OPERATION, _TUPLES), re.DOTALL)
_TO_TUPLE: Final = re.compile(b"(?>%b){0,2000}+%b" % (_OPERATION, _TUPLES), re.DOTALL)


@dataclass(frozen=True, slots=True)
class PlainPickle:
    """A pickle that has only such operations, and how many bytes its longest text has, SHORT at least.

    The parts are all of it but frames, which are a hint how much to read ahead, and STOP. A text of SHORT or more is
    a part of its own, and long_texts has its place among them.
    """

    parts: list[bytes]
    long_texts: set[int]
    longest: int

    def put_behind_tuples(self, operation: bytes) -> None:
        """Put that operation behind each that makes a tuple of items."""
        for index, part in enumerate(self.parts):
            if index not in self.long_texts and any(code in part for code in _TUPLE_CODES):
                self.parts[index] = _put_behind_tuples(part, operation)


def _put_behind_tuples(run: bytes, operation: bytes) -> bytes:
    # with one more at the end, so that each piece has one for its end
    pieces = _TO_TUPLE.findall(run + b"t")
    if sum(map(len, pieces)) != len(run) + 1:
        raise AssertionError("the patterns disagree")
    return operation.join(pieces)[:-1]


def plain_pickle(data: bytes) -> PlainPickle | None:
    """The pickle that data begins with, if it has only plain operations; None if it has another or is cut off."""
    parts: list[bytes] = []
    long_texts: set[int] = set()
    longest, position, end, frames = SHORT, 0, len(data), 0
    while position < end:
        if (run := _RUN.match(data, position)) is not None:
            position = run.end()
            parts.append(run[0])
            continue
        code = data[position]
        if code == _STOP:
            return PlainPickle(parts, long_texts, longest)
        if code == _FRAME and frames < _MAX_FRAMES:
            frames += 1
            position += _FRAME_BYTES
            if int.from_bytes(data[position - 8 : position], "little") > end - position:
                return None
            continue
        length = int.from_bytes(data[position + 1 : position + 5], "little")
        if code not in _LONG or length < SHORT or length > end - position:
            return None
        longest = max(longest, length)
        long_texts.add(len(parts))
        parts.append(data[position : position + 5 + length])
        position += 5 + length
    return None
