"""The operations of pickles of plain data, as patterns that take a pickle apart as Python's unpickler does.

Each operation is matched with the bytes that are its own, one behind the other from the first byte to STOP. What they
make: None, true, false, numbers, texts, bytes, lists, dicts, sets, tuples; and what is named, with a call that makes an
instance of it and the state that it is given, as dates, UUIDs and an application's own objects are written. Not among
them are those that nothing of this needs: frozen sets (their hashes can be chosen, as tuples' can), what takes values
from the stack again, instances of old classes, extension codes, persistent ids, buffers.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

SHORT: Final = 256
"""Bytes from which on a text's length takes more than one byte."""

_STOP: Final = ord(".")
_LONG: Final = b"XBT"  # BINUNICODE, BINBYTES, BINSTRING
_TUPLES: Final = b"\x85\x86\x87t"
_FRAME: Final = 0x95
_FRAME_BYTES: Final = 9
_MAX_FRAMES: Final = 1_000
"""A pickler begins one each 64 KiB."""


def _counted(prefix: bytes, lengths: int = SHORT, more: bytes = b"") -> bytes:
    """Operations with so many bytes as the byte behind the prefix says."""
    each = b"|".join(b"%b%b.{%d}" % (re.escape(bytes([length])), more, length) for length in range(lengths))
    return b"%b(?:%b)" % (prefix, each)


_BINARY: Final = (
    rb"[}\](N\x88\x89\x94eausRb\x81\x93)]",  # containers and what fills them, constants, MEMOIZE, instances
    rb"[Khq].",  # BININT1, BINGET, BINPUT
    _counted(rb"\x8c"),  # SHORT_BINUNICODE
    _counted(rb"C"),  # SHORT_BINBYTES
    _counted(rb"U"),  # SHORT_BINSTRING
    _counted(rb"[XBT]", more=rb"\x00\x00\x00"),
    rb"M..",  # BININT2
    rb"J.{4}",  # BININT
    rb"G.{8}",  # BINFLOAT
    _counted(rb"\x8a", 9),  # LONG1 of 64 bits
    # the memo is as large as its largest number: LONG_BINGET and LONG_BINPUT below half a million
    rb"[jr]..[\x00-\x07]\x00",
    rb"c[A-Za-z0-9_.]{1,200}\n[A-Za-z0-9_.]{1,200}\n",  # GLOBAL
    rb"\x80[\x02-\x05]",  # PROTO
)
#: of protocols 0 and 1, which say nothing of a protocol
_TEXT: Final = (
    rb"[ld]",  # LIST, DICT
    rb"[IL]-?[0-9]{1,19}L?\n",
    rb"F[0-9.e+-]{1,40}\n",
    rb"[pg](?:[0-9]{1,5}|[1-4][0-9]{5})\n",  # PUT, GET
    rb"V[^\n]*\n",  # UNICODE
    rb"""S(?:'[^\n\\']*'|"[^\n\\"]*")\n""",  # STRING, without escapes
)


#: EMPTY_SET, ADDITEMS
_SETS: Final = (rb"[\x8f\x90]",)


class _Patterns:
    """The operations of some protocols: up to 2,000 at once, and one with those before it that make no tuple."""

    def __init__(self, operations: tuple[bytes, ...]) -> None:
        other, tuples = b"|".join(operations), b"[%b]" % _TUPLES
        self.run = re.compile(b"(?>%b){1,2000}+" % other, re.DOTALL)
        self.run_with_tuples = re.compile(b"(?>%b|%b){1,2000}+" % (other, tuples), re.DOTALL)
        to_tuple = b"(?>%b){0,2000}+%b" % (other, tuples)
        self.to_tuple = re.compile(to_tuple, re.DOTALL)
        self.to_tuple_or_end = re.compile(b"%b|(?>%b){1,2000}+\\Z" % (to_tuple, other), re.DOTALL)
        # the first byte of each alone
        self.code = re.compile(rb"(?=(.))(?:%b|%b)" % (other, tuples), re.DOTALL)


_WITHOUT_SETS: Final = _Patterns(_BINARY)
_WITH_SETS: Final = _Patterns(_BINARY + _SETS)
_OF_TEXT: Final = _Patterns(_BINARY + _TEXT)


@dataclass(frozen=True, slots=True)
class PlainPickle:
    """A pickle that has only such operations: runs of them, long texts one by one, and bytes of the longest text.

    Its frames are left out: they are a hint how much to read ahead.
    """

    runs: list[bytes]
    with_tuples: set[int]
    """Which of the runs have operations that make tuples."""
    longest: int
    has_sets: bool
    _patterns: _Patterns

    def codes(self) -> bytes:
        """The operations, without what belongs to them."""
        return b"".join(
            run[:1] if run[0] in _LONG and len(run) > SHORT + 4 else b"".join(self._patterns.code.findall(run))
            for run in self.runs
        )

    def with_each_tuple(self, operation: bytes) -> list[bytes]:
        """Parts of the pickle, in order, with that operation behind each that makes a tuple of items.

        They take the place of the runs, of which there are none afterwards: so large ones are not in memory twice.
        """
        runs = self.runs
        for index in self.with_tuples:
            parts = self._patterns.to_tuple_or_end.findall(runs[index])
            if self._patterns.to_tuple.match(parts[-1]):
                parts.append(b"")
            runs[index] = operation.join(parts)
        parts = [*runs, b"."]
        runs.clear()
        return parts


def plain_pickle(data: bytes) -> PlainPickle | None:
    """The pickle that data begins with, if it has only plain operations; None if it has another or is cut off."""
    if data[:1] != b"\x80":
        return _matched(data, _OF_TEXT)
    return _matched(data, _WITHOUT_SETS) or _matched(data, _WITH_SETS)


def _matched(data: bytes, patterns: _Patterns) -> PlainPickle | None:
    runs: list[bytes] = []
    with_tuples: set[int] = set()
    longest, position, end, frames = SHORT, 0, len(data), 0
    while position < end:
        run = patterns.run.match(data, position)
        if run is not None:
            position = run.end()
            runs.append(run[0])
            if patterns is _OF_TEXT:
                longest = max(longest, max(map(len, run[0].split(b"\n"))))
        code = data[position] if position < end else None
        if code == _STOP:
            return PlainPickle(runs, with_tuples, longest, patterns is _WITH_SETS, patterns)
        if code is not None and code in _TUPLES and (run := patterns.run_with_tuples.match(data, position)) is not None:
            position = run.end()
            with_tuples.add(len(runs))
            runs.append(run[0])
            continue
        if code == _FRAME and frames < _MAX_FRAMES:
            frames += 1
            position += _FRAME_BYTES
            continue
        if code is not None and code in _LONG:
            length = int.from_bytes(data[position + 1 : position + 5], "little")
            if SHORT <= length <= end - position:
                longest = max(longest, length)
                runs.append(data[position : position + 5 + length])
                position += 5 + length
                continue
        if run is None or code is None:
            return None
    return None
