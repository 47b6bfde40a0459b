"""OMERO is started anew: its sessions, in memory as they are, are gone, and whoever logs in anew is served at once."""

from __future__ import annotations

import pytest

from omero_ms_thumbnail.thumbnails.model import OmeroUnavailable, SessionRefused, ThumbnailRequest
from omero_ms_thumbnail.thumbnails.service import Thumbnails
from tests.unit.omero.refusals import NOT_NOW, saying
from tests.unit.omero.small_omero import key_of, pool_at, small_omero


async def test_sessions_of_before_are_refused_and_new_ones_are_not() -> None:
    async with small_omero() as omero, pool_at(omero) as pool:
        thumbnails = Thumbnails(pool, timeout=10, stores=1)
        image = next(iter(omero.world.images))
        before = key_of(omero)
        assert (await thumbnails.get(before, ThumbnailRequest(image, 96))).jpeg
        await omero.close()
        with pytest.raises(OmeroUnavailable):
            await thumbnails.get(before, ThumbnailRequest(image, 96))
        await omero.start(tcp_port=omero.tcp_port)
        after = key_of(omero)
        # while it starts, nobody's session is known to have ended
        with saying(omero, NOT_NOW[7]), pytest.raises(OmeroUnavailable, match="is starting"):
            await thumbnails.get(before, ThumbnailRequest(image, 96))
        joins = omero.workload.calls["createSession"]
        for _ in range(10):
            with pytest.raises(SessionRefused):
                await thumbnails.get(before, ThumbnailRequest(image, 96))
        assert omero.workload.calls["createSession"] == joins + 1
        assert (await thumbnails.get(after, ThumbnailRequest(image, 96))).jpeg
