"""What the tests of pictures share: the sample collection, its thumbnails, and a way to look into a JPEG."""

from __future__ import annotations

from functools import cache

import pytest

from omero_embedded.images.picture import Picture, fit
from omero_embedded.images.render import render_jpeg
from omero_embedded.images.rendering import default_settings
from omero_embedded.images.samples import Collection, sample_collection


@cache
def _collection() -> Collection:
    return sample_collection()


@pytest.fixture(scope="session")
def collection() -> Collection:
    return _collection()


@pytest.fixture(scope="session")
def pictures(collection: Collection) -> list[Picture]:
    """All pictures, in datasets and in wells."""
    return [
        *(picture for dataset in collection.datasets for picture in dataset.pictures),
        *(picture for plate in collection.plates for picture in plate.wells.values()),
    ]


@pytest.fixture(scope="session")
def thumbnails(pictures: list[Picture]) -> list[bytes]:
    """The 96-pixel thumbnail of every picture, in its default settings."""
    return [
        render_jpeg(picture, default_settings(picture), *fit(picture.size_x, picture.size_y, 96))
        for picture in pictures
    ]
