"""What Redis tells of changed sessions, by a real Redis, and what is forgotten because of it."""

from __future__ import annotations

import asyncio
import pickle
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import redis

from omero_ms_thumbnail.websession import (
    CachedSessionStore,
    RedisSessionStore,
    SessionStoreUnavailable,
    WebSession,
)
from omero_ms_thumbnail.websession.redis_tracking import LEASE, RedisTracking
from tests.unit.websession.redis_server import RedisServer
from tests.unit.websession.tcp_server import serving

ID = "abcdefgh01234567"
KEY = f":1:django.contrib.sessions.cache{ID}"
SECRET = "S3cret-of-the-store"


async def until(condition: Callable[[], bool | Awaitable[bool]]) -> None:
    """Return as soon as the condition holds; the test's own time-out is generous."""
    async with asyncio.timeout(30):
        while True:
            holds = condition()
            if holds if isinstance(holds, bool) else await holds:
                return
            await asyncio.sleep(0.002)


class Tracked:
    """A cached Redis, with a look at how often Redis was asked."""

    def __init__(self, uri: str, **options: str) -> None:
        self.redis = RedisSessionStore(uri, timeout=30, **options)  # type: ignore[arg-type]
        tracking = self.redis.tracking()
        assert tracking is not None
        self.tracking: RedisTracking = tracking
        self.reads = 0
        ask = self.redis._ask

        async def counted(*question: object) -> object:
            self.reads += 1
            return await ask(*question)  # type: ignore[arg-type]

        self.redis._ask = counted  # type: ignore[method-assign,assignment]
        self.store = CachedSessionStore(self.redis, tracking, max_age=0.0)

    async def listening(self) -> None:
        await self.store.get("nobodynobody")
        await until(lambda: time.monotonic() < self.tracking.lease_until)

    async def remembered(self) -> None:
        """Return when the session is answered for without a read."""

        async def is_remembered() -> bool:
            before = self.reads
            return await self.store.get(ID) is not None and self.reads == before

        await until(is_remembered)

    async def gone(self) -> float:
        """Seconds until nobody is known by the id any more."""
        began = time.monotonic()

        async def is_gone() -> bool:
            return await self.store.get(ID) is None

        await until(is_gone)
        return time.monotonic() - began


@asynccontextmanager
async def tracked(uri: str, **options: str) -> AsyncIterator[Tracked]:
    tracked = Tracked(uri, **options)
    try:
        await tracked.listening()
        yield tracked
    finally:
        await tracked.store.close()


def session(key: str = "key") -> bytes:
    return pickle.dumps({"connector": {"omero_session_key": key}})


@pytest.fixture(autouse=True)
def only_this_tests_sessions(redis_client: redis.Redis) -> Iterator[None]:
    yield
    redis_client.delete(KEY)


@pytest.fixture
def uri(redis_server: RedisServer) -> str:
    return f"redis://127.0.0.1:{redis_server.port}/1"


async def test_redis_is_read_once_and_a_log_out_counts_at_once(uri: str, redis_client: redis.Redis) -> None:
    redis_client.set(KEY, session())
    async with tracked(uri) as cached:
        await cached.remembered()
        reads = cached.reads
        for _ in range(1000):
            assert await cached.store.get(ID) == WebSession("key")
        assert cached.reads == reads
        redis_client.delete(KEY)
        assert await cached.gone() < 1.0


async def test_another_session_under_the_same_id_counts_at_once(uri: str, redis_client: redis.Redis) -> None:
    redis_client.set(KEY, session("one"))
    async with tracked(uri) as cached:
        await cached.remembered()
        redis_client.set(KEY, session("two"))

        async def is_two() -> bool:
            return await cached.store.get(ID) == WebSession("two")

        began = time.monotonic()
        await until(is_two)
        assert time.monotonic() - began < 1.0


@pytest.mark.parametrize("empty", ["flushdb", "flushall"])
async def test_redis_that_is_emptied(uri: str, redis_client: redis.Redis, empty: str) -> None:
    redis_client.set(KEY, session())
    async with tracked(uri) as cached:
        await cached.remembered()
        getattr(redis_client, empty)()
        assert await cached.gone() < 1.0


async def test_expiry_in_redis_counts_at_once(uri: str, redis_client: redis.Redis) -> None:
    redis_client.set(KEY, session(), px=300)
    began = time.monotonic()
    async with tracked(uri) as cached:
        await cached.gone()
    assert 0.25 < time.monotonic() - began < 1.3


async def test_cached_db_and_a_prefix_of_ones_own(uri: str, redis_client: redis.Redis) -> None:
    key = f"omero:3:django.contrib.sessions.cached_db{ID}"
    redis_client.set(key, session())
    async with tracked(uri, key_prefix="omero", version=3) as cached:  # type: ignore[arg-type]
        await cached.remembered()
        redis_client.delete(key)
        assert await cached.gone() < 1.0


@pytest.fixture
def own_server(tmp_path: Path) -> Iterator[RedisServer]:
    server = RedisServer(tmp_path / "redis", options=(f"requirepass {SECRET}",))
    try:
        server.start()
        yield server
    finally:
        server.kill()


async def test_everything_is_forgotten_when_redis_goes_and_listened_to_again_when_it_is_back(
    own_server: RedisServer,
) -> None:
    uri = f"redis://:{SECRET}@127.0.0.1:{own_server.port}/1"
    with redis.Redis(port=own_server.port, db=1, password=SECRET) as client:
        client.set(KEY, session())
        async with tracked(uri) as cached:
            await cached.remembered()
            own_server.kill()
            await until(lambda: cached.tracking.lease_until == 0.0)
            with pytest.raises(SessionStoreUnavailable):
                await cached.store.get(ID)
            own_server.start()
            # It was never saved: what was remembered must not come back.
            assert await cached.store.get(ID) is None
            client.set(KEY, session("new"))
            assert await cached.store.get(ID) == WebSession("new")
            await cached.remembered()
            client.delete(KEY)
            assert await cached.gone() < 1.0


async def test_a_user_of_the_acl_needs_little(own_server: RedisServer) -> None:
    own_server.kill()
    keys = "~:1:django.contrib.sessions.*"
    own_server.options += (
        f"user thumbs on >pw {keys} +ping +select +getrange +pttl +hello +client|tracking",
        f"user untracked on >pw {keys} +ping +select +getrange +pttl +hello",
    )
    own_server.start()
    with redis.Redis(port=own_server.port, db=1, password=SECRET) as client:
        client.set(KEY, session())
        async with tracked(f"redis://thumbs:pw@127.0.0.1:{own_server.port}/1") as cached:
            await cached.remembered()
            client.delete(KEY)
            assert await cached.gone() < 1.0
        client.set(KEY, session())
        not_told = Tracked(f"redis://untracked:pw@127.0.0.1:{own_server.port}/1")
        assert await not_told.store.get(ID) is not None
        task = not_told.tracking._task
        assert task is not None
        await task
        before = not_told.reads
        assert await not_told.store.get(ID) is not None
        assert not_told.reads == before + 1
        await not_told.store.close()


async def test_sentinel_and_socket(redis_server: RedisServer, redis_client: redis.Redis, tmp_path: Path) -> None:
    sentinel = RedisServer(tmp_path / "sentinel", options=(f"sentinel monitor omero 127.0.0.1 {redis_server.port} 1",))
    try:
        sentinel.start("sentinel")
        for uri in (
            f"redis-sentinel://127.0.0.1:{sentinel.port}/1#omero",
            f"unix://{redis_server.socket_path}?db=1",
        ):
            redis_client.set(KEY, session())
            async with tracked(uri) as cached:
                await cached.remembered()
                redis_client.delete(KEY)
                assert await cached.gone() < 1.0
    finally:
        sentinel.kill()


async def test_a_connection_that_dies_without_a_word_costs_no_more_than_a_lease(
    redis_server: RedisServer, redis_client: redis.Redis
) -> None:
    swallow = asyncio.Event()

    async def relay(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        behind_reader, behind_writer = await asyncio.open_connection("127.0.0.1", redis_server.port)

        async def pump(source: asyncio.StreamReader, target: asyncio.StreamWriter, *, back: bool) -> None:
            while data := await source.read(65_536):
                if back and swallow.is_set():
                    continue
                target.write(data)

        try:
            await asyncio.gather(pump(reader, behind_writer, back=False), pump(behind_reader, writer, back=True))
        finally:
            behind_writer.close()

    redis_client.set(KEY, session())
    async with serving(relay) as port:
        store = RedisSessionStore(f"redis://127.0.0.1:{redis_server.port}/1", timeout=30)
        through_relay = RedisSessionStore(f"redis://127.0.0.1:{port}/1", timeout=30)
        tracking = through_relay.tracking()
        assert tracking is not None
        cached = CachedSessionStore(store, tracking, max_age=0.0)
        await cached.get(ID)
        await until(lambda: time.monotonic() < tracking.lease_until)
        assert await cached.get(ID) is not None
        swallow.set()
        redis_client.delete(KEY)
        began = time.monotonic()

        async def is_gone() -> bool:
            return await cached.get(ID) is None

        await until(is_gone)
        assert time.monotonic() - began < LEASE + 0.2
        await cached.close()
        await through_relay.close()


async def test_what_is_no_redis_is_not_listened_to() -> None:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readline()
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        await reader.read()

    async with serving(answer) as port:
        store = RedisSessionStore(f"redis://127.0.0.1:{port}", timeout=30)
        tracking = store.tracking()
        assert tracking is not None
        forgotten: list[str | None] = []
        tracking.start(forgotten.append)
        await until(lambda: bool(forgotten))
        assert tracking.lease_until == 0.0
        await tracking.close()
        await store.close()
