"""Large pickles of plain data, read at the speed of C.

The machine that `unpickling` has takes half a microsecond for each operation, of which a megabyte has hundreds of
thousands. Where a pickle has no operation but those of `plain_operations`, there is nothing in it that Python's own
unpickler could run for it, and so it may read it, as `inert_unpickler`. One byte that is none of these operations, a
name that is refused, or a tuple for a key, and the machine reads all, or says why not.

What the values can take in memory is estimated before there is any, from how often each byte is there at all, which is
never less than how often it is an operation; and from the operations themselves if that is too much.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from omero_ms_thumbnail.websession import inert_unpickler
from omero_ms_thumbnail.websession.plain_operations import PlainPickle, plain_pickle

if TYPE_CHECKING:
    from omero_ms_thumbnail.websession.limits import Limits

LARGE: Final = 20_000
"""Bytes from which on it is worth while."""

_ENDLESS: Final = 200_000_000
"""Bytes that may be compared on looking for keys: whether a text is one that is there already is seen at its end."""

# Bytes of memory for each, with what it takes on the unpickler's stack and in the list that it comes into while both
# grow: what tracemalloc saw for pickles of nothing else.
_TEXT_SIZE, _NUMBER, _SMALL, _LIST, _EMPTY_DICT, _IN_MEMO = 101, 57, 30, 88, 73, 16
_TUPLE, _INSTANCE, _SET, _MEMBER = 80, 90, 245, 72
#: of a dict with its first pair, which has room for five, and of each pair beyond one for each dict
_FIRST_PAIR, _PAIR = 120, 64
#: with what UTF-8 begins a character beyond the sixteenth bit
_WIDEST: Final = tuple(bytes([code]) for code in range(0xF0, 0xF5))


def read(data: bytes, limits: Limits) -> dict[object, object] | None:
    """The dict that data begins with the pickle of; None where it is for `unpickling` to read, or to say why not."""
    plain = plain_pickle(data)
    if plain is None:
        return None
    if _gets(data) * plain.longest > _ENDLESS or _memory(plain, data, data) > limits.plain_memory:
        codes = plain.codes()
        if _gets(codes) * plain.longest > _ENDLESS or _memory(plain, codes, data) > limits.plain_memory:
            return None
    try:
        value = inert_unpickler.load(plain.with_each_tuple(inert_unpickler.BINPERSID))
    except Exception:  # noqa: BLE001 - of what it raises for damaged ones there is no list, and the machine says why
        return None
    return value if type(value) is dict else None


def _gets(codes: bytes) -> int:
    return codes.count(b"h") + codes.count(b"j") + _of_text_protocols(codes, b"g")


def _of_text_protocols(codes: bytes, some: bytes) -> int:
    """How many there are of these operations, which pickles do not have that begin with PROTO."""
    return 0 if codes[:1] == b"\x80" else sum(codes.count(bytes([code])) for code in some)


def _memory(plain: PlainPickle, codes: bytes, data: bytes) -> int:
    """Bytes of memory that the values take at most, of a pickle with no more of each operation than of these bytes."""
    count = codes.count
    gets = _gets(codes)
    texts = sum(map(count, (b"\x8c", b"X", b"C", b"B", b"U", b"T"))) + _of_text_protocols(codes, b"VS")
    numbers = count(b"M") + count(b"J") + count(b"G") + count(b"\x8a") + _of_text_protocols(codes, b"ILF")
    small = count(b"K")
    constants = count(b"N") + count(b"\x88") + count(b"\x89") + count(b")")
    dicts, lists = count(b"}") + _of_text_protocols(codes, b"d"), count(b"]") + _of_text_protocols(codes, b"l")
    tuples = count(b"\x85") + count(b"\x86") + count(b"\x87") + count(b"t")
    instances, sets = count(b"R") + count(b"\x81"), count(b"\x8f") if plain.has_sets else 0
    # of small numbers and constants no dict can have more than there are
    keys = texts + numbers + gets + instances + min(small, 256 * dicts) + 4 * dicts
    values = texts + numbers + small + constants + dicts + lists + gets + tuples + instances + sets
    pairs = min(values // 2, keys) if dicts else 0
    members = min(values, texts + numbers + gets + instances + min(small, 256 * sets) + 4 * sets) if sets else 0
    # A text takes as many bytes for each character as its widest one: where one is beyond the sixteenth bit, four.
    width = 4 if any(code in data for code in _WIDEST) else 2
    made = (
        (_SET, 1, sets),
        (_EMPTY_DICT + _FIRST_PAIR, 1, dicts),
        (_TUPLE, 1, tuples),
        (_INSTANCE, 1, instances),
        (_LIST, 1, lists),
        (_TEXT_SIZE, 2, texts),
        (_SMALL, 1, constants),
        (_NUMBER, 3, numbers),
        (_IN_MEMO, 1, count(b"\x94") + count(b"q") + count(b"r") + _of_text_protocols(codes, b"p")),
        (_SMALL, 2, small + gets),
    )
    # the pickle itself, put together anew and read ahead
    memory = 2 * len(data)
    memory += min(len(data), texts * plain.longest) * width + members * _MEMBER + max(0, pairs - dicts) * _PAIR
    room = len(data)
    for size, length, most in made:  # those first that make most of each byte: there are not more bytes than these
        number = min(most, room // length + 1)
        memory += number * size
        room -= min(room, number * length)
    return memory
