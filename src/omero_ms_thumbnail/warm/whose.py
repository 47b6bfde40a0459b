"""Whose thumbnails they are to be, and which images go together: decisions only, no I/O.

OMERO finds a row for a viewer where it is the viewer's own, or the image owner's. So rows help people only where they
are the owner's: an administrator makes them as the owner, and nobody else can make them for another.
A set of images of which some have settings or rows and others not is not answered as each of them would be
(``ThumbnailCtx`` of omero-server), so sets are of images alike.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from ..omero.session import GROUP, USER
from ..omero.thumbnail_rows import StoredPixels


@dataclass(frozen=True, slots=True)
class Warmer:
    """The OMERO user who warms."""

    user_id: int
    is_administrator: bool

    def can_help(self, owner_id: int) -> bool:
        """Whether what is made of an image of that owner's is found by the owner and by all who may see it."""
        return self.is_administrator or owner_id == self.user_id

    def context(self, group_id: int, owner_id: int) -> dict[str, str]:
        """The context of calls that act as the owner of images in that group."""
        context = {GROUP: str(group_id)}
        if owner_id != self.user_id:
            context[USER] = str(owner_id)
        return context


class Known(NamedTuple):
    """An image, and what its owner has of it: settings, a row of the size that is wanted, older than the settings."""

    pixels: StoredPixels
    has_settings: bool
    has_row: bool
    is_stale: bool = False

    @property
    def kind(self) -> tuple[int, int, bool, bool, bool]:
        """What images in one set have in common."""
        return self.pixels.group_id, self.pixels.owner_id, self.has_settings, self.has_row, self.is_stale


def sets_of(images: Iterable[Known], at_once: int) -> Iterator[Sequence[Known]]:
    """Sets of images alike, each kind in `at_once` parts as far as there are images for them."""
    by_kind: dict[tuple[int, int, bool, bool, bool], list[Known]] = {}
    for image in images:
        by_kind.setdefault(image.kind, []).append(image)
    for alike in by_kind.values():
        length = -(-len(alike) // at_once)
        for begin in range(0, len(alike), length):
            yield alike[begin : begin + length]


def by_owner(images: Iterable[StoredPixels]) -> list[StoredPixels]:
    """Those of one group and owner one after the other, each such lot where its first image stood."""
    lots: dict[tuple[int, int], list[StoredPixels]] = {}
    for pixels in images:
        lots.setdefault((pixels.group_id, pixels.owner_id), []).append(pixels)
    return [pixels for lot in lots.values() for pixels in lot]
