"""What a picture looks like to whoever compares it with what was recorded: its size, and one word.

The images of the scenarios have two channels. Saved settings show the first alone, in red, green or blue; the default
ones show both, in two colours. OMERO's clock is grey and square.
"""

from __future__ import annotations

import io
from typing import Any, Final

from PIL import Image, ImageStat, UnidentifiedImageError

EMPTY: Final = "empty"

_COLOURS: Final = ("red", "green", "blue")

#: the other components of a picture in one colour, JPEG's losses included, as a share of that one
_SHARE_OF_OTHERS: Final = 0.25

#: the least of the components of a grey picture, as a share of the greatest
_SHARE_OF_GREY: Final = 0.6


def look_of(picture: bytes) -> Any:
    """[width, height, look], or "empty" where there are no bytes, or "no picture" where it is none."""
    if not picture:
        return EMPTY
    try:
        with Image.open(io.BytesIO(picture)) as opened:
            image = opened.convert("RGB")
    except (UnidentifiedImageError, OSError):
        return "no picture"
    return [image.width, image.height, _look(image)]


def _look(image: Image.Image) -> str:
    means = ImageStat.Stat(image).mean
    greatest = max(means)
    others = sorted(means)[:-1]
    if greatest > 0 and all(mean <= _SHARE_OF_OTHERS * greatest for mean in others):
        return _COLOURS[means.index(greatest)]
    if image.width == image.height and 0 < _SHARE_OF_GREY * greatest <= min(means):
        return "clock"
    return "default"
