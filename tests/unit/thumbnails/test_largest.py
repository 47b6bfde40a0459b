"""The largest thumbnail that may be asked for by default: it comes whole, in a message of the default size."""

from __future__ import annotations

import io
import os
import tracemalloc
from functools import partial

import pytest
from PIL import Image as Pillow

from omero_embedded.images.picture import Picture
from omero_embedded.images.rendering import RenderingSettings
from omero_embedded.renderer import Renderer
from omero_ms_thumbnail.config import Settings
from omero_ms_thumbnail.omero.pool import SessionPool
from omero_ms_thumbnail.omero.session import JoinedSession, OmeroServer
from omero_ms_thumbnail.thumbnails.model import Thumbnail, ThumbnailError, ThumbnailRequest
from omero_ms_thumbnail.thumbnails.service import Thumbnails
from tests.unit.omero.small_omero import LEAVE_WITHIN, key_of, small_omero
from tests.unit.thumbnails.test_service import PLAIN

SETTINGS = Settings()
SIDE = SETTINGS.max_longest_side


class Drawn(Renderer):
    """Has drawn everything already."""

    def __init__(self, jpeg: bytes) -> None:
        super().__init__()
        self._jpeg = jpeg

    async def render(
        self, picture: Picture, settings: RenderingSettings, size: tuple[int, int], section: tuple[int, int] | None
    ) -> bytes:
        return self._jpeg


@pytest.fixture(scope="module")
def noise() -> bytes:
    """A JPEG in OMERO's quality of nothing but noise, of which there is none larger of that size."""
    made = io.BytesIO()
    Pillow.frombytes("RGB", (SIDE, SIDE), os.urandom(SIDE * SIDE * 3)).save(made, "JPEG", quality=85, subsampling=0)
    return made.getvalue()


async def seen(jpeg: bytes, message_size_max: int) -> tuple[Thumbnail | ThumbnailError, int]:
    """What comes of asking for it, and the bytes that it took to see it."""
    async with small_omero() as omero:
        omero.omero.renderer = Drawn(jpeg)
        server = OmeroServer(omero.host, omero.tcp_port, None, call_timeout=60, message_size_max=message_size_max)
        pool = SessionPool(partial(JoinedSession.join, server), idle_timeout=60, join_timeout=60, sessions_max=10)
        try:
            tracemalloc.start()
            asked = ThumbnailRequest(PLAIN, SIDE, stored=False)
            (outcome,) = await Thumbnails(pool, timeout=60, stores=4).get_all(key_of(omero), [asked])
            return outcome, tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
            await pool.close(LEAVE_WITHIN)


async def test_the_largest_thumbnail(noise: bytes) -> None:
    assert SIDE == 4000
    assert SIDE * SIDE < len(noise) < 1.6 * SIDE * SIDE < SETTINGS.omero.message_size_max
    outcome, peak = await seen(noise, SETTINGS.omero.message_size_max)
    assert isinstance(outcome, Thumbnail)
    assert outcome.jpeg == noise
    with Pillow.open(io.BytesIO(outcome.jpeg)) as picture:
        assert picture.size == (SIDE, SIDE)
    # the embedded OMERO writes it in the same process, and has it once more or twice
    assert peak < 6 * len(noise)


async def test_a_message_that_is_too_large_for_the_configuration(noise: bytes) -> None:
    outcome, _ = await seen(noise, len(noise) // 2)
    assert not isinstance(outcome, Thumbnail)
