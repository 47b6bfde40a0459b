"""From the numbers in a file to intensities: which value is black, which is white, and fewer pixels."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from .picture import Plane

#: The longest side in pixels that is kept of a user's picture.
KEPT_SIDE = 512
_DARKEST, _BRIGHTEST = 0.1, 99.8
#: Every so many values are enough for a percentile.
_SAMPLES = 1 << 18

Samples = npt.NDArray[Any]


def value_range(samples: Samples) -> tuple[float, float]:
    """The values of a plane shown as black and white: 8-bit as they are, all others by percentiles.

    A few pixels brighter or darker than all the others do not count; a plane of one value is black.
    """
    if samples.dtype == np.bool_:
        return 0.0, 1.0
    if samples.dtype == np.uint8:
        return 0.0, 255.0
    finite = samples.ravel()[:: max(1, samples.size // _SAMPLES)].astype(np.float64)
    finite = finite[np.isfinite(finite)]
    if not finite.size:
        return 0.0, 1.0
    low, high = (float(value) for value in np.percentile(finite, (_DARKEST, _BRIGHTEST)))
    return (low, high) if high > low else (low, low + 1.0)


def thinned(samples: Samples) -> Samples:
    """Every few pixels of a plane (rows, columns, …) much larger than what is kept, all of any other."""
    every = max(1, max(samples.shape[:2]) // (4 * KEPT_SIDE))
    return samples[::every, ::every]


def intensities_of(samples: Samples, black_white: tuple[float, float]) -> Plane:
    """The samples as 0..1; what is not a number is black."""
    black, white = black_white
    plane: Plane = (samples.astype(np.float32) - np.float32(black)) * np.float32(1 / (white - black))
    return np.clip(np.nan_to_num(plane, copy=False, nan=0.0), 0, 1, out=plane)


def resized(plane: Plane, width: int, height: int) -> Plane:
    """The plane at another size: averaged where it gets smaller, interpolated where it gets larger."""
    if plane.shape == (height, width):
        return plane
    image = Image.fromarray(plane).resize((width, height), Image.Resampling.BILINEAR, reducing_gap=3.0)
    return np.clip(np.asarray(image, np.float32), 0, 1)
