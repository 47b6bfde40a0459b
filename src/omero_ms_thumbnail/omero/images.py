"""Which images there are, asked of OMERO's query service.

What the user may not read is not in an answer. All but `newest_images` ask across the groups of the user.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from ..ice.errors import MarshalException
from .exceptions import SecurityViolation
from .queries import CONTAINER, IMAGES_IN, IMAGES_IN_PROGRESS, NEWEST_IMAGES, READABLE_IMAGES
from .rtypes import RLong
from .session import JoinedSession, projection_by_ids

#: the group whose members may read every image, and the one that all users are in and no image is
_SYSTEM_GROUP: Final = 0
_USER_GROUP: Final = 1


class NoSuchContainer(Exception):
    """The container does not exist, or the user may not read it; the text names it."""


#: groups that are asked for their newest images, each in some milliseconds
_GROUPS_MAX: Final = 50


async def newest_images(session: JoinedSession, limit: int) -> list[int]:
    """The ids of images that came last, newest first, at most `limit`.

    They are those of the user's groups, of which the first `_GROUPS_MAX` are asked, beginning with the one that is
    entered on logging in; for an administrator those of all groups. Raises as a call does.
    """
    # Across groups OMERO's condition of what may be read is a disjunction with a subselect for each row
    # (`AllGroupsSecurityFilter` of omero-server), of which PostgreSQL does not know how rarely it holds: it goes down
    # the ids from the newest, and for somebody with few images among millions comes to the end. ``max(i.id)`` is the
    # same to it. In one group it is an equality (`OneGroupSecurityFilter`), and how many rows that has it knows.
    who = await session.event_context()
    if _SYSTEM_GROUP in who.memberOfGroups:
        # every image may be read: the first that PostgreSQL comes to is the newest
        return [_id(row) for row in await session.projection(NEWEST_IMAGES, {}, limit=limit)]
    found: list[int] = []
    groups = [group for group in dict.fromkeys((who.groupId, *who.memberOfGroups)) if group != _USER_GROUP]
    for group in groups[:_GROUPS_MAX]:
        try:
            rows = await session.projection(NEWEST_IMAGES, {}, str(group), limit=limit)
        except SecurityViolation:
            # a member when the session was joined, and one no longer
            continue
        found += [_id(row) for row in rows]
    return sorted(found, reverse=True)[:limit]


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
    return {_id(row) for row in await projection_by_ids(session, query, image_ids)}


def _id(row: Sequence[object]) -> int:
    if len(row) != 1 or not isinstance(row[0], int):
        raise MarshalException("a projection of ids returned something else")
    return row[0]
