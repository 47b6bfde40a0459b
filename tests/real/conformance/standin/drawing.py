"""What the model asks to have drawn: pictures that say what they show, whoever asked first."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.real.conformance.standin.pictures import draw

if TYPE_CHECKING:
    from omero_embedded.model.thumbnail_drawing import ThumbnailDrawing

_COLOURS = {"red": (220, 0, 0), "green": (0, 200, 0), "blue": (0, 0, 230), "default": (200, 200, 0)}
_CLOCK = (225, 225, 225)


class Drawer:
    """Draws in whatever thread it is asked."""

    def draw(self, drawing: ThumbnailDrawing) -> bytes:
        """The JPEG."""
        if drawing.is_clock:
            return draw(drawing.width, drawing.height, _CLOCK, clock=True)
        return draw(
            drawing.width,
            drawing.height,
            _COLOURS.get(drawing.look.colour),
            image=drawing.pixels.image.id,
            rendering_def=drawing.look.rendering_def,
            z=drawing.z,
            t=drawing.t,
        )
