"""PNG and JPEG files, as Pillow reads them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image

from .picture import Channel, Picture, Plane
from .scaling import KEPT_SIDE, intensities_of, resized, thinned, value_range
from .unreadable import UnreadablePicture, check_size

RASTER_SUFFIXES = frozenset({".png", ".jpg", ".jpeg"})

GREY = (Channel("Grey", (255, 255, 255)),)
RED_GREEN_BLUE = (Channel("Red", (255, 0, 0)), Channel("Green", (0, 255, 0)), Channel("Blue", (0, 0, 255)))

_DEEP_GREY = ("I", "F")


class RasterPicture(Picture):
    """One PNG or JPEG file: a single section in grey or in red, green and blue.

    Raises UnreadablePicture if the file cannot be decoded or is too large.
    """

    def __init__(self, path: Path) -> None:
        self.name = path.name
        self.size_z = self.size_t = 1
        try:
            with Image.open(path, formats=("PNG", "JPEG")) as image:
                self.size_x, self.size_y = image.size
                check_size(self.size_x, self.size_y)
                planes = _decode(image)
        except UnreadablePicture:
            raise
        except Image.DecompressionBombError as error:
            raise UnreadablePicture(f"it has far too many pixels ({error})") from error
        # Pillow's decoders report damage with whatever exception their parser ran into.
        except (OSError, ValueError, SyntaxError, ArithmeticError, LookupError, EOFError, Warning) as error:
            raise UnreadablePicture(f"it cannot be decoded ({error})") from error
        self.channels = RED_GREEN_BLUE if len(planes) == 3 else GREY
        self._planes = planes

    def intensities(self, width: int, height: int, z: int, t: int) -> list[Plane]:
        """The picture at that size, enlarged from 512 pixels where more are asked for."""
        return [resized(plane.astype(np.float32) * np.float32(1 / 255), width, height) for plane in self._planes]


def _decode(image: Image.Image) -> list[npt.NDArray[np.uint8]]:
    # libjpeg can leave out what is reduced away afterwards.
    image.draft(None, (2 * KEPT_SIDE, 2 * KEPT_SIDE))
    if image.mode.startswith(_DEEP_GREY):
        samples = thinned(np.asarray(image))
        planes = [intensities_of(samples, value_range(samples))]
    else:
        # By way of RGBA, because the colours of a palette may carry transparency; to bytes before they are averaged.
        flat = image.convert("RGBA") if image.mode in {"P", "PA"} else image
        flat = flat.convert("L" if image.mode in {"1", "L", "LA"} else "RGB")
        flat.thumbnail((KEPT_SIDE, KEPT_SIDE), Image.Resampling.BILINEAR)
        samples = np.asarray(flat).reshape(flat.height, flat.width, -1)
        planes = [intensities_of(samples[:, :, channel], (0, 255)) for channel in range(samples.shape[2])]
    return [kept(plane) for plane in planes]


def kept(plane: Plane) -> npt.NDArray[np.uint8]:
    """What is kept of a plane in memory: at most 512 pixels a side, one byte each."""
    height, width = plane.shape
    scale = min(1.0, KEPT_SIDE / max(width, height))
    smaller = resized(plane, max(1, round(width * scale)), max(1, round(height * scale)))
    return (smaller * 255 + np.float32(0.5)).astype(np.uint8)
