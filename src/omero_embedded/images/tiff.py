"""TIFF and OME-TIFF files, as tifffile reads them: sections, time points, channels and pyramids."""

from __future__ import annotations

import logging
import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import tifffile
from PIL import Image

from .picture import Picture, Plane
from .raster import RED_GREEN_BLUE, kept
from .scaling import KEPT_SIDE, Samples, intensities_of, resized, thinned, value_range
from .tiff_channels import described_channels
from .unreadable import UnreadablePicture, check_size

TIFF_SUFFIXES = frozenset({".tif", ".tiff"})

_WITHIN_PAGE = "YXS"
_MAX_CHANNELS = 8
# tifffile reports damage with whatever exception its parser ran into, and in its own log besides.
_DAMAGE = (
    OSError, ValueError, ArithmeticError, LookupError, TypeError, AttributeError, EOFError, SyntaxError,
    tifffile.TiffFileError, struct.error, zlib.error, Image.DecompressionBombError, Warning,
)  # fmt: skip
logging.getLogger("tifffile").setLevel(logging.CRITICAL)


class TiffPicture(Picture):
    """The first series of a TIFF file, up to eight channels of it.

    The middle section of the first time point is read at once and kept small; it also says which values are black
    and white. Other planes are read when they are asked for. Of a pyramid, the smallest level that is large enough
    is read. Raises UnreadablePicture if the file cannot be decoded or is too large, on reading any plane.
    """

    def __init__(self, path: Path) -> None:
        self.name = path.name
        self._path = path
        try:
            with tifffile.TiffFile(path) as tiff:
                series = _Series(tiff)
                self.size_x, self.size_y = series.size("X"), series.size("Y")
                self.size_z, self.size_t = series.size_z, series.size("T")
                found = series.planes(self.size_z // 2, 0)
                self.channels = RED_GREEN_BLUE if series.is_rgb else described_channels(tiff, len(found))
        except UnreadablePicture:
            raise
        except _DAMAGE as error:
            raise UnreadablePicture(f"it cannot be decoded ({error})") from error
        self._ranges = [value_range(samples) for samples in found]
        self._kept = [kept(intensities_of(*pair)) for pair in zip(found, self._ranges, strict=True)]

    def intensities(self, width: int, height: int, z: int, t: int) -> list[Plane]:
        """The plane at that size: the default one enlarged from 512 pixels where more are asked for."""
        if (z, t) == (self.size_z // 2, 0):
            return [resized(plane.astype(np.float32) * np.float32(1 / 255), width, height) for plane in self._kept]
        try:
            with tifffile.TiffFile(self._path) as tiff:
                found = _Series(tiff).planes(z, t)
        except _DAMAGE as error:
            raise UnreadablePicture(f"{self.name}: section {z} of time {t} cannot be decoded ({error})") from error
        return [
            resized(intensities_of(samples, black_white), width, height)
            for samples, black_white in zip(found, self._ranges, strict=True)
        ]


class _Series:
    """The first series of an open file, at the level of its pyramid that is read."""

    def __init__(self, tiff: tifffile.TiffFile) -> None:
        if not tiff.series:
            raise UnreadablePicture("it holds no image")
        full = tiff.series[0]
        self._tiff = tiff
        self._full = dict(zip(full.axes, full.shape, strict=True))
        if "X" not in self._full or "Y" not in self._full:
            raise UnreadablePicture(f"its axes are {full.axes}: there is no plane to show")
        # Levels go from the full size downwards.
        large_enough = [level for level in full.levels if level.axes == full.axes and _longest(level) >= KEPT_SIDE]
        self._level = large_enough[-1] if large_enough else full
        self._axes: str = self._level.axes
        self._shape: tuple[int, ...] = self._level.shape
        within = [axis in _WITHIN_PAGE for axis in self._axes]
        if within != sorted(within):
            raise UnreadablePicture(f"its axes are {self._axes}: planes that do not lie in one piece cannot be read")
        self._outer = within.index(True)
        sizes = dict(zip(self._axes, self._shape, strict=True))
        check_size(sizes["X"], sizes["Y"])
        #: The axis shown as sections: pages that nobody gave a meaning are taken for a stack.
        unnamed = [axis for axis in self._axes[: self._outer] if axis not in "CZT"]
        self._depth = "Z" if "Z" in self._full else (unnamed[0] if unnamed else "Z")

    def size(self, axis: str) -> int:
        """How long an axis of the full-size image is, 1 if it has none of that name."""
        return int(self._full.get(axis, 1))

    @property
    def size_z(self) -> int:
        """The number of sections."""
        return self.size(self._depth)

    @property
    def is_rgb(self) -> bool:
        """Whether each page holds red, green and blue."""
        return self.size("S") >= 3

    def planes(self, z: int, t: int) -> list[Samples]:
        """One array (rows, columns) a channel."""
        if self.is_rgb:
            page = self._page({self._depth: z, "T": t})
            return [page[:, :, channel] for channel in range(3)]
        count = min(self.size("C"), _MAX_CHANNELS)
        return [self._page({self._depth: z, "T": t, "C": channel})[:, :, 0] for channel in range(count)]

    def _page(self, position: dict[str, int]) -> Samples:
        """The page at a position (0 along axes not named) as rows, columns, samples."""
        outer_axes, outer_shape = self._axes[: self._outer], self._shape[: self._outer]
        at = tuple(position.get(axis, 0) for axis in outer_axes)
        pages = self._level.pages
        if len(pages) == int(np.prod(outer_shape, dtype=np.int64)):
            page = pages[int(np.ravel_multi_index(at, outer_shape)) if at else 0]
            samples = np.zeros(self._shape[self._outer :], np.uint8) if page is None else _decoded(page)
        elif self._level.dataoffset is not None:
            stored = np.dtype(self._level.dtype).newbyteorder(self._tiff.byteorder)
            whole = np.memmap(self._tiff.filehandle.path, stored, "r", self._level.dataoffset, self._shape)
            samples = np.array(whole[at])
        else:
            raise UnreadablePicture(f"its {len(pages)} pages do not match its axes {self._axes} {self._shape}")
        if np.iscomplexobj(samples):
            raise UnreadablePicture("its pixels are complex numbers")
        page_axes = self._axes[self._outer :]
        samples = samples.reshape(self._shape[self._outer :])
        order = [page_axes.index(axis) for axis in _WITHIN_PAGE if axis in page_axes]
        ordered: Samples = samples.transpose(order)
        return thinned(ordered if ordered.ndim == 3 else ordered[:, :, None])


def _longest(level: tifffile.TiffPageSeries) -> int:
    return max(size for axis, size in zip(level.axes, level.shape, strict=True) if axis in "XY")


def _decoded(page: Any) -> Samples:
    try:
        return np.asarray(page.asarray())
    except ValueError as error:
        # tifffile leaves LZW and JPEG to a library of 20 MB; Pillow brings what the common ones need.
        if "imagecodecs" not in str(error) or not isinstance(page.index, int):
            raise
        with Image.open(page.parent.filehandle.path, formats=("TIFF",)) as image:
            image.seek(page.index)
            return np.asarray(image)
