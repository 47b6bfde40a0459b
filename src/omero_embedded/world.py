"""What is in the embedded OMERO, around pictures: the model's people and database, as whoever fills them wants them.

The rules are the model's. Whatever is changed here holds from the next call on, for sessions that are joined already
too.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from .model import data
from .model.containers import Containers, DatasetListing, PlateListing
from .model.data import Database, ImageState, Pixels
from .model.people import PERMISSION_BITS, ROOT, SYSTEM_GROUP, USER_GROUP, Experimenter, Group, People

if TYPE_CHECKING:
    from .images.picture import Picture
    from .images.rendering import RenderingSettings

__all__ = [
    "PERMISSION_BITS",
    "ROOT",
    "SYSTEM_GROUP",
    "USER_GROUP",
    "DatasetListing",
    "Experimenter",
    "Group",
    "Image",
    "ImageState",
    "PlateListing",
    "RenderingDef",
    "World",
]


@dataclass(slots=True)
class RenderingDef:
    """Rendering settings of one image, made by one user."""

    id: int
    owner_id: int
    settings: RenderingSettings


class Image(data.ImageRow):
    """An image of a picture, with one Pixels, and settings of those who have looked at it."""

    def __init__(self, id: int, name: str, pixels_id: int, owner_id: int, group_id: int, picture: Picture) -> None:  # noqa: A002 - OMERO's name
        super().__init__(id, name, owner_id, group_id)
        self.picture = picture
        pixels = Pixels(pixels_id, self, picture.size_x, picture.size_y, picture.size_z, picture.size_t)
        pixels.size_c = len(picture.channels)
        pixels.source = picture
        self.pixels.append(pixels)
        self._prepared: list[RenderingDef] = []
        self._database: Database | None = None

    @property
    def pixels_id(self) -> int:
        """The id of its Pixels."""
        return self.primary.id

    @property
    def rendering_defs(self) -> list[RenderingDef]:
        """The settings that it has; to be changed only before it is in a `World`."""
        if self._database is None:
            return self._prepared
        found = self._database.rendering_defs.of(self.pixels_id).values()
        return [RenderingDef(one.id, one.owner_id, one.look) for one in found]

    @rendering_defs.setter
    def rendering_defs(self, prepared: list[RenderingDef]) -> None:
        self._prepared = prepared

    def put_into(self, database: Database) -> None:
        """Import it, with the settings that were prepared for it."""
        database.add_image(self)
        self._database = database
        for one in self._prepared:
            database.rendering_defs.put(
                data.RenderingDefRow(
                    one.id,
                    self.pixels_id,
                    one.owner_id,
                    database.new_event(one.owner_id, self.group_id),
                    one.settings,
                    one.settings.default_z,
                    one.settings.default_t,
                )
            )


class World:
    """Everything."""

    def __init__(
        self,
        users: Iterable[Experimenter],
        groups: Iterable[Group],
        images: Iterable[Image],
        datasets: Iterable[DatasetListing] = (),
        plates: Iterable[PlateListing] = (),
        *,
        database: Database | None = None,
    ) -> None:
        self.people = People(users, groups)
        self.database = database or Database()
        self.containers = Containers(datasets, plates)
        self.images: dict[int, Image] = {}
        for image in images:
            self.add(image)

    @property
    def users(self) -> dict[int, Experimenter]:
        """Users by id."""
        return self.people.users

    @property
    def groups(self) -> dict[int, Group]:
        """Groups by id."""
        return self.people.groups

    @property
    def datasets(self) -> tuple[DatasetListing, ...]:
        """The datasets."""
        return self.containers.datasets

    @property
    def plates(self) -> tuple[PlateListing, ...]:
        """The plates."""
        return self.containers.plates

    def add(self, image: Image) -> None:
        """Import an image."""
        self.images[image.id] = image
        image.put_into(self.database)

    def user_named(self, name: str) -> Experimenter | None:
        """The user with that login name."""
        return self.people.named(name)

    def may_read(self, user: Experimenter, image: data.ImageRow) -> bool:
        """Whether OMERO shows `image` to `user`."""
        if user.is_admin:
            return True
        return image.group_id in user.groups and (
            image.owner_id == user.id or image.group_id in user.leads or not self.groups[image.group_id].is_private
        )

    def may_make_settings(self, user: Experimenter, image: data.ImageRow) -> bool:
        """Whether `user` may create rendering settings for `image`."""
        if image.owner_id == user.id or user.is_admin:
            return True
        return self.may_read(user, image) and not self.groups[image.group_id].is_read_only

    def settings_for(self, user: Experimenter, image: Image) -> RenderingDef | None:
        """The rendering settings with which `user` sees `image`: their own newest, else its owner's."""
        found = self.database.rendering_defs.of(image.pixels_id).values()
        for owner in (user.id, image.owner_id):
            own = [one for one in found if one.owner_id == owner]
            if own:
                newest = max(own, key=lambda one: one.event.time)
                return RenderingDef(newest.id, newest.owner_id, newest.look)
        return None

    def add_settings(self, image: Image, owner: Experimenter, settings: RenderingSettings) -> RenderingDef:
        """Keep new rendering settings, beside those that the user may have."""
        table = self.database.rendering_defs
        event = self.database.new_event(owner.id, image.group_id)
        made = data.RenderingDefRow(
            table.next_id(), image.pixels_id, owner.id, event, settings, settings.default_z, settings.default_t
        )
        table.put(made)
        return RenderingDef(made.id, owner.id, settings)

    def save_settings(self, image: Image, owner: Experimenter, settings: RenderingSettings) -> None:
        """Save a user's settings for an image, in place of those that they had."""
        self.database.save_settings(
            image.primary, owner.id, settings, default_z=settings.default_z, default_t=settings.default_t
        )

    def set_groups(self, user_id: int, groups: tuple[int, ...], leads: tuple[int, ...] = ()) -> None:
        """Make a user member of `groups` alone, and owner of `leads`."""
        self.people.set_groups(user_id, groups, leads)

    def set_permissions(self, group_id: int, permissions: str) -> None:
        """Give a group other permissions, one of `PERMISSION_BITS`."""
        self.people.set_permissions(group_id, permissions)

    def move(self, image: Image, group_id: int) -> None:
        """Move an image, with its rendering settings, to another group."""
        image.group_id = group_id

    def give(self, image: Image, owner_id: int) -> None:
        """Give an image to another owner; rendering settings stay with who made them."""
        image.owner_id = owner_id

    def delete(self, image: Image) -> None:
        """Delete an image."""
        del self.images[image.id]
        self.database.delete_image(image)
