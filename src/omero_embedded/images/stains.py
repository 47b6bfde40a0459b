"""What a fluorescent stain lights up in cultured cells: one function a structure, each giving the light it emits."""

from __future__ import annotations

import math

import numpy as np

from .canvas import Canvas, Values
from .culture import Culture
from .picture import Plane
from .shapes import bodies, filaments, ramp

#: Blur of a well focused objective, in pixels of the full-size picture.
_FOCUS = 2.2


def dark(canvas: Canvas) -> Plane:
    """No light at all."""
    return np.zeros((canvas.height, canvas.width), np.float32)


def nuclei(canvas: Canvas, rng: np.random.Generator, cells: Culture, *, focus: float = 0.0) -> Plane:
    """DNA: textured nuclei with dark nucleoli, bright condensed chromosomes in dividing cells.

    focus is an additional blur in pixels of the full-size picture.
    """
    resting = cells.only(cells.stage == 0)
    light = dark(canvas)
    if len(resting):
        shape = bodies(
            canvas,
            rng,
            resting.x,
            resting.y,
            resting.nucleus,
            aspect=1 + (resting.aspect - 1) * 0.45,
            angle=resting.angle,
            wobble=0.035,
        )
        weight = (1.25 - 0.4 * shape.radius**2) * resting.brightness[:, None]
        light += canvas.scatter(shape.x, shape.y, shape.area * weight)
        for _ in range(2):
            aside = resting.nucleus * rng.uniform(-0.42, 0.42, (2, len(resting)))
            size = resting.nucleus * rng.uniform(0.14, 0.26, len(resting))
            hole = bodies(canvas, rng, resting.x + aside[0], resting.y + aside[1], size)
            light -= canvas.scatter(hole.x, hole.y, hole.area * resting.brightness[:, None] * 0.5)
    texture = canvas.clouds(rng, float(cells.nucleus.mean()) * 0.6 if len(cells) else 20, 2)
    light *= 1 + 0.28 * texture
    light = canvas.blur(light, _FOCUS + focus)
    dividing = cells.only(cells.stage > 0)
    if len(dividing):
        light += canvas.blur(_chromosomes(canvas, rng, dividing), _FOCUS * 1.2 + focus)
    return light


def _chromosomes(canvas: Canvas, rng: np.random.Generator, dividing: Culture) -> Plane:
    apart = np.where(dividing.stage == 2, dividing.nucleus * 0.62, 0)
    away_x, away_y = np.cos(dividing.angle + math.pi / 2) * apart, np.sin(dividing.angle + math.pi / 2) * apart
    size = dividing.nucleus * np.where(dividing.stage == 2, 0.5, 0.68)
    light = dark(canvas)
    for side in (1, -1):
        shape = bodies(
            canvas,
            rng,
            dividing.x + side * away_x,
            dividing.y + side * away_y,
            size,
            aspect=3.6,
            angle=dividing.angle,
            wobble=0.16,
        )
        light += canvas.scatter(shape.x, shape.y, shape.area * 1.5)
    return light


def cytoplasm(canvas: Canvas, rng: np.random.Generator, cells: Culture, *, spared: float = 0.5) -> Plane:
    """The haze of a stain all through the cells, less of it (by spared) where the nucleus lies."""
    if not len(cells):
        return dark(canvas)
    shape = bodies(
        canvas,
        rng,
        cells.x,
        cells.y,
        cells.reach,
        aspect=cells.aspect,
        angle=cells.angle,
        wobble=0.14,
        softness=_FOCUS * 5,
    )
    hollow = 1 - spared * np.exp(shape.radius**2 * -9)
    weight = (1.1 - 0.75 * shape.radius) * hollow * cells.brightness[:, None]
    light = canvas.scatter(shape.x, shape.y, shape.area * weight) * (1 + 0.22 * canvas.clouds(rng, 26, 3, 0.75))
    return canvas.blur(light, _FOCUS * 5)


def microtubules(canvas: Canvas, rng: np.random.Generator, cells: Culture, *, threads: int = 52) -> Plane:
    """Tubulin: bent filaments that radiate from beside the nucleus; spindles in dividing cells."""
    light = dark(canvas)
    resting = cells.only(cells.stage == 0)
    if len(resting):
        out = rng.uniform(0, math.tau, (len(resting), threads))
        reach = resting.reach[:, None] * rng.uniform(0.55, 1.25, out.shape)
        longer = resting.aspect[:, None] ** (0.7 * np.cos(2 * (out - resting.angle[:, None])))
        start = resting.nucleus[:, None] * rng.uniform(0.8, 1.1, out.shape)
        x, y, step = filaments(
            canvas,
            rng,
            (resting.x[:, None] + start * np.cos(out)).ravel(),
            (resting.y[:, None] + start * np.sin(out)).ravel(),
            out.ravel(),
            (reach * longer).ravel(),
            bend=0.75,
        )
        fade = ramp(1.1, 0.5, x.shape[1])
        strength = np.repeat(resting.brightness, threads)[:, None]
        light += canvas.scatter(x, y, step * fade * strength * 2.6)
    dividing = cells.only(cells.stage > 0)
    if len(dividing):
        light += _spindles(canvas, rng, dividing)
    return canvas.blur(light, _FOCUS * 0.8)


def _spindles(canvas: Canvas, rng: np.random.Generator, dividing: Culture) -> Plane:
    fibres = 26
    points = canvas.steps(float(dividing.nucleus.max()) * 2.4)
    at = ramp(-1, 1, points)[None]
    bulge = rng.uniform(-1, 1, (len(dividing), fibres, 1)) * np.sqrt(np.maximum(1 - at * at, 0))
    size = dividing.nucleus[:, None, None]
    axis = (dividing.angle + math.pi / 2)[:, None, None]
    u, v = at * size * 1.15, bulge * size * 0.62
    x = dividing.x[:, None, None] + u * np.cos(axis) - v * np.sin(axis)
    y = dividing.y[:, None, None] + u * np.sin(axis) + v * np.cos(axis)
    return canvas.scatter(x, y, np.broadcast_to(size * 2.3 / points * 4.2, x.shape))


def stress_fibres(canvas: Canvas, rng: np.random.Generator, cells: Culture, *, fibres: int = 26) -> Plane:
    """Actin: bundles that run along each cell, nearly straight and parallel."""
    if not len(cells):
        return dark(canvas)
    across = rng.uniform(-1, 1, (len(cells), fibres))
    along = rng.uniform(-0.95, 0.1, across.shape) * np.sqrt(1 - across**2 * 0.9)
    long_axis, short_axis = cells.reach * np.sqrt(cells.aspect) * 1.15, cells.reach / np.sqrt(cells.aspect)
    u, v = along * long_axis[:, None], across * short_axis[:, None]
    cos, sin = np.cos(cells.angle)[:, None], np.sin(cells.angle)[:, None]
    heading = cells.angle[:, None] + rng.normal(0, 0.09, across.shape)
    length = long_axis[:, None] * rng.uniform(0.5, 1.3, across.shape)
    x, y, step = filaments(
        canvas,
        rng,
        (cells.x[:, None] + u * cos - v * sin).ravel(),
        (cells.y[:, None] + u * sin + v * cos).ravel(),
        heading.ravel(),
        length.ravel(),
        bend=0.08,
    )
    swell = np.sin(ramp(0.1, math.pi - 0.1, x.shape[1]))
    strength = (cells.brightness[:, None] * rng.uniform(0.3, 1.6, across.shape)).ravel()[:, None]
    return canvas.blur(canvas.scatter(x, y, step * swell * strength * 3.6), _FOCUS * 0.9)


def junctions(canvas: Canvas, rng: np.random.Generator, cells: Culture, *, width: float = 7.0) -> Plane:
    """Cell borders of an epithelium: a net between neighbours, brighter here and there."""
    if not len(cells):
        return dark(canvas)
    gap = canvas.gap(cells.x, cells.y, float(cells.reach.max()) * 1.9)
    # A line thinner than a canvas pixel would break up: it is drawn wider and as much dimmer.
    drawn = max(width, 1.1 / canvas.scale)
    border = np.exp(-((gap / np.float32(drawn * 1.6)) ** 2)) * np.float32(width / drawn)
    return canvas.blur(border * (1.5 + 0.6 * canvas.noise(rng, 60)), _FOCUS * 0.7)


def mitochondria(
    canvas: Canvas, rng: np.random.Generator, cells: Culture, *, number: int = 46, length: float = 26
) -> Plane:
    """Short bent threads around the nucleus, thinning out towards the rim of the cell."""
    if not len(cells):
        return dark(canvas)
    out = rng.uniform(0, math.tau, (len(cells), number))
    near = cells.nucleus[:, None] * 1.1
    far = near + np.abs(rng.normal(0, 0.3, out.shape)) * cells.reach[:, None]
    u, v = far * np.cos(out) * np.sqrt(cells.aspect)[:, None], far * np.sin(out) / cells.aspect[:, None] ** 0.25
    cos, sin = np.cos(cells.angle)[:, None], np.sin(cells.angle)[:, None]
    heading = cells.angle[:, None] + out + rng.normal(math.pi / 3, 0.8, out.shape)
    x, y, step = filaments(
        canvas,
        rng,
        (cells.x[:, None] + u * cos - v * sin).ravel(),
        (cells.y[:, None] + u * sin + v * cos).ravel(),
        heading.ravel(),
        (length * rng.uniform(0.4, 1.5, out.shape)).ravel(),
        bend=0.9,
    )
    strength = (cells.brightness[:, None] * rng.uniform(0.5, 1.4, out.shape)).ravel()[:, None]
    return canvas.blur(canvas.scatter(x, y, step * strength * 4.5), _FOCUS * 1.15)


def vesicles(canvas: Canvas, rng: np.random.Generator, cells: Culture, *, number: int = 30) -> Plane:
    """Bright spots strewn through the cells."""
    if not len(cells):
        return dark(canvas)
    out = rng.uniform(0, math.tau, (len(cells), number))
    far = cells.nucleus[:, None] * 1.15 + cells.reach[:, None] * np.abs(rng.normal(0, 0.35, out.shape))
    stretch = np.sqrt(cells.aspect)[:, None]
    u, v = far * np.cos(out) * stretch, far * np.sin(out) / stretch
    cos, sin = np.cos(cells.angle)[:, None], np.sin(cells.angle)[:, None]
    strength = rng.gamma(1.6, 75, out.shape) * cells.brightness[:, None]
    x, y = cells.x[:, None] + u * cos - v * sin, cells.y[:, None] + u * sin + v * cos
    return canvas.blur(canvas.scatter(x, y, strength), _FOCUS * 1.5)


def neurites(
    canvas: Canvas, rng: np.random.Generator, cells: Culture, *, branches: int = 5, length: float = 330
) -> Plane:
    """Neurons: bright bodies, long tapering processes, and twigs that leave them."""
    if not len(cells):
        return dark(canvas)
    out = rng.uniform(0, math.tau, (len(cells), branches)).ravel()
    strength = np.repeat(cells.brightness, branches)
    reach = length * rng.uniform(0.5, 1.5, out.shape)
    x, y, step = filaments(
        canvas, rng, np.repeat(cells.x, branches), np.repeat(cells.y, branches), out, reach, bend=0.7
    )
    taper = ramp(2.6, 0.7, x.shape[1])
    light = canvas.scatter(x, y, step * taper * strength[:, None] * 5.0)
    for _ in range(2):
        # Where a twig leaves is a fraction of the process, so that it does not move with the resolution.
        at = (rng.uniform(0.25, 0.85, len(out)) * x.shape[1]).astype(np.int64)
        row = np.arange(len(out))
        side = out + rng.choice((-1.0, 1.0), len(out)) * rng.uniform(0.5, 1.2, len(out))
        twig_x, twig_y, twig_step = filaments(canvas, rng, x[row, at], y[row, at], side, reach * 0.45, bend=0.6)
        light += canvas.scatter(twig_x, twig_y, twig_step * strength[:, None] * 4.4)
    soma = bodies(
        canvas, rng, cells.x, cells.y, cells.nucleus * 1.35, aspect=cells.aspect, angle=out[::branches], wobble=0.12
    )
    light += canvas.scatter(soma.x, soma.y, soma.area * 1.5 * (1.1 - 0.6 * soma.radius) * cells.brightness[:, None])
    return canvas.blur(light, _FOCUS)


def by_cell(cells: Culture, values: Values) -> Culture:
    """The same cells, their stain stronger or weaker by values (one a cell)."""
    return Culture(**{**vars(cells), "brightness": cells.brightness * values})
