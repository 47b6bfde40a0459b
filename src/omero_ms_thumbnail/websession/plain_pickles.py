"""Large pickles of plain data, read at the speed of C.

The machine that `unpickling` has takes half a microsecond for each operation, of which a megabyte has hundreds of
thousands. Nearly all of a large session is plain data though. Where a pickle has no operation but those of
`plain_operations`, there is nothing in it that Python's own unpickler could import or look up, and so it may read it. A
few names of bytes, sets, dates and times are functions of our own to the one that is used here; it finds no others. One
byte that is none of these operations, keys that are in each other's way, or values that might take too much memory, and
the machine reads all, or says why not.
"""

from __future__ import annotations

import pickle
import re
from itertools import repeat
from typing import TYPE_CHECKING, Any, Final, NoReturn

from .collecting import without_collecting
from .pickle_values import FUNCTIONS, SETS, Values
from .placeholder import Placeholder
from .plain_filling import FILL, Filling
from .plain_operations import PlainPickle, is_ready, plain_pickle

if TYPE_CHECKING:
    from collections.abc import Callable

    from .limits import Limits

LARGE: Final = 20_000
"""Bytes from which on it is worth while."""

_ENDLESS: Final = 200_000_000
"""Bytes that may be compared on looking for keys: whether a text is one that is there already is seen at its end."""
_NAMES_MOST: Final = 1_000
"""How often something may be named, which a pickler does once for each name."""

# An empty bytearray and a MARK before the pickle, a tuple of what is behind the MARK and one of both at its end: a
# pickle that leaves more than one value, or a MARK of its own, makes something else of these. It has no bytearrays.
_BEFORE: Final = b"\x96" + bytes(8) + b"("
_BEHIND: Final = b"t\x86."
_FRAME: Final = b"\x95"

# Bytes of memory: of one value's place on the unpickler's stack, in the list that it is taken from there in, and in the
# one that it comes into, while all are there; and of values without their places.
_PLACE: Final = 25
_NUMBER, _TEXT, _LIST, _DICT, _SET, _TUPLE, _WIDE_TUPLE, _IN_MEMO = 32, 75, 70, 64, 216, 31, 49, 16
#: of what a call makes and of its arguments, which take a byte and a name's place in the memo two
_CALL: Final = 112
_MODULES: Final = (b"_codecs", b"builtin", b"datetime")
#: of a dict's first pair, with room for five; of each beyond one for each dict, when the largest of all dicts grows
_FIRST_PAIR, _PAIR = 110, 58
#: the memo, whatever its largest number is among those that are plain, and how to see whether there may be one
_MEMO: Final = 2_100_000
_LONG_PUT: Final = re.compile(rb"r..[\x00-\x01]\x00", re.DOTALL)
#: with what UTF-8 begins a character beyond the sixteenth bit
_WIDEST: Final = tuple(bytes([code]) for code in range(0xF0, 0xF5))


def read(data: bytes, limits: Limits) -> dict[object, object] | None:
    """The dict that data begins with the pickle of; None where it is for `unpickling` to read, or to say why not."""
    if not is_ready():
        return None
    plain = plain_pickle(data)
    if plain is None:
        return None
    gets, texts = _count(data, b"hj"), _count(data, b"\x8cCXB")
    if gets * plain.longest > _ENDLESS:
        return None
    room = limits.plain_memory - _memory(data, plain, gets, texts)
    if room < 0:
        return None
    try:
        return _loaded(plain.parts, room)
    except Exception:  # noqa: BLE001 - of what it raises for damaged ones there is no list, and the machine says why
        return None


class _Maker(Placeholder):
    """Stands for a name, as any placeholder does, and makes what a call of that name makes."""

    __slots__ = ("_make",)

    _make: Callable[..., object]

    @classmethod
    def of(cls, name: str, make: Callable[..., object]) -> Placeholder:
        """One for a name."""
        maker = cls(name)
        maker._make = make
        return maker

    def __call__(self, *arguments: object) -> object:
        return self._make(*arguments)


def _kind_of_maker(make: Callable[..., object]) -> type[Placeholder]:
    return type("Maker", (Placeholder,), {"__slots__": (), "__call__": staticmethod(make)})


#: of what is the same for all pickles, called without a frame for `__call__`
_MAKERS: Final = {name: _kind_of_maker(make) for name, make in FUNCTIONS.items()}


class _Unpickler(pickle.Unpickler):
    """Python's, which finds no class. BINPERSID, which no pickle has that comes here, is for what `Filling` takes."""

    persistent_load: Any

    def __init__(self, file: _Frame, room: int) -> None:
        super().__init__(file, buffers=repeat(FILL))
        filling = Filling(room)
        self.persistent_load = filling.take
        self._filling = filling
        self._values = Values(filling.charge)
        self._named = 0

    def find_class(self, module: str, name: str) -> Placeholder:
        """A function of our own in place of what has that name."""
        self._named += 1
        full_name = f"{module}.{name}"
        make = self._maker(full_name)
        if make is None or self._named > _NAMES_MOST:
            raise pickle.UnpicklingError
        return _MAKERS[full_name](full_name) if full_name in _MAKERS else _Maker.of(full_name, make)

    def _maker(self, name: str) -> Callable[..., object] | None:
        if name in SETS:
            return self._filling.made_frozen_set if SETS[name] else self._filling.made_set
        return self._values.maker(name)


def _loaded(parts: list[bytes], room: int) -> dict[object, object] | None:
    """What parts are the pickle of, but for its STOP, if it is one dict. They are taken, not to be there twice.

    Its values may take as many bytes more than estimated as there is room for.
    """
    parts[:0] = [_BEFORE]
    parts.append(_BEHIND)
    data = b"".join(parts)
    parts[:] = [_FRAME, len(data).to_bytes(8, "little"), data]
    del data
    with without_collecting():
        match _Unpickler(_Frame(parts), room).load():
            case bytearray(), (dict() as value,):
                return value
    return None


class _Frame:
    """A file of one frame, which the unpickler has all of at once and nobody copies."""

    def __init__(self, parts: list[bytes]) -> None:
        self._parts = parts

    def read(self, _size: int) -> bytes:
        """What comes next: the operation, its length, and what is in the frame."""
        return self._parts.pop(0)

    def readline(self) -> NoReturn:
        """A line that is not in the frame."""
        raise EOFError


def _memory(data: bytes, plain: PlainPickle, gets: int, texts: int) -> int:
    """Bytes of memory that the values take at most.

    Estimated before there are any, from how often each byte is there at all, which is never less than how often it is
    an operation.
    """
    short, long = _count(data, b"M\x8a"), _count(data, b"JG")
    small = data.count(b"K") + gets
    constants = _count(data, b"N\x88\x89)")
    dicts, lists, sets = data.count(b"}"), data.count(b"]"), _count(data, b"\x8f\x91")
    calls = data.count(b"R") if any(name in data for name in _MODULES) else 0
    wide_tuples = plain.wide_tuples
    tuples = plain.tuples - wide_tuples
    values = texts + short + long + small + constants + dicts + lists + sets + tuples + wide_tuples
    pairs = min(values // 2, texts + gets)
    filled = min(dicts, pairs, _count(data, b"su"))
    # A text takes as many bytes for each character as its widest one: where one is beyond the sixteenth bit, four.
    width = 4 if any(code in data for code in _WIDEST) else 2
    # what most bytes of the pickle can be of, those that take most first: memory, bytes in the pickle, how many
    made = (
        (_FIRST_PAIR, 1, filled),
        (_LIST + _PLACE, 1, lists),
        (_DICT + _PLACE, 1, dicts),
        (_SET + _PLACE, 3, sets),
        (_WIDE_TUPLE + _PLACE, 1, wide_tuples),
        (_CALL + _PLACE, 3, calls),
        (_TUPLE + _PLACE, 1, tuples),
        (_TEXT + _PLACE, 2, texts),
        (_PLACE, 1, constants),
        (_NUMBER + _PLACE, 3, short),
        (_IN_MEMO, 1, _count(data, b"\x94q")),
        (_NUMBER + _PLACE, 5, long),
        (_PLACE, 2, small),
        (width, 1, texts * plain.longest),
    )
    # the pickle itself is put together anew
    room, memory = len(data), len(data) + tuples + wide_tuples + (pairs - filled) * _PAIR
    if _LONG_PUT.search(data):
        memory += _MEMO
    for size, length, most in made:
        number = min(most, room // length + 1)
        memory += number * size
        room = max(0, room - number * length)
    return memory


def _count(data: bytes, codes: bytes) -> int:
    """How many bytes of these there are."""
    return len(data) - len(data.translate(None, codes))
