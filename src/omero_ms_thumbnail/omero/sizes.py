"""The sizes in which OMERO stores thumbnails."""

from __future__ import annotations

import struct
from typing import Final

_FLOAT: Final = struct.Struct("f")


def longest_side(width: int, height: int, size: int) -> tuple[int, int]:
    """Width and height, in pixels, of the thumbnail with a longest side of `size` of an image that is not empty.

    As `calculateXYWidths` of omero-server's ``ThumbnailCtx``, which cuts off, and reckons in single precision.
    """
    if width > height:
        return size, _part(height, size, width)
    return _part(width, size, height), size


def _part(side: int, size: int, longest: int) -> int:
    return int(_single(_single(side) * _single(size / longest))) if longest else 0


def _single(value: float) -> float:
    single: float = _FLOAT.unpack(_FLOAT.pack(value))[0]
    return single
