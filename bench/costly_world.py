"""Who and what is in the OMERO that costs what a real one does.

Three people in groups of different permissions look at images, most of them at those of one owner: stored thumbnails,
with rows and files, images that nobody has ever seen, and a plate. Each picture says in a JPEG comment what it shows.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from omero_embedded.images.clock import clock_jpeg
from omero_embedded.images.rendering import default_settings
from omero_embedded.images.samples import sample_collection
from omero_embedded.model.data import ThumbnailRow
from omero_embedded.model.thumbnail_context import widths
from omero_embedded.model.thumbnail_drawing import ThumbnailDrawing
from omero_embedded.world import USER_GROUP, Experimenter, Group, Image, RenderingDef, World

#: the longest side of what is stored
STORED: Final = 96
PAGE: Final = 50
WELLS: Final = 384

_PLATES: Final = 3
_OWNER: Final = 9
_GROUPS: Final = (Group(11, "private", "rw----"), Group(12, "read-only", "rwr---"), Group(13, "annotate", "rwra--"))
_PIXELS: Final = 1_000_000
_CLOCK: Final = clock_jpeg(STORED, STORED)
#: a JPEG of OMERO's has some 3 kB
_BYTES: Final = 3_000


@dataclass
class Pages:
    """Images of one visitor by pages; all are of one group."""

    stored: list[list[int]] = field(default_factory=list)
    #: stored too, and asked for at another size, once each; the visitor's own, since where a set may keep no row of
    #: another's image it has no picture of it
    other: list[list[int]] = field(default_factory=list)
    #: never seen by anybody; once each
    unseen: list[list[int]] = field(default_factory=list)


class CostlyWorld(World):
    """`visitors` are in the order of `pages`; `wells` are plates for the last, `singles` for all in turn."""

    def __init__(self, *, pages: int, singles: int) -> None:
        self.visitors = [
            Experimenter(number, f"visitor{number}", "", "", (group.id, USER_GROUP))
            for number, group in enumerate(_GROUPS, 1)
        ]
        owner = Experimenter(_OWNER, "owner", "", "", (*(group.id for group in _GROUPS), USER_GROUP))
        super().__init__([*self.visitors, owner], [Group(USER_GROUP, "user", "rwr---"), *_GROUPS], [])
        self._picture = sample_collection().datasets[0].pictures[0]
        self._look = default_settings(self._picture)
        self._next = 1
        self.pages = [Pages() for _ in self.visitors]
        for visitor, its in enumerate(self.pages):
            for _ in range(pages):
                its.stored.append([self._stored(visitor) for _ in range(PAGE)])
                its.other.append([self._stored(visitor, is_own=True) for _ in range(PAGE)])
                its.unseen.append([self._unseen(visitor) for _ in range(PAGE)])
        self.wells = [[self._stored(len(self.visitors) - 1) for _ in range(WELLS)] for _ in range(_PLATES)]
        self.singles = [self._stored(number % len(self.visitors)) for number in range(singles)]

    def _add(self, owner: int, group: int, settings: Sequence[RenderingDef]) -> Image:
        image = Image(self._next, "", self._next + _PIXELS, owner, group, self._picture)
        self._next += 1
        image.rendering_defs = list(settings)
        self.add(image)
        return image

    def _unseen(self, visitor: int) -> int:
        return self._add(self.visitors[visitor].id, _GROUPS[visitor].id, ()).id

    def _stored(self, visitor: int, *, is_own: bool = False) -> int:
        """Of the owner; in a private group of the visitor, who sees no other there."""
        group = _GROUPS[visitor]
        owner = self.visitors[visitor].id if is_own or group.is_private else _OWNER
        image = self._add(owner, group.id, [RenderingDef(self._next, owner, self._look)])
        database, pixels = self.database, image.primary
        width, height = widths(pixels, STORED)
        event = database.new_event(owner, group.id)
        row = ThumbnailRow(database.thumbnails.next_id(), pixels.id, owner, width, height, 0, event)
        database.thumbnails.put(row)
        database.files[row.id] = picture(ThumbnailDrawing(pixels, self._look, width, height))
        return image.id


def picture(drawing: ThumbnailDrawing) -> bytes:
    """A JPEG that says which image it is of."""
    image = 0 if drawing.pixels is None else drawing.pixels.image.id
    said = shown(image, max(drawing.width, drawing.height)).ljust(_BYTES - len(_CLOCK), b" ")
    return _CLOCK[:2] + b"\xff\xfe" + struct.pack(">H", len(said) + 2) + said + _CLOCK[2:]


def shown(image: int, size: int) -> bytes:
    """What is in a picture of that image with that longest side, and in no other."""
    return b"<image %d at %d>" % (image, size)
