"""A session that was left is gone at once: what only the garbage collector frees stays for minutes, and adds up."""

from __future__ import annotations

import asyncio
import gc
import uuid
import weakref
from collections.abc import Awaitable

from omero_embedded.workload import Latency
from omero_ms_thumbnail.ice.glacier2 import PermissionDeniedException
from omero_ms_thumbnail.omero.pool import Member
from omero_ms_thumbnail.omero.session import JoinedSession
from omero_ms_thumbnail.thumbnails.model import SessionRefused, ThumbnailRequest
from omero_ms_thumbnail.thumbnails.service import Thumbnails
from tests.unit.omero.small_omero import key_of, pool_at, small_omero


async def _left(thumbnails: Thumbnails, key: str, images: list[int]) -> weakref.ref[JoinedSession]:
    """A session that thumbnails were asked of, once it was left."""
    pool = thumbnails._pool
    await thumbnails.get_all(key, [ThumbnailRequest(image, 16) for image in images])
    session = pool.joined(key)
    assert session is not None
    pool.drop(key, session)
    await session.wait_closed()
    while pool._tasks:
        await asyncio.wait(tuple(pool._tasks))
    return weakref.ref(session)


async def _is_gone(thumbnails: Thumbnails, leaving: Awaitable[weakref.ref[JoinedSession]]) -> bool:
    """Whether the session that `leaving` has left goes without a garbage collection."""
    gc.disable()
    try:
        left = await leaving
        thumbnails._forget_left()
        # whoever was woken by its end has then gone too
        for _ in range(3):
            await asyncio.sleep(0)
        return left() is None
    finally:
        gc.enable()


async def test_nothing_of_a_session_that_was_left_waits_for_the_garbage_collector() -> None:
    async with small_omero() as omero, pool_at(omero) as pool:
        thumbnails = Thumbnails(pool, timeout=10, stores=4)
        images = list(omero.world.images)[:6]
        assert await _is_gone(thumbnails, _left(thumbnails, key_of(omero), images))


async def test_nor_does_anything_of_one_whose_connection_broke_under_its_calls() -> None:
    async with small_omero(Latency(query=20, store=20)) as omero, pool_at(omero) as pool:
        thumbnails = Thumbnails(pool, timeout=10, stores=4)
        key = key_of(omero)

        async def broken() -> weakref.ref[JoinedSession]:
            asking = asyncio.create_task(
                thumbnails.get_all(key, [ThumbnailRequest(image, 16) for image in list(omero.world.images)[:6]])
            )
            while not omero.workload.calls.get("createThumbnailStore"):
                await asyncio.sleep(0.001)
            session = pool.joined(key)
            assert session is not None
            transport = session._router._connection._transport
            assert transport is not None
            transport.abort()
            # the session is joined again, and everybody gets what they asked for
            await asking
            return weakref.ref(session)

        assert await _is_gone(thumbnails, broken())


async def _is_refused(thumbnails: Thumbnails, key: str) -> bool:
    # not by pytest.raises, which keeps what was raised
    try:
        await thumbnails.get(key, ThumbnailRequest(1, 16))
    except SessionRefused:
        return True
    return False


def _of_joins() -> list[object]:
    # by type(): isinstance asks some objects for their class, and wakes them
    return [one for one in gc.get_objects() if type(one) in (Member, PermissionDeniedException)]


async def test_nor_does_a_join_that_was_refused() -> None:
    async with small_omero() as omero, pool_at(omero) as pool:
        thumbnails = Thumbnails(pool, timeout=10, stores=4)
        before = _of_joins()
        gc.disable()
        try:
            for _ in range(3):
                assert await _is_refused(thumbnails, str(uuid.uuid4()))
                # some wait for one join, and those who come later are told what came of it
                assert all(await asyncio.gather(*(_is_refused(thumbnails, "no key") for _ in range(3))))
            while pool._tasks:
                await asyncio.wait(tuple(pool._tasks))
            for _ in range(3):
                await asyncio.sleep(0)
            left = [one for one in _of_joins() if all(one is not other for other in before)]
            remembered = [error for _, error in pool._refusals.values()]
            assert sorted(map(id, left)) == sorted(map(id, remembered))
            # with it, the frames that it came through would be remembered, and the connection in them
            assert all(error.__traceback__ is None for error in remembered)
        finally:
            gc.enable()
