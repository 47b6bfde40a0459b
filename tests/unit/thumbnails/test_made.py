"""What is told of settings and stored thumbnails that our calls had OMERO make."""

from __future__ import annotations

from collections import Counter

from omero_embedded.embedded_omero import EmbeddedOmero
from omero_embedded.world import ImageState
from omero_ms_thumbnail.thumbnails.caches import Caches, Unwatched
from omero_ms_thumbnail.thumbnails.model import ThumbnailRequest
from omero_ms_thumbnail.thumbnails.service import Thumbnails
from tests.unit.omero.small_omero import key_of, pool_at, small_omero


def _settings(omero: EmbeddedOmero) -> int:
    return sum(len(image.rendering_defs) for image in omero.world.images.values())


async def test_what_was_not_there_counts_once() -> None:
    async with small_omero() as omero, pool_at(omero) as pool:
        made: Counter[str] = Counter()

        class Counting(Unwatched):
            def made(self, settings: int, rows: int) -> None:
                made.update(settings=settings, stored=rows)

        thumbnails = Thumbnails(pool, timeout=10, stores=2, caches=Caches(watcher=Counting()))
        user = omero.world.user_named("researcher")
        assert user is not None
        own = [one.id for one in omero.world.images.values() if one.owner_id == user.id]
        ready = [image for image in own if omero.world.images[image].state is ImageState.READY]
        key, before = key_of(omero), _settings(omero)
        # sizes that OMERO.web does not store: drawn, with settings and without a row
        await thumbnails.get_all(key, [ThumbnailRequest(image, 40, 40) for image in ready])
        assert made["settings"] == _settings(omero) - before > 0
        assert made["stored"] == 0
        told = dict(made)
        await thumbnails.get_all(key, [ThumbnailRequest(image, 40, 40) for image in ready])
        assert made == told
