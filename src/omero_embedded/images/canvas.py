"""The drawing surface: light gathered from points, blurred as optics do, on a detector with noise.

Everything is given in pixels of the full-size picture and drawn at the resolution of the canvas, so that one scene
looks the same at every size. Nothing here loops over pixels; blurring and interpolation are products with small
banded matrices, which is the fastest way that NumPy alone offers for thumbnails.
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt

from .picture import Plane
from .products import product

#: Coordinates, lengths or weights of many points, of any shape.
Values = npt.NDArray[np.floating[Any]]

#: Points drawn for each canvas pixel of an area: enough that a blur of half a pixel leaves no grain.
_POINTS_PER_PIXEL = 1.0
#: Standard deviations beyond which a Gaussian is nothing.
_REACH = 4
_GOLDEN_ANGLE = math.pi * (3 - math.sqrt(5))
_ANTIALIASING = 0.45
#: Blurring matrices up to this many rows are kept: 256 KB each, 128 of them.
_CACHED_UP_TO = 256


class Canvas:
    """width x height canvas pixels looking at a scene of extent_x x extent_y scene pixels."""

    def __init__(self, width: int, height: int, extent_x: float, extent_y: float) -> None:
        self.width, self.height = width, height
        self.extent_x, self.extent_y = extent_x, extent_y
        self.scale_x, self.scale_y = width / extent_x, height / extent_y
        self.scale = math.sqrt(self.scale_x * self.scale_y)
        self.x: Plane = ((np.arange(width, dtype=np.float32) + 0.5) / self.scale_x)[None, :]
        self.y: Plane = ((np.arange(height, dtype=np.float32) + 0.5) / self.scale_y)[:, None]

    def scatter(self, x: Values, y: Values, weight: Values) -> Plane:
        """Light of points, each spread over the four nearest pixels.

        weight is brightness times the scene area that the point stands for: the sum over an evenly filled shape
        is its brightness, at any resolution. Points outside fall away.
        """
        # A margin of one pixel takes what falls on the border, and whatever lies outside.
        columns, rows = self.width + 2, self.height + 2
        u = np.clip(np.asarray(x, np.float32).ravel() * np.float32(self.scale_x) + 0.5, 0, self.width + 1)
        v = np.clip(np.asarray(y, np.float32).ravel() * np.float32(self.scale_y) + 0.5, 0, self.height + 1)
        w = np.broadcast_to(weight, x.shape).ravel().astype(np.float32) * np.float32(self.scale_x * self.scale_y)
        left, top = np.floor(u), np.floor(v)
        u -= left
        v -= top
        index = top.astype(np.intp) * columns + left.astype(np.intp)
        right_part = w * u
        left_part = w - right_part
        size = rows * columns + columns + 2
        total = np.bincount(index, left_part * (1 - v), size)
        total[1:] += np.bincount(index, right_part * (1 - v), size)[:-1]
        total[columns:] += np.bincount(index, left_part * v, size)[:-columns]
        total[columns + 1 :] += np.bincount(index, right_part * v, size)[: -columns - 1]
        return total[: rows * columns].reshape(rows, columns)[1:-1, 1:-1].astype(np.float32)

    def blur(self, plane: Plane, sigma: float) -> Plane:
        """The plane under a Gaussian of sigma scene pixels, at least what hides the grid of the canvas."""
        across = max(sigma * self.scale_x, _ANTIALIASING)
        down = max(sigma * self.scale_y, _ANTIALIASING)
        wide = product(gaussian(self.height, round(down, 2)), plane, math.ceil(_REACH * down))
        return product(gaussian(self.width, round(across, 2)), wide.T, math.ceil(_REACH * across)).T

    def noise(self, rng: np.random.Generator, size: float, size_y: float | None = None) -> Plane:
        """Smooth noise around 0, about -1..1, with features of size (down: size_y) scene pixels."""
        size_y = size if size_y is None else size_y
        columns, rows = math.ceil(self.extent_x / size) + 3, math.ceil(self.extent_y / size_y) + 3
        knots = rng.uniform(-1.7, 1.7, (rows, columns)).astype(np.float32)
        down, across = (
            spline(self.height, self.scale_y * size_y, rows),
            spline(self.width, self.scale_x * size, columns),
        )
        return product(across, product(down, knots).T).T

    def clouds(self, rng: np.random.Generator, size: float, octaves: int = 3, gain: float = 0.6) -> Plane:
        """Noise with finer and finer features, each octave half the size and gain times as strong."""
        total = self.noise(rng, size)
        for octave in range(1, octaves):
            total += self.noise(rng, size / 2**octave) * np.float32(gain**octave)
        return total

    def steps(self, length: float) -> int:
        """How many points draw a line of that many scene pixels."""
        return max(6, math.ceil(length * self.scale * 0.9))

    def lattice(self, radius: float, softness: float = 0.0) -> tuple[Plane, Plane]:
        """Points that fill a disc of that radius evenly: their distance from the centre (0..1) and angle.

        softness is the sigma of the blur to come, in scene pixels: the wider, the fewer points do.
        """
        density = _POINTS_PER_PIXEL / max(1.0, 0.8 * softness * self.scale) ** 2
        count = max(5, math.ceil(density * math.pi * (radius * self.scale) ** 2))
        # In steps of a twelfth of an octave, so that bodies of about one size share their points.
        return sunflower(math.ceil(2 ** (math.ceil(math.log2(count) * 12) / 12)))

    def gap(self, x: Values, y: Values, reach: float) -> Plane:
        """How much further the second nearest of the centres is than the nearest: 0 on the border of two cells.

        Centres further away than reach do not count.
        """
        # Not found yet: so far away that no two of these are a border.
        near = np.full((self.height, self.width), (4 * reach) ** 2, np.float32)
        second = near * 4
        for centre_x, centre_y in zip(x.ravel().tolist(), y.ravel().tolist(), strict=True):
            left = max(0, int((centre_x - reach) * self.scale_x))
            right = min(self.width, math.ceil((centre_x + reach) * self.scale_x))
            top = max(0, int((centre_y - reach) * self.scale_y))
            bottom = min(self.height, math.ceil((centre_y + reach) * self.scale_y))
            if left >= right or top >= bottom:
                continue
            distance = (self.x[:, left:right] - centre_x) ** 2 + (self.y[top:bottom] - centre_y) ** 2
            first, other = near[top:bottom, left:right], second[top:bottom, left:right]
            np.minimum(other, np.maximum(first, distance), out=other)
            np.minimum(first, distance, out=first)
        further: Plane = np.sqrt(second) - np.sqrt(near)
        return further

    def vignette(self, strength: float, centre: tuple[float, float] = (0.5, 0.5)) -> Plane:
        """The fall of illumination from 1 at the centre (0..1 of each side) to 1 - strength in a far corner."""
        dx = self.x / np.float32(self.extent_x) - np.float32(centre[0])
        dy = self.y / np.float32(self.extent_y) - np.float32(centre[1])
        fall: Plane = 1 - np.float32(2 * strength) * (dx * dx + dy * dy)
        return fall


def detect(rng: np.random.Generator, light: Plane, noise: float) -> Plane:
    """What a detector makes of light: it saturates softly towards 1, with shot and read-out noise."""
    signal = 1 - np.exp(-np.maximum(light, 0))
    signal += (
        rng.standard_normal(light.shape, np.float32)
        * (np.sqrt(signal) * np.float32(0.8) + np.float32(0.35))
        * np.float32(noise)
    )
    np.clip(signal, 0, 1, out=signal)
    return signal


def _banded(rows: int, spread: float) -> Plane:
    at = np.arange(rows, dtype=np.float32)
    matrix: Plane = np.exp(((at[:, None] - at[None, :]) / np.float32(spread)) ** 2 * np.float32(-0.5))
    matrix /= matrix.sum(axis=1, keepdims=True)
    return matrix


_kept_gaussian = lru_cache(maxsize=128)(_banded)


def gaussian(rows: int, sigma: float) -> Plane:
    """The square matrix that blurs columns of that many rows; what leaves the border is made up for."""
    return _kept_gaussian(rows, sigma) if rows <= _CACHED_UP_TO else _banded(rows, sigma)


@lru_cache(maxsize=256)
def spline(rows: int, step: float, knots: int) -> Plane:
    """The matrix that interpolates knots, step rows apart, with cubic B-splines."""
    at = (np.arange(rows, dtype=np.float32) + 0.5)[:, None] / np.float32(step) + 1
    distance = np.abs(at - np.arange(knots, dtype=np.float32)[None, :])
    inner = 2 / 3 - distance**2 + distance**3 / 2
    outer = np.maximum(2 - distance, 0) ** 3 / 6
    weights: Plane = np.where(distance < 1, inner, outer).astype(np.float32)
    return weights


@lru_cache(maxsize=64)
def sunflower(count: int) -> tuple[Plane, Plane]:
    """Radius (0..1) and angle of that many points, spread over the unit disc as seeds on a sunflower."""
    k = np.arange(count, dtype=np.float64)
    return np.sqrt((k + 0.5) / count).astype(np.float32), (k * _GOLDEN_ANGLE % math.tau).astype(np.float32)
