"""The Redis that the instances share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.websession.redis_server import RedisServer


@pytest.fixture(scope="package")
def redis_port(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    server = RedisServer(tmp_path_factory.mktemp("redis"))
    server.start()
    yield server.port
    server.kill()
