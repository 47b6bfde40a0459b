"""What has to be known of images, asked for many at a time and remembered for a while.

A projection over all groups answers only for images that the user may read: what is missing from it is not readable.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Collection, Iterable, Sequence
from typing import Final, cast

from ..ice.errors import MarshalException
from ..omero.hql import FACTS
from ..omero.rtypes import RInt, RLong, rlong_list
from ..omero.session import JoinedSession
from .model import ImageFacts

#: seconds that facts are believed: an image may be moved to another group or be given to another user
_LIFE: Final = 60.0

#: seconds for which several images are believed to be alike: whoever saves settings changes that
FRESH: Final = 1.0

#: images that are remembered for each session
_REMEMBERED_MAX: Final = 20_000

_COLUMNS: Final = 10


async def ask(session: JoinedSession, image_ids: Sequence[int], *, user_id: int, size: int) -> dict[int, ImageFacts]:
    """Facts of those images that exist and that the user may read; of stored thumbnails in that `size` alone.

    `user_id` is the session's user. Raises what OMERO throws, or IceException.
    """
    parameters = {"ids": rlong_list(image_ids), "user": RLong(user_id), "size": RInt(size)}
    places: dict[int, int] = {}
    found: dict[int, ImageFacts] = {}
    for row in await session.projection(FACTS, parameters, patiently=True):
        pixels_id, image_id, group_id, owner_id, permissions, place, *counts = _numbers(row)
        # an image with several Pixels is shown by its first, as everywhere in OMERO
        if image_id not in found or place < places[image_id]:
            places[image_id] = place
            are_there = (count > 0 for count in counts)
            found[image_id] = ImageFacts(image_id, pixels_id, group_id, owner_id, permissions, size, *are_there)
    return found


def _numbers(row: Sequence[object]) -> Sequence[int]:
    if len(row) == _COLUMNS and all(type(column) is int for column in row):
        return cast("Sequence[int]", row)
    raise MarshalException("a projection of facts returned something else")


class RememberedFacts:
    """Facts of one session's images, each remembered in the size that it was asked for last."""

    def __init__(self) -> None:
        self._facts: OrderedDict[int, tuple[float, ImageFacts]] = OrderedDict()
        self._now = asyncio.get_running_loop().time

    def get(self, image_id: int) -> ImageFacts | None:
        """What is remembered and still believed."""
        entry = self._facts.get(image_id)
        if entry is None:
            return None
        if entry[0] < self._now() - _LIFE:
            del self._facts[image_id]
            return None
        return entry[1]

    def are_fresh(self, found: Iterable[ImageFacts]) -> bool:
        """Whether all of `found` were told within the last second, and none of them has proved wrong since."""
        least = self._now() - FRESH
        for facts in found:
            entry = self._facts.get(facts.image_id)
            if entry is None or entry[1] != facts or entry[0] < least:
                return False
        return True

    def remember(self, found: Collection[ImageFacts]) -> None:
        """Remember; for each that comes two go that are over, or the oldest where there are too many."""
        now = self._now()
        for facts in found:
            self._facts[facts.image_id] = (now, facts)
            self._facts.move_to_end(facts.image_id)
        for _ in range(2 * len(found)):
            oldest = next(iter(self._facts))
            if self._facts[oldest][0] >= now - _LIFE and len(self._facts) <= _REMEMBERED_MAX:
                break
            del self._facts[oldest]

    def forget(self, image_id: int) -> None:
        """They have proved wrong."""
        self._facts.pop(image_id, None)
