"""Pictures for tests that say, in place of pixels, of what, for which settings and in which size they were drawn."""

from __future__ import annotations

from omero_embedded.images.picture import Picture
from omero_embedded.images.rendering import RenderingSettings
from omero_embedded.renderer import Renderer

#: as a JPEG begins: what does not is taken for no picture by the shared cache
_START = b"\xff\xd8"


def told(picture: Picture, settings: RenderingSettings, size: tuple[int, int], section: tuple[int, int]) -> bytes:
    """The bytes that stand for a picture; no two pictures have the same."""
    return _START + repr((picture.name, settings.model, settings.windows, size, section)).encode()


def told_clock(size: tuple[int, int]) -> bytes:
    """The bytes that stand for a clock."""
    return _START + repr(("clock", size)).encode()


class TellingRenderer(Renderer):
    """Draws at once, in no thread."""

    async def render(
        self, picture: Picture, settings: RenderingSettings, size: tuple[int, int], section: tuple[int, int] | None
    ) -> bytes:
        z, t = section or (settings.default_z, settings.default_t)
        if not 0 <= z < picture.size_z or not 0 <= t < picture.size_t:
            raise ValueError(f"{picture.name} has no section {z}, {t}")
        return told(picture, settings, size, (z, t))

    async def clock(self, size: tuple[int, int]) -> bytes:
        return told_clock(size)
