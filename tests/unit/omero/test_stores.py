"""ThumbnailStores: how many are made, which are used again, and that each is closed whatever happens."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator

import pytest

from omero_embedded.embedded_omero import EmbeddedOmero
from omero_embedded.workload import Latency
from omero_ms_thumbnail.ice.errors import ConnectionManuallyClosedException, IceException, InvocationTimeoutException
from omero_ms_thumbnail.omero import stores
from omero_ms_thumbnail.omero.exceptions import ResourceError
from omero_ms_thumbnail.omero.session import GROUP, JoinedSession
from omero_ms_thumbnail.omero.stores import ThumbnailStore
from tests.unit.omero.small_omero import LEAVE_WITHIN, hold, key_of, server_of, small_omero

#: the researcher's first image, which has settings, and its group
PIXELS, CONTEXT = 1_000_101, {GROUP: "3"}

#: seconds after which a call counts as unanswered, where a test wants it unanswered
IMPATIENT = 0.15


@contextlib.asynccontextmanager
async def joined(omero: EmbeddedOmero, *, call_timeout: float = 10.0, stores: int = 4) -> AsyncIterator[JoinedSession]:
    server = server_of(omero, call_timeout=call_timeout, thumbnail_stores=stores)
    session = await JoinedSession.join(server, key_of(omero))
    try:
        yield session
    finally:
        await session.leave(LEAVE_WITHIN)


async def draw_set(session: JoinedSession) -> dict[int, bytes]:
    async with session.stores.lend_for_sets() as store:
        return await store.get_thumbnail_by_longest_side_set(16, [PIXELS], CONTEXT)


async def draw(session: JoinedSession) -> bytes:
    async with session.stores.lend() as store:
        await store.set_pixels_id(PIXELS, CONTEXT)
        return await store.get_thumbnail_by_longest_side(16, CONTEXT)


def assert_all_closed(omero: EmbeddedOmero, created: int) -> None:
    assert (omero.omero.stores_created, omero.omero.stores_closed) == (created, created)
    assert omero.omero.stores_overlapping == 0


async def until_closed(session: JoinedSession, count: int) -> None:
    async with asyncio.timeout(10):
        while session.stores.closed < count:
            await asyncio.sleep(0)


async def test_one_thumbnail_has_a_store_of_its_own_closed_behind_it() -> None:
    async with small_omero() as omero:
        async with joined(omero) as session:
            for number in range(1, 4):
                assert await draw(session)
                assert session.stores._idle == []
                await until_closed(session, number)
        assert_all_closed(omero, created=3)


async def test_sets_use_a_store_again_and_nobody_else_does() -> None:
    async with small_omero() as omero:
        async with joined(omero) as session:
            for _ in range(3):
                assert await draw_set(session)
            assert session.stores.created == 1
            assert await draw(session)
            assert session.stores.created == 2
        assert_all_closed(omero, created=2)


async def test_a_store_that_no_set_wants_for_a_while_is_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stores, "_IDLE_MAX", 0.05)
    async with small_omero() as omero:
        async with joined(omero) as session:
            await asyncio.gather(draw_set(session), draw_set(session))
            assert session.stores.created == 2
            await until_closed(session, 2)
            assert await draw_set(session)
            assert session.stores.created == 3
        assert_all_closed(omero, created=3)


async def test_no_more_stores_than_allowed_and_whoever_waits_gets_the_next_that_is_free() -> None:
    async with small_omero() as omero:
        held = hold(omero)
        async with joined(omero, stores=2) as session:
            drawing = [asyncio.create_task(draw(session)) for _ in range(5)]
            await held.drawing.wait()
            # a call after theirs has been answered: all that could go has gone
            await session.event_context()
            assert session.stores.created == 2
            held.release.set()
            assert len(await asyncio.gather(*drawing)) == 5
        assert_all_closed(omero, created=5)


async def test_no_store_is_used_again_after_omero_has_thrown() -> None:
    async with small_omero() as omero:
        async with joined(omero) as session:
            with pytest.raises(ResourceError):
                async with session.stores.lend_for_sets() as store:
                    await store.set_pixels_id(9_999_999, CONTEXT)
            assert await draw_set(session)
            assert session.stores.created == 2
        assert_all_closed(omero, created=2)


async def test_a_store_is_not_used_again_after_its_caller_has_failed() -> None:
    async with small_omero() as omero:
        async with joined(omero) as session:
            with pytest.raises(ZeroDivisionError):
                async with session.stores.lend_for_sets():
                    raise ZeroDivisionError
            assert await draw_set(session)
        assert_all_closed(omero, created=2)


async def test_a_store_whose_call_timed_out_is_closed_when_the_call_ends_and_not_before() -> None:
    async with small_omero() as omero:
        held = hold(omero)
        async with joined(omero, call_timeout=IMPATIENT, stores=1) as session:
            with pytest.raises(InvocationTimeoutException, match=r"getThumbnailByLongestSide within 0\.15 s"):
                await draw(session)
            async with session.stores.lend() as store:
                assert await store.set_pixels_id(PIXELS, CONTEXT)
            assert (omero.omero.stores_created, omero.omero.stores_closed) == (2, 0)
            held.release.set()
        assert_all_closed(omero, created=2)


async def test_a_store_in_a_call_is_not_lent_again_though_its_caller_makes_nothing_of_the_time_out() -> None:
    async with small_omero() as omero:
        held = hold(omero)
        async with joined(omero, call_timeout=IMPATIENT, stores=1) as session:
            async with session.stores.lend_for_sets() as store:
                await store.set_pixels_id(PIXELS, CONTEXT)
                with pytest.raises(InvocationTimeoutException):
                    await store.get_thumbnail_direct(16, 16, CONTEXT)
            async with session.stores.lend_for_sets() as store:
                assert await store.set_pixels_id(PIXELS, CONTEXT)
            held.release.set()
        assert_all_closed(omero, created=2)


async def test_a_store_whose_caller_gave_up_is_closed_when_the_call_ends_and_not_before() -> None:
    async with small_omero() as omero:
        held = hold(omero)
        async with joined(omero, stores=1) as session:
            drawing = asyncio.create_task(draw(session))
            await held.drawing.wait()
            drawing.cancel()
            with pytest.raises(asyncio.CancelledError):
                await drawing
            async with session.stores.lend() as store:
                assert await store.set_pixels_id(PIXELS, CONTEXT)
            assert (omero.omero.stores_created, omero.omero.stores_closed) == (2, 0)
            held.release.set()
        assert_all_closed(omero, created=2)


async def test_a_store_whose_call_is_never_answered_is_given_up_in_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stores, "TIMEOUTS_UNTIL_LOST", 2)
    async with small_omero() as omero:
        held = hold(omero)
        async with joined(omero, call_timeout=IMPATIENT) as session:
            before = len(asyncio.all_tasks())
            with pytest.raises(InvocationTimeoutException):
                await draw(session)
            assert session.stores.closed == 0
            async with asyncio.timeout(10):
                while session.stores.closed == 0 or session.stores._retiring:
                    await asyncio.sleep(0.01)
            # nobody waits for it any more, on this side
            assert session.stores.created == 1
            # OMERO itself works on: one task that has the call, one that would answer
            assert len(asyncio.all_tasks()) <= before + 2
            held.release.set()


@contextlib.asynccontextmanager
async def an_omero_that_makes_no_store(omero: EmbeddedOmero) -> AsyncIterator[None]:
    """Within, its only pair of hands draws for somebody else."""
    held = hold(omero)
    async with joined(omero) as other:
        drawing = asyncio.create_task(draw(other))
        await held.drawing.wait()
        try:
            yield
        finally:
            held.release.set()
            await drawing


async def until_asked_for_stores(omero: EmbeddedOmero, count: int) -> None:
    while omero.workload.calls.get("createThumbnailStore", 0) < count:
        await asyncio.sleep(0)


async def test_a_store_that_is_made_after_its_caller_gave_up_is_closed() -> None:
    async with small_omero(Latency(at_once=1)) as omero:
        async with joined(omero) as session, an_omero_that_makes_no_store(omero):
            drawing = asyncio.create_task(draw(session))
            await asyncio.wait_for(until_asked_for_stores(omero, 2), 10)
            drawing.cancel()
            with pytest.raises(asyncio.CancelledError):
                await drawing
            assert omero.omero.stores_created == 1
        assert_all_closed(omero, created=2)
        assert session.stores.created == session.stores.closed == 1


async def test_a_store_that_is_made_too_late_is_closed() -> None:
    async with small_omero(Latency(at_once=1)) as omero:
        async with joined(omero, call_timeout=IMPATIENT) as session, an_omero_that_makes_no_store(omero):
            with pytest.raises(InvocationTimeoutException, match=r"no ThumbnailStore within 0\.15 s"):
                await draw(session)
        assert_all_closed(omero, created=2)


async def test_leaving_waits_for_a_store_that_is_being_made_and_lends_no_other() -> None:
    async with small_omero(Latency(at_once=1)) as omero:
        async with joined(omero, stores=1) as session, an_omero_that_makes_no_store(omero):
            drawing = [asyncio.create_task(draw(session)) for _ in range(2)]
            await asyncio.wait_for(until_asked_for_stores(omero, 2), 10)
            leaving = asyncio.create_task(session.leave(LEAVE_WITHIN))
        await leaving
        first, second = await asyncio.gather(*drawing, return_exceptions=True)
        assert isinstance(first, bytes)
        assert isinstance(second, ConnectionManuallyClosedException)
        assert_all_closed(omero, created=2)


async def test_leaving_does_not_wait_for_ever(caplog: pytest.LogCaptureFixture) -> None:
    async with small_omero() as omero:
        held = hold(omero)
        async with joined(omero) as session:
            drawing = asyncio.create_task(draw(session))
            await held.drawing.wait()
            await session.leave(0.02)
            assert not session.is_active
            with pytest.raises(IceException):
                await drawing
    assert "1 ThumbnailStores could not be closed in time" in caplog.text


async def test_two_calls_at_once_on_one_store_are_a_mistake_that_is_noticed() -> None:
    async with small_omero() as omero:
        held = hold(omero)
        async with joined(omero) as session, session.stores.lend() as store:
            await store.set_pixels_id(PIXELS, CONTEXT)
            drawing = asyncio.create_task(store.get_thumbnail_direct(16, 16, CONTEXT))
            await held.drawing.wait()
            assert isinstance(store, ThumbnailStore)
            with pytest.raises(RuntimeError, match="used by two calls at once"):
                await store.is_in_progress(CONTEXT)
            held.release.set()
            assert await drawing
        assert_all_closed(omero, created=1)
