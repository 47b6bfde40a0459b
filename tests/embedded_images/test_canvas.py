"""The drawing surface: light is neither lost nor made, and everything looks the same at every resolution."""

from __future__ import annotations

import numpy as np
import pytest

from omero_embedded.images.canvas import Canvas, detect
from omero_embedded.images.products import product
from omero_embedded.images.shapes import bodies, spread


@pytest.mark.parametrize("shape", [(1, 1, 1), (3, 300, 7), (300, 40, 500), (400, 400, 400)])
def test_a_product_in_pieces_is_the_product(shape: tuple[int, int, int]) -> None:
    rng = np.random.default_rng(1)
    left = rng.standard_normal(shape[:2], np.float32)
    right = rng.standard_normal(shape[1:], np.float32)
    assert np.abs(product(left, right) - left @ right).max() < 1e-3


@pytest.mark.parametrize("reach", [0, 1, 9, 150, 1000])
def test_a_banded_product_leaves_out_nothing(reach: int) -> None:
    rng = np.random.default_rng(2)
    at = np.arange(330)
    left = rng.standard_normal((330, 330), np.float32) * (np.abs(at[:, None] - at) <= reach)
    right = rng.standard_normal((330, 210), np.float32)
    assert np.abs(product(left, right, reach) - left @ right).max() < 1e-3


@pytest.mark.parametrize("side", [16, 50, 200])
def test_a_body_is_as_bright_and_as_large_at_every_resolution(side: int) -> None:
    canvas = Canvas(side, side, 400, 400)
    one = np.array([200.0], np.float32)
    disc = bodies(canvas, np.random.default_rng(3), one, one, one * 0.5, aspect=1.7, angle=0.4, wobble=0.05)
    light = canvas.scatter(disc.x, disc.y, disc.area * 0.6)
    assert light[side // 2, side // 2] == pytest.approx(0.6, abs=0.08)
    assert light.sum() / canvas.scale**2 == pytest.approx(0.6 * np.pi * 100**2, rel=0.02)


def test_points_outside_leave_no_light() -> None:
    canvas = Canvas(10, 10, 100, 100)
    outside = np.array([-500.0, 250.0, 50.0, 50.0], np.float32), np.array([50.0, 50.0, -300.0, 1e6], np.float32)
    assert canvas.scatter(*outside, np.float32(1.0)).sum() == 0


def test_a_blurred_point_is_a_gaussian() -> None:
    canvas = Canvas(81, 81, 81, 81)
    at = np.array([40.5], np.float32)
    light = canvas.blur(canvas.scatter(at, at, np.float32(1.0)), 5.0)
    assert light.sum() == pytest.approx(1, abs=1e-3)
    assert float((light.sum(axis=0) * (np.arange(81) - 40) ** 2).sum()) ** 0.5 == pytest.approx(5, rel=0.02)


def test_the_gap_is_nothing_on_a_border_and_wide_elsewhere() -> None:
    canvas = Canvas(100, 100, 100, 100)
    gap = canvas.gap(np.array([25.0, 75.0]), np.array([50.0, 50.0]), 60)
    assert gap[50, 49:51].max() < 2
    assert gap[50, 25] > 40
    alone = canvas.gap(np.array([25.0]), np.array([50.0]), 30)
    assert alone.min() > 60


def test_places_keep_their_distance_and_fill_the_scene() -> None:
    x, y = spread(np.random.default_rng(4), 1000, 600, 100, jitter=0.1)
    apart = np.hypot(x[:, None] - x, y[:, None] - y) + np.eye(len(x)) * 1e6
    assert apart.min() > 60
    assert x.min() > -50
    assert y.max() < 650
    inside = (x > 0) & (x < 1000) & (y > 0) & (y < 600)
    assert inside.sum() == pytest.approx(1000 * 600 / (100 * 100 * 0.866), rel=0.15)


def test_a_detector_saturates() -> None:
    light = np.full((50, 50), 100, np.float32)
    seen = detect(np.random.default_rng(5), light, 0.0)
    assert seen.max() <= 1
    assert seen.min() > 0.999
    assert detect(np.random.default_rng(5), light * 0, 0.05).std() > 0.003
