"""The pool's states, each entered and left by way of a real conversation with the embedded OMERO."""

from __future__ import annotations

import asyncio
import contextlib
import gc

import pytest

from omero_embedded.embedded_omero import EmbeddedOmero
from omero_embedded.workload import Latency
from omero_ms_thumbnail.ice.errors import ConnectFailedException, InvocationTimeoutException
from omero_ms_thumbnail.ice.glacier2 import CannotCreateSessionException, PermissionDeniedException
from omero_ms_thumbnail.omero.breaker import CircuitBreaker, JoinsSuspended
from omero_ms_thumbnail.omero.pool import PoolClosed, PoolSaturated, SessionPool
from omero_ms_thumbnail.omero.session import JoinedSession
from tests.unit.omero.small_omero import LEAVE_WITHIN, key_of, pool_at, server_of, small_omero


class Door:
    """Joins, each once it is let in: `arrived` is set when one waits at the door, `opened` lets all in."""

    def __init__(self, omero: EmbeddedOmero) -> None:
        self._server = server_of(omero)
        self.arrived = asyncio.Event()
        self.opened = asyncio.Event()
        self.joins = 0

    async def join(self, key: str) -> JoinedSession:
        self.joins += 1
        self.arrived.set()
        await self.opened.wait()
        return await JoinedSession.join(self._server, key)


async def lend(pool: SessionPool, key: str) -> JoinedSession:
    async with pool.lend(key) as session:
        return session


async def test_all_who_ask_share_one_join() -> None:
    async with small_omero() as omero, pool_at(omero) as pool:
        key = key_of(omero)
        sessions = await asyncio.gather(*(lend(pool, key) for _ in range(50)))
        assert len({id(session) for session in sessions}) == 1
        assert await lend(pool, key) is sessions[0] is pool.joined(key)
        assert omero.workload.calls["createSession"] == 1
        other = await lend(pool, key_of(omero, "root"))
        assert other is not sessions[0]
        assert (len(pool), omero.workload.calls["createSession"]) == (2, 2)


async def test_a_pool_and_its_members_say_how_they_are_and_never_a_key() -> None:
    async with small_omero() as omero:
        door = Door(omero)
        pool = SessionPool(door.join, idle_timeout=60, sessions_max=9)
        assert repr(pool) == "<SessionPool: empty; at most 9>"
        key = key_of(omero)
        asking = asyncio.create_task(lend(pool, key))
        await door.arrived.wait()
        assert repr(pool) == "<SessionPool: 1 joining; at most 9>"
        door.opened.set()
        await asking
        assert repr(pool) == "<SessionPool: 1 joined; at most 9>"
        member = pool._members[key]
        assert repr(member).startswith("<Member joined, lent 0 times, last used at ")
        assert key not in repr(member)
        await pool.close(LEAVE_WITHIN)
        assert repr(pool) == "<SessionPool closing: empty; at most 9>"


async def test_a_join_that_fails_is_given_to_all_who_wait() -> None:
    async with small_omero() as omero, pool_at(omero) as pool:
        outcomes = await asyncio.gather(*(lend(pool, "no-such-key") for _ in range(5)), return_exceptions=True)
        assert [type(one) for one in outcomes] == [PermissionDeniedException] * 5
        assert omero.workload.calls["createSession"] == 1
        assert len(pool) == 0


async def test_a_key_that_was_refused_is_not_tried_again_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    async with small_omero() as omero, pool_at(omero) as pool:
        now = 100.0
        monkeypatch.setattr(pool, "_now", lambda: now)
        for _ in range(20):
            with pytest.raises(PermissionDeniedException):
                await lend(pool, "no-such-key")
        assert omero.workload.calls["createSession"] == 1
        # nobody else is kept waiting for it
        assert (await lend(pool, key_of(omero))).is_active
        researcher = omero.world.user_named("researcher")
        assert researcher is not None
        omero.sessions.keep(researcher, "no-such-key")
        now += 59.0
        with pytest.raises(PermissionDeniedException):
            await lend(pool, "no-such-key")
        now += 1.0
        assert (await lend(pool, "no-such-key")).is_active


async def test_what_says_nothing_against_a_key_is_asked_again_after_a_second(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 100.0
    joins = 0

    async def join(_key: str) -> JoinedSession:
        nonlocal joins
        joins += 1
        raise CannotCreateSessionException(reason="User 7 is in no group")

    pool = SessionPool(join, idle_timeout=60)
    monkeypatch.setattr(pool, "_now", lambda: now)
    for _ in range(20):
        with pytest.raises(CannotCreateSessionException):
            await lend(pool, "key")
    assert joins == 1
    now += 1.0
    with pytest.raises(CannotCreateSessionException):
        await lend(pool, "key")
    assert joins == 2
    await pool.close(LEAVE_WITHIN)


async def test_one_whom_omero_does_not_let_in_keeps_nobody_else_out() -> None:
    async with small_omero() as omero:

        async def join(key: str) -> JoinedSession:
            if key.startswith("bad"):
                raise CannotCreateSessionException(reason="User 7 is in no group")
            return await JoinedSession.join(server_of(omero), key)

        pool = SessionPool(join, idle_timeout=60)
        for number in range(10):
            with pytest.raises(CannotCreateSessionException):
                await lend(pool, f"bad {number}")
        assert (await lend(pool, key_of(omero))).is_active
        await pool.close(LEAVE_WITHIN)


async def test_refusals_that_are_remembered_are_few() -> None:
    async with small_omero() as omero, pool_at(omero) as pool:
        for number in range(4_100):
            pool._remember_refusal(f"key {number}", PermissionDeniedException(reason="no"), 60.0)
        assert len(pool._refusals) == 4_000
        # the last ones
        assert "key 4099" in pool._refusals
        assert "key 0" not in pool._refusals


async def test_refusals_that_are_over_are_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    async with small_omero() as omero, pool_at(omero) as pool:
        now = 100.0
        monkeypatch.setattr(pool, "_now", lambda: now)
        for number in range(100):
            pool._remember_refusal(f"key {number}", PermissionDeniedException(reason="no"), 1.0)
            now += 0.3
        assert len(pool._refusals) <= 5


async def test_an_omero_that_is_not_there_is_tried_anew_by_the_next() -> None:
    async with small_omero() as omero:
        pass
    async with pool_at(omero) as pool:
        for _ in range(2):
            with pytest.raises(ConnectFailedException, match=f"no connection to {omero.host}:{omero.tcp_port}"):
                await lend(pool, "key")
        assert len(pool) == 0


async def test_who_began_a_join_and_gives_up_does_not_take_it_from_others() -> None:
    async with small_omero() as omero:
        door = Door(omero)
        pool = SessionPool(door.join, idle_timeout=60)
        key = key_of(omero)
        first = asyncio.create_task(lend(pool, key))
        await door.arrived.wait()
        second = asyncio.create_task(lend(pool, key))
        first.cancel()
        with pytest.raises(asyncio.CancelledError):
            await first
        door.opened.set()
        assert (await second).is_active
        assert door.joins == 1
        await pool.close(LEAVE_WITHIN)


async def test_a_join_that_nobody_waits_for_any_more_is_there_for_the_next() -> None:
    async with small_omero() as omero:
        door = Door(omero)
        pool = SessionPool(door.join, idle_timeout=60)
        key = key_of(omero)
        only = asyncio.create_task(lend(pool, key))
        await door.arrived.wait()
        only.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await only
        door.opened.set()
        assert (await lend(pool, key)).is_active
        assert door.joins == 1
        await pool.close(LEAVE_WITHIN)


async def test_a_join_that_takes_too_long_is_given_up_and_of_use_when_it_comes() -> None:
    async with small_omero() as omero:
        door = Door(omero)
        pool = SessionPool(door.join, idle_timeout=60, join_timeout=0.2)
        key = key_of(omero)
        with pytest.raises(InvocationTimeoutException, match=r"not let the session in within 0\.2 s"):
            await asyncio.wait_for(lend(pool, key), 10)
        with pytest.raises(JoinsSuspended, match=r"not let the session in within 0\.2 s"):
            await asyncio.wait_for(lend(pool, key), 10)
        door.opened.set()
        while pool.joined(key) is None:
            await asyncio.sleep(0.001)
        assert (await lend(pool, key)).is_active
        await pool.close(LEAVE_WITHIN)
        assert door.joins == 1
        assert len(omero.router) == 0
        assert omero.sessions.find(key) is not None


async def test_a_session_that_nobody_asks_for_is_left_and_one_in_use_is_not() -> None:
    idle_timeout = 0.06
    async with small_omero() as omero, pool_at(omero, idle_timeout=idle_timeout) as pool:
        used_key, idle_key = key_of(omero), key_of(omero, "root")
        async with pool.lend(used_key) as used:
            idle = await lend(pool, idle_key)
            await asyncio.wait_for(idle.wait_closed(), 10)
            assert used.is_active
            assert len(pool) == 1
        # it is idle from the end of its use on, not from its beginning
        given_back = asyncio.get_running_loop().time()
        await asyncio.wait_for(used.wait_closed(), 10)
        assert asyncio.get_running_loop().time() - given_back > idle_timeout / 2
        assert len(pool) == 0
        assert omero.sessions.find(used_key) is not None
        assert omero.sessions.find(idle_key) is not None
        assert (await lend(pool, used_key)) is not used


async def test_a_session_that_was_dropped_is_left_and_the_next_joins_anew() -> None:
    async with small_omero() as omero, pool_at(omero) as pool:
        key = key_of(omero)
        old = await lend(pool, key)
        pool.drop(key, old)
        assert pool.joined(key) is None
        new = await lend(pool, key)
        assert new is not old
        # whoever noticed late that the old one was of no use does not cost the new one
        pool.drop(key, old)
        pool.drop("another key", new)
        assert pool.joined(key) is new
        await asyncio.wait_for(old.wait_closed(), 10)
        assert new.is_active


async def test_a_session_whose_connection_goes_is_dropped() -> None:
    async with small_omero() as omero, pool_at(omero) as pool:
        key = key_of(omero)
        session = await lend(pool, key)
        await omero.close()
        await asyncio.wait_for(session.wait_closed(), 10)
        with pytest.raises(ConnectFailedException):
            await lend(pool, key)
        assert len(pool) == 0


async def test_closing_leaves_every_session_and_lends_no_more() -> None:
    async with small_omero() as omero, pool_at(omero) as pool:
        keys = [key_of(omero, name) for name in ("researcher", "colleague", "pathologist", "root")]
        sessions = [await lend(pool, key) for key in keys]
        for session in sessions:
            async with session.stores.lend():
                pass
        await pool.close(LEAVE_WITHIN)
        assert len(pool) == len(omero.router) == 0
        assert omero.omero.stores_created == omero.omero.stores_closed == 4
        assert all(omero.sessions.find(key) is not None for key in keys)
        with pytest.raises(PoolClosed):
            await lend(pool, keys[0])


async def test_closing_while_joining_tells_who_waits_and_leaves_what_comes() -> None:
    async with small_omero() as omero:
        door = Door(omero)
        pool = SessionPool(door.join, idle_timeout=60)
        key = key_of(omero)
        waiting = asyncio.create_task(lend(pool, key))
        await door.arrived.wait()
        closing = asyncio.create_task(pool.close(LEAVE_WITHIN))
        with pytest.raises(PoolClosed):
            await asyncio.wait_for(waiting, 10)
        assert not closing.done()
        door.opened.set()
        await closing
        assert omero.workload.calls["createSession"] == 1
        assert len(omero.router) == 0
        assert omero.sessions.find(key) is not None


async def test_closing_does_not_wait_for_ever_for_a_join() -> None:
    async with small_omero() as omero:
        door = Door(omero)
        pool = SessionPool(door.join, idle_timeout=60)
        waiting = asyncio.create_task(lend(pool, key_of(omero)))
        await door.arrived.wait()
        await pool.close(0.01)
        with pytest.raises(PoolClosed):
            await asyncio.wait_for(waiting, 10)
        assert "createSession" not in omero.workload.calls


async def test_the_session_that_was_used_longest_ago_makes_room_and_none_in_use_does() -> None:
    async with small_omero() as omero, pool_at(omero, sessions_max=2) as pool:
        first, second, third = (key_of(omero, name) for name in ("researcher", "colleague", "root"))
        oldest = await lend(pool, first)
        newer = await lend(pool, second)
        async with pool.lend(third):
            await asyncio.wait_for(oldest.wait_closed(), 10)
            assert newer.is_active
            assert pool.joined(first) is None
            async with pool.lend(second) as again:
                assert again is newer
                with pytest.raises(PoolSaturated, match="all 2 joined OMERO sessions are in use"):
                    await lend(pool, first)
            assert (await lend(pool, first)).is_active
            assert pool.joined(second) is None
            assert pool.joined(third) is not None
        assert len(pool) == 2


async def test_a_join_that_fails_unheard_is_no_error_of_the_loop() -> None:
    heard: list[dict[str, object]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: heard.append(context))
    async with small_omero(Latency(join=1.0)) as omero, pool_at(omero) as pool:
        asking = asyncio.create_task(lend(pool, "no-such-key"))
        while not pool:
            await asyncio.sleep(0)
        asking.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await asking
    del asking
    gc.collect()
    assert heard == []


async def test_while_omero_lets_nobody_in_few_try() -> None:
    async with small_omero() as omero:
        pass
    tried = 0

    async def join(key: str) -> JoinedSession:
        nonlocal tried
        tried += 1
        return await JoinedSession.join(server_of(omero), key)

    now = 0.0
    pool = SessionPool(join, idle_timeout=60, breaker=CircuitBreaker(now=lambda: now, chance=lambda: 1.0))
    for number in range(300):
        with pytest.raises((ConnectFailedException, JoinsSuspended), match=f"no connection to .*{omero.tcp_port}"):
            await lend(pool, f"key {number}")
    assert tried == 3
    now = 1.0
    for number in range(300):
        with pytest.raises((ConnectFailedException, JoinsSuspended)):
            await lend(pool, f"key {number}")
    assert tried == 4
    assert len(pool) == 0
    await pool.close(LEAVE_WITHIN)


async def test_joins_under_way_are_few_and_those_that_nobody_wants_any_more_are_left_out() -> None:
    async with small_omero() as omero:
        door = Door(omero)
        pool = SessionPool(door.join, idle_timeout=60)
        keys = [key_of(omero) for _ in range(50)]
        asking = [asyncio.create_task(lend(pool, key)) for key in keys]
        await door.arrived.wait()
        # those who gave up before it was their turn
        for task in asking[30:40]:
            task.cancel()
        await asyncio.gather(*asking[30:40], return_exceptions=True)
        assert door.joins == 16
        door.opened.set()
        joined = await asyncio.gather(*asking[:30], *asking[40:])
        assert len({id(session) for session in joined}) == 40
        assert door.joins == 40
        assert all(pool.joined(key) is None for key in keys[30:40])
        await pool.close(LEAVE_WITHIN)
        assert len(omero.router) == 0
