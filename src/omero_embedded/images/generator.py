"""Sample pictures by formula: what a pixel shows follows from its place, so any resolution shows the same scene.

Two kinds of fields make all of it: smooth noise (`Scene.waves`), and the nearest of scattered centres (`Scene.nearest`,
Worley's cellular texture), which are cells, nuclei or glands. Lengths are in pixels of the picture at its full size.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Final, NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

from .picture import Channel, Picture, Plane

#: what is computed of each pixel
Field: TypeAlias = npt.NDArray[Any]

#: centres repeat after so many, in each direction
_REPEAT: Final = 64

RED_GREEN_BLUE: Final = (Channel("Red", (255, 0, 0)), Channel("Green", (0, 255, 0)), Channel("Blue", (0, 0, 255)))

#: what takes how much of red, green and blue away: nuclei, cytoplasm, collagen
STAINS: Final = {
    "H&E": ((1.5, 1.9, 0.75), (0.2, 1.05, 0.45), (0.12, 0.72, 0.32)),
    "Masson": ((1.6, 1.7, 0.9), (0.25, 1.15, 0.8), (1.0, 0.5, 0.15)),
    "DAB": ((1.4, 1.1, 0.5), (0.4, 0.75, 1.2), (0.14, 0.16, 0.18)),
    "PAS": ((1.3, 1.5, 0.6), (0.3, 1.2, 0.35), (0.2, 0.55, 0.2)),
}


class Nearest(NamedTuple):
    """Of each pixel the way to the nearest centre, how much further the next one is, where it is, and its numbers."""

    along: Field
    across: Field
    far: Field
    gap: Field
    x: Field
    y: Field
    own: Field
    """Five numbers of 0..1, the same for all pixels of a centre."""


class Scene:
    """The places of a picture's pixels at a resolution, and fields over them; the same seed gives the same fields."""

    def __init__(self, picture: Picture, seed: int, width: int, height: int) -> None:
        self.rng = np.random.default_rng(seed)
        self.pixel = picture.size_x / width
        self.x: Field = ((np.arange(width) + 0.5) * self.pixel).astype(np.float32)
        self.y: Field = ((np.arange(height) + 0.5) * (picture.size_y / height)).astype(np.float32)[:, None]

    def waves(self, length: float) -> Field:
        """Smooth noise of about -1..1 with features of that length, none where a pixel is larger."""
        angle, phase = self.rng.uniform(0, math.tau, (2, 10, 1)).astype(np.float32)
        number = self.rng.uniform(0.5, 1.5, (10, 1)).astype(np.float32) * (math.tau / length)
        across, down = self.x * number * np.cos(angle) + phase, self.y.ravel() * number * np.sin(angle)
        # as the cosine of a sum: einsum, for matmul would hand it to other threads and wait for them
        waves = np.einsum("ky,kx->yx", np.cos(down), np.cos(across))
        waves -= np.einsum("ky,kx->yx", np.sin(down), np.sin(across))
        return np.asarray(waves * (0.22 if length > 2 * self.pixel else 0), np.float32)

    def nearest(self, spacing: float, stretch: float = 1.0, turn: float = 0.0, warp: float = 0.1) -> Nearest:
        """The nearest of centres that are `spacing` apart, `stretch` times that in the direction of `turn`.

        `warp` spacings is how far rows and columns of them are bent.
        """
        table = self.rng.random((7, _REPEAT * _REPEAT), np.float32)
        places = 0.8 * table[:2] - 0.9
        cos, sin, wide, high = math.cos(turn), math.sin(turn), spacing * stretch, spacing
        x, y = (one + self.waves(4 * spacing) * (warp * spacing) for one in (self.x, self.y))
        u, v = (x * cos + y * sin) / wide, (y * cos - x * sin) / high
        column, row = np.floor(u).astype(np.intp), np.floor(v).astype(np.intp)
        best, second = np.full(u.shape, 99, np.float32), np.full(u.shape, 99, np.float32)
        along, across, winner = np.zeros_like(u), np.zeros_like(u), np.zeros_like(row)
        u -= column
        v -= row
        for i, j in np.ndindex(3, 3):
            at = ((row + (j - 1)) & (_REPEAT - 1)) * _REPEAT + ((column + (i - 1)) & (_REPEAT - 1))
            du, dv = u - places[0].take(at) - i, v - places[1].take(at) - j
            distance = du * du + dv * dv
            closer = distance < best
            np.minimum(second, np.maximum(best, distance), out=second)
            np.minimum(best, distance, out=best)
            np.copyto(along, du, where=closer)
            np.copyto(across, dv, where=closer)
            np.copyto(winner, at, where=closer)
        along, across, gap = along * wide, across * high, (np.sqrt(second) - np.sqrt(best)) * high
        centre_x, centre_y = x - along * cos + across * sin, y - along * sin - across * cos
        return Nearest(along, across, np.hypot(along, across), gap, centre_x, centre_y, table[2:].take(winner, axis=1))

    def within(self, far: Field, radius: Field | float, soft: float = 4.0) -> Field:
        """1 where `far` is less than the radius and 0 beyond, with an edge so soft that pixels do not show."""
        return np.clip((radius - far) / max(soft, self.pixel) + 0.5, 0, 1)

    def blurred(self, plane: Field, sigma: float) -> Field:
        """As out of focus."""
        down, across = np.fft.fftfreq(plane.shape[0])[:, None], np.fft.rfftfreq(plane.shape[1])
        passed = np.exp(-2 * (math.pi * sigma / self.pixel) ** 2 * (across**2 + down**2))
        return np.fft.irfft2(np.fft.rfft2(plane) * passed, plane.shape).astype(np.float32)

    def detected(self, planes: list[Field], noise: float, shot: int) -> list[Plane]:
        """What a camera makes of light in one `shot`: its pixels, less and less towards 1, with noise."""
        rng, detected = np.random.default_rng(shot), []
        for light in planes:
            signal = 1 - np.exp(-np.maximum(light, 0))
            signal += rng.standard_normal(signal.shape, np.float32) * (np.sqrt(signal) + 0.3) * noise
            detected.append(np.clip(signal, 0, 1).astype(np.float32))
        return detected


@dataclass(frozen=True)
class CellPicture(Picture):
    """Cultured cells under fluorescence: their nuclei, a structure of theirs, and specks in them.

    The structure is tubulin, actin, junctions, neurites or cytoplasm. What moves in time is a wound that closes, a
    colony that grows, or calcium that runs through. Cells lie at different depths: others are sharp in each section.
    """

    name: str
    seed: int
    channels: tuple[Channel, ...]
    structure: str = "tubulin"
    moves: str = ""
    spacing: float = 240.0
    nucleus: float = 50.0
    stretch: float = 1.0
    gaps: float = 0.15
    mitotic: float = 0.04
    moved: float = 0.0
    """How much of the structure's light is in the nuclei instead."""
    blur: float = 0.0
    """Of the whole field: its sigma."""
    size_x: int = 1024
    size_y: int = 1024
    size_z: int = 1
    size_t: int = 1

    def intensities(self, width: int, height: int, z: int, t: int) -> list[Plane]:
        scene, time = Scene(self, self.seed, width, height), t / self.size_t
        there: Field = np.ones((len(scene.y), len(scene.x)), np.float32)
        if self.moves == "wound":
            half, aside = 0.3 * self.size_x * (1 - time), scene.x - self.size_x / 2
            there = 1 - scene.within(np.abs(aside) + 25 * scene.waves(300), half, 20)
            scene.x = scene.x - np.sign(aside) * half
        cell = scene.nearest(self.spacing, self.stretch, float(scene.rng.uniform(0, math.pi)))
        there = there * (cell.own[0] > self.gaps)
        from_middle = np.hypot(cell.x - self.size_x / 2, cell.y - self.size_y / 2) / self.size_x
        if self.moves == "colony":
            there = there * (from_middle < 0.17 + 0.42 * time)
        tilt = (cell.own[1] - 0.5) * (math.pi if self.stretch == 1 else 0.6)
        along = cell.along * np.cos(tilt) + cell.across * np.sin(tilt)
        across = cell.across * np.cos(tilt) - cell.along * np.sin(tilt)
        divides = cell.own[2] < self.mitotic
        longer = np.where(divides, 0.55, math.sqrt(self.stretch) * (1 + 0.25 * cell.own[3])).astype(np.float32)
        size = self.nucleus * (0.85 + 0.3 * cell.own[4])
        inside = scene.within(np.hypot(along / longer, across * longer), size, 6) * there
        body = self._structure(scene, cell, along, across) * (0.7 + 0.6 * cell.own[3]) * there
        body = body * (1 - inside * 0.6) * (1 - 0.6 * self.moved) + inside * (1.3 * self.moved)
        if self.moves == "calcium":
            body = body * (0.4 + 2.5 * np.exp(-(((from_middle - 0.75 * time) / 0.12) ** 2)))
        specks = 4 * np.clip(scene.waves(24) + scene.waves(37) - 0.7, 0, 1) * (1 - inside) * there
        specks *= np.exp(-((cell.far / (0.36 * self.spacing)) ** 2))
        planes = [inside * (0.9 + 0.25 * scene.waves(30) + divides), body, specks][: len(self.channels)]
        if self.size_z > 1:
            sharp = np.exp(-(((cell.own[1] - (z + 0.5) / self.size_z) / 0.2) ** 2))
            planes = [plane * sharp + scene.blurred(plane * (1 - sharp), 40) for plane in planes]
        elif self.blur:
            planes = [scene.blurred(plane, self.blur) for plane in planes]
        return scene.detected([plane + 0.02 for plane in planes], 0.03, self.seed + 997 * z + 31 * t)

    def _structure(self, scene: Scene, cell: Nearest, along: Field, across: Field) -> Field:
        light: Field = np.exp(-((cell.far / (0.55 * self.spacing)) ** 2))
        light *= np.clip(cell.gap / (0.08 * self.spacing), 0, 1)
        match self.structure:
            case "junctions":
                light = 1.3 * np.exp(-((cell.gap / 13) ** 2)) + 0.05
            case "cytoplasm":
                light *= 0.7 + 0.3 * scene.waves(60)
            case "actin":
                stripes = 0.5 + 0.5 * np.cos(across / 5 + 3 * scene.waves(200))
                light *= 0.15 + 1.7 * stripes**3
            case "tubulin":
                light *= 0.25 + 1.2 * self._rays(scene, cell, np.arctan2(across, along), 22, 4, 0.3)
            case "neurites":
                rays = self._rays(scene, cell, np.arctan2(across, along), 5, 6, 0.5)
                reach = (0.4 + 0.5 * cell.own[4]) * self.spacing
                light = rays * scene.within(cell.far, reach, 40) + 2 * np.exp(-((cell.far / self.nucleus) ** 2))
        return light

    def _rays(self, scene: Scene, cell: Nearest, angle: Field, count: int, thin: float, bend: float) -> Field:
        aside = np.abs((angle + bend * scene.waves(170)) % (math.tau / count) - math.pi / count) * cell.far
        rays: Field = np.exp(-((aside / max(thin, scene.pixel)) ** 2)) * min(1, thin / scene.pixel)
        return rays


class Recipe(NamedTuple):
    """How a tissue is made of bands around centres (or along folds, or below a surface)."""

    spacing: float
    stretch: float
    warp: float
    hole: float
    """Empty up to here from the centre."""
    wall: float
    """Cytoplasm up to here, collagen beyond."""
    cleft: float
    """Half the width of the empty space between two."""
    rim: float
    """Half the width of the cytoplasm between two."""
    dense: tuple[float, float, float, float]
    """Nuclei: around that band, that wide, and how many of the places have one there and elsewhere."""
    nuclei: float
    """Their spacing."""
    long: float = 1.15


TISSUES: Final = {
    "colon": Recipe(230, 1, 0.12, 30, 98, 0, 0, (82, 13, 0.97, 0.3), 23),
    "kidney": Recipe(125, 1.2, 0.15, 16, 58, 0, 0, (40, 9, 0.9, 0.1), 25),
    "tendon": Recipe(26, 12, 0.5, 0, 0, 1.5, 0, (0, 0, 0, 0.5), 34, 3.2),
    "muscle": Recipe(120, 1.15, 0.06, 0, 999, 7, 0, (60, 12, 0.6, 0), 34, 1.5),
    "fat": Recipe(190, 1.1, 0.06, 999, 999, 0, 7, (100, 10, 0.6, 0), 34, 1.5),
    "skin": Recipe(0, 1, 0, 0, 195, 0, 0, (125, 70, 0.85, 0.12), 27),
    "lymph node": Recipe(420, 1, 0.15, 0, 999, 0, 0, (300, 190, 0.95, 0.5), 23),
    "cerebellum": Recipe(520, 0, 0, 14, 999, 0, 0, (190, 65, 0.92, 0.06), 22),
    "liver": Recipe(75, 1.6, 0.6, 0, 999, 5, 0, (0, 0, 0, 0.6), 46),
}


@dataclass(frozen=True)
class TissuePicture(Picture):
    """A thin section of one of `TISSUES` in one of `STAINS` under white light; an overview has glass around it."""

    name: str
    seed: int
    tissue: str
    stain: str
    overview: bool = False
    zoom: float = 1.0
    size_x: int = 1024
    size_y: int = 1024
    size_z: int = 1
    size_t: int = 1
    channels: tuple[Channel, ...] = RED_GREEN_BLUE

    def intensities(self, width: int, height: int, z: int, t: int) -> list[Plane]:
        scene = Scene(self, self.seed, width, height)
        unit, turn = float(scene.rng.uniform(0.85, 1.2)) / self.zoom, float(scene.rng.uniform(0, math.pi))
        parts = self._parts(scene, TISSUES[self.tissue], unit, turn)
        if self.overview:
            from_middle = np.hypot(2 * scene.x / self.size_x - 1, 2 * scene.y / self.size_y - 1)
            ragged = 0.1 * scene.waves(0.7 * min(self.size_x, self.size_y)) + 0.02 * scene.waves(90)
            parts = [part * np.clip((0.85 + ragged - from_middle) * 50, 0, 1) for part in parts]
        taken = np.einsum("pyx,pc->cyx", np.stack(parts), np.array(STAINS[self.stain], np.float32))
        return scene.detected(list(-np.log(1 - 0.95 * np.exp(-taken))), 0.008, self.seed)

    def _parts(self, scene: Scene, recipe: Recipe, unit: float, turn: float) -> list[Field]:
        """Where nuclei, cytoplasm and collagen are, and how thick."""
        uneven = 8 * scene.waves(60 * unit)
        gap: Field = np.full((len(scene.y), len(scene.x)), 999, np.float32)
        if self.tissue == "skin":
            far = (scene.y - 0.25 * self.size_y) / unit + uneven + 60 * scene.waves(360 * unit)
        elif self.tissue == "cerebellum":
            across = (scene.x * math.cos(turn) + scene.y * math.sin(turn)) / unit + 60 * scene.waves(420 * unit)
            far = np.abs(across % recipe.spacing - recipe.spacing / 2) + uneven
        else:
            centre = scene.nearest(recipe.spacing * unit, recipe.stretch, turn, recipe.warp)
            far = centre.far / unit * (0.9 + 0.2 * centre.own[0]) + uneven
            gap = centre.gap / unit
        solid = (1 - scene.within(far, recipe.hole)) * (1 - scene.within(gap, recipe.cleft) * (recipe.cleft > 0))
        wall, rim = scene.within(far, recipe.wall) * solid, scene.within(gap, recipe.rim) * (recipe.rim > 0)
        middle, wide, many, few = recipe.dense
        crowd = few + (many - few) * scene.within(np.abs(far - middle), wide)
        cell = scene.nearest(recipe.nuclei * unit, max(1, recipe.long - 0.5), turn, 0.25)
        longer, size = math.sqrt(recipe.long), recipe.nuclei * unit * (0.27 + 0.12 * cell.own[1])
        nuclei = scene.within(np.hypot(cell.along / longer, cell.across * longer), size, 2) * (cell.own[0] < crowd)
        cloudy = 0.85 + 0.15 * scene.waves(45 * unit) + 0.1 * scene.waves(300 * unit)
        nuclei = nuclei * np.maximum(solid, rim) * (0.75 + 0.35 * cell.own[2])
        return [nuclei, np.maximum(wall, rim) * 0.75 * cloudy, (solid - wall) * cloudy]
