"""Large pickles of plain data, read at the speed of C.

The machine that `unpickling` has takes half a microsecond for each operation, of which a megabyte has hundreds of
thousands. Nearly all of a large session is plain data though: dicts with texts for keys, lists, texts, numbers. Where
a pickle has no operation but those that make such values, there is nothing in it that Python's own unpickler could
import, look up or call, and so it may read it. One byte that is none of these operations, and the machine reads all.

Which operations there are is found out first, by patterns that take the pickle apart as the unpickler does: each
operation with the bytes that are its own, one behind the other from the first byte to STOP. Tuples are not among them:
as keys their hashes can be made to collide, or to take for ever. Then what the values can take in memory is estimated
from how often each byte is there at all, which is never less than how often it is an operation.
"""

from __future__ import annotations

import io
import pickle
import re
from typing import TYPE_CHECKING, Final, NoReturn

if TYPE_CHECKING:
    from omero_ms_thumbnail.websession.limits import Limits

LARGE: Final = 20_000
"""Bytes from which on it is worth while."""

_STOP: Final = ord(".")
_TEXT: Final = ord("X")  # BINUNICODE
_SHORT: Final = 256


def _counted(prefix: bytes, lengths: int, more: bytes = b"") -> bytes:
    """Operations with so many bytes as the byte behind the prefix says."""
    each = b"|".join(b"%b%b.{%d}" % (re.escape(bytes([length])), more, length) for length in range(lengths))
    return b"%b(?:%b)" % (prefix, each)


_OPERATION: Final = b"|".join(
    (
        rb"[}\](N\x88\x89\x94eaus]",  # containers, MARK, constants, MEMOIZE, and what fills containers
        rb"[Khq].",  # BININT1, BINGET, BINPUT
        _counted(rb"\x8c", _SHORT),  # SHORT_BINUNICODE
        _counted(rb"X", _SHORT, rb"\x00\x00\x00"),
        rb"M..",  # BININT2
        rb"J.{4}",  # BININT
        rb"G.{8}",  # BINFLOAT
        _counted(rb"\x8a", 9),  # LONG1 of 64 bits
        # the memo is as large as its largest number: LONG_BINGET and LONG_BINPUT below half a million
        rb"[jr]..[\x00-\x07]\x00",
        rb"\x95.{8}",  # FRAME
        rb"\x80[\x02-\x05]",  # PROTO
    )
)
_RUN: Final = re.compile(b"(?>%b){1,2000}+" % _OPERATION, re.DOTALL)

_ENDLESS: Final = 200_000_000
"""Bytes that may be compared on looking for keys: whether a text is one that is there already is seen at its end."""

# Bytes of memory for each, with what it takes on the unpickler's stack and in the list that it comes into while both
# grow: what tracemalloc saw for pickles of nothing else.
_TEXT_SIZE, _NUMBER, _SMALL, _LIST, _EMPTY_DICT, _IN_MEMO = 101, 57, 30, 88, 73, 16
#: of a dict with its first pair, which has room for five, and of each pair beyond one for each dict
_FIRST_PAIR, _PAIR = 120, 64


def read(data: bytes, limits: Limits) -> dict[object, object] | None:
    """The dict that data begins with the pickle of; None where it is for `unpickling` to read, or to say why not."""
    longest = _longest_text(data)
    if longest is None:
        return None
    gets = data.count(b"h") + data.count(b"j")
    if longest * gets > _ENDLESS or _memory(data, gets, longest) > limits.plain_memory:
        return None
    try:
        value = _Unpickler(io.BytesIO(data)).load()
    except Exception:  # noqa: BLE001 - of what it raises for damaged ones there is no list, and the machine says why
        return None
    return value if type(value) is dict else None


class _Unpickler(pickle.Unpickler):
    """Python's, which is given what names nothing."""

    def find_class(self, _module: str, _name: str) -> NoReturn:
        raise pickle.UnpicklingError


def _longest_text(data: bytes) -> int | None:
    """Bytes of the longest text of a pickle that has only plain operations; None of any other."""
    longest, position, end = _SHORT, 0, len(data)
    while position < end:
        run = _RUN.match(data, position)
        position = run.end() if run is not None else position
        code = data[position] if position < end else None
        if code == _STOP:
            return longest
        if code == _TEXT:
            length = int.from_bytes(data[position + 1 : position + 5], "little")
            if length >= _SHORT:
                longest = max(longest, length)
                position += 5 + length
                continue
        if run is None or code is None:
            return None
    return None


def _memory(data: bytes, gets: int, longest: int) -> int:
    """Bytes of memory that the values take at most."""
    count = data.count
    texts = count(b"\x8c") + count(b"X")
    numbers = count(b"M") + count(b"J") + count(b"G") + count(b"\x8a")
    small = count(b"K")
    constants = count(b"N") + count(b"\x88") + count(b"\x89")
    dicts, lists = count(b"}"), count(b"]")
    # of small numbers and constants no dict can have more than there are
    keys = texts + numbers + gets + min(small, 256 * dicts) + 3 * dicts
    pairs = min((texts + numbers + small + constants + dicts + lists + gets) // 2, keys)
    # A text takes as many bytes for each character as its widest one: where one is beyond the sixteenth bit, four.
    width = 4 if any(code in data for code in _WIDEST) else 2
    return (
        texts * _TEXT_SIZE
        + min(len(data), texts * longest) * width
        + numbers * _NUMBER
        + (small + constants + gets) * _SMALL
        + lists * _LIST
        + (count(b"\x94") + count(b"q") + count(b"r")) * _IN_MEMO
        + dicts * _EMPTY_DICT
        + min(dicts, pairs) * _FIRST_PAIR
        + max(0, pairs - dicts) * _PAIR
    )


#: with what UTF-8 begins such a character
_WIDEST: Final = tuple(bytes([code]) for code in range(0xF0, 0xF5))
