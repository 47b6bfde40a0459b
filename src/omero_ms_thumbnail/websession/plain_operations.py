"""The operations of pickles of plain data, as patterns that take a pickle apart as Python's unpickler does.

Each operation is matched with the bytes that are its own, one behind the other from the first byte to STOP. What they
make: None, true, false, numbers, texts, bytes, lists, dicts, tuples, sets of up to four of these. Nothing is named,
called or given a state by them. Not among them are those that nothing of this needs or few sessions have: larger sets
(the hashes of their members can be chosen, as tuples' can), what takes values from the stack again, integers of more
than 64 bits, the texts of Python 2 and of protocol 0, extension codes, persistent ids, buffers.

**Constants as keys.** The hashes of numbers, and of all that is one value in every process, are known beforehand, so
that those of chosen numbers are in each other's place in a dict: each of 80,000 was looked for in most others' places,
and that took 9 s. So it is counted how many constants may be keys at all: all that do not stand where none is one.
These are the places, each as a pattern of several operations:

- directly before what takes it as an item or as a value (APPEND, SETITEM, TUPLE1 to TUPLE3);
- with nothing but values of one operation between it and APPENDS or TUPLE; or from MARK on behind a list;
- in place of a value in pairs from MARK on behind a dict, or up to SETITEMS.

A value keeps its place above MARK until SETITEMS takes it, so that every second of these is a key; only SETITEM can
take one of them for a key meanwhile. So each SETITEM is counted as well, but behind a dict, a text and one value. No
constant comes into the memo, as no pickler puts one there: a pickle that does is none of these.
"""

from __future__ import annotations

import re
import sys
import threading
from dataclasses import dataclass, field
from functools import cache
from typing import Final, NamedTuple

SHORT: Final = 256
"""Bytes from which on a text's length takes more than one byte."""
_UNSURE_MOST: Final = 10_000
"""Keys that may be constants: so many in each other's places take a tenth of a second. One is counted up to thrice."""

_STOP: Final = ord(".")
_LONG: Final = b"XB"  # BINUNICODE, BINBYTES
_FRAME: Final = 0x95
_FRAME_BYTES: Final = 9
_MAX_FRAMES: Final = 1_000
"""A pickler begins one each 64 KiB."""
_PUTS: Final = (b"\x94", b"q", b"r")  # MEMOIZE, BINPUT, LONG_BINPUT
_SETITEM: Final = ord("s")
_EMPTY_SET: Final = 0x8F
_TUPLE_CODES: Final = b"\x85\x86\x87t"
_TUPLES_AT_ONCE: Final = 64 * 1024
"""Bytes of a pickle in which they are looked for together, as each piece between them takes memory."""


def _counted(codes: bytes, lengths: int = SHORT, more: bytes = b"") -> bytes:
    """Operations with so many bytes as the byte behind the code says."""
    each = b"|".join(b"%b%b.{%d}" % (re.escape(bytes([length])), more, length) for length in range(lengths))
    return b"[%b](?:%b)" % (codes, each)


_SHORT_TEXT: Final = _counted(rb"\x8cC")  # SHORT_BINUNICODE, SHORT_BINBYTES
_LONGER_TEXT: Final = _counted(_LONG, more=rb"\x00\x00\x00")
# BININT1, BININT2, BININT, BINFLOAT, LONG1 of 64 bits, NONE, NEWTRUE, NEWFALSE, EMPTY_TUPLE
_CONSTANT: Final = rb"K.|J.{4}|M..|[N\x88\x89)]|G.{8}|%b" % _counted(rb"\x8a", 9)
# the memo is as large as its largest number: LONG_BINGET and LONG_BINPUT below 131,072
_PUT: Final = rb"(?:\x94|q.|r..[\x00-\x01]\x00)"
_GET: Final = rb"j..[\x00-\x01]\x00"
_TEXT: Final = b"%b%b?+|%b%b?+" % (_SHORT_TEXT, _PUT, _LONGER_TEXT, _PUT)
#: whatever may be a key as often as one likes
_NAME: Final = b"(?:h.|%b|%b)" % (_TEXT, _GET)
_VALUE: Final = b"(?:%b|h.|%b|%b)" % (_CONSTANT, _TEXT, _GET)
#: one value, or as many as there are of one byte
_VALUES_OF_LIST: Final = rb"(?>[N\x88\x89]++|%b)" % _VALUE
_FLAT_LIST: Final = rb"\]%b?+(?>\((?>%b){0,1000}+e|%ba)?+" % (_PUT, _VALUE, _VALUE)
_NOT_PUT: Final = rb"(?![\x94qr])"

_OPERATION: Final = b"|".join(
    (
        # behind a dict: pairs of a text and a value from MARK on, or one such pair
        rb"\}%b?+(?>\((?>%b%b){1,1000}+%b|%b(?>%b|%b)s|)" % (_PUT, _NAME, _VALUE, _NOT_PUT, _NAME, _VALUE, _FLAT_LIST),
        rb"u(?>\((?>%b%b){1,1000}+%b|)" % (_NAME, _VALUE, _NOT_PUT),
        # behind a list: values from MARK on, or one value
        rb"\]%b?+(?>\(%b{1,1000}+%b|%b(?=a)|)" % (_PUT, _VALUES_OF_LIST, _NOT_PUT, _VALUE),
        rb"e(?>\(%b{1,1000}+%b|)" % (_VALUES_OF_LIST, _NOT_PUT),
        rb"\((?>(?>%b){1,1000}+(?=[et])|)" % _VALUE,
        # a set that has room for its members in itself, and gets no more: ADDITEMS is nowhere else
        rb"\x8f%b?+\((?>%b){1,4}+\x90" % (_PUT, _VALUE),
        rb"[\x94a]",  # MEMOIZE, APPEND
        rb"[hq].",
        _SHORT_TEXT,
        rb"(?:%b)(?>(?=[as\x85])|%b(?>(?=\x86)|%b(?=\x87))|(?>%b){0,1000}+(?=[et])|(?>%b%b){0,1000}+(?=u))"
        % (_CONSTANT, _VALUE, _VALUE, _VALUE, _NAME, _VALUE),
        _LONGER_TEXT,
        rb"[jr]..[\x00-\x01]\x00",
    )
)


class _Patterns(NamedTuple):
    run: re.Pattern[bytes]
    to_tuple: re.Pattern[bytes]
    values: re.Pattern[bytes]
    each_constant: re.Pattern[bytes]
    cut_set: re.Pattern[bytes]


@cache
def _patterns() -> _Patterns:
    return _Patterns(
        # No more than 2,000 at once, as a pattern takes memory for each.
        re.compile(b"(?>%b){1,2000}+" % _OPERATION, re.DOTALL),
        # Pairs and triples come first, of which there are most. What is behind the last tuple is the second kind of
        # piece, which is found once and empty.
        re.compile(
            rb"((?>%b?+%b%b(?>\x86|%b\x87)|(?>%b){0,2000}+[%b]))|.+"
            % (_PUT, _VALUE, _VALUE, _VALUE, _OPERATION, _TUPLE_CODES),
            re.DOTALL,
        ),
        # What constants that may be keys are in, so that none of it is tried again as part of something else.
        re.compile(b"(?>%b){1,2000}+" % _VALUE, re.DOTALL),
        re.compile(b"(%b)|%b" % (_CONSTANT, _NAME), re.DOTALL),
        # A set in which a frame begins: no more of these than frames, so that it may have room for more.
        re.compile(rb"(\x8f%b?+\((?>%b){0,4}+)\x95.{8}((?>%b){0,4}+\x90)" % (_PUT, _VALUE, _VALUE), re.DOTALL),
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

    The parts are all of it but frames, which are a hint how much to read ahead, and STOP, with an operation more behind
    each that makes a tuple of items. There are so many tuples, and so many operations that may make a constant a key.
    """

    parts: list[bytes] = field(default_factory=list)
    longest: int = SHORT
    tuples: int = 0
    wide_tuples: int = 0
    unsure: int = 0


def plain_pickle(data: bytes, behind_tuples: bytes) -> PlainPickle | None:
    """The pickle that data begins with, if it has only plain operations; None if it has another or is cut off.

    None too if more than some thousand constants may be keys in it.
    """
    taking = _Taking(data, behind_tuples)
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

    def __init__(self, data: bytes, behind_tuples: bytes) -> None:
        self.plain = PlainPickle()
        self._data = data
        self._behind_tuples = behind_tuples
        self._position = 0
        self._frames = 0
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
        if code in _TUPLE_CODES:
            self._take_tuples()
        elif code == _FRAME:
            self._take_frame()
            # what a pickler puts into the memo behind one is the long text before it
            if data[self._position : self._position + 1] in _PUTS and position != self._end_of_text:
                raise _NotPlain
        elif code == _SETITEM:
            self._take_part(b"s")
            self._count(1)
        elif code == _EMPTY_SET and (cut := _patterns().cut_set.match(data, position)) is not None:
            self._take_part(cut[1])
            self._take_frame()
            self._take_part(cut[2])
        elif code in _LONG and (length := int.from_bytes(data[position + 1 : position + 5], "little")) >= SHORT:
            if length > len(data) - position:
                raise _NotPlain
            self._take_part(data[position : position + 5 + length])
            self.plain.longest = max(self.plain.longest, length)
            self._end_of_text = self._position
        else:
            self._take_values()
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

    def _take_tuples(self) -> None:
        """What is there up to a tuple, and again; there is one at the position."""
        behind, position = self._behind_tuples, self._position
        pieces = _patterns().to_tuple.findall(self._data, position, min(position + _TUPLES_AT_ONCE, len(self._data)))
        # one that is empty is for the rest, up to which each piece begins where the last one ends
        part = behind.join(pieces if not pieces[-1] else [*pieces, b""])
        tuples = len(pieces) - (not pieces[-1])
        self.plain.tuples += tuples
        self.plain.wide_tuples += part.count(b"t" + behind)
        self.plain.parts.append(part)
        self._position += len(part) - tuples * len(behind)

    def _take_values(self) -> None:
        """Values some of which may be keys. Not those up to APPENDS or TUPLE, for which there were too many."""
        data, constants, began = self._data, 0, self._position
        while True:
            if (values := _patterns().values.match(data, self._position)) is not None:
                constants += sum(map(bool, _patterns().each_constant.findall(values[0])))
                self._take_part(values[0])
            elif data[self._position : self._position + 1] == b"\x95" and self._position > began:
                self._take_frame()
            else:
                break
        behind = data[self._position : self._position + 1]
        if self._position == began or behind in _PUTS:
            raise _NotPlain
        if behind not in (b"e", b"t"):
            self._count(constants)

    def _count(self, unsure: int) -> None:
        self.plain.unsure += unsure
        if self.plain.unsure > _UNSURE_MOST:
            raise _NotPlain
