"""What was true when: each fact about users, groups, images and sessions with the moments at which it changed.

Moments are those of `time.monotonic`.
"""

from __future__ import annotations

import bisect
import time
from collections.abc import Iterable, Iterator
from typing import Any, Generic, TypeVar

from omero_embedded.images.rendering import RenderingSettings
from omero_embedded.model import data
from omero_embedded.world import Experimenter, Group, Image, World

T = TypeVar("T")


class Timeline(Generic[T]):
    """A value that changes: what it was at any moment."""

    def __init__(self, first: T) -> None:
        self._moments = [float("-inf")]
        self._values = [first]

    def change(self, value: T) -> None:
        self._moments.append(time.monotonic())
        self._values.append(value)

    def at(self, moment: float) -> T:
        return self._values[bisect.bisect_right(self._moments, moment) - 1]

    def changes(self, begin: float, end: float) -> list[float]:
        """The moments after `begin` and up to `end` at which it changed."""
        return self._moments[bisect.bisect_right(self._moments, begin) : bisect.bisect_right(self._moments, end)]

    def forget(self, before: float) -> None:
        """What was true before that moment is not asked for any more."""
        first = bisect.bisect_right(self._moments, before) - 1
        if first > 0:
            del self._moments[:first], self._values[:first]


#: owner, group, and the rendering settings as (id, owner, settings)
ImageFacts = tuple[int, int, tuple[tuple[int, int, RenderingSettings], ...]]


def _facts(image: Image) -> ImageFacts:
    return image.owner_id, image.group_id, tuple((one.id, one.owner_id, one.settings) for one in image.rendering_defs)


class RecordedWorld(World):
    """A world that remembers what it was."""

    def __init__(self, users: Iterable[Experimenter], groups: Iterable[Group], images: Iterable[Image]) -> None:
        super().__init__(users, groups, images)
        self.user_at = {user.id: Timeline(user) for user in self.users.values()}
        self.group_at = {group.id: Timeline(group) for group in self.groups.values()}
        #: None once the image is deleted
        self.image_at: dict[int, Timeline[ImageFacts | None]] = {
            image.id: Timeline(_facts(image)) for image in self.images.values()
        }
        #: every look that each image was ever saved with, as (by whom, look), and who ever owned it
        self.looks_ever: dict[int, set[tuple[int, RenderingSettings]]] = {}
        self.owners_ever: dict[int, set[int]] = {}
        #: the same looks by the ids of the settings
        self.looks_by_id: dict[int, set[RenderingSettings]] = {}
        for image in self.images.values():
            self._remember(image)
        self.database.rendering_defs.watchers.append(self._saved)
        #: whether the session with that key is alive
        self.session_at: dict[str, Timeline[bool]] = {}
        #: the group of each session's calls that name none
        self.session_group: dict[str, int] = {}

    def timelines(self) -> Iterator[Timeline[Any]]:
        for some in (self.user_at, self.group_at, self.image_at, self.session_at):
            yield from some.values()

    def set_groups(self, user_id: int, groups: tuple[int, ...], leads: tuple[int, ...] = ()) -> None:
        super().set_groups(user_id, groups, leads)
        self.user_at[user_id].change(self.users[user_id])

    def set_permissions(self, group_id: int, permissions: str) -> None:
        super().set_permissions(group_id, permissions)
        self.group_at[group_id].change(self.groups[group_id])

    def move(self, image: Image, group_id: int) -> None:
        super().move(image, group_id)
        self._changed(image)

    def give(self, image: Image, owner_id: int) -> None:
        super().give(image, owner_id)
        self._changed(image)

    def delete(self, image: Image) -> None:
        super().delete(image)
        self.image_at[image.id].change(None)

    def _saved(self, settings: data.RenderingDefRow) -> None:
        """By whomever, those that OMERO made for somebody who looked among them."""
        pixels = self.database.pixels.get(settings.pixels_id)
        if pixels is not None:
            self._changed(self.images[pixels.image.id])

    def _changed(self, image: Image) -> None:
        if image.id in self.images:
            self.image_at[image.id].change(_facts(image))
            self._remember(image)

    def _remember(self, image: Image) -> None:
        self.owners_ever.setdefault(image.id, set()).add(image.owner_id)
        looks = self.looks_ever.setdefault(image.id, set())
        for one in image.rendering_defs:
            looks.add((one.owner_id, one.settings))
            self.looks_by_id.setdefault(one.id, set()).add(one.settings)
