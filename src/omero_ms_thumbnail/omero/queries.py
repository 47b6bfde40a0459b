"""Questions to OMERO's query service that are more than one line, as typed functions.

All ask across the groups of the user: what the user may not read is not in an answer.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from ..ice.errors import MarshalException
from .hql import CONTAINER, IMAGES_IN, IMAGES_IN_PROGRESS, NEWEST_IMAGES, READABLE_IMAGES
from .rtypes import RLong, rlong_list
from .session import JoinedSession

#: ids in one question at most
_IDS_MAX: Final = 1_000


class NoSuchContainer(Exception):
    """The container does not exist, or the user may not read it; the text names it."""


async def newest_images(session: JoinedSession, limit: int) -> list[int]:
    """The ids of the images that came last, newest first, at most `limit`. Raises as a call does."""
    return [_id(row) for row in await session.projection(NEWEST_IMAGES, {}, limit=limit)]


async def readable_images(session: JoinedSession, image_ids: Sequence[int]) -> set[int]:
    """Those of `image_ids` that exist and that the user may read. Raises as a call does."""
    return await _among(session, READABLE_IMAGES, image_ids)


async def images_in_progress(session: JoinedSession, image_ids: Sequence[int]) -> set[int]:
    """Those of `image_ids` of which somebody was once shown a clock: they may still be imported, or long be there.

    Raises as a call does.
    """
    return await _among(session, IMAGES_IN_PROGRESS, image_ids)


async def images_in(session: JoinedSession, kind: str, container_id: int) -> list[int]:
    """The ids of the images in a container, in ascending order; `kind` is a key of `IMAGES_IN`.

    Raises NoSuchContainer, or as a call does.
    """
    parameters = {"id": RLong(container_id)}
    images = [_id(row) for row in await session.projection(IMAGES_IN[kind], parameters)]
    if not images and not await session.projection(CONTAINER[kind], parameters):
        raise NoSuchContainer(f"{kind}:{container_id} does not exist, or the user may not read it")
    return images


async def _among(session: JoinedSession, query: str, image_ids: Sequence[int]) -> set[int]:
    found: set[int] = set()
    for begin in range(0, len(image_ids), _IDS_MAX):
        some = image_ids[begin : begin + _IDS_MAX]
        found.update(_id(row) for row in await session.projection(query, {"ids": rlong_list(some)}))
    return found


def _id(row: Sequence[object]) -> int:
    if len(row) != 1 or not isinstance(row[0], int):
        raise MarshalException("a projection of ids returned something else")
    return row[0]
