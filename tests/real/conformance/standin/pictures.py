"""Thumbnails that say what they show: small, valid JPEGs whose comment names all that they were drawn from.

A JPEG (ITU-T T.81, baseline) of one flat colour, or of one flat grey in a single component. The comment segment holds
JSON, so that equal bytes mean an equal picture, and a test that gets a wrong one can say whose it is. Used on both
sides, so plain Python.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Sequence
from typing import Any

_SOI, _EOI = b"\xff\xd8", b"\xff\xd9"
_DQT, _SOF0, _DHT, _SOS, _COM = 0xDB, 0xC0, 0xC4, 0xDA, 0xFE

# Huffman tables. DC: nine codes of four bits, for differences of 0 to 8 bits. AC: "0", end of block, and one unused.
_DC_TABLE = b"\x00" + bytes([0, 0, 0, 9]) + bytes(12) + bytes(range(9))
_AC_TABLE = b"\x10" + bytes([1, 1]) + bytes(14) + bytes([0, 1])

Colour = tuple[int, int, int]


def _segment(marker: int, body: bytes) -> bytes:
    return struct.pack(">BBH", 0xFF, marker, len(body) + 2) + body


def draw(width: int, height: int, colour: Colour | None = None, **shown: Any) -> bytes:
    """A JPEG of `width` x `height` pixels (1..65535) whose comment is `shown` with its size.

    It is of one flat `colour` (red, green, blue, each 0..255), or of a grey that what is shown decides.
    """
    comment = json.dumps({"width": width, "height": height, **shown}, sort_keys=True).encode()
    levels = (64 + sum(comment) % 64,) if colour is None else _ycc(colour)
    numbers = range(1, len(levels) + 1)
    return b"".join(
        (
            _SOI,
            _segment(_COM, comment),
            _segment(_DQT, b"\x00" + bytes([8]) * 64),
            _segment(
                _SOF0,
                struct.pack(">BHHB", 8, height, width, len(levels)) + b"".join(bytes([n, 0x11, 0]) for n in numbers),
            ),
            _segment(_DHT, _DC_TABLE),
            _segment(_DHT, _AC_TABLE),
            _segment(_SOS, bytes([len(levels)]) + b"".join(bytes([n, 0]) for n in numbers) + b"\x00\x3f\x00"),
            _scan(levels, ((width + 7) // 8) * ((height + 7) // 8)),
            _EOI,
        )
    )


def _scan(levels: Sequence[int], blocks: int) -> bytes:
    """The entropy-coded data: the first block of each component has its level, above 128; the others do not differ."""
    bits = "".join(map(_first_block, levels)) + "00000" * len(levels) * (blocks - 1)
    bits += "1" * (-len(bits) % 8)
    return bytes(int(bits[at : at + 8], 2) for at in range(0, len(bits), 8)).replace(b"\xff", b"\xff\x00")


def _first_block(level: int) -> str:
    length = abs(level).bit_length()
    return (
        format(length, "04b")
        + (format(level if level > 0 else level + (1 << length) - 1, f"0{length}b") if length else "")
        + "0"
    )


def _ycc(colour: Colour) -> tuple[int, int, int]:
    """Luma and chroma, less 128 each (JFIF, ITU-R BT.601)."""
    red, green, blue = colour
    luma = 0.299 * red + 0.587 * green + 0.114 * blue
    return round(luma - 128), round(0.564 * (blue - luma)), round(0.713 * (red - luma))


def what_is_shown(jpeg: bytes) -> dict[str, Any]:
    """What `draw` was given: width, height, image, rendering_def, z, t, clock. ValueError if it drew no such."""
    if jpeg[:2] != _SOI or jpeg[2:4] != bytes([0xFF, _COM]):
        raise ValueError(f"not a picture of the stand-in: {jpeg[:16]!r}")
    (length,) = struct.unpack_from(">H", jpeg, 4)
    shown: dict[str, Any] = json.loads(jpeg[6 : 4 + length])
    return shown
