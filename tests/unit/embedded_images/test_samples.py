"""The sample collection: enough pictures, all of them different, the same every time."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from itertools import pairwise

import numpy as np
import pytest
from PIL import Image

from omero_embedded.images.picture import Picture, fit
from omero_embedded.images.render import render_jpeg
from omero_embedded.images.rendering import default_settings
from omero_embedded.images.samples import Collection, sample_collection

from .jpegs import opened, pixels, scene_difference


def _named(collection: Collection, dataset: str) -> tuple[Picture, ...]:
    return next(one.pictures for one in collection.datasets if one.name == dataset)


def test_holds_what_the_demonstration_shows(collection: Collection, pictures: list[Picture]) -> None:
    assert len(pictures) >= 480
    assert len(_named(collection, "Fluorescence cells")) >= 48
    assert len(_named(collection, "Tissue sections")) >= 40
    assert len(_named(collection, "Time series and Z-stacks")) >= 12
    (plate,) = collection.plates
    assert (plate.rows, plate.columns) == (16, 24)
    assert set(plate.wells) == {(row, column) for row in range(16) for column in range(24)}
    assert plate.wells[0, 0].name == "A01"
    assert plate.wells[15, 23].name == "P24"


def test_names_are_unique_within_a_dataset(collection: Collection) -> None:
    for dataset in collection.datasets:
        names = [picture.name for picture in dataset.pictures]
        assert len(set(names)) == len(names)
        assert dataset.description


def test_some_pictures_are_very_wide_and_some_very_tall(collection: Collection) -> None:
    ratios = [picture.size_x / picture.size_y for picture in _named(collection, "Tissue sections")]
    assert max(ratios) >= 4
    assert min(ratios) <= 1 / 4


def test_stacks_have_depth_time_and_both(collection: Collection) -> None:
    stacks = _named(collection, "Time series and Z-stacks")
    assert all(picture.size_z > 1 or picture.size_t > 1 for picture in stacks)
    assert any(picture.size_z > 1 and picture.size_t > 1 for picture in stacks)


def test_no_two_thumbnails_are_equal(thumbnails: list[bytes]) -> None:
    assert len({hashlib.sha256(jpeg).digest() for jpeg in thumbnails}) == len(thumbnails)


def test_no_two_thumbnails_look_alike(pictures: list[Picture], thumbnails: list[bytes]) -> None:
    seen = np.stack(
        [np.asarray(opened(jpeg).resize((32, 32), Image.Resampling.BOX), np.int16).ravel() for jpeg in thumbnails]
    )
    for number in range(1, len(seen)):
        apart = np.abs(seen[:number] - seen[number]).mean(axis=1)
        nearest = int(apart.argmin())
        assert apart[nearest] > 1.0, f"{pictures[number].name} looks like {pictures[nearest].name}"


def test_thumbnails_have_contrast_unless_the_well_is_empty(pictures: list[Picture], thumbnails: list[bytes]) -> None:
    flat = [p.name for p, jpeg in zip(pictures, thumbnails, strict=True) if pixels(jpeg).std() < 12]
    # Nine wells were not filled, and a killed one may have no cell in its field.
    assert len(flat) <= 24
    assert all(len(name) == 3 for name in flat), flat


def test_every_call_gives_the_same_pictures(pictures: list[Picture], thumbnails: list[bytes]) -> None:
    again = sample_collection()
    other = [*(p for dataset in again.datasets for p in dataset.pictures), *again.plates[0].wells.values()]
    assert [p.name for p in other] == [p.name for p in pictures]
    for number in range(0, len(other), 7):
        picture = other[number]
        size = fit(picture.size_x, picture.size_y, 96)
        assert render_jpeg(picture, default_settings(picture), *size) == thumbnails[number], picture.name


def test_another_process_gives_the_same_bytes(pictures: list[Picture], thumbnails: list[bytes]) -> None:
    program = (
        "import sys\n"
        "from omero_embedded.images.samples import sample_collection\n"
        "from omero_embedded.images.render import render_jpeg\n"
        "from omero_embedded.images.rendering import default_settings\n"
        "from omero_embedded.images.picture import fit\n"
        "import hashlib\n"
        "for dataset in sample_collection().datasets:\n"
        "    p = dataset.pictures[0]\n"
        "    jpeg = render_jpeg(p, default_settings(p), *fit(p.size_x, p.size_y, 96))\n"
        "    print(p.name, hashlib.sha256(jpeg).hexdigest())\n"
    )
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60)
    of_name = {p.name: hashlib.sha256(jpeg).hexdigest() for p, jpeg in zip(pictures, thumbnails, strict=True)}
    lines = [line.split(" ") for line in ran.stdout.splitlines()]
    assert len(lines) == 3
    for name, digest in lines:
        assert of_name[name] == digest


@pytest.mark.parametrize("side", [1, 2, 5, 17, 96, 300])
def test_every_kind_draws_at_any_size(collection: Collection, side: int) -> None:
    chosen = [*_named(collection, "Fluorescence cells")[:5], *_named(collection, "Tissue sections")[:9]]
    chosen += [*_named(collection, "Time series and Z-stacks")[::3], collection.plates[0].wells[3, 20]]
    for picture in chosen:
        width, height = fit(picture.size_x, picture.size_y, side)
        planes = picture.intensities(width, height, picture.size_z // 2, 0)
        assert len(planes) == len(picture.channels)
        for plane in planes:
            assert plane.shape == (height, width)
            assert plane.dtype == np.float32
            assert plane.min() >= 0
            assert plane.max() <= 1


def test_a_picture_looks_the_same_at_every_size(collection: Collection) -> None:
    for picture in (_named(collection, "Fluorescence cells")[1], _named(collection, "Tissue sections")[0]):
        settings = default_settings(picture)
        large = opened(render_jpeg(picture, settings, 256, 256)).resize((32, 32), Image.Resampling.BOX)
        small = opened(render_jpeg(picture, settings, 96, 96)).resize((32, 32), Image.Resampling.BOX)
        apart = np.abs(np.asarray(large, np.int16) - np.asarray(small, np.int16)).mean()
        stranger = _named(collection, "Fluorescence cells")[2]
        other = opened(render_jpeg(stranger, settings, 96, 96)).resize((32, 32), Image.Resampling.BOX)
        assert apart < 12
        assert np.abs(np.asarray(large, np.int16) - np.asarray(other, np.int16)).mean() > 2 * apart


def test_sections_and_time_points_differ(collection: Collection) -> None:
    for picture in _named(collection, "Time series and Z-stacks"):
        settings = default_settings(picture)
        if picture.size_z > 1:
            sections = [render_jpeg(picture, settings, 96, 96, z=z) for z in range(0, picture.size_z, 6)]
            assert min(map(scene_difference, sections, sections[1:])) > 2, picture.name
        if picture.size_t > 1:
            times = [render_jpeg(picture, settings, 96, 96, t=t) for t in range(0, picture.size_t, 5)]
            assert min(map(scene_difference, times, times[1:])) > 2, picture.name


def test_a_wound_closes(collection: Collection) -> None:
    wound = next(p for p in _named(collection, "Time series and Z-stacks") if p.name.startswith("wound"))
    settings = default_settings(wound)
    open_gap = pixels(render_jpeg(wound, settings, 96, 96, t=0))[:, 40:56].mean()
    closed = pixels(render_jpeg(wound, settings, 96, 96, t=wound.size_t - 1))[:, 40:56].mean()
    assert closed > open_gap + 15


def test_the_plate_shows_dose_and_controls(collection: Collection) -> None:
    wells = collection.plates[0].wells

    def light(column: int) -> float:
        return float(np.mean([wells[row, column].intensities(64, 64, 0, 0)[0].mean() for row in range(2, 14)]))

    untreated, killed = light(0), light(1)
    assert killed < untreated / 2
    toxic = [wells[8, column].intensities(64, 64, 0, 0)[0].mean() for column in (2, 3, 4, 19, 20, 21)]
    assert sum(toxic[3:]) < sum(toxic[:3]) / 2


def test_a_calcium_wave_brightens_cells_on_its_way(collection: Collection) -> None:
    film = next(p for p in _named(collection, "Time series and Z-stacks") if p.name.startswith("calcium"))
    # Bleaching only darkens: whatever gets brighter between two time points is the wave.
    sensor = [film.intensities(8, 8, 0, t)[1] for t in range(0, film.size_t, 5)]
    assert all((later - earlier).max() > 0.15 for earlier, later in pairwise(sensor))
