"""What the model asks to have drawn: pictures that say what they show, and for whom they were drawn."""

from __future__ import annotations

import contextlib
import threading
from typing import TYPE_CHECKING

from tests.conformance.standin.pictures import draw

if TYPE_CHECKING:
    from collections.abc import Iterator

    from omero_ms_thumbnail.embedded.model.drawing import Drawing

_COLOURS = {"red": (220, 0, 0), "green": (0, 200, 0), "blue": (0, 0, 230), "default": (200, 200, 0)}
_CLOCK = (225, 225, 225)


class Drawer:
    """Draws in whatever thread it is asked, for whoever this thread works."""

    def __init__(self) -> None:
        self._here = threading.local()

    @contextlib.contextmanager
    def drawing_for(self, user_id: int) -> Iterator[None]:
        """What this thread draws meanwhile says that it was drawn for that user."""
        self._here.user = user_id
        try:
            yield
        finally:
            self._here.user = None

    def draw(self, drawing: Drawing) -> bytes:
        """The JPEG; a stored one says later, too, for whom it was drawn."""
        if drawing.is_clock:
            return draw(drawing.width, drawing.height, _CLOCK, clock=True)
        return draw(
            drawing.width,
            drawing.height,
            _COLOURS.get(drawing.look.colour),
            image=drawing.pixels.image.id,
            user=getattr(self._here, "user", None),
            rendering_def=drawing.look.rendering_def,
            z=drawing.z,
            t=drawing.t,
        )
