"""Thumbnails that say what they show: small, valid grey JPEGs whose comment names all that they were drawn from.

A JPEG (ITU-T T.81, baseline, one component) of one flat grey. The comment segment holds JSON, so that equal bytes mean
an equal picture, and a test that gets a wrong one can say whose it is. Used on both sides, so plain Python.
"""

from __future__ import annotations

import json
import struct
from typing import Any

_SOI, _EOI = b"\xff\xd8", b"\xff\xd9"
_DQT, _SOF0, _DHT, _SOS, _COM = 0xDB, 0xC0, 0xC4, 0xDA, 0xFE

# Two Huffman codes a table, "0" and "10". DC: no difference, a difference of 7 bits. AC: end of block, and one unused.
_CODES = bytes([1, 1]) + bytes(14)
_DC_TABLE = b"\x00" + _CODES + bytes([0, 7])
_AC_TABLE = b"\x10" + _CODES + bytes([0, 1])


def _segment(marker: int, body: bytes) -> bytes:
    return struct.pack(">BBH", 0xFF, marker, len(body) + 2) + body


def draw(width: int, height: int, **shown: Any) -> bytes:
    """A JPEG of `width` x `height` pixels (1..65535) whose comment is `shown` with its size."""
    comment = json.dumps({"width": width, "height": height, **shown}, sort_keys=True).encode()
    shade = 64 + sum(comment) % 64
    blocks = ((width + 7) // 8) * ((height + 7) // 8)
    bits = "10" + format(shade, "07b") + "0" + "00" * (blocks - 1)
    bits += "1" * (-len(bits) % 8)
    scan = bytes(int(bits[at : at + 8], 2) for at in range(0, len(bits), 8)).replace(b"\xff", b"\xff\x00")
    return b"".join(
        (
            _SOI,
            _segment(_COM, comment),
            _segment(_DQT, b"\x00" + bytes([8]) * 64),
            _segment(_SOF0, struct.pack(">BHHB", 8, height, width, 1) + b"\x01\x11\x00"),
            _segment(_DHT, _DC_TABLE),
            _segment(_DHT, _AC_TABLE),
            _segment(_SOS, b"\x01\x01\x00\x00\x3f\x00"),
            scan,
            _EOI,
        )
    )


def what_is_shown(jpeg: bytes) -> dict[str, Any]:
    """What `draw` was given: width, height, image, user, rendering_def, z, t, clock. ValueError if it drew no such."""
    if jpeg[:2] != _SOI or jpeg[2:4] != bytes([0xFF, _COM]):
        raise ValueError(f"not a picture of the stand-in: {jpeg[:16]!r}")
    (length,) = struct.unpack_from(">H", jpeg, 4)
    shown: dict[str, Any] = json.loads(jpeg[6 : 4 + length])
    return shown
