"""Pictures of stained tissue sections under white light: what dyes take out of it (Beer and Lambert's law)."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from .canvas import Canvas
from .histology import TISSUES
from .picture import Channel, Picture, Plane
from .section import Section, rise

_CHANNELS = (Channel("Red", (255, 0, 0)), Channel("Green", (0, 255, 0)), Channel("Blue", (0, 0, 255)))

#: How strongly each stain absorbs red, green and blue in nuclei, cytoplasm and collagen.
STAINS: dict[str, tuple[tuple[float, float, float], ...]] = {
    "H&E": ((1.05, 1.25, 0.55), (0.14, 0.86, 0.44), (0.08, 0.62, 0.26)),
    "Masson's trichrome": ((0.95, 1.2, 0.85), (0.22, 1.05, 0.78), (0.95, 0.5, 0.14)),
    "IHC (DAB)": ((0.95, 0.75, 0.3), (0.35, 0.78, 1.15), (0.16, 0.14, 0.08)),
    "PAS": ((0.85, 0.85, 0.35), (0.2, 0.9, 0.25), (0.3, 1.0, 0.3)),
}


@dataclass(frozen=True)
class TissuePicture(Picture):
    """A section of one of TISSUES in one of STAINS, filling the field or, as an overview, lying on the slide."""

    name: str
    seed: int
    tissue: str
    stain: str = "H&E"
    overview: bool = False
    zoom: float = 1.0
    """Scene pixels drawn for each pixel: above 1 shows a larger piece of tissue."""
    size_x: int = 1024
    size_y: int = 1024
    size_z: int = field(default=1, init=False)
    size_t: int = field(default=1, init=False)
    channels: tuple[Channel, ...] = field(default=_CHANNELS, init=False)

    def intensities(self, width: int, height: int, z: int, t: int) -> list[Plane]:
        """Red, green and blue light that comes through."""
        canvas = Canvas(width, height, self.size_x * self.zoom, self.size_y * self.zoom)
        rng = np.random.default_rng((self.seed, 10))
        section = TISSUES[self.tissue](canvas, rng)
        thickness = 1.02 + 0.1 * canvas.noise(rng, 420)
        if self.overview:
            thickness = thickness * _outline(canvas, rng)
        lamp = canvas.vignette(0.05) * np.float32(0.965)
        strength = float(rng.uniform(0.85, 1.15))
        return [
            self._through(canvas, rng, section, thickness * np.float32(strength), lamp, color) for color in range(3)
        ]

    def _through(
        self, canvas: Canvas, rng: np.random.Generator, section: Section, thickness: Plane, lamp: Plane, color: int
    ) -> Plane:
        of_nuclei, of_cytoplasm, of_collagen = (np.float32(dye[color]) for dye in STAINS[self.stain])
        density = section.nuclei * of_nuclei + section.cytoplasm * of_cytoplasm + section.collagen * of_collagen
        light: Plane = np.exp(np.maximum(density, 0) * -thickness) * lamp
        light += rng.standard_normal(light.shape, np.float32) * np.float32(0.008)
        np.clip(light, 0, 1, out=light)
        return light


def _outline(canvas: Canvas, rng: np.random.Generator) -> Plane:
    """1 where tissue lies on the slide, 0 on bare glass: a ragged island or two."""
    x, y = canvas.x / np.float32(canvas.extent_x) - 0.5, canvas.y / np.float32(canvas.extent_y) - 0.5
    short = min(canvas.extent_x, canvas.extent_y)
    inside = 1 - (np.abs(x) * 2.25) ** 3 - (np.abs(y) * 2.3) ** 3
    inside = inside - 0.35 + 0.5 * canvas.clouds(rng, short * 0.5, 3, 0.5)
    return rise(inside / np.float32(max(0.04, 1.2 / (short * canvas.scale))))
