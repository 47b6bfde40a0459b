"""What OMERO has stored of images' thumbnails, asked of its database: rows, and the settings that they were drawn by.

A row of the table ``thumbnail`` belongs to a user and has a width and a height; its picture is a file of OMERO's. A
query tells of rows, never whether the file is there.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple

from ..ice.errors import MarshalException
from . import queries
from .rtypes import Unwrapped, rlong_list
from .session import JoinedSession, projection_by_ids
from .sizes import longest_side

#: the version of a row whose picture was once only a clock (``PROGRESS_VERSION`` of omero-server's ``ThumbnailBean``).
#: It stays when the picture has been drawn at last, so it says "look closer" and nothing more
PROGRESS_VERSION: Final = -1


class StoredPixels(NamedTuple):
    """The Pixels that show an image; sizes in pixels. `owner_id` is the user whose settings and rows all others see."""

    image_id: int
    pixels_id: int
    group_id: int
    owner_id: int
    size_x: int
    size_y: int

    def thumbnail_size(self, size: int) -> tuple[int, int]:
        """Width and height of the row for a thumbnail with a longest side of `size`."""
        return longest_side(self.size_x, self.size_y, size)


class StoredThumbnail(NamedTuple):
    """A row; sizes in pixels. The file has the number `id`."""

    id: int
    pixels_id: int
    owner_id: int
    size_x: int
    size_y: int
    #: the event in which it was last changed
    update_event: int
    #: null until OMERO draws it anew
    version: int | None

    @property
    def size(self) -> tuple[int, int]:
        """Width and height."""
        return self.size_x, self.size_y


class StoredSettings(NamedTuple):
    """A RenderingDef and the events in which it was made and last changed."""

    id: int
    pixels_id: int
    owner_id: int
    creation_event: int
    update_event: int

    @property
    def is_as_made(self) -> bool:
        """Whether nobody has saved them since they were made."""
        return self.creation_event == self.update_event


async def pixels_of(session: JoinedSession, image_ids: Sequence[int]) -> dict[int, StoredPixels]:
    """The Pixels of those images that exist and that the user may read, by image id. Raises as a call does."""
    found: dict[int, StoredPixels] = {}
    places: dict[int, int] = {}
    for row in await projection_by_ids(session, queries.PIXELS_WITH_SIZES, image_ids):
        pixels_id, image_id, group_id, owner_id, size_x, size_y, place = _numbers(row, 7)
        # an image with several Pixels is shown by its first, as everywhere in OMERO
        if place < places.get(image_id, place + 1):
            places[image_id] = place
            found[image_id] = StoredPixels(image_id, pixels_id, group_id, owner_id, size_x, size_y)
    return found


async def thumbnails_of(session: JoinedSession, pixels_ids: Sequence[int]) -> list[StoredThumbnail]:
    """The rows that the user may read, of whichever user and size. Raises as a call does."""
    found: list[StoredThumbnail] = []
    for *numbers, version in await projection_by_ids(session, queries.THUMBNAILS_OF_PIXELS, pixels_ids):
        if version is not None and not isinstance(version, int):
            raise MarshalException("a projection of versions returned something else")
        row_id, pixels_id, owner_id, size_x, size_y, update_event = _numbers(numbers, 6)
        found.append(StoredThumbnail(row_id, pixels_id, owner_id, size_x, size_y, update_event, version))
    return found


async def settings_of(session: JoinedSession, pixels_ids: Sequence[int]) -> list[StoredSettings]:
    """The settings that the user may read, of whichever user. Raises as a call does."""
    rows = await projection_by_ids(session, queries.SETTINGS_OF_PIXELS, pixels_ids)
    return [StoredSettings(*_numbers(row, 5)) for row in rows]


async def names_of(session: JoinedSession, user_ids: Iterable[int]) -> dict[int, str]:
    """Login names by user id. Raises as a call does."""
    names: dict[int, str] = {}
    for row in await session.projection(queries.NAMES_OF_USERS, {"ids": rlong_list(sorted(set(user_ids)))}):
        match row:
            case [int(user_id), str(name)]:
                names[user_id] = name
            case _:
                raise MarshalException("a projection of names returned something else")
    return names


def _numbers(row: Sequence[Unwrapped], columns: int) -> list[int]:
    """A row of whole numbers."""
    numbers = [column for column in row if isinstance(column, int)]
    if len(numbers) != columns or len(row) != columns:
        raise MarshalException("a projection of numbers returned something else")
    return numbers
