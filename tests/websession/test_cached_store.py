"""What is remembered, for how long, and what makes it forgotten; the news from Redis are a real Redis's."""

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
from tests.websession.redis_server import RedisServer
from tests.websession.tcp_server import serving

ID = "abcdefgh01234567"
KEY = f":1:django.contrib.sessions.cache{ID}"
SECRET = "S3cret-of-the-store"
FOREVER = 1e9


class Asked:
    """A store that says what it is told to, and counts."""

    def __init__(self) -> None:
        self.times = 0
        self.answer: WebSession | None = WebSession("key")
        self.error: SessionStoreUnavailable | None = None
        self.gate = asyncio.Event()
        self.gate.set()

    async def get(self, session_id: str) -> WebSession | None:
        self.times += 1
        answer, error = self.answer, self.error
        await self.gate.wait()
        if error:
            raise error
        return answer

    async def ping(self) -> None:
        self.times += 1

    async def close(self) -> None:
        self.times += 1

    def describe(self) -> str:
        return "asked"


class News:
    """Invalidations by hand."""

    def __init__(self) -> None:
        self.lease_until = FOREVER
        self.forget: Callable[[str | None], None] = lambda _: None

    def start(self, forget: Callable[[str | None], None]) -> None:
        self.forget = forget

    async def close(self) -> None:
        self.lease_until = 0.0


async def test_a_page_costs_one_read() -> None:
    asked = Asked()
    store = CachedSessionStore(asked, max_age=FOREVER)
    found = await asyncio.gather(*(store.get(ID) for _ in range(100)))
    assert set(found) == {WebSession("key")}
    assert await store.get(ID) == WebSession("key")
    assert asked.times == 1


async def test_each_session_is_its_own() -> None:
    asked = Asked()
    store = CachedSessionStore(asked, max_age=FOREVER)
    for number in range(3):
        asked.answer = WebSession(f"key {number}")
        assert await store.get(f"{ID}{number}") == asked.answer
    assert await store.get(f"{ID}0") == WebSession("key 0")


async def test_it_is_read_again_after_a_while() -> None:
    asked = Asked()
    store = CachedSessionStore(asked, max_age=0.0)
    await store.get(ID)
    await store.get(ID)
    assert asked.times == 2


async def test_its_own_end_is_kept() -> None:
    asked = Asked()
    asked.answer = WebSession("key", expires=time.time() - 0.001)
    store = CachedSessionStore(asked, News(), max_age=FOREVER)
    await store.get(ID)
    await store.get(ID)
    assert asked.times == 2
    asked.answer = WebSession("key", expires=time.time() + 1000)
    await store.get(ID)
    await store.get(ID)
    assert asked.times == 3


async def test_neither_nobody_nor_trouble_is_remembered() -> None:
    asked = Asked()
    asked.answer = None
    store = CachedSessionStore(asked, max_age=FOREVER)
    assert await store.get(ID) is None
    asked.error = SessionStoreUnavailable("down")
    with pytest.raises(SessionStoreUnavailable, match="down"):
        await store.get(ID)
    asked.error, asked.answer = None, WebSession("key")
    assert await store.get(ID) == WebSession("key")


async def test_trouble_is_everybodys_who_asks_meanwhile() -> None:
    asked = Asked()
    asked.error = SessionStoreUnavailable("down")
    asked.gate.clear()
    store = CachedSessionStore(asked)
    waiting = [asyncio.ensure_future(store.get(ID)) for _ in range(3)]
    await asyncio.sleep(0)
    asked.gate.set()
    assert [type(answer) for answer in await asyncio.gather(*waiting, return_exceptions=True)] == [
        SessionStoreUnavailable
    ] * 3
    assert asked.times == 1


async def test_whoever_goes_away_leaves_the_read_to_the_others() -> None:
    asked = Asked()
    asked.gate.clear()
    store = CachedSessionStore(asked)
    first, second = (asyncio.ensure_future(store.get(ID)) for _ in range(2))
    await asyncio.sleep(0)
    first.cancel()
    await asyncio.sleep(0)
    asked.gate.set()
    assert await second == WebSession("key")
    assert asked.times == 1


async def test_a_read_that_the_stores_own_client_gives_up_is_trouble_and_no_cancellation_of_who_asks() -> None:
    store = Asked()
    store.gate.clear()
    cached = CachedSessionStore(store)
    asking = [asyncio.create_task(cached.get(ID)) for _ in range(2)]
    while not store.times:
        await asyncio.sleep(0)
    cached._readings[ID].task.cancel()
    outcomes = await asyncio.gather(*asking, return_exceptions=True)
    assert [type(outcome) for outcome in outcomes] == [SessionStoreUnavailable] * 2
    assert "The asked was not read to the end" in str(outcomes[0])
    await cached.close()


async def test_no_read_goes_on_when_the_store_is_closed() -> None:
    events: list[str] = []

    class Slow(Asked):
        async def get(self, session_id: str) -> WebSession | None:
            events.append("asked")
            try:
                await asyncio.Event().wait()
            finally:
                # as a connection takes a moment to be closed
                await asyncio.sleep(0)
                events.append("given up")
            return None

        async def close(self) -> None:
            events.append("closed")

    news = News()
    store = CachedSessionStore(Slow(), news)
    waiting = [asyncio.ensure_future(store.get(ID))]
    await asyncio.sleep(0)
    # the first read is nobody's to remember any more, and goes on all the same
    news.forget(ID)
    waiting.append(asyncio.ensure_future(store.get(ID)))
    while events != ["asked", "asked"]:
        await asyncio.sleep(0)
    await store.close()
    assert events == ["asked", "asked", "given up", "given up", "closed"]
    given_up = await asyncio.gather(*waiting, return_exceptions=True)
    assert [type(one) for one in given_up] == [SessionStoreUnavailable] * 2


async def test_news_while_a_read_is_under_way_makes_it_worth_nothing_to_later_ones() -> None:
    asked, news = Asked(), News()
    store = CachedSessionStore(asked, news, max_age=FOREVER)
    asked.gate.clear()
    first = asyncio.ensure_future(store.get(ID))
    await asyncio.sleep(0)
    news.forget(ID)
    asked.answer = None
    second = asyncio.ensure_future(store.get(ID))
    await asyncio.sleep(0)
    asked.gate.set()
    await asyncio.gather(first, second)
    assert second.result() is None
    assert await store.get(ID) is None
    assert asked.times == 3


async def test_a_read_that_takes_long_is_not_shared_with_whoever_comes_late() -> None:
    asked = Asked()
    store = CachedSessionStore(asked, max_age=-1.0)
    asked.gate.clear()
    waiting = [asyncio.ensure_future(store.get(ID)) for _ in range(2)]
    await asyncio.sleep(0)
    asked.gate.set()
    await asyncio.gather(*waiting)
    assert asked.times == 2


async def test_without_a_lease_nothing_is_believed_for_long() -> None:
    asked, news = Asked(), News()
    store = CachedSessionStore(asked, news, max_age=0.0)
    await store.get(ID)
    await store.get(ID)
    assert asked.times == 1
    news.lease_until = 0.0
    await store.get(ID)
    assert asked.times == 2


async def test_it_remembers_only_so_many() -> None:
    asked = Asked()
    store = CachedSessionStore(asked, max_age=FOREVER, sessions_max=3)
    for number in range(5):
        await store.get(f"{ID}{number}")
    assert len(store._entries) == 3
    for number in (4, 3, 2):
        await store.get(f"{ID}{number}")
    assert asked.times == 5
    await store.get(f"{ID}0")
    assert asked.times == 6


async def test_what_is_over_goes_with_what_comes(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 1_000.0
    monkeypatch.setattr(time, "monotonic", lambda: now)
    store = CachedSessionStore(Asked())
    for number in range(20):
        await store.get(f"{ID}{number}")
    now += 61.0
    for number in range(100, 106):
        await store.get(f"{ID}{number}")
    assert len(store._entries) == 20 - 12 + 6
    for number in range(106, 112):
        await store.get(f"{ID}{number}")
    assert len(store._entries) == 12


async def test_ping_close_and_describe_are_the_stores() -> None:
    asked = Asked()
    store = CachedSessionStore(asked, News())
    await store.ping()
    await store.close()
    assert (asked.times, store.describe()) == (2, "asked")


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
