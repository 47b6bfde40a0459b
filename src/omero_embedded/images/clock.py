"""The clock that stands for the thumbnail of an image still being imported."""

from __future__ import annotations

import math

import numpy as np

from .canvas import Canvas
from .picture import Plane
from .render import encode_jpeg

_TILE, _SHADE, _FACE = 0.86, 0.45, 0.97
_QUALITY = 85


def clock_jpeg(width: int, height: int) -> bytes:
    """A neutral grey tile of width x height pixels with the face of a clock, as baseline JPEG.

    Raises ValueError if a size is below 1.
    """
    if width < 1 or height < 1:
        raise ValueError(f"sizes begin at 1: cannot draw a clock of {width} x {height}")
    canvas = Canvas(width, height, width, height)
    radius = 0.3 * min(width, height)
    x, y = canvas.x - width / 2, canvas.y - height / 2
    away = np.hypot(x, y)
    grey = np.full((height, width), _TILE, np.float32)
    grey += (_FACE - _TILE) * _covered(radius - away)
    grey += (_SHADE - grey) * _covered(radius * 0.07 - np.abs(away - radius))
    for hour in range(12):
        angle = hour * math.tau / 12
        tick = _hand(x, y, angle, radius * 0.78, radius * 0.88, radius * 0.03)
        grey += (_SHADE - grey) * tick * np.float32(0.7)
    for angle, length, thickness in ((math.tau * 10 / 12, 0.48, 0.055), (math.tau * 2 / 12, 0.7, 0.04)):
        grey += (_SHADE - grey) * _hand(x, y, angle, 0.0, radius * length, radius * thickness)
    grey += (_SHADE - grey) * _covered(radius * 0.09 - away)
    level = np.clip(grey * 255 + 0.5, 0, 255).astype(np.uint8)
    return encode_jpeg(np.repeat(level[:, :, None], 3, axis=2), _QUALITY)


def _hand(x: Plane, y: Plane, angle: float, start: float, end: float, thickness: float) -> Plane:
    """A rounded bar on the ray that leaves the centre at angle, clockwise from the top."""
    along = x * math.sin(angle) - y * math.cos(angle)
    aside = x * math.cos(angle) + y * math.sin(angle)
    beyond = along - np.clip(along, start, end)
    return _covered(thickness - np.hypot(beyond, aside))


def _covered(inside: Plane) -> Plane:
    """How much of each pixel a shape covers, from the distance inside its rim in pixels."""
    share: Plane = np.clip(inside + 0.5, 0, 1).astype(np.float32)
    return share
