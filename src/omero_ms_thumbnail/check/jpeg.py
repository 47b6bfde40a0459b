"""What two JPEGs have in common: their bytes, else their size, else how they look where something can decode them."""

from __future__ import annotations

import io
import struct
from typing import Final

#: a byte that begins each marker, and markers that have no length: ITU-T T.81, table B.1
_MARKER: Final = 0xFF
_ALONE: Final = frozenset({0x01, *range(0xD0, 0xD8)})
_START: Final = b"\xff\xd8"
#: start of a frame: SOF0 to SOF15 without DHT, JPG and DAC
_FRAMES: Final = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}

#: differences of one picture that two encoders wrote, from 0 to 255: of a pixel on average, and of any at most
_MEAN_MAX: Final = 3.0
_MOST_MAX: Final = 48


def size_of(jpeg: bytes) -> tuple[int, int] | None:
    """Width and height in pixels, or None if it is no JPEG."""
    if not jpeg.startswith(_START):
        return None
    at = len(_START)
    while at + 9 <= len(jpeg) and jpeg[at] == _MARKER:
        marker = jpeg[at + 1]
        if marker in _FRAMES:
            height, width = struct.unpack_from(">HH", jpeg, at + 5)
            return width, height
        at += 2 if marker in _ALONE else 1 if marker == _MARKER else 2 + int.from_bytes(jpeg[at + 2 : at + 4])
    return None


def look_alike(one: bytes, other: bytes) -> bool | None:
    """Whether two JPEGs of one size show the same but for what compression loses; None if nothing can decode them."""
    try:
        from PIL import Image, ImageChops, ImageStat
    except ImportError:
        # the service does without; it comes with the extra `demo`
        return None
    try:
        pictures = [Image.open(io.BytesIO(jpeg)).convert("RGB") for jpeg in (one, other)]
    except OSError:
        return None
    found = ImageStat.Stat(ImageChops.difference(*pictures))
    return max(found.mean) <= _MEAN_MAX and max(most for _, most in found.extrema) <= _MOST_MAX
