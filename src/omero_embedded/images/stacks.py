"""Pictures with more than one section or time point: spheroids in depth, cultures that move, divide and flicker."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np

from . import stains
from .canvas import Canvas, Values
from .culture import Culture, Growth, grow
from .fluorescence import CLASSIC, draw_structure, expose
from .picture import Channel, Picture, Plane, Rgb
from .shapes import bodies

_NOISE = 0.03


@dataclass(frozen=True)
class SpheroidPicture(Picture):
    """A ball of cells, sectioned optically: sharp where the section cuts, hazy above and below; it grows in time."""

    name: str
    seed: int
    size_z: int
    size_t: int = 1
    colors: tuple[Rgb, Rgb, Rgb] = CLASSIC
    hollow: float = 0.0
    """Part of the radius that is empty, as in a cyst."""
    size_x: int = 768
    size_y: int = 768

    @property
    def channels(self) -> tuple[Channel, ...]:  # type: ignore[override]
        """DNA, the surface of the ball, and vesicles."""
        return tuple(
            Channel(name, color) for name, color in zip(("DAPI", "F-actin", "LAMP1"), self.colors, strict=True)
        )

    def intensities(self, width: int, height: int, z: int, t: int) -> list[Plane]:
        """DNA, surface and vesicles, in focus at depth z; the ball at its size at time t."""
        canvas = Canvas(width, height, self.size_x, self.size_y)
        rng = np.random.default_rng((self.seed, 0))
        growth = 0.62 + 0.38 * (t + 1) / self.size_t
        radius = 0.43 * min(self.size_x, self.size_y) * growth
        level = (2 * (z + 0.5) / self.size_z - 1) * radius * 1.04
        x, y, depth = self._ball(rng, 210, radius)
        light = [
            self._nuclei(canvas, rng, (x, y, depth - level), 30 * math.sqrt(growth)),
            self._surface(canvas, rng, radius, level),
            self._vesicles(canvas, rng, radius, level),
        ]
        return expose(canvas, light, (0.9, 0.8, 1.0), _NOISE, seed=self.seed, shot=(z, t))

    def _ball(self, rng: np.random.Generator, number: int, radius: float) -> tuple[Values, Values, Values]:
        """Points in the ball, spread evenly as seeds on shells: x, y on the picture, depth around 0."""
        k = np.arange(number) + 0.5
        polar, turn = np.arccos(1 - 2 * k / number), k * 2.399963 + rng.uniform(0, math.tau)
        inner = self.hollow**3
        far = radius * 0.93 * np.cbrt(rng.permutation(np.linspace(inner + 0.02, 1, number)))
        return (
            (self.size_x / 2 + far * np.sin(polar) * np.cos(turn)).astype(np.float32),
            (self.size_y / 2 + far * np.sin(polar) * np.sin(turn)).astype(np.float32),
            (far * np.cos(polar)).astype(np.float32),
        )

    def _nuclei(
        self, canvas: Canvas, rng: np.random.Generator, at: tuple[Values, Values, Values], size: float
    ) -> Plane:
        x, y, away = at
        sizes = size * np.clip(rng.normal(1, 0.12, len(x)), 0.6, 1.4).astype(np.float32)
        cut = np.sqrt(np.maximum(sizes**2 - away**2, 0))
        sharp = bodies(canvas, np.random.default_rng(self.seed), x, y, np.maximum(cut, 0.5), wobble=0.06)
        texture = 1 + 0.3 * canvas.clouds(rng, 18, 2)
        light = canvas.scatter(sharp.x, sharp.y, sharp.area * (cut > 1)[:, None] * (1.2 - 0.3 * sharp.radius))
        blurred = bodies(canvas, rng, x, y, sizes, wobble=0, softness=12)
        haze = np.exp((away / (size * 2.2)) ** 2 * -0.5) * (cut <= 1)
        hidden = canvas.scatter(blurred.x, blurred.y, blurred.area * haze[:, None])
        return canvas.blur(light * texture, 2.0) * np.float32(1.25) + canvas.blur(hidden, 13) * np.float32(0.3)

    def _surface(self, canvas: Canvas, rng: np.random.Generator, radius: float, level: float) -> Plane:
        cut = math.sqrt(max(radius**2 - level**2, (radius * 0.12) ** 2))
        out = np.hypot(canvas.x - self.size_x / 2, canvas.y - self.size_y / 2)
        wide = max(9.0, 0.9 / canvas.scale)
        rim = np.exp(-(((out - cut) / np.float32(wide)) ** 2)) * np.float32(9 / wide)
        inner = np.exp(-(((out - cut * max(self.hollow, 0.01)) / np.float32(wide)) ** 2)) * np.float32(
            self.hollow * 9 / wide
        )
        haze = np.exp(-((out / np.float32(radius)) ** 4)) * np.float32(0.16)
        ruffled = 1.3 + 0.7 * canvas.noise(rng, 55)
        return canvas.blur((rim + inner) * ruffled + haze * (1 + 0.4 * canvas.clouds(rng, 40)), 2.0)

    def _vesicles(self, canvas: Canvas, rng: np.random.Generator, radius: float, level: float) -> Plane:
        x, y, depth = self._ball(rng, 900, radius)
        strength = rng.gamma(1.6, 55, len(x)) * np.exp(((depth - level) / (radius * 0.09)) ** 2 * -0.5)
        return canvas.blur(canvas.scatter(x, y, strength), 3.0)


@dataclass(frozen=True)
class _Lapse(Picture):
    """A culture filmed in two channels."""

    name: str
    seed: int
    size_t: int
    colors: tuple[Rgb, Rgb] = ((255, 70, 70), (60, 255, 120))
    size_x: int = 1024
    size_y: int = 1024
    size_z: int = field(default=1, init=False)

    def _expose(self, canvas: Canvas, light: list[Plane], t: int) -> list[Plane]:
        # The dye bleaches on the way.
        gain = math.exp(-0.35 * t / self.size_t)
        return expose(canvas, light, (gain, gain), _NOISE, seed=self.seed, shot=(0, t))

    def _rng(self, number: int) -> np.random.Generator:
        return np.random.default_rng((self.seed, number))


@dataclass(frozen=True)
class WoundPicture(_Lapse):
    """A scratch in a layer of cells that closes in the course of the film."""

    @property
    def channels(self) -> tuple[Channel, ...]:  # type: ignore[override]
        """Nuclei and actin."""
        return Channel("H2B-mCherry", self.colors[0]), Channel("LifeAct-GFP", self.colors[1])

    def intensities(self, width: int, height: int, z: int, t: int) -> list[Plane]:
        """The layer at time t, its edges moved towards each other."""
        canvas = Canvas(width, height, self.size_x, self.size_y)
        cells = grow(self._rng(0), self.size_x, self.size_y, Growth(spacing=120, nucleus=30, gaps=0.05, elongation=1.6))
        elapsed = t / max(1, self.size_t - 1)
        gap = 0.6 * (1 - elapsed) ** 1.4
        side = cells.x / self.size_x * 2 - 1
        ragged = 0.06 * np.sin(cells.y / 60 + np.sign(side)) + 0.04 * np.sin(cells.y / 23)
        moved = np.sign(side) * np.maximum(gap + (np.abs(side) + 0.02) * (1 - gap * 0.85) + ragged * (gap > 0.05), 0)
        lapsed = Culture(**{**vars(cells), "x": ((moved + 1) / 2 * self.size_x).astype(np.float32)})
        nuclei = stains.nuclei(canvas, self._rng(1), lapsed)
        return self._expose(canvas, [nuclei, draw_structure(canvas, self._rng(2), lapsed, "actin")], t)


@dataclass(frozen=True)
class ColonyPicture(_Lapse):
    """A few cells that divide again and again, until they have filled the field."""

    founders: int = 4

    @property
    def channels(self) -> tuple[Channel, ...]:  # type: ignore[override]
        """Nuclei and tubulin."""
        return Channel("H2B-mCherry", self.colors[0]), Channel("GFP-tubulin", self.colors[1])

    def intensities(self, width: int, height: int, z: int, t: int) -> list[Plane]:
        """The colony at time t: each cell rounds up, splits, and its daughters part."""
        canvas = Canvas(width, height, self.size_x, self.size_y)
        cells = self._lineage(t / max(1, self.size_t - 1))
        nuclei = stains.nuclei(canvas, self._rng(1), cells)
        return self._expose(canvas, [nuclei, draw_structure(canvas, self._rng(2), cells, "tubulin")], t)

    def _lineage(self, elapsed: float) -> Culture:
        rng = self._rng(0)
        rows: list[tuple[float, ...]] = []
        for _ in range(self.founders):
            x, y = rng.uniform(0.25, 0.75, 2) * (self.size_x, self.size_y)
            self._descend(rng, rows, elapsed, (float(x), float(y)), born=-0.35, generation=0)
        x, y, size, angle, stage = np.array(rows, np.float32).T
        even = np.ones(len(rows), np.float32)
        return Culture(
            x=x,
            y=y,
            nucleus=size,
            reach=size * np.where(stage > 0, 1.6, 2.5).astype(np.float32),
            aspect=even * 1.25,
            angle=angle,
            brightness=even,
            stage=stage,
        )

    def _descend(
        self,
        rng: np.random.Generator,
        rows: list[tuple[float, ...]],
        elapsed: float,
        at: tuple[float, float],
        *,
        born: float,
        generation: int,
    ) -> None:
        angle, divides = rng.uniform(0, math.pi), born + rng.uniform(0.26, 0.42)
        if elapsed < divides or generation == 4:
            stage = 1.0 if divides - 0.05 < elapsed else 0.0
            rows.append((*at, 46 * 0.93**generation, angle, stage))
            return
        parted = min(1.0, (elapsed - divides) / 0.25) ** 0.6
        if elapsed < divides + 0.03:
            rows.append((*at, 46 * 0.93**generation, angle, 2.0))
        away = 175 * 0.85**generation * parted
        for side in (1, -1):
            child = (at[0] - side * math.sin(angle) * away, at[1] + side * math.cos(angle) * away)
            # Each daughter has a future of its own, whatever her sister's looks like by now.
            future = np.random.default_rng(rng.integers(0, 2**32))
            if elapsed >= divides + 0.03:
                self._descend(future, rows, elapsed, child, born=divides, generation=generation + 1)


@dataclass(frozen=True)
class CalciumPicture(_Lapse):
    """A layer of cells that signal: brightness runs through it in waves."""

    @property
    def channels(self) -> tuple[Channel, ...]:  # type: ignore[override]
        """Nuclei and the calcium sensor."""
        return Channel("H2B-mCherry", self.colors[0]), Channel("GCaMP6", self.colors[1])

    def intensities(self, width: int, height: int, z: int, t: int) -> list[Plane]:
        """The layer at time t: cells that the wave has just reached are bright."""
        canvas = Canvas(width, height, self.size_x, self.size_y)
        rng = self._rng(0)
        cells = grow(rng, self.size_x, self.size_y, Growth(spacing=128, nucleus=32, gaps=0.06, mitotic=0))
        source = rng.uniform(0.1, 0.9, 2)
        away = np.hypot(cells.x / self.size_x - source[0], cells.y / self.size_y - source[1])
        since = (t / self.size_t * 2 - away * 1.4 + rng.normal(0, 0.05, len(cells))) % 1
        signal = 0.22 + 2.2 * np.exp(since * -4)
        sensor = stains.cytoplasm(canvas, self._rng(2), stains.by_cell(cells, signal.astype(np.float32)), spared=0.3)
        return self._expose(canvas, [stains.nuclei(canvas, self._rng(1), cells) * np.float32(0.5), sensor], t)


@dataclass(frozen=True)
class FocusPicture(Picture):
    """Flat cells, focused through: sharp in the middle of the stack, nuclei and fibres at their own depths."""

    name: str
    seed: int
    size_z: int
    growth: Growth
    structure: str = "tubulin"
    colors: tuple[Rgb, Rgb] = CLASSIC[:2]
    size_x: int = 1024
    size_y: int = 1024
    size_t: int = field(default=1, init=False)

    @property
    def channels(self) -> tuple[Channel, ...]:  # type: ignore[override]
        """DNA and the structure."""
        return Channel("DAPI", self.colors[0]), Channel("alpha-tubulin", self.colors[1])

    def intensities(self, width: int, height: int, z: int, t: int) -> list[Plane]:
        """Both channels, the further from the focus the softer and dimmer."""
        canvas = Canvas(width, height, self.size_x, self.size_y)
        cells = grow(np.random.default_rng((self.seed, 0)), self.size_x, self.size_y, self.growth)
        depth = (z + 0.5) / self.size_z
        light = []
        for number, (focus, plane) in enumerate(
            (
                (0.6, stains.nuclei(canvas, np.random.default_rng((self.seed, 1)), cells)),
                (0.4, draw_structure(canvas, np.random.default_rng((self.seed, 2)), cells, self.structure)),
            )
        ):
            away = abs(depth - focus)
            light.append(canvas.blur(plane, 2 + 44 * away * (1 + 0.3 * number)) * np.float32(math.exp(-2.2 * away)))
        return expose(canvas, light, (1.1, 1.2), _NOISE, seed=self.seed, shot=(z, 0))
