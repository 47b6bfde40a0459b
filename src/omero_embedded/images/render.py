"""From intensities to a JPEG: windows, colours and the colour model, as OMERO's rendering engine combines them."""

from __future__ import annotations

import io

import numpy as np
import numpy.typing as npt
from PIL import Image

from .picture import Picture, Plane
from .rendering import RenderingSettings


def render_jpeg(
    picture: Picture,
    settings: RenderingSettings,
    width: int,
    height: int,
    z: int | None = None,
    t: int | None = None,
    quality: int = 85,
) -> bytes:
    """The picture as a baseline RGB JPEG of width x height pixels; the same arguments give the same bytes.

    z and t count from 0 and are those of the settings if left out; quality is libjpeg's 1..95. Raises ValueError if
    z or t lies outside the picture, a size is below 1, or the settings are for another number of channels.
    """
    z = settings.default_z if z is None else z
    t = settings.default_t if t is None else t
    if not 0 <= z < picture.size_z or not 0 <= t < picture.size_t:
        raise ValueError(
            f"{picture.name!r} has sections 0..{picture.size_z - 1} and times 0..{picture.size_t - 1}, not z={z} t={t}"
        )
    if width < 1 or height < 1:
        raise ValueError(f"sizes begin at 1: cannot render {width} x {height}")
    count = len(picture.channels)
    if not len(settings.active) == len(settings.windows) == len(settings.colors) == count:
        raise ValueError(f"{picture.name!r} has {count} channels, the rendering settings have another number")
    return encode_jpeg(_colored(settings, picture.intensities(width, height, z, t)), quality)


def encode_jpeg(rgb: npt.NDArray[np.uint8], quality: int) -> bytes:
    """An array of shape (height, width, 3) as baseline JPEG."""
    out = io.BytesIO()
    Image.fromarray(rgb).save(out, "JPEG", quality=quality, progressive=False, optimize=False)
    return out.getvalue()


def _colored(settings: RenderingSettings, planes: list[Plane]) -> npt.NDArray[np.uint8]:
    shown = [channel for channel, active in enumerate(settings.active) if active]
    height, width = planes[0].shape
    if not shown:
        return np.zeros((height, width, 3), np.uint8)
    if settings.model == "greyscale":
        shown = shown[:1]
        colors = np.full((1, 3), 255, np.float32)
    else:
        colors = np.array([settings.colors[channel] for channel in shown], np.float32)
    rgb = np.full((height, width, 3), 0.5, np.float32)
    for channel, color in zip(shown, colors, strict=True):
        rgb += _windowed(planes[channel], settings.windows[channel])[:, :, None] * color
    return np.clip(rgb, 0, 255, out=rgb).astype(np.uint8)


def _windowed(plane: Plane, window: tuple[float, float]) -> Plane:
    start, end = window
    # A window of no width is a threshold, not a division by zero.
    span = end - start or 1e-6
    shown: Plane = np.clip((plane - np.float32(start)) * np.float32(1.0 / span), 0, 1)
    return shown
