"""OMERO in trouble: sessions that end, routers that die, hang or come back, an OMERO that answers late or never."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import uuid
from pathlib import Path
from typing import Any

import pytest

from omero_ms_thumbnail.ice.connection import connect
from omero_ms_thumbnail.ice.errors import InvocationTimeoutException
from omero_ms_thumbnail.ice.glacier2 import RouterSession
from omero_ms_thumbnail.omero import stores
from omero_ms_thumbnail.omero.session import CLIENT_UUID, GROUP, ROUTER
from omero_ms_thumbnail.thumbnails.model import OmeroTooSlow, OmeroUnavailable, SessionRefused
from tests.real.conformance.glacier2 import Router
from tests.real.conformance.harness import ALICE_KEY, BOB_KEY, LAB, OmeroStandin, pixels
from tests.real.conformance.thumbnail_client import LEAVE_WITHIN, Heart, assert_left_clean, heart_at, joined, told
from tests.support.parts import require

SET = "getThumbnailByLongestSideSet"

IN_LAB = {GROUP: str(LAB)}

#: seconds after which a call counts as unanswered, where a test wants it unanswered
IMPATIENT = 0.3


async def until_in_time(heart: Heart, image: int, **more: int) -> dict[str, Any]:
    """What a thumbnail shows once OMERO has caught up with what was left behind; each try waits for OMERO."""
    async with asyncio.timeout(10):
        while True:
            with contextlib.suppress(OmeroTooSlow):
                return await heart.get(image, size=50, **more)


@pytest.mark.parametrize("exception", ["", "RemovedSessionException", "SessionTimeoutException"])
@pytest.mark.parametrize("more", [{}, {"height": 96}])
async def test_a_session_that_ends_under_us_is_refused_and_dropped(
    more: dict[str, int], exception: str, omero_standin: OmeroStandin
) -> None:
    key = omero_standin.start_session("alice")
    async with heart_at(omero_standin.plain) as heart:
        await heart.get(11, key=key, **more)
        omero_standin.end_session(key, exception)
        with pytest.raises(SessionRefused):
            await heart.get(11, size=48, key=key, **more)
        assert len(heart.pool) == 0
        # it is not tried one by one, which is for images
        assert len(omero_standin.calls("setPixelsId")) <= (2 if more else 0)
        # nobody else is touched by it
        assert (await heart.get(11, key=BOB_KEY))["image"] == 11
    stats = omero_standin.stats()
    assert stats["overlaps"] == 0
    assert stats["left_open"] == []


async def test_a_session_that_ends_in_a_call_is_refused(omero_standin: OmeroStandin) -> None:
    key = omero_standin.start_session("alice")
    async with heart_at(omero_standin.plain) as heart:
        held = asyncio.create_task(heart.get(49, height=96, key=key))
        await told(omero_standin.wait_for, "getThumbnailDirect", 1)
        omero_standin.end_session(key, "RemovedSessionException")
        omero_standin.release()
        # the call itself was answered; what follows it is not
        with pytest.raises(SessionRefused):
            await held


async def test_a_router_that_dies_and_comes_back(omero_standin: OmeroStandin) -> None:
    router = omero_standin.plain
    async with heart_at(router) as heart:
        await heart.get(11)
        held = asyncio.create_task(heart.get(49))
        await told(omero_standin.wait_for, SET, 2)
        await told(router.kill)
        with pytest.raises(OmeroUnavailable):
            await held
        with pytest.raises(OmeroUnavailable, match=rf"no connection to 127\.0\.0\.1:{router.port}"):
            await heart.get(11)
        assert len(heart.pool) == 0
        await told(router.restart)
        omero_standin.release()
        assert (await heart.get(11))["image"] == 11
        assert len(heart.pool) == 1


async def test_what_others_got_is_not_lost_with_a_router(omero_standin: OmeroStandin) -> None:
    async with heart_at(omero_standin.plain) as heart:
        many = asyncio.create_task(heart.get_all([49, 21, 31]))
        await told(omero_standin.wait_for, SET, 3)
        # one of the groups is held, the others are answered, on the way of the same thumbnails
        await heart.get(21)
        await heart.get(31)
        await told(omero_standin.plain.kill)
        assert await many == [OmeroUnavailable, 21, 31]


async def test_a_join_that_is_lost_is_joined_again_unnoticed(omero_standin: OmeroStandin) -> None:
    router = omero_standin.plain
    async with heart_at(router) as heart:
        await heart.get(11)
        await told(router.restart)
        assert (await heart.get(11, size=48))["image"] == 11
    assert omero_standin.stats()["joins"] == 2


async def test_services_that_omero_has_removed_are_joined_again_unnoticed(omero_standin: OmeroStandin) -> None:
    async with heart_at(omero_standin.plain) as heart:
        await heart.get(11)
        # the session goes on, and what this join had of it is gone
        omero_standin.end_session(ALICE_KEY)
        omero_standin.start_session("alice", key=ALICE_KEY)
        assert (await heart.get(11, size=48))["image"] == 11
    assert omero_standin.stats()["joins"] == 2


async def test_heartbeats_keep_a_join_that_nobody_uses(omero_standin: OmeroStandin) -> None:
    router = omero_standin.start_router(session_timeout=1)
    async with joined(router) as session:
        await session.event_context()
        silent = await connect(router.host, router.port, tls=None, timeout=10)
        await RouterSession.create(
            silent, BOB_KEY, BOB_KEY, router=ROUTER, context={CLIENT_UUID: str(uuid.uuid4())}, timeout=10
        )
        # the router lets go of a client that gives no sign of life for a second, and not of this one
        await asyncio.wait_for(silent.wait_closed(), 10)
        assert session.is_active
        assert (await session.event_context()).userName == "alice"


@pytest.mark.parametrize("more", [{}, {"height": 96}])
async def test_a_frozen_omero_is_too_slow_and_no_store_is_used_twice(
    more: dict[str, int], omero_standin: OmeroStandin
) -> None:
    async with heart_at(omero_standin.plain, timeout=IMPATIENT, stores=2) as heart:
        await until_in_time(heart, 11, **more)
        joins = omero_standin.stats()["joins"]
        omero_standin.freeze()
        for size in (47, 48):
            with pytest.raises(OmeroTooSlow):
                await heart.get(11, size=size, **more)
        omero_standin.thaw()
        assert (await until_in_time(heart, 12, **more))["image"] == 12
    assert omero_standin.stats()["joins"] == joins
    await assert_left_clean(omero_standin)


async def test_a_call_that_timed_out_keeps_its_store_from_others(
    omero_standin: OmeroStandin, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stores, "TIMEOUTS_UNTIL_LOST", 4)
    async with heart_at(omero_standin.plain, timeout=IMPATIENT, stores=1) as heart:
        await until_in_time(heart, 12)
        with pytest.raises(OmeroTooSlow):
            await heart.get(49)
        assert (await until_in_time(heart, 11))["image"] == 11
        stats = omero_standin.stats()
        assert (stats["calls"]["createThumbnailStore"], stats["calls"].get("close", 0)) == (2, 0)
        omero_standin.release()
        await told(omero_standin.wait_for, "close", 1)
    await assert_left_clean(omero_standin)


async def test_a_store_that_is_made_too_late_is_closed(omero_standin: OmeroStandin) -> None:
    async with heart_at(omero_standin.plain, timeout=IMPATIENT) as heart, heart.pool.lend(ALICE_KEY) as session:
        await session.event_context()
        omero_standin.freeze()
        with pytest.raises(InvocationTimeoutException):
            async with session.stores.lend():
                pass
        omero_standin.thaw()
        await told(omero_standin.wait_for, "close", 1)
    await assert_left_clean(omero_standin)


async def test_a_frozen_omero_that_lets_somebody_in_too_late_does_not_log_them_out(
    omero_standin: OmeroStandin,
) -> None:
    async with heart_at(omero_standin.plain, timeout=IMPATIENT) as heart:
        omero_standin.freeze()
        with pytest.raises(OmeroTooSlow):
            await heart.get(11)
        omero_standin.thaw()
        await told(omero_standin.wait_for, "create", 1)
    await told(omero_standin.wait_until_left)
    assert ALICE_KEY in omero_standin.stats()["sessions"]
    await assert_left_clean(omero_standin)


async def test_closing_while_joining_does_not_log_anybody_out(omero_standin: OmeroStandin) -> None:
    async with heart_at(omero_standin.plain) as heart:
        omero_standin.freeze()
        asking = asyncio.create_task(heart.get(11))
        await told(omero_standin.wait_for, "checkPermissions", 1)
        closing = asyncio.create_task(heart.pool.close(LEAVE_WITHIN))
        omero_standin.thaw()
        await closing
        with pytest.raises(OmeroUnavailable):
            await asking
    await assert_left_clean(omero_standin)


async def test_a_router_that_hangs_is_too_slow_and_goes_on(omero_standin: OmeroStandin) -> None:
    router = omero_standin.plain
    async with heart_at(router, timeout=IMPATIENT) as heart:
        await until_in_time(heart, 11)
        router.pause()
        with pytest.raises(OmeroTooSlow):
            await heart.get(11, size=48)
        router.resume()
        assert (await until_in_time(heart, 12))["image"] == 12
    await assert_left_clean(omero_standin)


async def test_a_router_that_hangs_before_anybody_is_in(omero_standin: OmeroStandin) -> None:
    router = omero_standin.plain
    async with heart_at(router, timeout=10, connect_timeout=IMPATIENT) as heart:
        router.pause()
        with pytest.raises(OmeroUnavailable, match="did not speak Ice within"):
            await heart.get(11)
        router.resume()
        assert (await heart.get(11))["image"] == 11


async def test_a_session_that_nobody_asks_for_is_left_and_joined_again(omero_standin: OmeroStandin) -> None:
    async with heart_at(omero_standin.plain, idle_timeout=0.04) as heart:
        await heart.get(11)
        await told(omero_standin.wait_until_left)
        assert len(heart.pool) == 0
        await assert_left_clean(omero_standin)
        await heart.get(11)
    assert omero_standin.stats()["joins"] == 2
    await assert_left_clean(omero_standin)


async def test_a_session_that_is_in_use_is_not_idle(omero_standin: OmeroStandin) -> None:
    async with heart_at(omero_standin.plain, idle_timeout=0.04) as heart:
        held = asyncio.create_task(heart.get(49))
        await told(omero_standin.wait_for, SET, 1)
        await heart.get(11, key=BOB_KEY)
        idle = heart.pool.joined(BOB_KEY)
        assert idle is not None
        # by the time that the other session is left for being idle, this one has been passed over
        await asyncio.wait_for(idle.wait_closed(), 10)
        assert heart.pool.joined(ALICE_KEY) is not None
        omero_standin.release()
        assert (await held)["image"] == 49


async def test_closing_in_a_call_waits_for_it_and_leaves_nothing_behind(omero_standin: OmeroStandin) -> None:
    async with heart_at(omero_standin.plain, stores=2) as heart:
        asking = [asyncio.create_task(heart.get(49, size=size)) for size in (30, 31, 32, 33)]
        await told(omero_standin.wait_for, SET, 2)
        closing = asyncio.create_task(heart.pool.close(LEAVE_WITHIN))
        omero_standin.set_image(49, behaviour="normal")
        omero_standin.release()
        await closing
        outcomes = await asyncio.gather(*asking, return_exceptions=True)
    assert [type(one) for one in outcomes] == [dict, dict, OmeroUnavailable, OmeroUnavailable]
    await assert_left_clean(omero_standin)


async def test_leaving_while_a_store_is_being_made_leaves_none_behind(omero_standin: OmeroStandin) -> None:
    async with joined(omero_standin.plain) as session:
        await session.event_context()
        omero_standin.freeze()

        async def use() -> None:
            async with session.stores.lend() as store:
                await store.set_pixels_id(pixels(11), IN_LAB)

        using = asyncio.create_task(use())
        await told(omero_standin.wait_for, "createThumbnailStore", 1)
        leaving = asyncio.create_task(session.leave(LEAVE_WITHIN))
        omero_standin.thaw()
        await leaving
        await asyncio.gather(using, return_exceptions=True)
    await assert_left_clean(omero_standin)


async def test_an_omero_that_is_down_behind_its_router_does_not_throw_users_out(
    omero_standin: OmeroStandin, tmp_path: Path
) -> None:
    """The router then refuses everybody in the words of a wrong password; 403 would send them to the login page."""
    with socket.create_server(("127.0.0.1", 0)) as nobody:
        closed = nobody.getsockname()[1]
    router = Router("plain", tmp_path, require("glacier2router"), closed)
    await told(router.start)
    try:
        async with heart_at(router) as heart:
            with pytest.raises(OmeroUnavailable, match=r"the OMERO\.server behind it"):
                await heart.get(11)
            with pytest.raises(OmeroUnavailable):
                await heart.get_all([11, 12])
    finally:
        await told(router.stop)
    # the same key is as good as ever where there is an OMERO
    async with heart_at(omero_standin.plain) as heart:
        assert (await heart.get(11))["image"] == 11
