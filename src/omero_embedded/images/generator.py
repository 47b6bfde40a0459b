"""Sample pictures by formula: what a pixel shows follows from its place, so any resolution shows the same scene.

Two fields make all of it: smooth noise (`_Scene.waves`), and the nearest of scattered centres (`_Scene.nearest`,
Worley's cellular texture), which are cells or glands. Lengths are in pixels of the picture at its full size.
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


class _Nearest(NamedTuple):
    """Of each pixel the way to the nearest centre, how much further the next one is, and five numbers of its own."""

    along: Field
    across: Field
    far: Field
    gap: Field
    own: Field


class _Scene:
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
        # the cosine of a sum; einsum, for matmul would hand it to other threads and wait for them
        waves = np.einsum("ky,kx->yx", np.cos(down), np.cos(across))
        waves -= np.einsum("ky,kx->yx", np.sin(down), np.sin(across))
        return np.asarray(waves * (0.22 if length > 2 * self.pixel else 0), np.float32)

    def nearest(self, spacing: float, stretch: float = 1.0) -> _Nearest:
        """The nearest of centres that are `spacing` apart, `stretch` times that in one direction."""
        table, turn = self.rng.random((7, _REPEAT * _REPEAT), np.float32), self.rng.uniform(0, math.pi)
        places, cos, sin = 0.8 * table[:2] - 0.9, math.cos(turn), math.sin(turn)
        x, y = (one + self.waves(4 * spacing) * (0.1 * spacing) for one in (self.x, self.y))
        u, v = (x * cos + y * sin) / (spacing * stretch), (y * cos - x * sin) / spacing
        column, row = np.floor(u).astype(np.intp), np.floor(v).astype(np.intp)
        u, v = u - column, v - row
        best, second = np.full((2, *u.shape), 99, np.float32)
        along, across, winner = np.zeros_like(u), np.zeros_like(u), np.zeros_like(row)
        for i, j in np.ndindex(3, 3):
            at = ((row + (j - 1)) & (_REPEAT - 1)) * _REPEAT + ((column + (i - 1)) & (_REPEAT - 1))
            du, dv = u - places[0].take(at) - i, v - places[1].take(at) - j
            distance = du * du + dv * dv
            closer = distance < best
            np.minimum(second, np.maximum(best, distance), out=second)
            np.minimum(best, distance, out=best)
            for kept, new in ((along, du), (across, dv), (winner, at)):
                np.copyto(kept, new, where=closer)
        along, across, gap = along * (spacing * stretch), across * spacing, (np.sqrt(second) - np.sqrt(best)) * spacing
        return _Nearest(along, across, np.hypot(along, across), gap, table[2:].take(winner, axis=1))

    def within(self, far: Field, radius: Field | float, soft: float = 4.0) -> Field:
        """1 where `far` is less than the radius and 0 beyond, with an edge so soft that pixels do not show."""
        return np.clip((radius - far) / max(soft, self.pixel) + 0.5, 0, 1)


@dataclass(frozen=True, kw_only=True)
class SamplePicture(Picture):
    """Cultured cells under fluorescence (nuclei, a structure, specks), or a section in a `stain` under white light.

    `structure` is tubulin, actin, junctions or cytoplasm, of which so much is `moved` into the nuclei. `gaps` is how
    many cells are missing. In time, a `wound` closes or `calcium` runs through; other cells are sharp at other depths.
    A stain is what nuclei, cytoplasm and collagen take of red, green and blue; in a section there are `glands` so far
    apart, or else cells with a `cleft` of half that width between two; an `overview` has glass around it.
    """

    name: str
    seed: int
    channels: tuple[Channel, ...]
    size_x: int = 1024
    size_y: int = 1024
    size_z: int = 1
    size_t: int = 1
    spacing: float = 240.0
    nucleus: float = 50.0
    stretch: float = 1.0
    gaps: float = 0.15
    structure: str = "cytoplasm"
    mitotic: float = 0.0
    moved: float = 0.0
    moves: str = ""
    stain: tuple[tuple[float, float, float], ...] = ()
    cleft: float = 3.0
    glands: float = 0.0
    overview: bool = False

    def intensities(self, width: int, height: int, z: int, t: int) -> list[Plane]:
        scene = _Scene(self, self.seed, width, height)
        cell = scene.nearest(self.spacing, self.stretch)
        there, tilt = cell.own[0] > self.gaps, (cell.own[1] - 0.5) * (math.pi if self.stretch == 1 else 0.6)
        along = cell.along * np.cos(tilt) + cell.across * np.sin(tilt)
        across = cell.across * np.cos(tilt) - cell.along * np.sin(tilt)
        divides, size = cell.own[2] < self.mitotic, self.nucleus * (0.85 + 0.3 * cell.own[4])
        longer = np.where(divides, 0.55, math.sqrt(self.stretch) * (1 + 0.25 * cell.own[3])).astype(np.float32)
        nuclei = scene.within(np.hypot(along / longer, across * longer), size) * there
        if self.stain:
            planes = self._stained(scene, cell, nuclei)
        else:
            body = self._structure(scene, cell, along, across) * there
            planes = self._fluorescent(scene, cell, nuclei * (1 + divides), body, z, t)
        # what a camera makes of light: less and less towards 1, with noise
        rng, noise = np.random.default_rng(self.seed + 997 * z + 31 * t), 0.008 if self.stain else 0.03
        signals = [1 - np.exp(-np.maximum(light, 0)) for light in planes]
        noisy = [one + rng.standard_normal(one.shape, np.float32) * (np.sqrt(one) + 0.3) * noise for one in signals]
        return [np.clip(one, 0, 1).astype(np.float32) for one in noisy]

    def _structure(self, scene: _Scene, cell: _Nearest, along: Field, across: Field) -> Field:
        light: Field = np.exp(-((cell.far / (0.55 * self.spacing)) ** 2))
        light *= np.clip(cell.gap / (0.08 * self.spacing), 0, 1) * (0.7 + 0.6 * cell.own[3])
        match self.structure:
            case "junctions":
                light = 1.3 * np.exp(-((cell.gap / 13) ** 2)) + 0.05
            case "actin":
                light *= 0.15 + 1.7 * (0.5 + 0.5 * np.cos(across / 5 + 3 * scene.waves(200))) ** 3
            case "tubulin":
                light *= 0.25 + 1.2 * np.cos(11 * np.arctan2(across, along) + 3 * scene.waves(170)) ** 8
            case "cytoplasm":
                light *= 0.7 + 0.3 * scene.waves(60)
        return light

    def _fluorescent(self, scene: _Scene, cell: _Nearest, nuclei: Field, body: Field, z: int, t: int) -> list[Field]:
        inside, time = np.minimum(nuclei, 1), t / self.size_t
        body = body * (1 - inside * 0.6) * (1 - 0.6 * self.moved) + inside * (1.3 * self.moved)
        middle = np.exp(-((cell.far / (0.36 * self.spacing)) ** 2)) * (cell.own[0] > self.gaps)
        specks = 4 * np.clip(scene.waves(24) + scene.waves(37) - 0.7, 0, 1) * (1 - inside) * middle
        planes = [nuclei * (0.9 + 0.25 * scene.waves(30)), body, specks][: len(self.channels)]
        aside, above = scene.x - self.size_x / 2, scene.y - self.size_y / 2
        if self.moves == "wound":
            edge = 0.32 * self.size_x * (1 - time) + 40 * scene.waves(150)
            planes = [plane * (1 - scene.within(np.abs(aside), edge)) for plane in planes]
        elif self.moves == "calcium":
            planes[1] *= 0.4 + 2.5 * np.exp(-((np.hypot(aside, above) / (0.12 * self.size_x) - 6 * time) ** 2))
        if self.size_z > 1:
            sharp = np.exp(-(((cell.own[1] - (z + 0.5) / self.size_z) / 0.2) ** 2))
            planes = [plane * sharp for plane in planes]
            planes[1] += 0.3 * middle * (1 - sharp)
        return [plane + 0.02 for plane in planes]

    def _stained(self, scene: _Scene, cell: _Nearest, nuclei: Field) -> list[Field]:
        solid, wall = 1 - scene.within(cell.gap, self.cleft), np.ones_like(nuclei)
        if self.glands:
            far = scene.nearest(self.glands).far / self.glands + 0.05 * scene.waves(60)
            solid, wall = np.clip((far - 0.13) * 40, 0, 1), np.clip((0.42 - far) * 40, 0, 1)
            nuclei = nuclei * (cell.own[0] > np.minimum(0.75, 9 * np.abs(far - 0.34) - 0.2))
        cloudy = 0.85 + 0.15 * scene.waves(45) + 0.1 * scene.waves(300)
        thick = np.stack([nuclei * (0.75 + 0.35 * cell.own[2]), 0.75 * wall * cloudy, (1 - wall) * cloudy]) * solid
        if self.overview:
            from_middle = np.hypot(2 * scene.x / self.size_x - 1, 2 * scene.y / self.size_y - 1)
            ragged = 0.1 * scene.waves(0.7 * min(self.size_x, self.size_y)) + 0.02 * scene.waves(90)
            thick *= np.clip((0.85 + ragged - from_middle) * 50, 0, 1)
        taken = np.einsum("pyx,pc->cyx", thick, np.array(self.stain, np.float32))
        return list(-np.log(1 - 0.95 * np.exp(-taken)))
