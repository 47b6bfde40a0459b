"""The demo with its users' sessions in a real store: they are there while it runs, are read from it, and go with it."""

from __future__ import annotations

import asyncio
import re
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path

import pytest
import redis

from tests.support import service_process
from tests.unit.websession.postgres_server import PostgresServer
from tests.unit.websession.redis_server import RedisServer, free_port
from tests.unit.websession.session_cells import fetch


def status(url: str, cookie: str) -> int:
    request = urllib.request.Request(url, headers={"Cookie": cookie})
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        error.close()
        return error.code


def serves_out_of(uri: str, sessions: Callable[[], int], log_everybody_out: Callable[[], object]) -> None:
    assert sessions() == 0
    with service_process.start("demo", "--session-store", uri) as demo:
        cookie = demo.wait_for(r"The cookie: +(\S+)")[1]
        thumbnail = demo.wait_for(r"(http://\S+/webclient/render_thumbnail/\d+/)")[1]
        assert status(thumbnail, cookie) == 200
        assert sessions() >= 2
        log_everybody_out()
        # The demo reads this store, and no memory of its own.
        while status(thumbnail, cookie) == 200:
            pass
        assert status(thumbnail, cookie) == 403
    assert sessions() == 0
    assert not re.search("Traceback|ERROR", demo.output)


def test_redis(redis_server: RedisServer) -> None:
    with redis.Redis(port=redis_server.port, db=7) as client:
        serves_out_of(
            f"redis://127.0.0.1:{redis_server.port}/7",
            lambda: len(client.keys("*sessions.cache*")),
            client.flushdb,
        )


def test_postgres(postgres_server: PostgresServer) -> None:
    def run(query: str) -> int:
        return int(asyncio.run(fetch(postgres_server, query)) or 0)

    run("DROP TABLE IF EXISTS django_session")
    run("CREATE TABLE django_session (session_key varchar(40) PRIMARY KEY, session_data text, expire_date timestamptz)")
    serves_out_of(
        postgres_server.uri(),
        lambda: run("SELECT count(*) FROM django_session"),
        lambda: run("DELETE FROM django_session"),
    )


def test_files(tmp_path: Path) -> None:
    folder = tmp_path / "sessions"

    def log_everybody_out() -> None:
        for file in folder.iterdir():
            file.unlink()

    serves_out_of(f"file://{folder}", lambda: len(list(folder.iterdir())) if folder.exists() else 0, log_everybody_out)


@pytest.mark.parametrize(
    ("uri", "sentence"),
    [
        ("mysql://host", "the URI does not begin with redis://"),
        ("redis://{port}/1", "cannot be put into the store"),
        ("postgresql://u:s3cret@127.0.0.1:{port}/d", "cannot be put into the store"),
    ],
)
def test_store_that_cannot_be_used(uri: str, sentence: str) -> None:
    port = free_port()
    uri = uri.format(port=port if "@" in uri else f"127.0.0.1:{port}")
    ended = service_process.run("demo", "--port", str(free_port()), "--session-store", uri)
    assert ended.returncode in (1, 2)
    assert sentence in ended.stderr
    assert "s3cret" not in ended.stderr
    assert "Traceback" not in ended.stderr
