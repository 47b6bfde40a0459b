"""The Redis that the instances share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from omero_ms_thumbnail.thumbnails import question_mode
from tests.unit.websession.redis_server import RedisServer


@pytest.fixture(scope="package")
def redis_port(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    server = RedisServer(tmp_path_factory.mktemp("redis"))
    server.start()
    yield server.port
    server.kill()


@pytest.fixture(autouse=True)
def nobody_is_slow(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine that is busy is not taken for a slow database: pictures would be kept no more."""
    monkeypatch.setattr(question_mode, "SLOW", float("inf"))
