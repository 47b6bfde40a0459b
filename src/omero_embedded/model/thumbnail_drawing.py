"""The state of a ThumbnailStore, and drawing with it.

A model of ``ome.services.ThumbnailBean`` of omero-server; what its calls do is in `thumbnail_store`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

from .call import Call, Steps, Work
from .data import Pixels, RenderingDefRow
from .files import ThumbnailService
from .omero_errors import CONCURRENCY, OmeroError, null_pointer
from .persistence import HibernateSession, Metadata
from .rendering_settings import Defaults
from .thumbnail_context import Dimension, ThumbnailContext, new_metadata

_DEFAULT_SIZE = 48


@dataclass(frozen=True)
class ThumbnailDrawing:
    """What is to be drawn: Pixels with a look, at section z and time t; the clock where `look` is null."""

    pixels: Pixels | None
    look: Any
    width: int
    height: int
    z: int = 0
    t: int = 0

    @property
    def is_clock(self) -> bool:
        """Whether it is the picture of an image in progress; `width` and `height` are alike then."""
        return self.pixels is None


#: gives the JPEG; may raise ValueError for a section that there is not
Draw = Callable[[ThumbnailDrawing], bytes]


@dataclass(frozen=True)
class _Renderer:
    """What was loaded for rendering: it shows this look until another is loaded."""

    pixels: Pixels
    look: Any


class StoreState:
    """What a store keeps from call to call."""

    def __init__(self, files: ThumbnailService, defaults: Defaults, draw: Draw) -> None:
        self.hibernate = HibernateSession()
        self._files = files
        self._defaults = defaults
        self._draw = draw
        self._context: ThumbnailContext | None = None
        #: whether a call runs on it
        self.is_busy = False
        self._reset()

    def _reset(self) -> None:
        self._in_progress = False
        self._pixels: Pixels | None = None
        self._pixels_id: int | None = None
        self._settings: RenderingDefRow | None = None
        self._dirty = True
        self._dirty_metadata = False
        self._metadata: Metadata | None = None
        self._renderer: _Renderer | None = None

    def _new_context(self, call: Call) -> ThumbnailContext:
        self._reset()
        self._context = ThumbnailContext(self.hibernate, self._files, self._defaults, call.context.user_id)
        return self._context

    def rolled_back(self) -> None:
        """A call has failed: what was loaded for it is forgotten, the state that it left is kept."""
        self.hibernate.clear()

    def _chosen(self) -> Any:
        """Context and Pixels id. A set leaves no id, which OMERO does not expect."""
        if self._context is None or self._pixels_id is None:
            raise null_pointer()
        return self._context, self._pixels_id

    def _check_pixels(self) -> Pixels:
        if self._pixels is None:
            raise OmeroError("ApiUsageException", "Thumbnail service not ready: Pixels not set.")
        return self._pixels

    def _check_pixels_and_settings(self, call: Call) -> Pixels:
        pixels = self._check_pixels()
        if self._in_progress or self._settings is not None:
            return pixels
        context, pixels_id = self._chosen()
        if context.is_extended_graph_critical(call, [pixels_id]):
            raise OmeroError(
                "ResourceError",
                f"The owner id:{pixels.image.owner_id} has not viewed the Pixels set id:{pixels_id}, "
                "rendering settings are missing.",
            )
        raise OmeroError(
            "InternalException",
            f"Fatal error retrieving rendering settings or settings not loaded for Pixels set id:{pixels_id}",
        )

    def _needed_metadata(self) -> Metadata:
        if self._metadata is None:
            raise OmeroError("ValidationException", "Missing thumbnail metadata.")
        return self._metadata

    def _direct(
        self, call: Call, dimension: Dimension, z: int | None, t: int | None, *, rewrite: bool = True
    ) -> Steps[bytes]:
        pixels = self._check_pixels_and_settings(call)
        local = new_metadata(pixels, dimension)
        if rewrite:
            self._metadata = local
        yield Work("thumbnail")
        jpeg = yield from self._scaled(call, z, t)
        if jpeg is None or self._in_progress:
            return (yield from self._clock(local.size_x, local.size_y))
        return jpeg

    # drawing

    def _scaled(self, call: Call, z: int | None, t: int | None) -> Steps[bytes | None]:
        """``createScaledImage``: a JPEG in the size of the current row; null if the image is in progress."""
        self._check_renderer(call)
        if self._in_progress or self._renderer is None:
            return None
        settings, metadata = self._settings, self._needed_metadata()
        if settings is None:
            raise null_pointer()
        drawing = ThumbnailDrawing(
            self._renderer.pixels,
            self._renderer.look,
            metadata.size_x,
            metadata.size_y,
            settings.default_z if z is None else z,
            settings.default_t if t is None else t,
        )
        return (yield from self._drawn(drawing))

    def _clock(self, width: int, height: int) -> Steps[bytes]:
        """The picture of an image in progress, which is square: only its longer side is asked for."""
        side = max(width, height)
        return (yield from self._drawn(ThumbnailDrawing(None, None, side, side)))

    def _drawn(self, drawing: ThumbnailDrawing) -> Steps[bytes]:
        try:
            jpeg: bytes = yield Work("render", partial(self._draw, drawing))
        except ValueError as error:
            raise OmeroError("ApiUsageException", str(error)) from error
        return jpeg

    def _check_renderer(self, call: Call) -> None:
        """``errorIfInvalidState``: load what is needed for rendering, once for all looks of these Pixels."""
        self._check_pixels_and_settings(call)
        if self._in_progress:
            return
        if self._dirty:
            try:
                self._load(call)
            except OmeroError as error:
                if error.kind not in CONCURRENCY:
                    raise
                self._in_progress = True
        elif self._renderer is None:
            raise OmeroError("InternalException", "Thumbnail service state corruption: Renderer missing.")

    def _load(self, call: Call) -> None:
        if self._pixels is None or self._settings is None:
            raise null_pointer()
        pixels = call.pixels(self._pixels.id)
        self._settings = self.hibernate.settings_with_look(call, self._settings.id)
        if pixels is None or self._settings is None:
            raise null_pointer()
        self._pixels = pixels
        call.pixel_buffer(pixels)
        self._renderer = _Renderer(pixels, self._settings.look)
        self._dirty = False


def sane_sizes(size_x: int | None, size_y: int | None) -> Dimension:
    """``sanityCheckThumbnailSizes``."""
    width = _DEFAULT_SIZE if size_x is None else size_x
    height = _DEFAULT_SIZE if size_y is None else size_y
    for name, value in (("sizeX", width), ("sizeY", height)):
        if value < 0:
            raise OmeroError("ApiUsageException", f"{name} is negative")
    return width, height
