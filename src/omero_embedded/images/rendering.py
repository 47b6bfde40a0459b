"""Rendering settings: how the channels of a picture become colours, as OMERO keeps them for each user."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

from .picture import Picture, Rgb

_ALTERNATIVE_COLORS: tuple[Rgb, ...] = ((255, 140, 0), (255, 0, 200), (0, 220, 255), (255, 255, 0))


@dataclass(frozen=True)
class RenderingSettings:
    """A rendering definition: one entry a channel in active, windows and colors.

    A window is the pair of intensities (0..1) shown as darkest and brightest; the first may be the larger one,
    which turns the channel into its negative. The model "greyscale" shows the first active channel alone, without
    its colour.
    """

    model: Literal["rgb", "greyscale"]
    active: tuple[bool, ...]
    windows: tuple[tuple[float, float], ...]
    colors: tuple[Rgb, ...]
    default_z: int
    default_t: int


def default_settings(picture: Picture) -> RenderingSettings:
    """What a picture is shown with before anybody touched it: all channels, full range, the middle section."""
    return RenderingSettings(
        model="rgb",
        active=(True,) * len(picture.channels),
        windows=((0.0, 1.0),) * len(picture.channels),
        colors=tuple(channel.color for channel in picture.channels),
        default_z=picture.size_z // 2,
        default_t=0,
    )


def alternative_settings(picture: Picture) -> tuple[RenderingSettings, ...]:
    """Three settings that show the picture clearly differently: greyscale, other colours, the negative."""
    default = default_settings(picture)
    count = len(picture.channels)
    return (
        replace(default, model="greyscale", windows=((0.0, 0.8),) * count),
        replace(
            default,
            windows=((0.05, 0.6),) * count,
            colors=tuple(_ALTERNATIVE_COLORS[i % len(_ALTERNATIVE_COLORS)] for i in range(count)),
        ),
        replace(default, model="greyscale", windows=((0.9, 0.0),) * count),
    )
