"""Shapes as points: rounded bodies and bent filaments, many at once, and where to put them."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from .canvas import Canvas, Values, sunflower
from .picture import Plane
from .products import product

#: Waves around the rim of an uneven body.
_HARMONICS = (2, 3, 4)


@dataclass(frozen=True)
class Bodies:
    """Points that fill bodies: arrays of shape (bodies, points)."""

    x: Values
    y: Values
    area: Values
    """The scene area that each point stands for: the weight of an evenly bright body."""
    radius: Values
    """How far out each point lies, 0 at the centre, 1 at the rim; shape (1, points)."""
    along: Values
    """Position along the long axis, -1..1; shape (1, points)."""
    across: Values
    """Position along the short axis, -1..1; shape (1, points)."""


def bodies(
    canvas: Canvas,
    rng: np.random.Generator,
    x: Values,
    y: Values,
    radius: Values,
    *,
    aspect: Values | float = 1.0,
    angle: Values | float = 0.0,
    wobble: float = 0.08,
    softness: float = 0.0,
) -> Bodies:
    """Bodies around the centres x, y: ellipses of aspect (long by short axis) turned by angle, uneven by wobble.

    radius is that of the disc of the same area; softness is the sigma of the blur to come (see Canvas.lattice).
    """
    count = len(x)
    # Drawn before anything depends on the resolution, so that the bodies keep their form at every size.
    waves = rng.uniform(-wobble, wobble, (count, 2 * len(_HARMONICS))).astype(np.float32)
    long_by_short = float(np.mean(aspect)) if count else 1.0
    rho, phi = canvas.lattice(float(radius.max()) * math.sqrt(long_by_short) if count else 1.0, softness)
    rim = (1 + product(waves, _waves(len(phi)))) * _column(radius, count)
    stretch = np.sqrt(_column(aspect, count))
    along, across = rho * np.cos(phi), rho * np.sin(phi)
    u, v = rim * along[None, :] * stretch, rim * across[None, :] / stretch
    cos, sin = np.cos(_column(angle, count)), np.sin(_column(angle, count))
    return Bodies(
        x=_column(x, count) + u * cos - v * sin,
        y=_column(y, count) + u * sin + v * cos,
        area=rim * rim * np.float32(math.pi / len(phi)),
        radius=rho[None, :],
        along=along[None, :],
        across=across[None, :],
    )


@lru_cache(maxsize=64)
def _waves(points: int) -> Plane:
    angle = sunflower(points)[1]
    return np.stack([wave(harmonic * angle) for harmonic in _HARMONICS for wave in (np.cos, np.sin)])


def filaments(
    canvas: Canvas, rng: np.random.Generator, x: Values, y: Values, angle: Values, length: Values, *, bend: float
) -> tuple[Values, Values, Values]:
    """Points along filaments that begin at x, y in the direction of angle: x, y and the length of a step.

    bend is about how far, in radians, a filament turns on its way. All three are of shape (filaments, points).
    """
    count = len(x)
    turn = rng.normal(0, bend, (count, 3)).astype(np.float32)
    points = canvas.steps(float(length.max()) if count else 1.0)
    at = (np.arange(points, dtype=np.float32) + 0.5) / points
    direction = product(turn, np.stack([at, 0.6 * np.sin(math.pi * at), 0.4 * np.sin(math.tau * at)]))
    direction += _column(angle, count)
    step = _column(length, count) / np.float32(points)
    return (
        _column(x, count) + np.cumsum(np.cos(direction), axis=1) * step,
        _column(y, count) + np.cumsum(np.sin(direction), axis=1) * step,
        np.broadcast_to(step, direction.shape),
    )


def ramp(start: float, end: float, points: int) -> Values:
    """Values from start to end along filaments of that many points; shape (1, points)."""
    return np.linspace(start, end, points, dtype=np.float32)[None, :]


def spread(
    rng: np.random.Generator, extent_x: float, extent_y: float, spacing: float, jitter: float = 0.3, margin: float = 0.5
) -> tuple[Values, Values]:
    """Centres about spacing apart on the scene and a margin around it (in spacings), in random order."""
    row_height = spacing * math.sqrt(3) / 2
    columns = math.ceil(extent_x / spacing + 2 * margin) + 1
    rows = math.ceil(extent_y / row_height + 2 * margin) + 1
    offset = rng.uniform(-0.5, 0.5, 2)
    row, column = np.mgrid[0:rows, 0:columns]
    x = (column + 0.5 * (row % 2) + offset[0] - margin + rng.uniform(-jitter, jitter, row.shape)) * spacing
    y = (row + offset[1] - margin + rng.uniform(-jitter, jitter, row.shape)) * row_height
    x, y = x.ravel(), y.ravel()
    beyond = margin * spacing
    near = (np.abs(x - extent_x / 2) < extent_x / 2 + beyond) & (np.abs(y - extent_y / 2) < extent_y / 2 + beyond)
    order = rng.permutation(int(near.sum()))
    return x[near][order].astype(np.float32), y[near][order].astype(np.float32)


def _column(values: Values | float, count: int) -> Values:
    return np.broadcast_to(np.asarray(values, np.float32), (count,))[:, None]
