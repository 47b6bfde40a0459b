"""The names and colours that a TIFF file gives its channels: OME-XML, or ImageJ's lookup tables."""

from __future__ import annotations

from typing import Any

import tifffile

from .picture import Channel, Rgb

#: For channels that have no colour of their own.
_USUAL: tuple[Rgb, ...] = ((70, 110, 255), (40, 255, 90), (255, 60, 60), (255, 0, 255), (0, 255, 255), (255, 255, 0))
_WHITE: Rgb = (255, 255, 255)


def described_channels(tiff: tifffile.TiffFile, count: int) -> tuple[Channel, ...]:
    """One channel for each of the count in the file, white if it is the only one and has no colour."""
    names, colors = _from_ome(tiff) if tiff.is_ome else _from_imagej(tiff)
    usual = (_WHITE,) if count == 1 else _USUAL
    return tuple(
        Channel(
            (names[number] if number < len(names) else None) or f"Channel {number}",
            (colors[number] if number < len(colors) else None) or usual[number % len(usual)],
        )
        for number in range(count)
    )


def _from_ome(tiff: tifffile.TiffFile) -> tuple[list[str | None], list[Rgb | None]]:
    document: Any = tifffile.xml2dict(tiff.ome_metadata or "")
    image = _first(document.get("OME", {}).get("Image", {}))
    channels = _first(image.get("Pixels", {})).get("Channel", [])
    channels = channels if isinstance(channels, list) else [channels]
    names = [str(channel["Name"]) if channel.get("Name") not in {None, ""} else None for channel in channels]
    return names, [_rgba(channel.get("Color")) for channel in channels]


def _first(node: Any) -> dict[str, Any]:
    found = node[0] if isinstance(node, list) and node else node
    return found if isinstance(found, dict) else {}


def _rgba(color: Any) -> Rgb | None:
    """OME's Color is one signed 32-bit number: red, green, blue, alpha from its highest byte down.

    -1, opaque white, is what the OME schema (2016-06, Channel) has where nobody chose a colour.
    """
    if not isinstance(color, int) or color == -1:
        return None
    return color >> 24 & 255, color >> 16 & 255, color >> 8 & 255


def _from_imagej(tiff: tifffile.TiffFile) -> tuple[list[str | None], list[Rgb | None]]:
    tables = (tiff.imagej_metadata or {}).get("LUTs", [])
    # A table has a row each for red, green and blue; its last column is the colour of the brightest pixels.
    return [], [(int(table[0][-1]), int(table[1][-1]), int(table[2][-1])) for table in tables]
