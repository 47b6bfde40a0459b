"""The Redis with OMERO.web's sessions that a module's tests share, and a site of a test's own around it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.real.end_to_end.site import Site
from tests.unit.websession.redis_server import RedisServer


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    server = RedisServer(tmp_path_factory.mktemp("redis"))
    server.start()
    yield server
    server.kill()


@pytest.fixture
def site(tmp_path: Path, store: RedisServer) -> Site:
    return Site(tmp_path, store)
