"""Whoever is made an administrator, or is one no longer, while their session is joined."""

from __future__ import annotations

import pytest

from omero_embedded.world import SYSTEM_GROUP
from omero_ms_thumbnail.omero.pool import SessionPool
from omero_ms_thumbnail.thumbnails.model import ImageUnavailable, Thumbnail, ThumbnailRequest
from omero_ms_thumbnail.thumbnails.service import Thumbnails
from tests.support.simulated.loop import VirtualLoop, simulate
from tests.support.simulated.omero import SimulatedOmero
from tests.unit.omero.small_omero import LEAVE_WITHIN

#: two images that nobody has looked at, the first in a group that root could be in
UNSEEN, ANOTHER = 117, 111


@pytest.mark.parametrize(("permissions", "outcome"), [("rwrw--", Thumbnail), ("rwr---", ImageUnavailable)])
def test_who_is_no_administrator_any_more_is_served_as_the_member_that_they_are(
    permissions: str, outcome: type
) -> None:
    loop = VirtualLoop()
    omero = SimulatedOmero(loop)
    world = omero.omero.world
    root = world.user_named("root")
    assert root is not None
    image = world.images[UNSEEN]
    assert not image.rendering_defs
    assert not world.images[ANOTHER].rendering_defs
    world.set_permissions(image.group_id, permissions)

    async def main() -> Thumbnail | Exception:
        pool = SessionPool(omero.join, idle_timeout=60.0)
        thumbnails = Thumbnails(pool, timeout=15.0, stores=1)
        # with a height, since a set makes settings by itself
        key, request = omero.keys["root"], ThumbnailRequest(ANOTHER, 48, 24)
        await thumbnails.get(key, request)
        world.set_groups(root.id, (image.group_id, *(group for group in root.groups if group != SYSTEM_GROUP)))
        (got,) = await thumbnails.get_all(key, [ThumbnailRequest(UNSEEN, 48, 24)])
        await pool.close(LEAVE_WITHIN)
        await omero.omero.close()
        return got

    assert isinstance(simulate(loop, main()), outcome)
