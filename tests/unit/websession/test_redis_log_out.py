"""How soon the end of a session in a real Redis is noticed, and how often that Redis is read meanwhile."""

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
from omero_ms_thumbnail.websession.cached_store import MAX_AGE
from tests.unit.websession.redis_server import RedisServer

ID = "abcdefgh01234567"
KEY = f":1:django.contrib.sessions.cache{ID}"
SECRET = "S3cret-of-the-store"
PROMISED = 1.0


async def until(condition: Callable[[], Awaitable[bool]]) -> float:
    """Return as soon as the condition holds, with the seconds that it took; the test's own time-out is generous."""
    began = time.monotonic()
    async with asyncio.timeout(30):
        while not await condition():
            await asyncio.sleep(0.002)
    return time.monotonic() - began


class Cached:
    """A cached Redis as the service has it, with a look at how often Redis was asked."""

    def __init__(self, uri: str, **options: str) -> None:
        self.redis = RedisSessionStore(uri, timeout=30, **options)  # type: ignore[arg-type]
        self.reads = 0
        ask = self.redis._ask

        async def counted(*question: object) -> object:
            self.reads += 1
            return await ask(*question)  # type: ignore[arg-type]

        self.redis._ask = counted  # type: ignore[method-assign,assignment]
        self.store = CachedSessionStore(self.redis)

    async def remembered(self) -> None:
        """Return when the session is answered for without a read."""

        async def is_remembered() -> bool:
            before = self.reads
            return await self.store.get(ID) is not None and self.reads == before

        await until(is_remembered)

    async def gone(self) -> float:
        """Seconds until nobody is known by the id any more."""

        async def is_gone() -> bool:
            return await self.store.get(ID) is None

        return await until(is_gone)


@asynccontextmanager
async def cached(uri: str, **options: str) -> AsyncIterator[Cached]:
    one = Cached(uri, **options)
    try:
        yield one
    finally:
        await one.store.close()


def session(key: str = "key") -> bytes:
    return pickle.dumps({"connector": {"omero_session_key": key}})


@pytest.fixture(autouse=True)
def only_this_tests_sessions(redis_client: redis.Redis) -> Iterator[None]:
    yield
    redis_client.delete(KEY)


@pytest.fixture
def uri(redis_server: RedisServer) -> str:
    return f"redis://127.0.0.1:{redis_server.port}/1"


def test_what_is_remembered_is_far_from_the_promise() -> None:
    assert MAX_AGE <= PROMISED / 2


async def test_redis_is_read_twice_a_second_and_a_log_out_counts_within_one(
    uri: str, redis_client: redis.Redis
) -> None:
    redis_client.set(KEY, session())
    async with cached(uri) as one:
        began = time.monotonic()
        for _ in range(1000):
            assert await one.store.get(ID) == WebSession("key")
        # of each read that was needed, as long as it took; of the first, under both engines' names
        assert one.reads <= 2 + (time.monotonic() - began) / MAX_AGE
        redis_client.delete(KEY)
        assert await one.gone() < PROMISED


async def test_another_session_under_the_same_id_counts_within_a_second(uri: str, redis_client: redis.Redis) -> None:
    redis_client.set(KEY, session("one"))
    async with cached(uri) as one:
        await one.remembered()
        redis_client.set(KEY, session("two"))

        async def is_two() -> bool:
            return await one.store.get(ID) == WebSession("two")

        assert await until(is_two) < PROMISED


@pytest.mark.parametrize("empty", ["flushdb", "flushall"])
async def test_redis_that_is_emptied(uri: str, redis_client: redis.Redis, empty: str) -> None:
    redis_client.set(KEY, session())
    async with cached(uri) as one:
        await one.remembered()
        getattr(redis_client, empty)()
        assert await one.gone() < PROMISED


async def test_expiry_in_redis_counts_within_a_second(uri: str, redis_client: redis.Redis) -> None:
    redis_client.set(KEY, session(), px=300)
    async with cached(uri) as one:
        assert 0.25 < await one.gone() < 0.3 + PROMISED


async def test_cached_db_and_a_prefix_of_ones_own(uri: str, redis_client: redis.Redis) -> None:
    key = f"omero:3:django.contrib.sessions.cached_db{ID}"
    redis_client.set(key, session())
    async with cached(uri, key_prefix="omero", version=3) as one:  # type: ignore[arg-type]
        await one.remembered()
        redis_client.delete(key)
        assert await one.gone() < PROMISED


@pytest.fixture
def own_server(tmp_path: Path) -> Iterator[RedisServer]:
    server = RedisServer(tmp_path / "redis", options=(f"requirepass {SECRET}",))
    try:
        server.start()
        yield server
    finally:
        server.kill()


async def test_what_was_remembered_does_not_come_back_with_redis(own_server: RedisServer) -> None:
    uri = f"redis://:{SECRET}@127.0.0.1:{own_server.port}/1"
    with redis.Redis(port=own_server.port, db=1, password=SECRET) as client:
        client.set(KEY, session())
        async with cached(uri) as one:
            await one.remembered()
            own_server.kill()

            async def is_down() -> bool:
                try:
                    await one.store.get(ID)
                except SessionStoreUnavailable:
                    return True
                return False

            assert await until(is_down) < PROMISED
            own_server.start()
            # It was never saved.
            assert await one.store.get(ID) is None
            client.set(KEY, session("new"))
            assert await one.store.get(ID) == WebSession("new")
            client.delete(KEY)
            assert await one.gone() < PROMISED


async def test_a_user_of_the_acl_needs_little(own_server: RedisServer) -> None:
    own_server.kill()
    own_server.options += ("user thumbs on >pw ~:1:django.contrib.sessions.* +ping +select +getrange",)
    own_server.start()
    with redis.Redis(port=own_server.port, db=1, password=SECRET) as client:
        client.set(KEY, session())
        async with cached(f"redis://thumbs:pw@127.0.0.1:{own_server.port}/1") as one:
            await one.remembered()
            await one.store.ping()
            client.delete(KEY)
            assert await one.gone() < PROMISED


async def test_sentinel_and_socket(redis_server: RedisServer, redis_client: redis.Redis, tmp_path: Path) -> None:
    sentinel = RedisServer(tmp_path / "sentinel", options=(f"sentinel monitor omero 127.0.0.1 {redis_server.port} 1",))
    try:
        sentinel.start("sentinel")
        for uri in (
            f"redis-sentinel://127.0.0.1:{sentinel.port}/1#omero",
            f"unix://{redis_server.socket_path}?db=1",
        ):
            redis_client.set(KEY, session())
            async with cached(uri) as one:
                await one.remembered()
                redis_client.delete(KEY)
                assert await one.gone() < PROMISED
    finally:
        sentinel.kill()


async def test_a_session_is_decoded_once_while_its_bytes_stay_the_same(
    uri: str, redis_client: redis.Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    decoded: list[bytes] = []

    def decode(value: bytes, _limits: object) -> dict[object, object]:
        decoded.append(value)
        loaded: dict[object, object] = pickle.loads(value)
        return loaded

    monkeypatch.setattr("omero_ms_thumbnail.websession.reading.decode_payload", decode)
    redis_client.set(KEY, session("one"))
    async with cached(uri) as one:
        for _ in range(3):
            assert await one.redis.get(ID) == WebSession("one")
        redis_client.set(KEY, session("two"))
        for _ in range(3):
            assert await one.redis.get(ID) == WebSession("two")
        assert decoded == [session("one"), session("two")]
