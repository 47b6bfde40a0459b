"""The operations of pickles of plain data, as patterns that take a pickle apart as Python's unpickler does.

Each operation is matched with the bytes that are its own, one behind the other from the first byte to STOP. What they
make: None, true, false, numbers, texts, bytes, lists, dicts, tuples, sets, dates and times. What they may name and call
are `pickle_values`, by functions of our own. Not among them are those that nothing of this needs or few sessions have:
what takes values from the stack again, integers of more than 64 bits, bytearrays, the texts of Python 2 and of
protocol 0, states, extension codes, persistent ids, buffers.

**What is hashed.** The hashes of numbers, and of all that is one value in every process, are known beforehand, so that
those of chosen numbers are in each other's place in a dict: each of 80,000 was looked for in most others' places, and
that took 9 s. So whatever fills a dict or a set is left to Python's unpickler only where it cannot be meant so:

- directly behind a new dict: up to five pairs of single values, then pairs that have a text or a value of the memo for
  a key, as many as a pickler puts into a dict at once;
- directly behind a new set: up to four values, for which it has room in itself.

In place of each other one, and behind each tuple, are operations that give it to `plain_filling`. No constant comes
into the memo, as no pickler puts one there: a pickle that does is none of these.
"""

from __future__ import annotations

import re
import sys
import threading
from dataclasses import dataclass, field
from functools import cache
from typing import Final, NamedTuple

from .pickle_values import NAMES

SHORT: Final = 256
"""Bytes from which on a text's length takes more than one byte."""
_FILLED_MOST: Final = 130_000
"""How often `plain_filling` may be asked to fill a dict or a set: it takes half a microsecond each time."""

_STOP: Final = ord(".")
_LONG: Final = b"XB"  # BINUNICODE, BINBYTES
_FRAME: Final = 0x95
_FRAME_BYTES: Final = 9
_MAX_FRAMES: Final = 1_000
"""A pickler begins one each 64 KiB."""
_PUTS: Final = (b"\x94", b"q", b"r")  # MEMOIZE, BINPUT, LONG_BINPUT
#: operations that are taken to what `plain_filling` is given, by their codes: the tuple that they make, a list of the
#: members of a frozen set, or a tuple of a container, what they would have put there, and NEXT_BUFFER's value
_GIVE: Final = b"Q"
_TUPLES: Final = b"\x85\x86\x87t"
_GIVEN: Final = {
    **{code: bytes([code]) + _GIVE for code in _TUPLES},
    ord("s"): b"\x86\x97\x87Q",
    ord("u"): b"l\x97\x87Q",
    0x90: b"l\x86\x97\x86Q",  # ADDITEMS
    0x91: b"lQ",  # FROZENSET
}
_GIVEN_CODES: Final = bytes(_GIVEN)
_GIVEN_AT_ONCE: Final = 64 * 1024
"""Bytes of a pickle in which they are looked for together, as each piece between them takes memory."""


def _counted(codes: bytes, lengths: int = SHORT, more: bytes = b"") -> bytes:
    """Operations with so many bytes as the byte behind the code says."""
    each = b"|".join(b"%b%b.{%d}" % (re.escape(bytes([length])), more, length) for length in range(lengths))
    return b"[%b](?:%b)" % (codes, each)


_SHORT_TEXT: Final = _counted(rb"\x8cC")  # SHORT_BINUNICODE, SHORT_BINBYTES
_LONGER_TEXT: Final = _counted(_LONG, more=rb"\x00\x00\x00")
_NOT_PUT: Final = rb"(?![\x94qr])"
# BININT1, BININT2, BININT, BINFLOAT, LONG1 of 64 bits, NONE, NEWTRUE, NEWFALSE, EMPTY_TUPLE
_CONSTANT: Final = rb"(?:K.|J.{4}|M..|[N\x88\x89)]|G.{8}|%b)%b" % (_counted(rb"\x8a", 9), _NOT_PUT)
# the memo is as large as its largest number: LONG_BINGET and LONG_BINPUT below 131,072
_PUT: Final = rb"(?:\x94|q.|r..[\x00-\x01]\x00)"
_GET: Final = rb"j..[\x00-\x01]\x00"
_TEXT: Final = b"%b%b?+|%b%b?+" % (_SHORT_TEXT, _PUT, _LONGER_TEXT, _PUT)
#: whatever may be a key as often as one likes
_NAME: Final = b"(?:h.|%b|%b)" % (_TEXT, _GET)
_VALUE: Final = b"(?:%b|h.|%b|%b)" % (_CONSTANT, _TEXT, _GET)
#: one value, or as many as there are of one byte
_VALUES: Final = rb"(?>[N\x88\x89]++%b|%b)" % (_NOT_PUT, _VALUE)
_FLAT_LIST: Final = rb"\]%b?+(?>\((?>%b){1,1000}+e|%ba)?+" % (_PUT, _VALUE, _VALUE)
_FLAT_DICT: Final = rb"\}%b?+(?>\((?>%b%b){1,1000}+u|%b%bs)?+" % (_PUT, _NAME, _VALUE, _NAME, _VALUE)
_CALL: Final = rb"[\x85\x86]%b?+R%b?+" % (_PUT, _PUT)
_ITEM: Final = b"(?>h.%b%b?+%b|%b|%b|%b)" % (_NAME, _NAME, _CALL, _VALUE, _FLAT_LIST, _FLAT_DICT)
_CALLED: Final = b"|".join(
    b"%b\n%b\n" % tuple(re.escape(part.encode()) for part in name.rsplit(".", 1)) for name in sorted(NAMES)
)

_OPERATION: Final = b"|".join(
    (
        # behind a dict: pairs from MARK on, or one
        rb"\}%b?+(?>\((?>%b%b){1,5}+(?>%b%b){0,1000}+u?+|%b%bs|)" % (_PUT, _VALUE, _ITEM, _NAME, _ITEM, _VALUE, _ITEM),
        # behind a list: values from MARK on, or one value
        rb"\]%b?+(?>\(%b{1,1000}+|%ba|)" % (_PUT, _VALUES, _VALUE),
        rb"\x8f%b?+(?>\((?>%b){1,4}+\x90|)" % (_PUT, _VALUE),
        # not MARK and APPENDS with nothing between them, behind which anything might be put into the memo
        rb"\((?!e)%b{0,1000}+" % _VALUES,
        _VALUES,
        rb"[\x94aeR\x93]",  # MEMOIZE, APPEND, APPENDS, REDUCE, STACK_GLOBAL
        rb"q.|r..[\x00-\x01]\x00",
        rb"c(?:%b)" % _CALLED,
        # what is called with one or two values: where these are a key then, one of them has no hash that is known
        _CALL,
    )
)


class _Patterns(NamedTuple):
    run: re.Pattern[bytes]
    given: re.Pattern[bytes]


@cache
def _patterns() -> _Patterns:
    return _Patterns(
        # No more than 2,000 at once, as a pattern takes memory for each.
        re.compile(b"(?>%b){1,2000}+" % _OPERATION, re.DOTALL),
        # A tuple or a frozen set of single values comes first, of which there are most. What is behind the last is the
        # second kind of piece, which is found once and empty.
        re.compile(
            rb"((?>(?>%b?+R)?+%b?+\(?+(?>%b){1,6}+[\x85\x86\x87t\x91]|(?>%b){0,2000}+[%b]))|.+"
            % (_PUT, _PUT, _VALUE, _OPERATION, re.escape(_GIVEN_CODES)),
            re.DOTALL,
        ),
    )


#: seconds for which the thread that compiles them keeps others from running at a time
_TURN: Final = 0.0005
#: whether it is to be a thread, where one compiles them when they are needed first; that thread
_in_thread = False
_preparing: threading.Thread | None = None


def prepare_when_needed() -> None:
    """From now on compile the patterns in a thread, when a pickle is to be looked at first.

    It takes a second of a processor, which a site without large sessions never spends, and for which nobody is to wait.
    Until it is over no pickle is plain. Without this they are compiled while the first pickle waits.
    """
    global _in_thread
    _in_thread = True


def is_ready() -> bool:
    """Whether a pickle can be looked at now; else the patterns are compiled meanwhile."""
    global _preparing
    if _in_thread and _preparing is None:
        _preparing = threading.Thread(target=_prepare, name="patterns", daemon=True)
        _preparing.start()
    return _preparing is None or not _preparing.is_alive()


def _prepare() -> None:
    usual = sys.getswitchinterval()
    sys.setswitchinterval(min(_TURN, usual))
    try:
        _patterns()
    finally:
        sys.setswitchinterval(usual)


_PROTOCOL: Final = re.compile(rb"\x80[\x02-\x05]")


@dataclass(slots=True)
class PlainPickle:
    """A pickle that has only such operations, and how many bytes its longest text has, SHORT at least.

    The parts are all of it but frames, which are a hint how much to read ahead, and STOP, with what `plain_filling` is
    given in place of some operations. There are so many tuples of up to three values, and so many of others.
    """

    parts: list[bytes] = field(default_factory=list)
    longest: int = SHORT
    tuples: int = 0
    wide_tuples: int = 0


def plain_pickle(data: bytes) -> PlainPickle | None:
    """The pickle that data begins with, if it has only plain operations; None if it has another or is cut off."""
    taking = _Taking(data)
    try:
        while taking.take():
            pass
    except _NotPlain:
        return None
    return taking.plain


class _NotPlain(Exception):
    """There is an operation of another kind, or the end of data."""


class _Taking:
    """How far a pickle has been taken apart."""

    def __init__(self, data: bytes) -> None:
        self.plain = PlainPickle()
        self._data = data
        self._position = 0
        self._frames = 0
        self._filled = 0
        self._end_of_text = 0
        if (protocol := _PROTOCOL.match(data)) is not None:
            self._take_part(protocol[0])

    def take(self) -> bool:
        """Take one operation or many. False for STOP; raises `_NotPlain`."""
        data, position = self._data, self._position
        if (run := _patterns().run.match(data, position)) is not None:
            self._take_part(run[0])
            return True
        if position >= len(data):
            raise _NotPlain
        code = data[position]
        if code == _STOP:
            return False
        if code in _GIVEN:
            self._take_given()
        elif code == _FRAME:
            self._take_frame()
            behind = data[self._position : self._position + 1]
            # what a pickler puts into the memo behind one is the long text before it
            if behind in _PUTS and position != self._end_of_text:
                raise _NotPlain
            if behind == b"e" and data[position - 1 : position] == b"(":
                raise _NotPlain
        elif code in _LONG and (length := int.from_bytes(data[position + 1 : position + 5], "little")) >= SHORT:
            if length > len(data) - position:
                raise _NotPlain
            self._take_part(data[position : position + 5 + length])
            self.plain.longest = max(self.plain.longest, length)
            self._end_of_text = self._position
        else:
            raise _NotPlain
        return True

    def _take_part(self, part: bytes) -> None:
        self.plain.parts.append(part)
        self._position += len(part)

    def _take_frame(self) -> None:
        self._frames += 1
        self._position += _FRAME_BYTES
        length = int.from_bytes(self._data[self._position - 8 : self._position], "little")
        if self._frames > _MAX_FRAMES or length > len(self._data) - self._position:
            raise _NotPlain

    def _take_given(self) -> None:
        """What is there up to an operation that is given to `plain_filling`, and again; one is at the position."""
        position = self._position
        pieces = _patterns().given.findall(self._data, position, min(position + _GIVEN_AT_ONCE, len(self._data)))
        if not pieces[-1]:
            pieces.pop()
        self._position += sum(map(len, pieces))
        codes = bytes([piece[-1] for piece in pieces])
        wide = codes.count(b"t")
        tuples = len(codes) - len(codes.translate(None, _TUPLES))
        self.plain.wide_tuples += wide
        self.plain.tuples += tuples
        self._filled += len(codes) - tuples
        if self._filled > _FILLED_MOST:
            raise _NotPlain
        if len(codes) > tuples:
            # each of what is given ends with the operation that gives it
            pieces = [
                piece if code in _TUPLES else piece[:-1] + _GIVEN[code][:-1]
                for piece, code in zip(pieces, codes, strict=True)
            ]
        self.plain.parts.append(_GIVE.join([*pieces, b""]))
