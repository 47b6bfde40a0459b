"""What the embedded OMERO knows: users, groups, images and rendering settings, and who may read what.

The rules are OMERO's: a private group (``rw----``) shows a member only their own images, a read-only one (``rwr---``)
and those that allow more show all, whoever leads a group and an administrator see everything in it (source:
``AllGroupsSecurityFilter.passesFilter`` of omero-server). A user's own rendering settings come before those of the
image's owner. Whatever is changed here holds from the next call on, for sessions that are joined already too: after an
``UserGroupUpdateEvent`` omero-server reads the groups of every session anew (``SessionCache.updateEvent``).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from enum import Enum, auto
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from .images.picture import Picture
    from .images.settings import RenderingSettings

#: ids that every OMERO has; source: ``omero/sys/Roles`` defaults
SYSTEM_GROUP: Final = 0
USER_GROUP: Final = 1
ROOT: Final = 0

#: ``perm1`` of ``omero::model::Permissions`` for each kind of group
PERMISSION_BITS: Final = {"rw----": -120, "rwr---": -56, "rwra--": -40, "rwrw--": -8}


@dataclass(frozen=True, slots=True)
class Group:
    """A group; `permissions` is one of `PERMISSION_BITS`."""

    id: int
    name: str
    permissions: str

    @property
    def is_private(self) -> bool:
        """Whether members see only what is their own."""
        return self.permissions == "rw----"

    @property
    def is_read_only(self) -> bool:
        """Whether members cannot change what is another's."""
        return self.permissions in ("rw----", "rwr---")


@dataclass(frozen=True, slots=True)
class User:
    """An experimenter; the first of `groups` is the default one, `leads` are those of which they are the owner."""

    id: int
    name: str
    full_name: str
    password: str = field(repr=False)
    groups: tuple[int, ...]
    leads: tuple[int, ...] = ()

    @property
    def is_admin(self) -> bool:
        """Whether they are in the system group."""
        return SYSTEM_GROUP in self.groups


class ImageState(Enum):
    """What OMERO can do with an image."""

    READY = auto()
    #: still being imported: there is only a clock to show
    IN_PROGRESS = auto()
    #: its file is missing: rendering it fails
    FAILING = auto()


@dataclass(slots=True)
class RenderingDef:
    """Rendering settings of one image, made by one user."""

    id: int
    owner_id: int
    settings: RenderingSettings


@dataclass(slots=True)
class Image:
    """An image with its Pixels."""

    id: int
    name: str
    pixels_id: int
    owner_id: int
    group_id: int
    picture: Picture
    state: ImageState = ImageState.READY
    #: whether the thumbnail last made of it is a clock (version -1 in OMERO's database)
    clock_shown: bool = False
    rendering_defs: list[RenderingDef] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class DatasetListing:
    """A dataset and the ids of its images."""

    id: int
    name: str
    description: str
    images: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class PlateListing:
    """A plate, and image ids by (row, column) from 0."""

    id: int
    name: str
    rows: int
    columns: int
    wells: dict[tuple[int, int], int]


class World:
    """Everything, with the look-ups that OMERO's services need."""

    def __init__(
        self,
        users: Iterable[User],
        groups: Iterable[Group],
        images: Iterable[Image],
        datasets: Iterable[DatasetListing] = (),
        plates: Iterable[PlateListing] = (),
    ) -> None:
        self.users = {user.id: user for user in users}
        self.groups = {group.id: group for group in groups}
        self.images = {image.id: image for image in images}
        self.datasets = tuple(datasets)
        self.plates = tuple(plates)
        #: version of each row of the table ``thumbnail``, by Pixels, owner, width and height
        self.thumbnails: dict[tuple[int, int, int, int], int] = {}
        self._by_pixels = {image.pixels_id: image for image in self.images.values()}
        self._last_rendering_def = max(
            (one.id for image in self.images.values() for one in image.rendering_defs), default=0
        )

    def user_named(self, name: str) -> User | None:
        """The user with that login name."""
        return next((user for user in self.users.values() if user.name == name), None)

    def image_of_pixels(self, pixels_id: int) -> Image | None:
        """The image to which those Pixels belong."""
        return self._by_pixels.get(pixels_id)

    def may_read(self, user: User, image: Image) -> bool:
        """Whether OMERO shows `image` to `user`."""
        if user.is_admin:
            return True
        return image.group_id in user.groups and (
            image.owner_id == user.id or image.group_id in user.leads or not self.groups[image.group_id].is_private
        )

    def may_make_settings(self, user: User, image: Image) -> bool:
        """Whether `user` may create rendering settings for `image`."""
        if image.owner_id == user.id or user.is_admin:
            return True
        return self.may_read(user, image) and not self.groups[image.group_id].is_read_only

    def settings_for(self, user: User, image: Image) -> RenderingDef | None:
        """The rendering settings with which `user` sees `image`: their own, else its owner's."""
        for owner in (user.id, image.owner_id):
            for one in image.rendering_defs:
                if one.owner_id == owner:
                    return one
        return None

    def rendering_def(self, rendering_def_id: int) -> tuple[Image, RenderingDef] | None:
        """Rendering settings by id, with their image."""
        for image in self.images.values():
            for one in image.rendering_defs:
                if one.id == rendering_def_id:
                    return image, one
        return None

    def add_settings(self, image: Image, owner: User, settings: RenderingSettings) -> RenderingDef:
        """Keep new rendering settings."""
        self._last_rendering_def += 1
        made = RenderingDef(self._last_rendering_def, owner.id, settings)
        image.rendering_defs.append(made)
        return made

    def keep_thumbnail(self, image: Image, user: User, size: tuple[int, int], *, is_clock: bool) -> None:
        """Keep a row for a thumbnail that was drawn for `user`, unless the owner's is there, or none may be made."""
        if (image.pixels_id, image.owner_id, *size) in self.thumbnails:
            user = self.users[image.owner_id]
        elif not self.may_make_settings(user, image):
            return
        row = (image.pixels_id, user.id, *size)
        self.thumbnails[row] = -1 if is_clock else self.thumbnails.get(row, 0)

    def set_groups(self, user_id: int, groups: tuple[int, ...], leads: tuple[int, ...] = ()) -> None:
        """Make a user member of `groups` alone, and owner of `leads`."""
        self.users[user_id] = replace(self.users[user_id], groups=groups, leads=leads)

    def set_permissions(self, group_id: int, permissions: str) -> None:
        """Give a group other permissions, one of `PERMISSION_BITS`."""
        self.groups[group_id] = replace(self.groups[group_id], permissions=permissions)

    def move(self, image: Image, group_id: int) -> None:
        """Move an image, with its rendering settings, to another group."""
        image.group_id = group_id

    def give(self, image: Image, owner_id: int) -> None:
        """Give an image to another owner; rendering settings stay with who made them."""
        image.owner_id = owner_id

    def delete(self, image: Image) -> None:
        """Delete an image."""
        del self.images[image.id], self._by_pixels[image.pixels_id]

    def save_settings(self, image: Image, owner: User, settings: RenderingSettings) -> None:
        """Save a user's settings for an image, in place of those that they had."""
        for one in image.rendering_defs:
            if one.owner_id == owner.id:
                one.settings = settings
                return
        self.add_settings(image, owner, settings)
