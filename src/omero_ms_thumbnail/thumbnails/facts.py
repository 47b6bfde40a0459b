"""What has to be known of images, asked for many at a time and remembered for a while.

A projection over all groups answers only for images that the user may read: what is missing from it is not readable.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Collection, Sequence
from typing import Final

from ..ice.errors import MarshalException
from ..omero.hql import PIXELS_OF_IMAGES
from ..omero.rtypes import rlong_list
from ..omero.session import JoinedSession
from .model import ImageFacts

#: seconds that facts are believed: an image may be moved to another group or be given to another user
_LIFE: Final = 60.0

#: images that are remembered for each session
_REMEMBERED_MAX: Final = 20_000


async def ask(session: JoinedSession, image_ids: Sequence[int]) -> dict[int, ImageFacts]:
    """Facts of those images that exist and that the user may read. Raises what OMERO throws, or IceException."""
    found: dict[int, ImageFacts] = {}
    for row in await session.projection(PIXELS_OF_IMAGES, {"ids": rlong_list(image_ids)}):
        pixels_id, image_id, group_id, owner_id = _numbers(row)
        # an image with several Pixels is shown by its first, as everywhere in OMERO
        if image_id not in found or pixels_id < found[image_id].pixels_id:
            found[image_id] = ImageFacts(image_id, pixels_id, group_id, owner_id)
    return found


def _numbers(row: Sequence[object]) -> tuple[int, int, int, int]:
    if len(row) == 4:
        pixels_id, image_id, group_id, owner_id = row
        if (
            isinstance(pixels_id, int)
            and isinstance(image_id, int)
            and isinstance(group_id, int)
            and isinstance(owner_id, int)
        ):
            return pixels_id, image_id, group_id, owner_id
    raise MarshalException("a projection of ids returned something else")


class RememberedFacts:
    """Facts of one session's images."""

    def __init__(self) -> None:
        self._facts: OrderedDict[int, tuple[float, ImageFacts]] = OrderedDict()
        self._now = asyncio.get_running_loop().time

    def get(self, image_id: int) -> ImageFacts | None:
        """What is remembered and still believed."""
        entry = self._facts.get(image_id)
        if entry is None:
            return None
        if entry[0] < self._now():
            del self._facts[image_id]
            return None
        return entry[1]

    def remember(self, found: Collection[ImageFacts]) -> None:
        """Remember; for each that comes two go that are over, or the oldest where there are too many."""
        now = self._now()
        for facts in found:
            self._facts[facts.image_id] = (now + _LIFE, facts)
            self._facts.move_to_end(facts.image_id)
        for _ in range(2 * len(found)):
            oldest = next(iter(self._facts))
            if self._facts[oldest][0] >= now and len(self._facts) <= _REMEMBERED_MAX:
                break
            del self._facts[oldest]

    def forget(self, image_id: int) -> None:
        """They have proved wrong."""
        self._facts.pop(image_id, None)
