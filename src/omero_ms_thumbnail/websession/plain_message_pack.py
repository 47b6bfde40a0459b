"""Large msgpack at the speed of C, by the ``msgpack`` package, as far as it may be let to.

The package allocates an array as long as the bytes claim it to be, once for each level of nesting. It can also read
past a value without making anything: where that ends with the data, every claim is true, and there are no more items
than bytes. Then what the values can take in memory is estimated, from how often each first byte is there at all. Times
of msgpack's own, which `message_pack` refuses, become numbers of seconds.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NoReturn

from omero_ms_thumbnail.websession.collecting import without_collecting

try:
    from msgpack._cmsgpack import Unpacker, unpackb
except ImportError:  # a platform without its compiled part, which alone is faster than `message_pack`
    Unpacker = unpackb = None

if TYPE_CHECKING:
    from omero_ms_thumbnail.websession.limits import Limits

LARGE: Final = 20_000
"""Bytes from which on it is worth while."""

# Bytes of memory for each, with its place in another: what the package makes.
_MAP, _PAIR, _ARRAY, _TEXT, _NUMBER = 200, 56, 72, 62, 36
#: the first bytes of each
_MAPS: Final = bytes([*range(0x80, 0x90), 0xDE, 0xDF])
_ARRAYS: Final = bytes([*range(0x90, 0xA0), 0xDC, 0xDD])
_TEXTS: Final = bytes([*range(0xA0, 0xC0), 0xC4, 0xC5, 0xC6, 0xD9, 0xDA, 0xDB])
_NUMBERS: Final = bytes(range(0xCA, 0xD4))


def read(data: bytes, limits: Limits) -> object | None:
    """The value that the whole of data is; None where it is for `message_pack` to read, or to say why not."""
    if Unpacker is None:
        return None
    try:
        reader: Any = Unpacker(None, max_buffer_size=len(data))
        reader.feed(data)
        reader.skip()
        if reader.tell() != len(data) or _memory(data) > limits.plain_memory:
            return None
        del reader
        with without_collecting():
            value: object = unpackb(data, ext_hook=_refuse, timestamp=1, strict_map_key=True)
    except Exception:  # noqa: BLE001 - the package raises several kinds, and `message_pack` says why
        return None
    return value


def _refuse(_code: int, _data: bytes) -> NoReturn:
    raise ValueError


def _memory(data: bytes) -> int:
    """Bytes of memory that the values take at most."""

    def count(codes: bytes) -> int:
        return len(data) - len(data.translate(None, codes))

    maps, texts = count(_MAPS), count(_TEXTS)
    made = ((_MAP, 1, maps), (_ARRAY, 1, count(_ARRAYS)), (_TEXT, 1, texts), (_NUMBER, 2, count(_NUMBERS)))
    room, memory = len(data), 2 * len(data)
    for size, length, most in made:  # those first that make most of each byte: there are not more bytes than these
        number = min(most, room // length)
        memory += number * size
        room -= number * length
    # what is left are small numbers, which are there once, and constants
    return memory + room * 8 + texts * _PAIR
