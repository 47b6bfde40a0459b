"""The architecture of tissues: where nuclei, cytoplasm, collagen and empty space lie in a thin section."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from .canvas import Canvas, Values
from .section import Section, between, borders, nuclei_at, outside, rings, rise
from .shapes import bodies, filaments, spread


def colon(canvas: Canvas, rng: np.random.Generator) -> Section:
    """Crypts cut across: a ring of cells with goblets of mucus around a lumen, lymphocytes in between."""
    x, y = spread(rng, canvas.extent_x, canvas.extent_y, 225, jitter=0.16)
    radius = np.float32(98) * rng.uniform(0.75, 1.12, len(x)).astype(np.float32)
    aspect, angle = rng.uniform(1, 1.45, len(x)), rng.uniform(0, math.pi, len(x))
    gland = bodies(canvas, rng, x, y, radius, aspect=aspect, angle=angle, wobble=0.03)
    inside = np.minimum(canvas.blur(canvas.scatter(gland.x, gland.y, gland.area), 3), 1)
    lumen = bodies(canvas, rng, x, y, radius * 0.27, aspect=aspect, angle=angle, wobble=0.1)
    wall = np.maximum(inside - canvas.blur(canvas.scatter(lumen.x, lumen.y, lumen.area), 3), 0)
    nuclei = rings(canvas, rng, (x, y, radius * 0.87, aspect, angle), 26, size=8.5, elongation=1.7)
    goblets = rings(canvas, rng, (x, y, radius * 0.56, aspect, angle), 11, size=17, elongation=1.5)
    cell_x, cell_y = outside(*spread(rng, canvas.extent_x, canvas.extent_y, 30), x, y, radius * 1.06)
    nuclei += nuclei_at(canvas, rng, cell_x, cell_y, 7.5, 1.3)
    stroma = 1 - inside
    return Section(
        nuclei=nuclei + 0.14 * wall,
        cytoplasm=np.maximum(0.75 * wall - 0.62 * goblets, 0.02) + 0.12 * stroma,
        collagen=stroma * (0.55 + 0.22 * canvas.clouds(rng, 40)),
    )


def kidney(canvas: Canvas, rng: np.random.Generator) -> Section:
    """Tubules packed closely, and glomeruli: tufts full of nuclei within a clear rim."""
    tuft_x, tuft_y = spread(rng, canvas.extent_x, canvas.extent_y, 560, jitter=0.25)
    tuft_radius = rng.uniform(105, 150, len(tuft_x)).astype(np.float32)
    x, y = outside(*spread(rng, canvas.extent_x, canvas.extent_y, 112, jitter=0.16), tuft_x, tuft_y, tuft_radius + 44)
    radius = rng.uniform(50, 64, len(x)).astype(np.float32)
    aspect, angle = rng.uniform(1, 1.9, len(x)), rng.uniform(0, math.pi, len(x))
    hollow = radius * rng.uniform(0.15, 0.5, len(x)).astype(np.float32)
    tubule = bodies(canvas, rng, x, y, radius, aspect=aspect, angle=angle, wobble=0.05)
    inside = np.minimum(canvas.blur(canvas.scatter(tubule.x, tubule.y, tubule.area), 2.5), 1)
    lumen = bodies(canvas, rng, x, y, hollow, aspect=aspect, angle=angle, wobble=0.1)
    wall = np.maximum(inside - canvas.blur(canvas.scatter(lumen.x, lumen.y, lumen.area), 2.5), 0)
    rim = bodies(canvas, rng, tuft_x, tuft_y, tuft_radius * 1.13, wobble=0.03, softness=6)
    cleared = np.minimum(canvas.blur(canvas.scatter(rim.x, rim.y, rim.area), 4), 1)
    tuft = bodies(canvas, rng, tuft_x, tuft_y, tuft_radius * 0.93, wobble=0.08, softness=6)
    filled = canvas.blur(canvas.scatter(tuft.x, tuft.y, tuft.area), 5)
    within = np.repeat(np.arange(len(tuft_x)), 110)
    out, far = rng.uniform(0, math.tau, len(within)), np.sqrt(rng.uniform(0, 1, len(within)))
    nuclei = rings(canvas, rng, (x, y, radius * 0.74, aspect, angle), 8, size=9, elongation=1.1)
    nuclei += nuclei_at(
        canvas,
        rng,
        tuft_x[within] + np.cos(out) * far * tuft_radius[within] * 0.9,
        tuft_y[within] + np.sin(out) * far * tuft_radius[within] * 0.9,
        8,
        1.4,
    )
    grain = 1 + 0.16 * canvas.clouds(rng, 30)
    return Section(
        nuclei=nuclei + 0.05 * filled,
        cytoplasm=(0.85 * wall * (1 - cleared) + filled * (0.42 + 0.25 * canvas.noise(rng, 26))) * grain,
        collagen=0.5 * np.maximum(1 - inside - cleared, 0),
    )


def tendon(canvas: Canvas, rng: np.random.Generator) -> Section:
    """Wavy bundles of collagen that run one way, with slender nuclei between them."""
    heading = rng.uniform(0, math.pi)
    fibre_x, fibre_y = spread(rng, canvas.extent_x, canvas.extent_y, 62, margin=3)
    along = (
        heading + 0.35 * np.sin(fibre_x * math.tau / 700 + fibre_y * math.tau / 900) + rng.normal(0, 0.05, len(fibre_x))
    )
    length = rng.uniform(220, 480, len(fibre_x))
    x, y, step = filaments(canvas, rng, fibre_x, fibre_y, along, length, bend=0.22)
    strands = canvas.blur(canvas.scatter(x, y, step * rng.uniform(2, 14, (len(fibre_x), 1))), 3)
    gap_x, gap_y = spread(rng, canvas.extent_x, canvas.extent_y, 190, margin=2)
    tilt = heading + 0.35 * np.sin(gap_x * math.tau / 700 + gap_y * math.tau / 900)
    x, y, step = filaments(canvas, rng, gap_x, gap_y, tilt, rng.uniform(90, 320, len(gap_x)), bend=0.22)
    clefts = canvas.blur(canvas.scatter(x, y, step * rng.uniform(4, 12, (len(gap_x), 1))), 3.5)
    cell_x, cell_y = spread(rng, canvas.extent_x, canvas.extent_y, 58)
    turned = heading + 0.35 * np.sin(cell_x * math.tau / 700 + cell_y * math.tau / 900)
    nuclei = nuclei_at(canvas, rng, cell_x, cell_y, 9, 4.5, angle=turned + rng.normal(0, 0.12, len(cell_x)))
    open_space = np.clip(1 - 0.9 * clefts, 0.08, 1)
    return Section(
        nuclei=nuclei,
        cytoplasm=0.1 * open_space,
        collagen=open_space * (0.45 + 0.3 * strands + 0.08 * canvas.clouds(rng, 120)),
    )


def muscle(canvas: Canvas, rng: np.random.Generator) -> Section:
    """Fibres cut across: polygons side by side, their nuclei at the rim."""
    x, y = spread(rng, canvas.extent_x, canvas.extent_y, 128, jitter=0.27)
    space = borders(canvas, canvas.gap(x, y, 200), 9)
    cell_x, cell_y = between(*spread(rng, canvas.extent_x, canvas.extent_y, 34), x, y, 11)
    patch = 0.72 + 0.2 * canvas.noise(rng, 150)
    return Section(
        nuclei=nuclei_at(canvas, rng, cell_x, cell_y, 8, 2.2),
        cytoplasm=(1 - space) * patch * (1 + 0.12 * canvas.clouds(rng, 14, 2)),
        collagen=space * (0.32 + 0.3 * canvas.noise(rng, 70)).clip(0),
    )


def fat(canvas: Canvas, rng: np.random.Generator) -> Section:
    """Large empty cells within thin walls, and a vessel filled with red cells."""
    x, y = spread(rng, canvas.extent_x, canvas.extent_y, 165, jitter=0.3)
    vessel = np.array([rng.uniform(0.2, 0.8) * canvas.extent_x]), np.array([rng.uniform(0.2, 0.8) * canvas.extent_y])
    size = rng.uniform(90, 140, 1).astype(np.float32)
    x, y = outside(x, y, *vessel, size * 1.35)
    walls = borders(canvas, canvas.gap(x, y, 250), 10)
    ring = bodies(canvas, rng, *vessel, size, aspect=1.3, angle=rng.uniform(0, 3), wobble=0.06)
    vessel_wall = canvas.blur(canvas.scatter(ring.x, ring.y, ring.area * (ring.radius > 0.66)), 4)
    lumen = canvas.blur(canvas.scatter(ring.x, ring.y, ring.area * (ring.radius < 0.66)), 2)
    red_x, red_y = spread(rng, canvas.extent_x, canvas.extent_y, 19)
    close = np.hypot(red_x - vessel[0], red_y - vessel[1]) < size * 0.6
    red = nuclei_at(canvas, rng, red_x[close], red_y[close], 8, 1.1)
    cell_x, cell_y = between(*spread(rng, canvas.extent_x, canvas.extent_y, 48), x, y, 9)
    around = rng.uniform(0, math.tau, 34)
    far = size * rng.uniform(0.75, 1.0, 34)
    nuclei = nuclei_at(canvas, rng, cell_x, cell_y, 7.5, 2.0)
    nuclei += nuclei_at(
        canvas,
        rng,
        vessel[0] + np.cos(around) * far,
        vessel[1] + np.sin(around) * far,
        8,
        3,
        angle=around + math.pi / 2,
    )
    free = np.clip(1 - vessel_wall - lumen, 0, 1)
    return Section(
        nuclei=nuclei,
        cytoplasm=0.55 * walls * free + 1.25 * red * np.minimum(lumen, 1) + 0.4 * vessel_wall,
        collagen=0.35 * walls * free + 0.5 * vessel_wall,
    )


def skin(canvas: Canvas, rng: np.random.Generator) -> Section:
    """Keratin, epidermis with its ridges, and the dermis below."""
    waves = rng.uniform(0, math.tau, 5).tolist()
    top = rng.uniform(0.1, 0.26) * canvas.extent_y

    def surface(x: Values) -> Values:
        height: Values = top + 26 * np.sin(x / canvas.extent_x * 5 + waves[0]) + 10 * np.sin(x / 90 + waves[1])
        return height

    def ridges(x: Values) -> Values:
        ridge = 0.6 * np.sin(x / 62 + waves[2]) + 0.5 * np.sin(x / 37 + waves[3]) + 0.4 * np.sin(x / 131 + waves[4])
        depth: Values = surface(x) + 215 + 70 * ridge
        return depth

    soft = max(6.0, 0.7 / canvas.scale)
    below_surface = rise((canvas.y - surface(canvas.x)) / soft)
    below_keratin = rise((canvas.y - surface(canvas.x) - 62) / soft)
    dermis = rise((canvas.y - ridges(canvas.x)) / soft)
    keratin = np.clip(below_surface - below_keratin, 0, 1)
    epidermis = np.clip(below_keratin - dermis, 0, 1)
    x, y = spread(rng, canvas.extent_x, canvas.extent_y, 29)
    deep = y - surface(x) - 70
    above_ridge = ridges(x) - y
    living = (deep > 0) & (above_ridge > 4)
    sparse = (above_ridge < -12) & (rng.uniform(0, 1, len(x)) < 0.2)
    basal = living & (above_ridge < 40)
    nuclei = nuclei_at(canvas, rng, x[living], y[living], 8.5, 1.2) + nuclei_at(
        canvas, rng, x[basal], y[basal], 7.5, 1.6
    )
    nuclei += nuclei_at(canvas, rng, x[sparse], y[sparse], 8, 2.6)
    fibre_x, fibre_y = spread(rng, canvas.extent_x, canvas.extent_y, 74, margin=2)
    heading = rng.normal(0, 0.6, len(fibre_x))
    x, y, step = filaments(canvas, rng, fibre_x, fibre_y, heading, rng.uniform(90, 260, len(fibre_x)), bend=0.5)
    strands = canvas.blur(canvas.scatter(x, y, step * rng.uniform(4, 22, (len(fibre_x), 1))), 5)
    return Section(
        nuclei=nuclei + 0.16 * epidermis,
        cytoplasm=keratin * (0.85 + 0.4 * canvas.noise(rng, 180, 9)).clip(0)
        + epidermis * (0.55 + 0.1 * canvas.noise(rng, 60)),
        collagen=dermis * (0.22 + 0.42 * strands),
    )


def lymph_node(canvas: Canvas, rng: np.random.Generator) -> Section:
    """A crowd of small dark nuclei around paler germinal centres."""
    centre_x, centre_y = spread(rng, canvas.extent_x, canvas.extent_y, 480, jitter=0.25)
    size = rng.uniform(100, 180, len(centre_x)).astype(np.float32)
    x, y = spread(rng, canvas.extent_x, canvas.extent_y, 23)
    away = np.min(np.hypot(x[:, None] - centre_x, y[:, None] - centre_y) / size, axis=1)
    mantle = (away > 1.0) & (away < 1.4)
    kept = ((away > 1.0) & (rng.uniform(0, 1, len(x)) < 0.85)) | (rng.uniform(0, 1, len(x)) < 0.5)
    small, large = kept & (away > 1.0), kept & (away <= 1.0)
    nuclei = nuclei_at(canvas, rng, x[small], y[small], 7.5, 1.1) + 0.55 * nuclei_at(
        canvas, rng, x[large], y[large], 11, 1.3
    )
    nuclei += 0.7 * nuclei_at(canvas, rng, x[mantle] + 9, y[mantle] + 7, 7, 1.1)
    centre = bodies(canvas, rng, centre_x, centre_y, size, wobble=0.05, softness=10)
    pale = np.minimum(canvas.blur(canvas.scatter(centre.x, centre.y, centre.area), 10), 1)
    return Section(
        nuclei=nuclei + 0.1,
        cytoplasm=0.22 + 0.16 * pale + 0.06 * canvas.clouds(rng, 60),
        collagen=0.1 * (1 - pale),
    )


def cerebellum(canvas: Canvas, rng: np.random.Generator) -> Section:
    """Folia: the pale molecular layer, a row of Purkinje cells, the crowded granular layer, white matter."""
    waves = rng.uniform(0, math.tau, 3).tolist()
    period = rng.uniform(620, 900)
    slant = rng.uniform(-0.5, 0.5)

    def depth(x: Values, y: Values) -> Values:
        across = x + slant * y + 60 * np.sin(y / 210 + waves[0]) + 25 * np.sin(y / 83 + waves[1])
        away: Values = np.abs((across / period + waves[2]) % 1 - 0.5) * period
        return away

    here = depth(canvas.x, canvas.y)
    soft = max(5.0, 0.7 / canvas.scale)
    granular_from, molecular_from, gap_from = period * 0.1, period * 0.25, period * 0.475
    inner, outer = rise((here - granular_from) / soft / 2), rise((here - molecular_from) / soft)
    gap = rise((here - gap_from) / soft)
    x, y = spread(rng, canvas.extent_x, canvas.extent_y, 19)
    at, chance = depth(x, y), rng.uniform(0, 1, len(x))
    granular = (at > granular_from) & (at < molecular_from)
    loose = ~granular & (at < gap_from) & (chance < 0.11)
    purkinje = (np.abs(at - molecular_from) < 12) & (chance < 0.3)
    nuclei = nuclei_at(canvas, rng, x[granular], y[granular], 7.2, 1.1)
    nuclei += nuclei_at(canvas, rng, x[loose], y[loose], 6.5, 1.3)
    row = nuclei_at(canvas, rng, x[purkinje], y[purkinje], 15, 1.3)
    grain = 1 + 0.12 * canvas.clouds(rng, 24)
    return Section(
        nuclei=nuclei + 0.08 * (inner - outer) + 0.12 * row,
        cytoplasm=(0.42 * outer * (1 - gap) + 0.62 * (1 - inner) + 0.25 * (inner - outer)) * grain + 0.45 * row,
        collagen=0.12 * (1 - inner),
    )


def liver(canvas: Canvas, rng: np.random.Generator) -> Section:
    """Plates of polygonal cells with round nuclei, sinusoids between them, and a central vein."""
    x, y = spread(rng, canvas.extent_x, canvas.extent_y, 64, jitter=0.2)
    vein_x, vein_y = spread(rng, canvas.extent_x, canvas.extent_y, 800, jitter=0.3)
    size = rng.uniform(38, 80, len(vein_x)).astype(np.float32)
    kept_x, kept_y = outside(x, y, vein_x, vein_y, size + 16)
    out = np.argmin((kept_x[:, None] - vein_x) ** 2 + (kept_y[:, None] - vein_y) ** 2, axis=1)
    towards = np.arctan2(kept_y - vein_y[out], kept_x - vein_x[out])
    chosen = rng.uniform(0, 1, len(kept_x)) < 0.62
    start_x, start_y = kept_x[chosen] + 30, kept_y[chosen] + 12
    fx, fy, step = filaments(
        canvas, rng, start_x, start_y, towards[chosen], rng.uniform(50, 150, len(start_x)), bend=0.5
    )
    sinusoids = canvas.blur(canvas.scatter(fx, fy, step * 9.0), 2.5)
    vein = bodies(canvas, rng, vein_x, vein_y, size, wobble=0.08)
    cleared = np.minimum(canvas.blur(canvas.scatter(vein.x, vein.y, vein.area), 3), 1)
    wall = canvas.blur(canvas.scatter(vein.x, vein.y, vein.area * (vein.radius > 0.9)), 4)
    # In an overview the seams are far below a pixel, and finding them would take longer than all the rest.
    seams = borders(canvas, canvas.gap(x, y, 100), 4) if canvas.scale > 0.05 else np.float32(0.25)
    lining_x, lining_y = start_x + np.cos(towards[chosen]) * 45, start_y + np.sin(towards[chosen]) * 45
    nuclei = nuclei_at(canvas, rng, kept_x, kept_y, 9.5, 1.05)
    nuclei += nuclei_at(canvas, rng, lining_x[::2], lining_y[::2], 5.5, 2.5, angle=towards[chosen][::2])
    solid = np.clip(1 - 0.8 * sinusoids, 0.1, 1) * (1 - cleared)
    return Section(
        nuclei=nuclei + 0.05 * solid,
        cytoplasm=solid * (0.72 - 0.18 * seams) * (1 + 0.14 * canvas.clouds(rng, 18, 2)),
        collagen=0.5 * wall,
    )


#: Every tissue that can be drawn.
TISSUES: dict[str, Callable[[Canvas, np.random.Generator], Section]] = {
    "colon": colon,
    "kidney": kidney,
    "tendon": tendon,
    "muscle": muscle,
    "fat": fat,
    "skin": skin,
    "lymph node": lymph_node,
    "cerebellum": cerebellum,
    "liver": liver,
}
