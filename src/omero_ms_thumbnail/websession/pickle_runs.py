"""What large sessions mostly are: lists of numbers, or of texts of one length, such as the ids of many images.

One operation after the other, each would take as long to read as to write down here; a run of equal ones is cut out of
the pickle by its pattern and taken apart by what Python has in C.
"""

from __future__ import annotations

import re
import struct
from functools import lru_cache
from typing import Final

INTEGERS: Final = {ord("K"): 1, ord("M"): 2, ord("J"): 4}
"""BININT1, BININT2 and BININT, by the bytes that follow them."""

_LONGEST: Final = 1000
"""A pickler writes so many items of a list before it appends them."""

_INTEGER_RUN: Final = {
    code: re.compile(b"(?:%b.{%d}){1,%d}" % (bytes([code]), size, _LONGEST), re.DOTALL)
    for code, size in INTEGERS.items()
}
_INTEGER: Final = {ord("K"): struct.Struct("<xB"), ord("M"): struct.Struct("<xH"), ord("J"): struct.Struct("<xi")}


def integers(data: bytes, start: int, code: int) -> tuple[int, list[int]]:
    """The position after the run of BININT1, BININT2 or BININT that starts there, and its numbers.

    IndexError if there is none.
    """
    run = _INTEGER_RUN[code].match(data, start)
    if run is None:
        raise IndexError
    return run.end(), [number for (number,) in _INTEGER[code].iter_unpack(run[0])]


@lru_cache(256)
def _text_run(length: int) -> re.Pattern[bytes]:
    return re.compile(b"(?:\x8c%b.{%d}\x94){0,%d}" % (re.escape(bytes([length])), length, _LONGEST), re.DOTALL)


def texts(data: bytes, start: int, length: int) -> tuple[int, list[str]]:
    """The position after the run that starts there of SHORT_BINUNICODE of that length with MEMOIZE; and its texts."""
    run = _text_run(length).match(data, start)
    if run is None:  # it matches nothing, too
        return start, []
    if not length:
        return run.end(), [""] * (len(run[0]) // 3)
    return run.end(), [raw.decode("utf-8", "surrogatepass") for (raw,) in struct.iter_unpack(f"<2x{length}sx", run[0])]
