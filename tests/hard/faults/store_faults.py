"""Faults of where OMERO.web keeps its sessions, and of the cache that workers share."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import redis

from tests.hard.faults.omero import NAMES, session_key
from tests.hard.faults.relay import PlainRelay
from tests.hard.faults.sessions import PostgresSessions, RedisSessions, by_cookie
from tests.hard.faults.site import Site, site
from tests.hard.faults.striking import Seen, Strike
from tests.unit.websession.redis_server import RedisServer

SESSIONS = 24
KEYS = {session_key(name, number): name for number in range(SESSIONS // 4) for name in NAMES}


@asynccontextmanager
async def with_redis(
    folder: Path, *, relayed: bool = False, **more: Any
) -> AsyncIterator[tuple[Site, RedisSessions, PlainRelay]]:
    """A site whose sessions are in Redis, behind a relay if it is to be so."""
    async with AsyncExitStack() as stack:
        sessions = await asyncio.to_thread(RedisSessions, folder)
        stack.push_async_callback(asyncio.to_thread, sessions.stop)
        await asyncio.to_thread(sessions.put, KEYS)
        relay = await stack.enter_async_context(PlainRelay(sessions.server.port).running())
        store = sessions.configuration(relay.port if relayed else None)
        made = await stack.enter_async_context(
            site(folder, sessions=SESSIONS, visitors=by_cookie(KEYS), **{"session-store": store}, **more)
        )
        yield made, sessions, relay


@asynccontextmanager
async def with_postgres(
    folder: Path, *, relayed: bool = False, **more: Any
) -> AsyncIterator[tuple[Site, PostgresSessions, PlainRelay]]:
    """A site whose sessions are in PostgreSQL, behind a relay if it is to be so."""
    async with AsyncExitStack() as stack:
        sessions = await asyncio.to_thread(PostgresSessions)
        stack.push_async_callback(sessions.stop)
        await sessions.put(KEYS)
        relay = await stack.enter_async_context(PlainRelay(sessions.server.port).running())
        store = sessions.configuration(relay.port if relayed else None)
        made = await stack.enter_async_context(
            site(folder, sessions=SESSIONS, visitors=by_cookie(KEYS), **{"session-store": store}, **more)
        )
        yield made, sessions, relay


async def redis_killed(folder: Path) -> Seen:
    async with with_redis(folder) as (at, sessions, _):
        strike = Strike(at, "Redis with the sessions killed (SIGKILL), started again after 1.5 s")
        return await strike(
            lambda: asyncio.to_thread(sessions.server.kill), lambda: asyncio.to_thread(sessions.server.start)
        )


async def redis_frozen(folder: Path) -> Seen:
    async with with_redis(folder, connections=300) as (at, sessions, _):
        strike = Strike(at, "Redis with the sessions frozen (SIGSTOP) for 4 s, resumed")
        process = sessions.server.process
        assert process is not None

        async def freeze() -> None:
            process.send_signal(signal.SIGSTOP)

        async def resume() -> None:
            process.send_signal(signal.SIGCONT)

        return await strike(freeze, resume, lasting=4.0)


async def redis_full(folder: Path) -> Seen:
    async with with_redis(folder) as (at, sessions, _):
        strike = Strike(at, "Redis with the sessions full (maxmemory 1, noeviction)", "no user notices", frozenset())

        async def fill() -> None:
            await asyncio.to_thread(sessions.configure, "maxmemory-policy", "noeviction")
            await asyncio.to_thread(sessions.configure, "maxmemory", "1")

        async def empty() -> None:
            await asyncio.to_thread(sessions.configure, "maxmemory", "0")

        return await strike(fill, empty)


async def redis_slow(folder: Path) -> Seen:
    async with with_redis(folder, relayed=True) as (at, _, relay):
        strike = Strike(at, "Redis with the sessions 400 ms late", "slower at worst", frozenset())
        return await strike(*_slow(relay, 0.4))


async def redis_too_slow(folder: Path) -> Seen:
    async with with_redis(folder, relayed=True, connections=300) as (at, _, relay):
        return await Strike(at, "Redis with the sessions 3 s late, beyond its time-out")(
            *_slow(relay, 3.0), lasting=4.0
        )


async def redis_read_only(folder: Path) -> Seen:
    async with with_redis(folder) as (at, sessions, _):
        strike = Strike(
            at, "Redis with the sessions a replica of a master that is gone (read-only)", "no user notices", frozenset()
        )

        async def become(*words: str) -> None:
            with sessions.client as client:
                await asyncio.to_thread(client.execute_command, "REPLICAOF", *words)

        return await strike(lambda: become("127.0.0.1", "1"), lambda: become("NO", "ONE"))


async def redis_failed_over(folder: Path) -> Seen:
    async with AsyncExitStack() as stack:
        master = await asyncio.to_thread(RedisSessions, folder)
        stack.push_async_callback(asyncio.to_thread, master.stop)
        replica = RedisServer(folder / "replica", options=(f"replicaof 127.0.0.1 {master.server.port}",))
        await asyncio.to_thread(replica.start)
        stack.push_async_callback(asyncio.to_thread, replica.kill)
        await asyncio.to_thread(master.put, KEYS)
        with master.client as client:
            await asyncio.to_thread(client.execute_command, "WAIT", 1, 10_000)
        options = (
            f"sentinel monitor omero 127.0.0.1 {master.server.port} 1",
            "sentinel down-after-milliseconds omero 500",
            "sentinel failover-timeout omero 3000",
        )
        sentinel = RedisServer(folder / "sentinel", options=options)
        await asyncio.to_thread(sentinel.start, "sentinel")
        stack.push_async_callback(asyncio.to_thread, sentinel.kill)
        await asyncio.to_thread(_until_sentinel_knows_the_replica, sentinel.port)
        store = {"type": "redis", "uri": f"redis-sentinel://127.0.0.1:{sentinel.port}/1#omero"}
        at = await stack.enter_async_context(
            site(folder, sessions=SESSIONS, visitors=by_cookie(KEYS), **{"session-store": store})
        )
        strike = Strike(at, "the master of a Redis with the sessions killed, Sentinel makes its replica the master")
        return await strike(
            lambda: asyncio.to_thread(master.server.kill),
            lambda: asyncio.to_thread(_until_master, replica.port),
            lasting=0.0,
        )


def _until_sentinel_knows_the_replica(port: int) -> None:
    with redis.Redis(port=port) as client:
        while not client.execute_command("SENTINEL", "REPLICAS", "omero"):
            signal.sigtimedwait([], 0.05)


def _until_master(port: int) -> None:
    with redis.Redis(port=port) as client:
        while client.execute_command("ROLE")[0] != b"master":
            signal.sigtimedwait([], 0.05)


async def postgres_killed(folder: Path) -> Seen:
    async with with_postgres(folder) as (at, sessions, _):
        strike = Strike(at, "PostgreSQL with the sessions killed, started again after 1.5 s")
        return await strike(
            lambda: asyncio.to_thread(sessions.server.kill), lambda: asyncio.to_thread(sessions.server.start)
        )


async def postgres_frozen(folder: Path) -> Seen:
    async with with_postgres(folder, connections=300) as (at, sessions, _):
        strike = Strike(at, "PostgreSQL with the sessions frozen (SIGSTOP) for 4 s, resumed")
        frozen: list[int] = []

        async def freeze() -> None:
            frozen.extend(sessions.pids())
            for pid in frozen:
                os.kill(pid, signal.SIGSTOP)

        async def resume() -> None:
            for pid in frozen:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGCONT)

        return await strike(freeze, resume, lasting=4.0)


async def postgres_full(folder: Path) -> Seen:
    """Others have all its connections, and ours was ended."""
    async with with_postgres(folder) as (at, sessions, _):
        strike = Strike(at, "PostgreSQL with the sessions without a free connection")
        taken: list[Any] = []

        async def take_all() -> None:
            others = (
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'omero-ms-thumbnail'"
            )
            first = await sessions.connect()
            taken.append(first)
            # all that are left, those of the superuser too
            while True:
                try:
                    taken.append(await sessions.connect())
                except Exception:
                    if not await first.fetchval(f"SELECT count(*) FROM ({others}) AS ended"):
                        return

        async def give_back() -> None:
            for connection in taken:
                await connection.close()

        return await strike(take_all, give_back)


async def postgres_slow(folder: Path) -> Seen:
    async with with_postgres(folder, relayed=True) as (at, _, relay):
        strike = Strike(at, "PostgreSQL with the sessions 200 ms late", "slower at worst", frozenset())
        return await strike(*_slow(relay, 0.2))


async def postgres_read_only(folder: Path) -> Seen:
    async with with_postgres(folder) as (at, sessions, _):
        strike = Strike(at, "PostgreSQL with the sessions read-only, as a standby is", "no user notices", frozenset())

        def only(setting: str) -> Any:
            return sessions.run(
                f"ALTER SYSTEM SET default_transaction_read_only = {setting}", "SELECT pg_reload_conf()"
            )

        async def writable() -> None:
            await sessions.run("SET default_transaction_read_only = off")
            connection = await sessions.connect()
            await connection.execute("SET default_transaction_read_only = off")
            await connection.execute("ALTER SYSTEM SET default_transaction_read_only = off")
            await connection.execute("SELECT pg_reload_conf()")
            await connection.close()

        return await strike(lambda: only("on"), writable)


async def shared_cache_killed(folder: Path) -> Seen:
    async with _shared_cache(folder) as (at, server):
        strike = Strike(at, "Redis with the shared cache killed and started again", "no user notices", frozenset())
        return await strike(lambda: asyncio.to_thread(server.kill), lambda: asyncio.to_thread(server.start))


async def shared_cache_frozen(folder: Path) -> Seen:
    async with _shared_cache(folder) as (at, server):
        process = server.process
        assert process is not None

        async def freeze() -> None:
            process.send_signal(signal.SIGSTOP)

        async def resume() -> None:
            process.send_signal(signal.SIGCONT)

        strike = Strike(at, "Redis with the shared cache frozen, resumed", "a few wait 250 ms longer", frozenset())
        return await strike(freeze, resume)


async def shared_cache_full(folder: Path) -> Seen:
    async with _shared_cache(folder) as (at, server):

        async def limit(size: int) -> None:
            with redis.Redis(port=server.port) as client:
                await asyncio.to_thread(client.config_set, "maxmemory", size)

        strike = Strike(
            at, "Redis with the shared cache full (maxmemory 1, noeviction)", "no user notices", frozenset()
        )
        return await strike(lambda: limit(1), lambda: limit(0))


@asynccontextmanager
async def _shared_cache(folder: Path) -> AsyncIterator[tuple[Site, RedisServer]]:
    server = RedisServer(folder / "cache")
    await asyncio.to_thread(server.start)
    try:
        cache = {"life": 60, "memory": 0, "redis-uri": f"redis://127.0.0.1:{server.port}/2"}
        async with site(folder, cache=cache) as at:
            yield at, server
    finally:
        await asyncio.to_thread(server.kill)


def _slow(relay: PlainRelay, seconds: float) -> tuple[Any, Any]:
    async def slow() -> None:
        relay.delay = seconds

    async def brisk() -> None:
        relay.delay = 0.0

    return slow, brisk


ALL = (
    redis_killed,
    redis_frozen,
    redis_full,
    redis_slow,
    redis_too_slow,
    redis_read_only,
    redis_failed_over,
    postgres_killed,
    postgres_frozen,
    postgres_full,
    postgres_slow,
    postgres_read_only,
    shared_cache_killed,
    shared_cache_frozen,
    shared_cache_full,
)
