"""What a picture is: its size, its channels, and intensities at whatever resolution is asked for."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

#: One plane of one channel, indexed [row, column].
Plane: TypeAlias = npt.NDArray[np.float32]

#: Red, green, blue, each 0..255.
Rgb: TypeAlias = tuple[int, int, int]


@dataclass(frozen=True)
class Channel:
    """One channel of a picture, with the colour that it is shown in unless somebody chooses another."""

    name: str
    color: Rgb


class Picture(ABC):
    """A five-dimensional image: size_x by size_y pixels, size_z sections, size_t time points, some channels."""

    name: str
    size_x: int
    size_y: int
    size_z: int
    size_t: int
    channels: tuple[Channel, ...]

    @abstractmethod
    def intensities(self, width: int, height: int, z: int, t: int) -> list[Plane]:
        """The whole field of view at section z and time t (both from 0), one plane a channel.

        Each plane is float32 of shape (height, width), its values in 0..1. It is drawn for this resolution, so
        that a small one is cheap; the same arguments give the same values.
        """


def fit(size_x: int, size_y: int, longest_side: int) -> tuple[int, int]:
    """The width and height in pixels of a thumbnail whose longest side is longest_side.

    The ratio is kept, the shorter side is cut off, as `getThumbnailByLongestSide` of OMERO's ThumbnailStore has it; it
    is at least 1 here, where OMERO fails. Raises ValueError if any argument is below 1.
    """
    if min(size_x, size_y, longest_side) < 1:
        raise ValueError(f"sizes begin at 1: cannot fit {size_x} x {size_y} into {longest_side}")
    longest = max(size_x, size_y)
    return max(1, size_x * longest_side // longest), max(1, size_y * longest_side // longest)
