"""The embedded OMERO with the demo's users, groups and odd images, around flat pictures that cost nothing to draw."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial

import numpy as np

from omero_embedded.embedded_omero import EmbeddedOmero
from omero_embedded.images.picture import Channel, Picture, Plane
from omero_embedded.images.rendering import RenderingSettings
from omero_embedded.images.samples import Collection, Dataset, Plate
from omero_embedded.renderer import Renderer
from omero_embedded.sample_world import sample_world
from omero_embedded.workload import Latency
from omero_embedded.world import World
from omero_ms_thumbnail.omero.pool import SessionPool
from omero_ms_thumbnail.omero.session import JoinedSession, OmeroServer

#: seconds that leaving may take: a deadline, not a wait
LEAVE_WITHIN = 10.0


class FlatPicture(Picture):
    """One shade, a few sections."""

    def __init__(self, name: str, shade: float) -> None:
        self.name = name
        self.size_x, self.size_y = 64, 32
        self.size_z = self.size_t = 3
        self.channels = (Channel("Grey", (255, 255, 255)),)
        self._shade = shade

    def intensities(self, width: int, height: int, z: int, t: int) -> list[Plane]:
        return [np.full((height, width), self._shade, dtype=np.float32)]


def small_world() -> World:
    """Three datasets of six, one of them the pathologist's own, the special cases, and a plate of two wells."""
    shades = iter(np.linspace(0.1, 0.9, 20))

    def pictures(count: int) -> tuple[Picture, ...]:
        return tuple(FlatPicture(f"flat-{number}", float(next(shades))) for number in range(count))

    wells = dict(zip([(0, 0), (0, 1)], pictures(2), strict=True))
    return sample_world(
        Collection(
            tuple(Dataset(name, "Flat.", pictures(6)) for name in ("one", "two", "three")),
            (Plate("plate", 1, 2, wells),),
        )
    )


class HeldRenderer(Renderer):
    """Draws nothing until `release` is set; `drawing` is set once something waits for it."""

    def __init__(self) -> None:
        super().__init__()
        self.drawing = asyncio.Event()
        self.release = asyncio.Event()

    async def render(
        self, picture: Picture, settings: RenderingSettings, size: tuple[int, int], section: tuple[int, int] | None
    ) -> bytes:
        self.drawing.set()
        await self.release.wait()
        return await super().render(picture, settings, size, section)


@asynccontextmanager
async def small_omero(latency: Latency | None = None) -> AsyncIterator[EmbeddedOmero]:
    """It, listening, closed in the end."""
    omero = EmbeddedOmero(small_world(), latency=latency)
    await omero.start()
    try:
        yield omero
    finally:
        await omero.close()


def key_of(omero: EmbeddedOmero, name: str = "researcher") -> str:
    """The key of a session that goes on, of the user with that name."""
    user = omero.world.user_named(name)
    assert user is not None
    return omero.sessions.keep(user).key


def hold(omero: EmbeddedOmero) -> HeldRenderer:
    """Let everything that is to be drawn from now on wait."""
    held = HeldRenderer()
    omero.omero.renderer = held
    return held


def server_of(omero: EmbeddedOmero, *, call_timeout: float = 10.0, thumbnail_stores: int = 4) -> OmeroServer:
    """That OMERO as our client has it."""
    return OmeroServer(omero.host, omero.tcp_port, None, call_timeout=call_timeout, thumbnail_stores=thumbnail_stores)


@asynccontextmanager
async def pool_at(
    omero: EmbeddedOmero,
    *,
    idle_timeout: float = 60.0,
    call_timeout: float = 10.0,
    stores: int = 4,
    sessions_max: int = 100,
) -> AsyncIterator[SessionPool]:
    """A pool of sessions with that OMERO, closed in the end."""
    pool = SessionPool(
        partial(JoinedSession.join, server_of(omero, call_timeout=call_timeout, thumbnail_stores=stores)),
        idle_timeout=idle_timeout,
        join_timeout=call_timeout,
        sessions_max=sessions_max,
    )
    try:
        yield pool
    finally:
        await pool.close(LEAVE_WITHIN)
