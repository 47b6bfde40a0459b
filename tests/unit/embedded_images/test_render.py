"""Rendering: sizes, settings, the JPEG itself."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from omero_embedded.images.clock import clock_jpeg
from omero_embedded.images.picture import Channel, Picture, Plane, fit
from omero_embedded.images.render import render_jpeg
from omero_embedded.images.rendering import alternative_settings, default_settings
from omero_embedded.images.samples import Collection

from .jpegs import difference, opened, pixels


class _Steps(Picture):
    """Two channels of known values: the first rises from left to right, the second from top to bottom."""

    name, size_x, size_y, size_z, size_t = "steps", 64, 64, 3, 2
    channels = (Channel("across", (255, 0, 0)), Channel("down", (0, 0, 255)))

    def intensities(self, width: int, height: int, z: int, t: int) -> list[Plane]:
        across = np.broadcast_to(np.linspace(0, 1, width, dtype=np.float32), (height, width))
        down = np.broadcast_to(np.linspace(0, 1, height, dtype=np.float32)[:, None], (height, width))
        return [across * np.float32(1 - 0.3 * z), down * np.float32(1 - 0.5 * t)]


@pytest.mark.parametrize(
    ("size", "longest", "expected"),
    [
        ((1024, 1024), 96, (96, 96)),
        ((2048, 1024), 96, (96, 48)),
        ((1024, 2048), 96, (48, 96)),
        ((1344, 1024), 96, (96, 73)),
        ((10000, 10), 96, (96, 1)),  # OMERO itself fails here
        ((3, 2), 1, (1, 1)),
        ((10, 20), 200, (100, 200)),
        ((4, 3), 2, (2, 1)),
        ((676, 1000), 96, (64, 96)),
        ((1000, 676), 96, (96, 64)),
    ],
)
def test_fit_keeps_the_ratio(size: tuple[int, int], longest: int, expected: tuple[int, int]) -> None:
    assert fit(*size, longest) == expected


@pytest.mark.parametrize("arguments", [(0, 5, 96), (5, 0, 96), (5, 5, 0), (5, 5, -1)])
def test_fit_refuses_sizes_below_one(arguments: tuple[int, int, int]) -> None:
    with pytest.raises(ValueError, match="sizes begin at 1"):
        fit(*arguments)


def test_the_jpeg_is_baseline_rgb_of_the_asked_size() -> None:
    picture = _Steps()
    jpeg = render_jpeg(picture, default_settings(picture), 50, 31)
    image = opened(jpeg)
    assert (image.format, image.mode, image.size) == ("JPEG", "RGB", (50, 31))
    # Start of frame 0 is baseline; 2 would be progressive.
    assert b"\xff\xc0" in jpeg
    assert b"\xff\xc2" not in jpeg


def test_quality_changes_the_size_in_bytes(collection: Collection) -> None:
    picture = collection.datasets[0].pictures[0]
    settings = default_settings(picture)
    low, high = (render_jpeg(picture, settings, 96, 96, quality=quality) for quality in (40, 95))
    assert len(low) < len(high) / 2


def test_channels_are_added_in_their_colours() -> None:
    picture = _Steps()
    seen = pixels(render_jpeg(picture, replace(default_settings(picture), default_z=0), 64, 64, quality=95))
    assert seen[60, 60] == pytest.approx((243, 0, 243), abs=12)
    assert seen[3, 60] == pytest.approx((243, 0, 12), abs=12)
    assert seen[60, 3] == pytest.approx((12, 0, 243), abs=12)


def test_an_inactive_channel_is_not_shown() -> None:
    picture = _Steps()
    settings = replace(default_settings(picture), active=(False, True))
    assert pixels(render_jpeg(picture, settings, 64, 64, quality=95))[3, 60] == pytest.approx((0, 0, 12), abs=12)
    dark = replace(settings, active=(False, False))
    assert pixels(render_jpeg(picture, dark, 64, 64)).max() == 0


def test_a_window_stretches_and_turns_round() -> None:
    picture = _Steps()
    settings = replace(default_settings(picture), active=(True, False), default_z=0)
    stretched = pixels(render_jpeg(picture, replace(settings, windows=((0.4, 0.6), (0, 1))), 64, 64, quality=95))
    assert stretched[:, 10, 0].max() < 12
    assert stretched[:, 50, 0].min() > 243
    negative = pixels(render_jpeg(picture, replace(settings, windows=((1.0, 0.0), (0, 1))), 64, 64, quality=95))
    assert negative[:, 2, 0].min() > 235
    threshold = pixels(render_jpeg(picture, replace(settings, windows=((0.5, 0.5), (0, 1))), 64, 64, quality=95))
    assert threshold[:, 4, 0].max() < 12
    assert threshold[:, 60, 0].min() > 243


def test_greyscale_shows_the_first_active_channel_without_colour() -> None:
    picture = _Steps()
    settings = replace(default_settings(picture), model="greyscale", active=(False, True))
    seen = pixels(render_jpeg(picture, settings, 64, 64, quality=95))
    assert seen[60, 3] == pytest.approx((243, 243, 243), abs=12)
    assert np.ptp(seen, axis=2).max() <= 2
    both = pixels(render_jpeg(picture, replace(settings, active=(True, True), default_z=0), 64, 64, quality=95))
    assert both[3, 60] == pytest.approx((243, 243, 243), abs=12)
    assert both[60, 3] == pytest.approx((12, 12, 12), abs=12)


def test_sections_and_times_default_to_those_of_the_settings() -> None:
    picture = _Steps()
    settings = replace(default_settings(picture), default_z=2, default_t=1)
    assert render_jpeg(picture, settings, 40, 40) == render_jpeg(picture, settings, 40, 40, z=2, t=1)
    assert render_jpeg(picture, settings, 40, 40) != render_jpeg(picture, settings, 40, 40, z=0, t=1)
    assert render_jpeg(picture, settings, 40, 40) != render_jpeg(picture, settings, 40, 40, z=2, t=0)


@pytest.mark.parametrize(("z", "t"), [(3, 0), (-1, 0), (0, 2), (0, -1)])
def test_a_section_outside_the_picture_is_refused(z: int, t: int) -> None:
    picture = _Steps()
    with pytest.raises(ValueError, match=r"sections 0\.\.2 and times 0\.\.1"):
        render_jpeg(picture, default_settings(picture), 8, 8, z=z, t=t)


def test_sizes_and_settings_that_do_not_fit_are_refused() -> None:
    picture = _Steps()
    with pytest.raises(ValueError, match="sizes begin at 1"):
        render_jpeg(picture, default_settings(picture), 0, 8)
    with pytest.raises(ValueError, match="2 channels"):
        render_jpeg(picture, replace(default_settings(picture), active=(True,)), 8, 8)


def test_alternative_settings_look_clearly_different(collection: Collection) -> None:
    chosen = [dataset.pictures[2] for dataset in collection.datasets] + [collection.plates[0].wells[4, 9]]
    for picture in chosen:
        versions = [default_settings(picture), *alternative_settings(picture)]
        assert len(versions) >= 3
        shown = [render_jpeg(picture, settings, 96, 96) for settings in versions]
        apart = [difference(one, other) for n, one in enumerate(shown) for other in shown[:n]]
        assert min(apart) > 5, picture.name


def test_the_clock_is_grey_and_has_hands() -> None:
    jpeg = clock_jpeg(96, 96)
    assert jpeg == clock_jpeg(96, 96)
    image = opened(jpeg)
    assert (image.format, image.mode, image.size) == ("JPEG", "RGB", (96, 96))
    seen = pixels(jpeg)
    assert np.ptp(seen, axis=2).max() <= 3
    assert seen[2, 2, 0] == pytest.approx(219, abs=4)
    # The hub is dark, the face around it bright.
    assert seen[48, 48, 0] < 140
    assert seen[60, 48, 0] > 235


@pytest.mark.parametrize("size", [(1, 1), (1, 96), (96, 40), (400, 400)])
def test_the_clock_comes_in_any_size(size: tuple[int, int]) -> None:
    assert opened(clock_jpeg(*size)).size == size


def test_a_clock_without_pixels_is_refused() -> None:
    with pytest.raises(ValueError, match="sizes begin at 1"):
        clock_jpeg(0, 96)
