"""Every hostile payload through every store: nothing runs, nobody is let in, nothing costs more than it may."""

from __future__ import annotations

import gc
import time
import zlib
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path

import asyncpg
import pytest
import redis

from omero_ms_thumbnail.websession import (
    FileSessionStore,
    PostgresSessionStore,
    RedisSessionStore,
    SessionStore,
)
from tests.websession import hostile
from tests.websession.django_text import compressed_text, hashed_text
from tests.websession.postgres_server import PASSWORD, PostgresServer
from tests.websession.redis_server import RedisServer

ID = "hostile012345678"
#: far above the 0.1 s that it takes at most on a quiet machine: a bound, not a measurement
CPU_SECONDS = 2.0

Put = Callable[[bytes], Awaitable[None]]


@pytest.fixture(params=["redis", "redis, compressed", "postgres", "files", "files, hashed"])
async def place(
    request: pytest.FixtureRequest, redis_server: RedisServer, tmp_path: Path
) -> AsyncIterator[tuple[SessionStore, Put]]:
    kind, _, form = request.param.partition(", ")
    store: SessionStore
    if kind == "redis":
        client = redis.Redis(port=redis_server.port, db=1)

        async def put_in_redis(payload: bytes) -> None:
            client.set(f":1:django.contrib.sessions.cache{ID}", zlib.compress(payload) if form else payload)

        store = RedisSessionStore(f"redis://127.0.0.1:{redis_server.port}/1", timeout=30)
        yield store, put_in_redis
        client.delete(f":1:django.contrib.sessions.cache{ID}")
        client.close()
    elif kind == "postgres":
        server: PostgresServer = request.getfixturevalue("postgres_server")
        connection = await asyncpg.connect(
            host="127.0.0.1", port=server.port, user="omero", password=PASSWORD, database="postgres"
        )
        await connection.execute("CREATE SCHEMA IF NOT EXISTS hostile")
        await connection.execute(
            "CREATE TABLE IF NOT EXISTS hostile.django_session "
            "(session_key varchar(40) PRIMARY KEY, session_data text, expire_date timestamptz)"
        )

        async def put_in_postgres(payload: bytes) -> None:
            await connection.execute("DELETE FROM hostile.django_session")
            insert = "INSERT INTO hostile.django_session VALUES ($1, $2, now() + interval '1 hour')"
            await connection.execute(insert, ID, compressed_text(payload).decode())

        store = PostgresSessionStore(server.uri(parameters="&currentSchema=hostile"), timeout=30)
        yield store, put_in_postgres
        await connection.close()
    else:

        async def put_in_file(payload: bytes) -> None:
            text = hashed_text(payload) if form else compressed_text(payload)
            (tmp_path / f"sessionid{ID}").write_bytes(text)

        store = FileSessionStore(tmp_path, timeout=30)
        yield store, put_in_file
    await store.close()


@pytest.fixture
def without_the_tests_own_heap() -> Iterator[None]:
    """Spare the garbage collector what a run of all tests has left behind, which no service has."""
    gc.collect()
    gc.freeze()
    yield
    gc.unfreeze()


@pytest.mark.usefixtures("without_the_tests_own_heap")
async def test_no_payload_lets_anybody_in(place: tuple[SessionStore, Put], tmp_path: Path) -> None:
    store, put = place
    attacks = {name: payload for name, (payload, _) in hostile.live(tmp_path).items()}
    assert len(attacks) >= 40
    for name, payload in {**attacks, **hostile.bombs()}.items():
        await put(payload)
        began = time.process_time()
        found = await store.get(ID)
        assert time.process_time() - began < CPU_SECONDS, name
        assert found is None, name
    assert hostile.canaries(tmp_path) == []
