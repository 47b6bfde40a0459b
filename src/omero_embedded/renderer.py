"""Rendering for the embedded OMERO: pictures to JPEGs in threads, kept as OMERO keeps its thumbnails on disk."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Final

from .images.clock import clock_jpeg
from .images.picture import Picture
from .images.render import render_jpeg
from .images.rendering import RenderingSettings
from .model.thumbnail_drawing import ThumbnailDrawing

#: bytes of JPEGs that are kept
_KEPT_BYTES_MAX: Final = 128 * 1024 * 1024


class Renderer:
    """Renders, and remembers what it has rendered."""

    def __init__(self) -> None:
        self._kept: OrderedDict[Hashable, bytes] = OrderedDict()
        self._kept_bytes = 0

    async def render(
        self, picture: Picture, settings: RenderingSettings, size: tuple[int, int], section: tuple[int, int] | None
    ) -> bytes:
        """A JPEG of `size` (width, height) in pixels, of `section` (z, t) or the default one.

        Raises ValueError if there is no such section.
        """
        z, t = section or (settings.default_z, settings.default_t)
        width, height = size
        key = (id(picture), settings, size, z, t)
        return await self._kept_or(key, lambda: render_jpeg(picture, settings, width, height, z, t))

    async def draw(self, drawing: ThumbnailDrawing) -> bytes:
        """What the model asks for. Raises ValueError if there is no such section."""
        if drawing.pixels is None:
            return await self.clock((drawing.width, drawing.height))
        size, section = (drawing.width, drawing.height), (drawing.z, drawing.t)
        return await self.render(drawing.pixels.source, drawing.look, size, section)

    async def clock(self, size: tuple[int, int]) -> bytes:
        """The picture for an image that is still being imported."""
        return await self._kept_or(("clock", size), lambda: clock_jpeg(*size))

    async def _kept_or(self, key: Hashable, render: Callable[[], bytes]) -> bytes:
        jpeg = self._kept.get(key)
        if jpeg is not None:
            self._kept.move_to_end(key)
            return jpeg
        jpeg = await asyncio.to_thread(render)
        if key not in self._kept:
            self._kept_bytes += len(jpeg)
        self._kept[key] = jpeg
        while self._kept_bytes > _KEPT_BYTES_MAX:
            self._kept_bytes -= len(self._kept.popitem(last=False)[1])
        return jpeg
