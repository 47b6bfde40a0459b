"""The clock that stands for the thumbnail of an image still being imported."""

from __future__ import annotations

import math

import numpy as np
from PIL import Image, ImageDraw

from .render import encode_jpeg

_TILE, _SHADE, _FACE = 219, 115, 247
_QUALITY = 85
#: it is drawn so many times as large
_FINE = 4


def clock_jpeg(width: int, height: int) -> bytes:
    """A neutral grey tile of width x height pixels with the face of a clock, as baseline JPEG.

    Raises ValueError if a size is below 1.
    """
    if width < 1 or height < 1:
        raise ValueError(f"sizes begin at 1: cannot draw a clock of {width} x {height}")
    image = Image.new("L", (width * _FINE, height * _FINE), _TILE)
    draw = ImageDraw.Draw(image)
    middle, radius = (image.width / 2, image.height / 2), 0.3 * min(image.size)
    draw.ellipse(_around(middle, radius), _FACE, _SHADE, max(1, round(radius * 0.14)))
    hands = ((10, 0.0, 0.48, 0.11), (2, 0.0, 0.7, 0.08))
    ticks = tuple((hour, 0.72, 0.8, 0.05) for hour in range(12))
    for hour, start, end, thick in (*hands, *ticks):
        x, y = math.sin(hour * math.tau / 12) * radius, -math.cos(hour * math.tau / 12) * radius
        line = [(middle[0] + x * part, middle[1] + y * part) for part in (start, end)]
        draw.line(line, _SHADE, max(1, round(radius * thick)))
    draw.ellipse(_around(middle, radius * 0.09), _SHADE)
    grey = np.asarray(image.resize((width, height), Image.Resampling.BOX))
    return encode_jpeg(np.repeat(grey[:, :, None], 3, axis=2), _QUALITY)


def _around(middle: tuple[float, float], radius: float) -> tuple[float, float, float, float]:
    return middle[0] - radius, middle[1] - radius, middle[0] + radius, middle[1] + radius
