"""What every tissue is made of: nuclei strewn or in rings, borders between cells, and the matter of a thin section."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from .canvas import Canvas, Values
from .picture import Plane
from .shapes import bodies

_FOCUS = 1.6


@dataclass(frozen=True)
class Section:
    """How much of each stainable matter lies under every pixel, about 0..1.5."""

    nuclei: Values
    cytoplasm: Values
    collagen: Values


def nuclei_at(
    canvas: Canvas,
    rng: np.random.Generator,
    x: Values,
    y: Values,
    radius: float,
    aspect: float,
    angle: Values | None = None,
) -> Plane:
    """Nuclei of about that radius, each its own size, depth of stain and, unless angle says it, direction."""
    count = len(x)
    size = (radius * np.clip(rng.normal(1, 0.16, count), 0.6, 1.6)).astype(np.float32)
    turned = rng.uniform(0, math.pi, count) if angle is None else angle
    depth = rng.uniform(0.7, 1.25, (count, 1)).astype(np.float32)
    long_by_short = np.maximum(aspect * rng.normal(1, 0.15, count), 1.0)
    shape = bodies(canvas, rng, x, y, size, aspect=long_by_short, angle=turned)
    return canvas.blur(canvas.scatter(shape.x, shape.y, shape.area * depth), _FOCUS)


def rings(
    canvas: Canvas,
    rng: np.random.Generator,
    ring: tuple[Values, Values, Values, Values, Values],
    number: int,
    *,
    size: float,
    elongation: float,
) -> Plane:
    """Nuclei (or what has their shape) on ellipses given as x, y, radius, aspect, angle, pointing outwards."""
    x, y, radius, aspect, angle = (values[:, None] for values in ring)
    out = (np.arange(number) + rng.uniform(-0.25, 0.25, (len(x), number))) * (math.tau / number)
    far = radius * rng.uniform(0.94, 1.05, out.shape)
    u, v = far * np.cos(out) * np.sqrt(aspect), far * np.sin(out) / np.sqrt(aspect)
    return nuclei_at(
        canvas,
        rng,
        (x + u * np.cos(angle) - v * np.sin(angle)).ravel(),
        (y + u * np.sin(angle) + v * np.cos(angle)).ravel(),
        size,
        elongation,
        angle=(out + angle).ravel(),
    )


def outside(x: Values, y: Values, centre_x: Values, centre_y: Values, radius: Values) -> tuple[Values, Values]:
    """The points that lie in none of the discs."""
    free = np.all((x[:, None] - centre_x) ** 2 + (y[:, None] - centre_y) ** 2 > radius**2, axis=1)
    return x[free], y[free]


def between(x: Values, y: Values, centre_x: Values, centre_y: Values, width: float) -> tuple[Values, Values]:
    """The points that lie within width of a border between two cells with these centres."""
    distance = (x[:, None] - centre_x) ** 2 + (y[:, None] - centre_y) ** 2
    nearest = np.argmin(distance, axis=1)[:, None]
    first = np.take_along_axis(distance, nearest, axis=1)[:, 0]
    np.put_along_axis(distance, nearest, np.inf, axis=1)
    close = np.sqrt(distance.min(axis=1)) - np.sqrt(first) < width
    return x[close], y[close]


def borders(canvas: Canvas, gap: Plane, width: float) -> Plane:
    """1 on the border between cells (gap: second nearest minus nearest centre), 0 away from it."""
    # Thinner than a canvas pixel it would break up: it is drawn wider and as much paler.
    drawn = max(width, 1.4 / canvas.scale)
    return canvas.blur(np.exp(-((gap / np.float32(drawn)) ** 2)) * np.float32(min(1.0, width / drawn + 0.15)), _FOCUS)


def rise(values: Values) -> Plane:
    """From 0 to 1 as values pass through 0, softly: the edge of a layer."""
    risen: Plane = (0.5 + 0.5 * np.tanh(values)).astype(np.float32)
    return risen
