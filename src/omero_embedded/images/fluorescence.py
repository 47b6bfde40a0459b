"""Pictures of stained cell cultures: which structure shines in which channel, and in which colour."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from . import stains
from .canvas import Canvas, detect
from .culture import Culture, Growth, grow
from .picture import Channel, Picture, Plane, Rgb

#: Colours for DNA, the structure, and the speckles.
CLASSIC: tuple[Rgb, Rgb, Rgb] = ((70, 110, 255), (40, 255, 90), (255, 50, 50))
VIOLET: tuple[Rgb, Rgb, Rgb] = ((60, 140, 255), (255, 60, 220), (255, 220, 70))
WARM: tuple[Rgb, Rgb, Rgb] = ((90, 110, 255), (255, 150, 40), (70, 255, 200))
ICE: tuple[Rgb, Rgb, Rgb] = ((150, 100, 255), (60, 230, 255), (255, 110, 90))

STRUCTURES = {
    "tubulin": "alpha-tubulin",
    "actin": "F-actin",
    "junctions": "E-cadherin",
    "neurites": "beta-III-tubulin",
    "cytoplasm": "GFP",
}
SPECKLES = {"mitochondria": "TOMM20", "vesicles": "LAMP1"}


@dataclass(frozen=True)
class CellPicture(Picture):
    """Cells in three channels: nuclei, a structure that shapes the cell, and speckles."""

    name: str
    seed: int
    growth: Growth
    structure: str = "tubulin"
    speckle: str = "mitochondria"
    colors: tuple[Rgb, Rgb, Rgb] = CLASSIC
    size_x: int = 1024
    size_y: int = 1024
    gain: tuple[float, float, float] = (1.0, 1.0, 1.0)
    noise: float = 0.03
    size_z: int = field(default=1, init=False)
    size_t: int = field(default=1, init=False)

    @property
    def channels(self) -> tuple[Channel, ...]:  # type: ignore[override]
        """DNA, the structure and the speckles."""
        names = ("DAPI", STRUCTURES[self.structure], SPECKLES[self.speckle])
        return tuple(Channel(name, color) for name, color in zip(names, self.colors, strict=True))

    def intensities(self, width: int, height: int, z: int, t: int) -> list[Plane]:
        """Nuclei, structure and speckles, each as its detector saw it."""
        canvas = Canvas(width, height, self.size_x, self.size_y)
        cells = grow(np.random.default_rng((self.seed, 0)), self.size_x, self.size_y, self.growth)
        dna, structure, speckles = (np.random.default_rng((self.seed, number)) for number in (1, 2, 3))
        light = [
            stains.nuclei(canvas, dna, cells),
            draw_structure(canvas, structure, cells, self.structure),
            draw_speckles(canvas, speckles, cells, self.speckle),
        ]
        return expose(canvas, light, self.gain, self.noise, seed=self.seed)


def draw_structure(canvas: Canvas, rng: np.random.Generator, cells: Culture, structure: str) -> Plane:
    """The light of one of STRUCTURES."""
    if structure == "neurites":
        return stains.neurites(canvas, rng, cells)
    if structure == "cytoplasm":
        return stains.cytoplasm(canvas, rng, cells)
    haze = stains.cytoplasm(canvas, rng, cells) * np.float32(0.22)
    if structure == "junctions":
        return haze * np.float32(0.6) + stains.junctions(canvas, rng, cells)
    if structure == "actin":
        return haze + stains.stress_fibres(canvas, rng, cells)
    return haze + stains.microtubules(canvas, rng, cells)


def draw_speckles(canvas: Canvas, rng: np.random.Generator, cells: Culture, speckle: str) -> Plane:
    """The light of one of SPECKLES."""
    return stains.vesicles(canvas, rng, cells) if speckle == "vesicles" else stains.mitochondria(canvas, rng, cells)


def expose(
    canvas: Canvas,
    light: list[Plane],
    gain: tuple[float, ...],
    noise: float,
    *,
    seed: int,
    shot: tuple[int, int] = (0, 0),
) -> list[Plane]:
    """What the camera records: uneven illumination, a little background, saturation and noise.

    Illumination is that of the picture (seed), noise differs with every shot (section, time).
    """
    setup = np.random.default_rng((seed, 5))
    lamp = canvas.vignette(0.4, (float(setup.uniform(0.4, 0.6)), float(setup.uniform(0.4, 0.6))))
    rng = np.random.default_rng((seed, 4, *shot))
    return [
        detect(rng, (plane * np.float32(strength) + np.float32(0.02)) * lamp, noise)
        for plane, strength in zip(light, gain, strict=True)
    ]
