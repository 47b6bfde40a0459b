"""What is in which container of the embedded OMERO, for one user.

One project holds every dataset, one screen every plate; wells are numbered from 1 over all plates, by row and column. A
container is shown to whoever may read one of its images.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from .world import User, World

#: the id of the one project, and of the one screen
_ONLY: Final = 1


class Containers:
    """The containers of `world`, as `user` sees them."""

    def __init__(self, world: World, user: User) -> None:
        self._world = world
        self._user = user

    def readable(self, image_ids: Iterable[int]) -> list[int]:
        """Those images that are there and that the user may read."""
        images = self._world.images
        return [one for one in image_ids if one in images and self._world.may_read(self._user, images[one])]

    def in_progress(self, image_ids: Iterable[int]) -> list[int]:
        """Those images of which a clock was shown."""
        return [one for one in self.readable(image_ids) if self._world.images[one].clock_shown]

    def newest(self, limit: int | None) -> list[int]:
        """The images with the highest ids."""
        return sorted(self.readable(self._world.images), reverse=True)[:limit]

    def has(self, kind: str, container_id: int) -> bool:
        """Whether the user sees the container."""
        return bool(self.images_in(kind, container_id))

    def images_in(self, kind: str, container_id: int) -> list[int]:
        """The images in a container, in ascending order."""
        return sorted(set(self.readable(self._all_in(kind, container_id))))

    def _all_in(self, kind: str, container_id: int) -> Iterable[int]:
        datasets = {one.id: one.images for one in self._world.datasets}
        plates = {one.id: [one.wells[place] for place in sorted(one.wells)] for one in self._world.plates}
        match kind:
            case "Project":
                return [image for images in datasets.values() for image in images] if container_id == _ONLY else ()
            case "Dataset":
                return datasets.get(container_id, ())
            case "Screen":
                return [image for images in plates.values() for image in images] if container_id == _ONLY else ()
            case "Plate":
                return plates.get(container_id, ())
            case _:
                wells = [image for images in plates.values() for image in images]
                return wells[container_id - 1 : container_id] if container_id >= 1 else ()
