"""The store against a real Redis: what it finds, and what it says when Redis does not answer."""

from __future__ import annotations

import asyncio
import logging
import pickle
import socket
import traceback
import tracemalloc
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import redis

from omero_ms_thumbnail.websession import RedisSessionStore, SessionStoreUnavailable, WebSession
from omero_ms_thumbnail.websession.limits import Limits
from tests.unit.websession.redis_server import RedisServer, free_port
from tests.unit.websession.tcp_server import serving
from tests.unit.websession.tls import make_certificate, tls_in_front_of

ID = "abcdefgh01234567"
SECRET = "S3cret-of-the-store"
KEY_PREFIX = ":1:django.contrib.sessions.cache"


def session(key: str = "the-omero-key") -> bytes:
    return pickle.dumps({"connector": {"omero_session_key": key, "user_id": 7}})


@asynccontextmanager
async def opened(uri: str, **options: float | str) -> AsyncIterator[RedisSessionStore]:
    store = RedisSessionStore(uri, **options)  # type: ignore[arg-type]
    try:
        yield store
    finally:
        await store.close()


@pytest.fixture
def own_server(tmp_path: Path) -> Iterator[RedisServer]:
    server = RedisServer(tmp_path / "redis", options=(f"requirepass {SECRET}",))
    try:
        yield server
    finally:
        server.kill()


@pytest.fixture(autouse=True)
def only_this_tests_sessions(redis_client: redis.Redis) -> Iterator[None]:
    yield
    for key in redis_client.scan_iter(match=f"*{ID}*"):
        redis_client.delete(key)


async def test_unknown_session(store: RedisSessionStore) -> None:
    assert await store.get("unknownunknown00") is None


async def test_known_session(store: RedisSessionStore, redis_client: redis.Redis) -> None:
    redis_client.set(KEY_PREFIX + ID, session())
    assert await store.get(ID) == WebSession(omero_session_key="the-omero-key", user_id=7)


async def test_expired_session(store: RedisSessionStore, redis_client: redis.Redis) -> None:
    redis_client.set(KEY_PREFIX + ID, session(), exat=1)
    assert await store.get(ID) is None


async def test_prefix_and_version_of_the_cache(redis_server: RedisServer, redis_client: redis.Redis) -> None:
    redis_client.set(f"omero:3:django.contrib.sessions.cache{ID}", session())
    async with opened(f"redis://127.0.0.1:{redis_server.port}/1", key_prefix="omero", version=3) as store:
        assert await store.get(ID) is not None
    async with opened(f"redis://127.0.0.1:{redis_server.port}/1") as store:
        assert await store.get(ID) is None


@pytest.mark.parametrize(
    "session_id",
    [
        "",
        "short12",
        "a" * 65,
        "ABCDEFGH",
        "../../etc/passwd",
        "abcdefgh\n",
        "abcdefg*",
        "äbcdefgh",
        "a b c d e",
        "٣" * 9,
    ],
)
async def test_malformed_id_is_nobody_and_is_not_asked_for(session_id: str) -> None:
    async with opened(f"redis://127.0.0.1:{free_port()}") as store:
        assert await store.get(session_id) is None


async def test_undecodable_session_is_nobody_and_logged_once(
    store: RedisSessionStore, redis_client: redis.Redis, caplog: pytest.LogCaptureFixture
) -> None:
    redis_client.set(KEY_PREFIX + ID, b"\x80\x05PRIVATE BYTES")
    for _ in range(3):
        assert await store.get(ID) is None
    redis_client.set(KEY_PREFIX + ID, b"42")
    assert await store.get(ID) is None
    assert store.unreadable == {"pickle": 3, "not-a-session": 1}
    assert len(caplog.records) == 2
    assert "pickle is damaged" in caplog.text
    assert "PRIVATE" not in caplog.text
    assert ID not in caplog.text


async def test_key_of_another_type_is_nobody(store: RedisSessionStore, redis_client: redis.Redis) -> None:
    redis_client.hset(KEY_PREFIX + ID, "connector", "x")
    assert await store.get(ID) is None
    assert store.unreadable == {"not-a-session": 1}


async def test_value_larger_than_the_limit_is_nobody(store: RedisSessionStore, redis_client: redis.Redis) -> None:
    redis_client.set(KEY_PREFIX + ID, b"x" * (Limits().stored_bytes + 1))
    assert await store.get(ID) is None
    assert store.unreadable == {"too-large": 1}


async def test_value_of_any_size_costs_no_more_than_the_limit(
    store: RedisSessionStore, redis_client: redis.Redis
) -> None:
    redis_client.setrange(KEY_PREFIX + ID, 64 * 1024 * 1024, b"x")
    tracemalloc.start()
    try:
        assert await store.get(ID) is None
        assert tracemalloc.get_traced_memory()[1] < 16 * 1024 * 1024
    finally:
        tracemalloc.stop()


async def test_unix_socket(redis_server: RedisServer, redis_client: redis.Redis) -> None:
    redis_client.set(KEY_PREFIX + ID, session())
    for uri in (f"unix://{redis_server.socket_path}?db=1", f"redis-socket://{redis_server.socket_path}?database=1"):
        async with opened(uri) as store:
            assert await store.get(ID) is not None
            assert store.describe() == f"Redis at {redis_server.socket_path}, database 1"


async def test_sentinel(redis_server: RedisServer, redis_client: redis.Redis, tmp_path: Path) -> None:
    redis_client.set(KEY_PREFIX + ID, session())
    sentinel = RedisServer(tmp_path / "sentinel", options=(f"sentinel monitor omero 127.0.0.1 {redis_server.port} 1",))
    try:
        sentinel.start("sentinel")
        hosts = f"127.0.0.1:{free_port()},127.0.0.1:{sentinel.port}"
        async with opened(f"redis-sentinel://{hosts}/1#omero", timeout=30) as store:
            assert await store.get(ID) is not None
        async with opened(f"redis-sentinel://:{SECRET}@{hosts}/1#other", timeout=30) as store:
            with pytest.raises(SessionStoreUnavailable, match=r"master other of the sentinels .* none of") as raised:
                await store.get(ID)
            assert SECRET not in "".join(traceback.format_exception(raised.value))
    finally:
        sentinel.kill()


@pytest.fixture
def certificate(tmp_path: Path) -> tuple[Path, Path]:
    return make_certificate(tmp_path, "redis.example.org")


@pytest.mark.parametrize("parameters", ["?verifyPeer=NONE", "?verifyPeer=FALSE"])
async def test_tls_without_verification(
    parameters: str, redis_server: RedisServer, redis_client: redis.Redis, certificate: tuple[Path, Path]
) -> None:
    redis_client.set(KEY_PREFIX + ID, session())
    async with (
        tls_in_front_of(redis_server.port, *certificate) as port,
        opened(f"rediss://127.0.0.1:{port}/1{parameters}", timeout=30) as store,
    ):
        assert await store.get(ID) is not None


async def test_tls_verifies_the_authority_and_the_name(
    redis_server: RedisServer, certificate: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    async with tls_in_front_of(redis_server.port, *certificate) as port:
        uri = f"rediss://127.0.0.1:{port}/1"
        async with opened(uri, timeout=30) as store:
            with pytest.raises(SessionStoreUnavailable, match="certificate that is not trusted"):
                await store.ping()
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate[0]))
        async with opened(f"{uri}?verifyPeer=CA", timeout=30) as store:
            await store.ping()
        async with opened(uri, timeout=30) as store:
            with pytest.raises(SessionStoreUnavailable, match="certificate that is not trusted"):
                await store.ping()


async def test_redis_killed_and_back_on_the_same_port(own_server: RedisServer) -> None:
    own_server.start()
    uri = f"redis://:{SECRET}@127.0.0.1:{own_server.port}/1"
    async with opened(uri, timeout=30) as store:
        await asyncio.gather(*(store.ping() for _ in range(8)))
        own_server.kill()
        for ask in (store.get(ID), store.ping()):
            with pytest.raises(SessionStoreUnavailable) as raised:
                await ask
            assert f"127.0.0.1:{own_server.port}, database 1" in str(raised.value)
            assert "check that it runs" in str(raised.value)
        own_server.start()
        with redis.Redis(port=own_server.port, db=1, password=SECRET) as client:
            client.set(KEY_PREFIX + ID, session())
        found = await asyncio.gather(*(store.get(ID) for _ in range(8)))
        assert None not in found
        # Connections that were good before the restart are not a failure either.
        own_server.kill()
        own_server.start()
        await store.ping()


@pytest.mark.parametrize("credentials", ["", ":wrong@", "nobody:wrong@"])
async def test_wrong_password(own_server: RedisServer, credentials: str) -> None:
    own_server.start()
    async with opened(f"redis://{credentials}127.0.0.1:{own_server.port}", timeout=30) as store:
        with pytest.raises(SessionStoreUnavailable, match="refuses the user name or the password") as raised:
            await store.get(ID)
        assert "wrong" not in str(raised.value)
        with pytest.raises(SessionStoreUnavailable, match="refuses the user name or the password"):
            await store.ping()


async def test_right_password_as_user_and_as_lettuce_spells_it(own_server: RedisServer) -> None:
    own_server.start()
    for credentials in (f":{SECRET}", f"default:{SECRET}", SECRET):
        async with opened(f"redis://{credentials}@127.0.0.1:{own_server.port}", timeout=30) as store:
            await store.ping()
            assert SECRET not in store.describe() + repr(store)


async def test_user_without_permission(own_server: RedisServer) -> None:
    own_server.options += ("user thumbs on >pw +ping +select",)
    own_server.start()
    async with opened(f"redis://thumbs:pw@127.0.0.1:{own_server.port}", timeout=30) as store:
        await store.ping()
        with pytest.raises(SessionStoreUnavailable, match="allow PING, SELECT, GETRANGE"):
            await store.get(ID)


async def test_database_that_does_not_exist(redis_server: RedisServer) -> None:
    async with opened(f"redis://127.0.0.1:{redis_server.port}/99", timeout=30) as store:
        with pytest.raises(SessionStoreUnavailable, match="database 99 refuses the look-up; check"):
            await store.get(ID)


@pytest.fixture
def silent_port() -> Iterator[int]:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        yield listener.getsockname()[1]


async def test_redis_that_is_silent(silent_port: int) -> None:
    async with opened(f"redis://127.0.0.1:{silent_port}/2", timeout=0.1) as store:
        with pytest.raises(SessionStoreUnavailable, match=r"did not answer within 0\.1 s") as raised:
            await store.get(ID)
        assert f"127.0.0.1:{silent_port}, database 2" in str(raised.value)


async def test_redis_that_never_comes_to_an_end() -> None:
    async def drip(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readline()
        writer.write(b"$1000000\r\n")
        while True:
            writer.write(b"x")
            await writer.drain()
            await asyncio.sleep(0.01)

    async with (
        serving(drip) as port,
        opened(f"redis://127.0.0.1:{port}?timeout=100ms") as store,
    ):
        # More than there are connections: waiting for one counts as well.
        asked = await asyncio.wait_for(
            asyncio.gather(*(store.get(ID) for _ in range(40)), return_exceptions=True), timeout=30
        )
    assert {type(answer) for answer in asked} == {SessionStoreUnavailable}


async def test_something_else_than_redis() -> None:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readline()
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        await reader.read()

    async with (
        serving(answer) as port,
        opened(f"redis://127.0.0.1:{port}", timeout=30) as store,
    ):
        with pytest.raises(SessionStoreUnavailable, match="does not answer as Redis does"):
            await store.get(ID)


async def test_nobody_gets_the_answer_to_another_one_who_went_away(
    store: RedisSessionStore, redis_client: redis.Redis
) -> None:
    ids = [f"{ID}{number:03}" for number in range(200)]
    for session_id in ids:
        redis_client.set(KEY_PREFIX + session_id, session(session_id))

    async def key_of(session_id: str) -> str | None:
        found = await store.get(session_id)
        return found.omero_session_key if found else None

    asked = {session_id: asyncio.ensure_future(key_of(session_id)) for session_id in ids}
    for number, session_id in enumerate(ids):
        # One more turn of the loop each time, so that requests are given up at every stage of a look-up.
        if number % 3 == 0:
            await asyncio.sleep(0)
            asked[session_id].cancel()
    answers = await asyncio.gather(*asked.values(), return_exceptions=True)
    kept = [(session_id, answer) for session_id, answer in zip(ids, answers, strict=True) if isinstance(answer, str)]
    assert len(kept) >= 133
    assert all(session_id == answer for session_id, answer in kept)
    assert [await key_of(session_id) for session_id in ids] == ids


async def test_no_secret_in_any_log(
    store: RedisSessionStore, redis_client: redis.Redis, caplog: pytest.LogCaptureFixture
) -> None:
    redis_client.set(KEY_PREFIX + ID, session("the-omero-key"))
    with caplog.at_level(logging.DEBUG):
        found = await store.get(ID)
    assert "the-omero-key" not in caplog.text + repr(found)
    assert ID not in caplog.text
