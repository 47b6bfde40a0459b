"""Cultured cells: where they lie, how they are shaped, which of them divide. No light and no resolution here."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from .canvas import Values
from .shapes import spread


@dataclass(frozen=True)
class Growth:
    """How a culture grows; lengths are pixels of the full-size picture."""

    spacing: float = 210
    """From cell to cell."""
    nucleus: float = 50
    """Mean radius of a nucleus."""
    elongation: float = 1.4
    """Mean aspect of a cell."""
    alignment: float = 0.0
    """0: cells point anywhere, 1: all the same way."""
    gaps: float = 0.15
    """Part of the places that is empty."""
    clumping: float = 0.0
    """0: gaps anywhere, 1: cells keep to one patch of the dish."""
    mitotic: float = 0.04
    """Part of the cells that divides."""
    size_spread: float = 0.12
    """How much nuclei differ in radius."""


@dataclass(frozen=True)
class Culture:
    """Cells of one field: arrays with one entry a cell."""

    x: Values
    y: Values
    nucleus: Values
    """Radius of the nucleus."""
    reach: Values
    """Radius of the cell."""
    aspect: Values
    angle: Values
    brightness: Values
    """How strongly a cell takes up the stain, around 1."""
    stage: Values
    """0 interphase; 1 metaphase; 2 anaphase."""

    def __len__(self) -> int:
        return len(self.x)

    def only(self, chosen: npt.NDArray[np.bool_]) -> Culture:
        """The cells for which chosen is true."""
        return Culture(**{name: values[chosen] for name, values in vars(self).items()})


def grow(rng: np.random.Generator, extent_x: float, extent_y: float, growth: Growth) -> Culture:
    """A field of cells; the same generator state and growth give the same cells."""
    x, y = spread(rng, extent_x, extent_y, growth.spacing, jitter=0.33, margin=0.55)
    count = len(x)
    heading = rng.uniform(0, math.pi)
    loose = rng.uniform(-math.pi / 2, math.pi / 2, count) * (1 - growth.alignment)
    chance = rng.uniform(0, 1, count)
    if growth.clumping:
        centre = rng.uniform(0.25, 0.75, 2)
        away = np.hypot(x / extent_x - centre[0], y / extent_y - centre[1])
        chance += growth.clumping * (1.1 - 2.2 * away)
    stage = np.where(rng.uniform(0, 1, count) < growth.mitotic, rng.integers(1, 3, count), 0)
    culture = Culture(
        x=x,
        y=y,
        nucleus=_single(growth.nucleus * np.clip(rng.normal(1, growth.size_spread, count), 0.55, 1.9)),
        reach=_single(growth.spacing * rng.uniform(0.55, 0.8, count)),
        aspect=_single(np.clip(growth.elongation * rng.normal(1, 0.15, count), 1.0, 6.0)),
        angle=_single(heading + loose),
        brightness=_single(np.clip(rng.normal(1, 0.22, count), 0.4, 1.8)),
        stage=_single(stage),
    )
    return culture.only(chance > growth.gaps)


def _single(values: Values) -> Values:
    """In single precision: half the work for everything that is drawn from it."""
    return values.astype(np.float32)
