"""Large msgpack at the speed of C, by the ``msgpack`` package, as far as it may be let to.

The package allocates an array as long as the bytes claim it to be, once for each level of nesting. It can also read
past a value without making anything: where that ends with the data, every claim is true, and there are no more items
than bytes. Then what the values can take in memory is estimated, from how often each first byte is there at all. If
that is too much, arrays and maps are counted as they are made, which takes longer: bytes that look like one are in many
texts and numbers. Times of msgpack's own, which `message_pack` refuses, become numbers of seconds.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final, NoReturn

from .collecting import without_collecting
from .decode_error import SessionDecodeError

try:
    from msgpack._cmsgpack import Unpacker, unpackb
except ImportError:  # a platform without its compiled part, which alone is faster than `message_pack`
    Unpacker = unpackb = None

if TYPE_CHECKING:
    from .limits import Limits

LARGE: Final = 20_000
"""Bytes from which on it is worth while."""

# Bytes of memory for each, with its place in another: what the package makes.
_MAP, _PAIR, _ARRAY, _TEXT, _NUMBER = 200, 56, 72, 62, 36
#: the first bytes of each
_MAPS: Final = bytes([*range(0x80, 0x90), 0xDE, 0xDF])
_ARRAYS: Final = bytes([*range(0x90, 0xA0), 0xDC, 0xDD])
_TEXTS: Final = bytes([*range(0xA0, 0xC0), 0xC4, 0xC5, 0xC6, 0xD9, 0xDA, 0xDB])
_NUMBERS: Final = bytes(range(0xCA, 0xD4))
#: of maps that may have more than 15 pairs
_WIDE_MAPS: Final = {0xDE: 2, 0xDF: 4}
_PAIRS_MOST: Final = 15
#: of texts and bytes of 64 KiB
_LONG: Final = {0xC5: 2, 0xDA: 2, 0xC6: 4, 0xDB: 4}
_STOPS_MOST: Final = 20_000
# No more than 2,000 at once, as a pattern takes memory for each.
_RUN: Final = re.compile(
    b"(?>%b){1,2000}+"
    % b"|".join(
        (
            rb"[\x00-\x9f\xc0\xc2\xc3\xe0-\xff]",
            rb"[\xcc\xd0].",
            rb"[\xcd\xd1\xdc]..",
            rb"[\xca\xce\xd2\xdd].{4}",
            rb"[\xcb\xcf\xd3].{8}",
            b"|".join(b"%b.{%d}" % (re.escape(bytes([0xA0 + length])), length) for length in range(32)),
            b"[\xc4\xd9](?:%b)" % b"|".join(b"%b.{%d}" % (re.escape(bytes([length])), length) for length in range(256)),
        )
    ),
    re.DOTALL,
)


def is_possible() -> bool:
    """Whether the package's compiled part is there."""
    return Unpacker is not None


def read(data: bytes, limits: Limits) -> object | None:
    """The value that the whole of data is; None where it is for `message_pack` to read, or to say why not.

    Raises `SessionDecodeError` where that is sure to be for the memory that the values take.
    """
    if not is_possible():
        return None
    try:
        reader: Any = Unpacker(None, max_buffer_size=len(data))
        reader.feed(data)
        reader.skip()
        if reader.tell() != len(data):
            return None
        del reader
        hooks: dict[str, object] = {}
        if _memory(data) > limits.plain_memory:
            room = limits.plain_memory - _memory_without_containers(data)
            if room < 0:
                return None
            containers = _Containers(room)
            hooks = {"object_hook": containers.count_map, "list_hook": containers.count_array}
        with without_collecting():
            value: object = unpackb(data, ext_hook=_refuse, timestamp=1, strict_map_key=True, **hooks)
    except SessionDecodeError:
        raise
    except Exception:  # noqa: BLE001 - the package raises several kinds, and `message_pack` says why
        return None
    return value


def _refuse(_code: int, _data: bytes) -> NoReturn:
    raise ValueError


class _Containers:
    """Counts the memory of arrays and maps, each when it has all its items."""

    def __init__(self, room: int) -> None:
        self._room = room

    def count_map(self, value: dict[object, object]) -> dict[object, object]:
        """A map that has been made."""
        self._room -= _MAP + _PAIR * len(value)
        if self._room < 0:
            raise _too_large()
        return value

    def count_array(self, value: list[object]) -> list[object]:
        """An array that has been made; its places have been counted."""
        self._room -= _ARRAY
        if self._room < 0:
            raise _too_large()
        return value


def _too_large() -> SessionDecodeError:
    return SessionDecodeError("too-large", "its msgpack takes too much memory")


def _memory(data: bytes) -> int:
    """Bytes of memory that the values take at most."""
    maps, texts = _count(data, _MAPS), _count(data, _TEXTS)
    pairs = texts if any(code in data for code in _WIDE_MAPS) else min(texts, _PAIRS_MOST * maps)
    containers = ((_MAP, 1, maps), (_ARRAY, 1, _count(data, _ARRAYS)))
    return _most(data, (*containers, (_TEXT, 1, texts), (_NUMBER, 2, _count(data, _NUMBERS)))) + pairs * _PAIR


def _memory_without_containers(data: bytes) -> int:
    """The same without arrays and maps, but with what a map of many pairs takes before it has them all."""
    texts = _count(data, _TEXTS)
    most = _most(data, ((_TEXT, 1, texts), (_NUMBER, 2, _count(data, _NUMBERS))))
    return most + min(texts, _wide_pairs(data)) * _PAIR


def _wide_pairs(data: bytes) -> int:
    """How many pairs those maps have at most that may have more than 15. Data keeps the lengths that it claims."""
    position, pairs, size = 0, 0, len(data)
    for _ in range(_STOPS_MOST):
        if position >= size:
            return pairs
        if (run := _RUN.match(data, position)) is not None:
            position = run.end()
            continue
        width = _WIDE_MAPS.get(data[position], 0)
        skipped = _LONG.get(data[position], 0)
        length = int.from_bytes(data[position + 1 : position + 1 + (width or skipped)], "big")
        if width:
            pairs += length
        elif not skipped:
            break  # a time, or another of those types that are no session's
        position += 1 + (width or skipped + length)
    return size


def _most(data: bytes, made: tuple[tuple[int, int, int], ...]) -> int:
    """Of memory, bytes of data and number of each kind, those first that make most of each byte: the memory of all."""
    room, memory = len(data), 2 * len(data)
    for size, length, most in made:  # there are not more bytes than these
        number = min(most, room // length)
        memory += number * size
        room -= number * length
    # what is left are small numbers, which are there once, and constants
    return memory + room * 8


def _count(data: bytes, codes: bytes) -> int:
    return len(data) - len(data.translate(None, codes))
