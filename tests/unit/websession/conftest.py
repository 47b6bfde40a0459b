"""A real Redis for the session, a store on it, and sessions in it that a real Django wrote."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import redis

from omero_ms_thumbnail.websession import RedisSessionStore, plain_operations
from tests.support.parts import require
from tests.unit.websession import django_site
from tests.unit.websession.postgres_server import PostgresServer
from tests.unit.websession.redis_server import RedisServer

DATABASE = 1


@pytest.fixture(autouse=True)
def patterns_are_compiled_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where a test before has started a service in this process."""
    monkeypatch.setattr(plain_operations, "_in_thread", False)


@pytest.fixture(scope="session")
def redis_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    server = RedisServer(tmp_path_factory.mktemp("redis"))
    try:
        server.start()
        yield server
    finally:
        server.kill()


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[PostgresServer]:
    require("postgres")
    server = PostgresServer()
    try:
        server.start()
        yield server
    finally:
        server.remove()


@pytest.fixture
def redis_client(redis_server: RedisServer) -> Iterator[redis.Redis]:
    with redis.Redis(port=redis_server.port, db=DATABASE) as client:
        yield client


@pytest.fixture(scope="session")
def django_sessions(redis_server: RedisServer) -> dict[str, str]:
    """Session id by name of the cache that Django saved the session through."""
    written = subprocess.run(
        [sys.executable, str(Path(django_site.__file__)), str(redis_server.port)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert written.returncode == 0, written.stderr
    sessions: dict[str, str] = json.loads(written.stdout)
    return sessions


@pytest.fixture
async def store(redis_server: RedisServer) -> AsyncIterator[RedisSessionStore]:
    # Generous, as what is measured in seconds elsewhere is not what these tests are about.
    store = RedisSessionStore(f"redis://:@127.0.0.1:{redis_server.port}/{DATABASE}", timeout=30)
    try:
        yield store
    finally:
        await store.close()
