"""How tests look at a JPEG."""

from __future__ import annotations

import io

import numpy as np
import numpy.typing as npt
from PIL import Image


def opened(jpeg: bytes) -> Image.Image:
    image = Image.open(io.BytesIO(jpeg))
    image.load()
    return image


def pixels(jpeg: bytes) -> npt.NDArray[np.int16]:
    """Rows, columns, red-green-blue; signed, so that differences can be taken."""
    return np.asarray(opened(jpeg).convert("RGB"), np.int16)


def difference(one: bytes, other: bytes) -> float:
    """Mean absolute difference of two JPEGs of one size, in grey levels."""
    return float(np.abs(pixels(one) - pixels(other)).mean())
