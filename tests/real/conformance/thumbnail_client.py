"""Our own client and thumbnail heart at a router of the stand-in, as one worker process has them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any, ParamSpec, TypeVar

from omero_ms_thumbnail.ice.tls import client_context
from omero_ms_thumbnail.omero.permits import Permits
from omero_ms_thumbnail.omero.pool import SessionPool
from omero_ms_thumbnail.omero.session import JoinedSession, OmeroServer
from omero_ms_thumbnail.thumbnails.model import Thumbnail, ThumbnailRequest
from omero_ms_thumbnail.thumbnails.service import Thumbnails
from tests.real.conformance.glacier2 import Router
from tests.real.conformance.harness import ALICE_KEY, OmeroStandin
from tests.real.conformance.standin.pictures import what_is_shown

P = ParamSpec("P")
R = TypeVar("R")

#: seconds that leaving may take: a deadline, not a wait
LEAVE_WITHIN = 10.0


async def told(command: Callable[P, R], *arguments: P.args, **named: P.kwargs) -> R:
    """What a command of the stand-in answers, in a thread: it blocks, and the answer may need this event loop."""
    return await asyncio.to_thread(command, *arguments, **named)


def server_of(router: Router, *, verify: bool = False, **more: Any) -> OmeroServer:
    """That router as our client has it, its certificate verified or not."""
    tls = client_context(verify=verify, ca_file=router.ca_file if verify else None) if router.secure else None
    return OmeroServer(router.host, router.port, tls, path="/" if router.websocket else "", **more)


@asynccontextmanager
async def joined(router: Router, key: str = ALICE_KEY, **more: Any) -> AsyncIterator[JoinedSession]:
    """A session joined by its key, left in the end."""
    session = await JoinedSession.join(server_of(router, **more), key)
    try:
        yield session
    finally:
        await session.leave(LEAVE_WITHIN)


@dataclass(frozen=True)
class Heart:
    """The pool of joined sessions, and what asks through it."""

    pool: SessionPool
    thumbnails: Thumbnails

    async def get(self, image: int, size: int = 96, *, key: str = ALICE_KEY, **more: Any) -> dict[str, Any]:
        """What the thumbnail of an image shows. Raises ThumbnailError."""
        return what_is_shown((await self.thumbnails.get(key, ThumbnailRequest(image, size, **more))).jpeg)

    async def get_all(self, images: Iterable[int], size: int = 96, *, key: str = ALICE_KEY) -> list[Any]:
        """For each image the image that is shown, or the ThumbnailError's type."""
        outcomes = await self.thumbnails.get_all(key, [ThumbnailRequest(image, size) for image in images])
        return [
            what_is_shown(one.jpeg).get("image", "clock") if isinstance(one, Thumbnail) else type(one)
            for one in outcomes
        ]


@asynccontextmanager
async def heart_at(
    router: Router,
    *,
    timeout: float = 10.0,
    stores: int = 4,
    idle_timeout: float = 60.0,
    calls_at_once: int | None = None,
    **more: Any,
) -> AsyncIterator[Heart]:
    """A heart that has left OMERO in the end."""
    server = server_of(router, call_timeout=timeout, thumbnail_stores=stores, **more)
    pool = SessionPool(partial(JoinedSession.join, server), idle_timeout=idle_timeout, join_timeout=timeout)
    try:
        permits = Permits(calls_at_once) if calls_at_once is not None else None
        yield Heart(pool, Thumbnails(pool, timeout=timeout, stores=stores, permits=permits))
    finally:
        await pool.close(LEAVE_WITHIN)


async def assert_left_clean(standin: OmeroStandin, *keys: str) -> None:
    """Every join has left; each had detached once and closed what it made, and the users' sessions go on."""
    await told(standin.wait_until_left)
    stats = standin.stats()
    for client in stats["clients"].values():
        assert client["detachOnDestroy"] == 1, stats
        assert client["services_created"] == client["services_closed"], stats
    assert stats["left_open"] == []
    assert stats["overlaps"] == 0
    assert set(keys or (ALICE_KEY,)) <= set(stats["sessions"])
