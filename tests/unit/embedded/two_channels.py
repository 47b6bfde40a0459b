"""A plain test image: two channels, and looks that can be told apart in any thumbnail of it.

256 x 192 pixels, brighter towards the middle of both sides. Untouched it is yellow (`default_settings`), saved by
somebody it is of one colour (`in_one_colour`); a clock is grey and square.
"""

from __future__ import annotations

import io
from typing import Final

import numpy as np

from omero_embedded.images.picture import Channel, Picture, Plane, Rgb
from omero_embedded.images.rendering import RenderingSettings

COLOURS: Final[dict[str, Rgb]] = {"red": (255, 0, 0), "green": (0, 255, 0), "blue": (0, 0, 255)}

#: which of red, green and blue are bright in each look
_LOOKS: Final = {
    (True, False, False): "red",
    (False, True, False): "green",
    (False, False, True): "blue",
    (True, True, False): "default",
    (True, True, True): "clock",
}


class TwoChannels(Picture):
    """The image; `size_z` sections of the same."""

    def __init__(self, name: str, size_x: int = 256, size_y: int = 192, size_z: int = 1) -> None:
        self.name, self.size_x, self.size_y, self.size_z, self.size_t = name, size_x, size_y, size_z, 1
        self.channels = (Channel("first", COLOURS["red"]), Channel("second", COLOURS["green"]))

    def intensities(self, width: int, height: int, z: int, t: int) -> list[Plane]:
        across = 1 - np.abs(np.linspace(-0.4, 0.4, width, dtype=np.float32))
        down = 1 - np.abs(np.linspace(-0.4, 0.4, height, dtype=np.float32))
        plane = np.ascontiguousarray(down[:, None] * across[None, :], dtype=np.float32)
        return [plane, plane]


def in_one_colour(colour: str, default_z: int = 0) -> RenderingSettings:
    """Settings with the first channel alone, in a colour of `COLOURS`."""
    return RenderingSettings("rgb", (True, False), ((0.0, 1.0),) * 2, (COLOURS[colour], COLOURS["green"]), default_z, 0)


def look_of(jpeg: bytes) -> tuple[int, int, str]:
    """Width, height and look of a thumbnail: a colour, "default", "clock", or "unknown"."""
    from PIL import Image

    with Image.open(io.BytesIO(jpeg)) as opened:
        rgb = np.asarray(opened.convert("RGB"), dtype=np.float32)
    red, green, blue = (bool(mean > 100) for mean in rgb.mean(axis=(0, 1)))
    height, width = rgb.shape[:2]
    return width, height, _LOOKS.get((red, green, blue), "unknown")
