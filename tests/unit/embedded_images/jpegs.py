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


def scene_difference(one: bytes, other: bytes) -> float:
    """As difference, after both were reduced to 16 x 16 pixels: what is left is the scene, not its noise."""
    small = [opened(jpeg).resize((16, 16), Image.Resampling.BOX) for jpeg in (one, other)]
    return float(np.abs(np.asarray(small[0], np.int16) - np.asarray(small[1], np.int16)).mean())
