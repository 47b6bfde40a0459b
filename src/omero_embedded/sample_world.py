"""Who and what is in the demo's OMERO: enough people, groups and odd images to see every case.

The image ids are stable from one start to the next, so that addresses can be written down.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator
from typing import Final

from .images.picture import Picture
from .images.rendering import alternative_settings, default_settings
from .images.samples import Collection
from .world import (
    ROOT,
    SYSTEM_GROUP,
    USER_GROUP,
    DatasetListing,
    Experimenter,
    Group,
    Image,
    ImageState,
    PlateListing,
    RenderingDef,
    World,
)

_CELL_BIOLOGY: Final = 3
_PATHOLOGY: Final = 4
_SCREENING: Final = 5

_RESEARCHER: Final = 2
_COLLEAGUE: Final = 3
_PATHOLOGIST: Final = 4

_FIRST_IMAGE: Final = 101
_PIXELS_OFFSET: Final = 1_000_000

GROUPS: Final = (
    Group(SYSTEM_GROUP, "system", "rw----"),
    Group(USER_GROUP, "user", "rwr---"),
    Group(_CELL_BIOLOGY, "Cell Biology", "rwr---"),
    Group(_PATHOLOGY, "Pathology", "rw----"),
    Group(_SCREENING, "Screening", "rwra--"),
)

#: login names, and passwords for OMERO's own clients
USERS: Final = (
    Experimenter(
        _RESEARCHER,
        "researcher",
        "Rosalind Researcher",
        "thumbnails",
        (_CELL_BIOLOGY, USER_GROUP, _PATHOLOGY, _SCREENING),
    ),
    Experimenter(_COLLEAGUE, "colleague", "Conrad Colleague", "thumbnails", (_CELL_BIOLOGY, USER_GROUP)),
    Experimenter(_PATHOLOGIST, "pathologist", "Paula Pathologist", "thumbnails", (_PATHOLOGY, USER_GROUP)),
    Experimenter(ROOT, "root", "Root Administrator", "thumbnails", (SYSTEM_GROUP, USER_GROUP)),
)


def sample_world(collection: Collection) -> World:
    """The demo's OMERO around sample pictures."""
    maker = _ImageMaker()
    datasets: list[DatasetListing] = []
    for number, dataset in enumerate(collection.datasets, 1):
        owner, group = _placement(number)
        images = maker.make_all(dataset.pictures, owner, group)
        if number == 1:
            _vary(images)
        datasets.append(_listing(number, dataset.name, dataset.description, images))
    special = _special(maker, collection)
    datasets.append(
        _listing(
            len(datasets) + 1,
            "Special cases",
            "One image still being imported, one whose file is missing, and some that only their owner may see.",
            special,
        )
    )
    plates = []
    for number, plate in enumerate(collection.plates, 1):
        wells = maker.make_all(plate.wells.values(), _COLLEAGUE, _SCREENING)
        listed = {place: image.id for place, image in zip(plate.wells, wells, strict=True)}
        plates.append(PlateListing(number, plate.name, plate.rows, plate.columns, listed))
    return World(USERS, GROUPS, maker.made, datasets, plates)


def folder_world(name: str, pictures: Iterable[Picture]) -> World:
    """The demo's OMERO around a user's own pictures, in one dataset that the researcher and colleagues may read."""
    maker = _ImageMaker()
    images = maker.make_all(pictures, _RESEARCHER, _CELL_BIOLOGY)
    return World(USERS, GROUPS, maker.made, [_listing(1, name, "Pictures from a folder.", images)])


class _ImageMaker:
    def __init__(self) -> None:
        self._ids: Iterator[int] = itertools.count(_FIRST_IMAGE)
        self._rendering_defs: Iterator[int] = itertools.count(1)
        self.made: list[Image] = []

    def make(self, picture: Picture, owner: int, group: int, *, with_settings: bool = True) -> Image:
        number = next(self._ids)
        image = Image(number, picture.name, number + _PIXELS_OFFSET, owner, group, picture)
        if with_settings:
            image.rendering_defs.append(RenderingDef(next(self._rendering_defs), owner, default_settings(picture)))
        self.made.append(image)
        return image

    def make_all(self, pictures: Iterable[Picture], owner: int, group: int) -> list[Image]:
        # every fifth has never been looked at, so has no settings yet
        return [
            self.make(picture, owner, group, with_settings=index % 5 != 4) for index, picture in enumerate(pictures)
        ]


def _placement(number: int) -> tuple[int, int]:
    """Owner and group of a dataset: the second is private to the pathologist."""
    return (_PATHOLOGIST, _PATHOLOGY) if number == 2 else (_RESEARCHER, _CELL_BIOLOGY)


def _vary(images: list[Image]) -> None:
    """Give some images several rendering definitions, of their owner and of a colleague."""
    number = itertools.count(10_001)
    for image in images[:8]:
        for settings, owner in zip(
            alternative_settings(image.picture), itertools.cycle((_COLLEAGUE, ROOT, _PATHOLOGIST)), strict=False
        ):
            image.rendering_defs.append(RenderingDef(next(number), owner, settings))


def _special(maker: _ImageMaker, collection: Collection) -> list[Image]:
    pictures = [picture for dataset in collection.datasets for picture in dataset.pictures[:3]]
    in_progress = maker.make(pictures[0], _RESEARCHER, _CELL_BIOLOGY, with_settings=False)
    in_progress.state = ImageState.IN_PROGRESS
    failing = maker.make(pictures[1], _RESEARCHER, _CELL_BIOLOGY)
    failing.state = ImageState.FAILING
    private = [maker.make(picture, _PATHOLOGIST, _PATHOLOGY) for picture in pictures[2:6]]
    own = [maker.make(picture, _RESEARCHER, _PATHOLOGY) for picture in pictures[6:]]
    return [in_progress, failing, *private, *own]


def _listing(number: int, name: str, description: str, images: list[Image]) -> DatasetListing:
    return DatasetListing(number, name, description, tuple(image.id for image in images))
