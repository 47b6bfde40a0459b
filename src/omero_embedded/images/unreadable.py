"""Why a user's file cannot be shown, and how large one may be."""

from __future__ import annotations

#: The largest plane that is decoded, in pixels: 64 megapixels, 192 MB as RGB.
MAX_PIXELS = 64 * 1024 * 1024


class UnreadablePicture(ValueError):
    """A file that is no picture, is damaged, or is too large; the message says which."""


def check_size(width: int, height: int) -> None:
    """Raise UnreadablePicture if a plane of width x height pixels is more than may be decoded."""
    if width < 1 or height < 1:
        raise UnreadablePicture(f"it has no pixels ({width} x {height})")
    if width * height > MAX_PIXELS:
        raise UnreadablePicture(
            f"{width} x {height} pixels are too many, the limit is {MAX_PIXELS // (1024 * 1024)} megapixels; "
            "save a smaller copy, or a pyramidal TIFF"
        )
