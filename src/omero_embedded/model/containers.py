"""What is in which container.

One project holds every dataset, one screen every plate; wells are numbered from 1 over all plates, by row and column. A
container is there for whoever may read one of its images.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from .call import Call

#: the id of the one project, and of the one screen
_ONLY = 1


@dataclass(frozen=True)
class DatasetListing:
    """A dataset and the ids of its images."""

    id: int
    name: str
    description: str
    images: tuple[int, ...]


@dataclass(frozen=True)
class PlateListing:
    """A plate, and image ids by (row, column) from 0."""

    id: int
    name: str
    rows: int
    columns: int
    wells: dict[tuple[int, int], int]


class Containers:
    """All of them."""

    def __init__(self, datasets: Iterable[DatasetListing] = (), plates: Iterable[PlateListing] = ()) -> None:
        self.datasets = tuple(datasets)
        self.plates = tuple(plates)

    def has(self, call: Call, kind: str, container_id: int) -> bool:
        """Whether the container is there."""
        return bool(self.images_in(call, kind, container_id))

    def images_in(self, call: Call, kind: str, container_id: int) -> list[int]:
        """The images in a container that may be read, in ascending order."""
        return sorted({one for one in self._all_in(kind, container_id) if call.image(one) is not None})

    def _all_in(self, kind: str, container_id: int) -> Iterable[int]:
        datasets = {one.id: one.images for one in self.datasets}
        plates = {one.id: [one.wells[place] for place in sorted(one.wells)] for one in self.plates}
        if kind == "Project":
            return [image for images in datasets.values() for image in images] if container_id == _ONLY else ()
        if kind == "Dataset":
            return datasets.get(container_id, ())
        if kind == "Screen":
            return [image for images in plates.values() for image in images] if container_id == _ONLY else ()
        if kind == "Plate":
            return plates.get(container_id, ())
        wells = [image for images in plates.values() for image in images]
        return wells[container_id - 1 : container_id] if container_id >= 1 else ()
