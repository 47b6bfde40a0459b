"""One OMERO and one Redis for the folder; each test has the Redis to itself, emptied."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.embedded_thread import EmbeddedThread
from tests.unit.check.fragile_session import fragile_session
from tests.unit.check.site import OTHER_COOKIE, SESSION_KEY, Site, session_of
from tests.unit.websession.conftest import postgres_server  # noqa: F401 - a fixture
from tests.unit.websession.redis_server import RedisServer


@pytest.fixture(scope="session")
def check_redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    server = RedisServer(tmp_path_factory.mktemp("redis"))
    try:
        server.start()
        yield server
    finally:
        server.kill()


@pytest.fixture(scope="session")
def check_omero() -> Iterator[EmbeddedThread]:
    omero = EmbeddedThread()
    yield omero
    omero.stop()


@pytest.fixture
def empty_site(tmp_path: Path, check_redis: RedisServer, check_omero: EmbeddedThread) -> Site:
    """Nobody is logged in."""
    site = Site(tmp_path, check_omero, check_redis)
    with site.client() as client:
        client.flushall()
    return site


@pytest.fixture
def site(empty_site: Site) -> Iterator[Site]:
    """The researcher is logged in, and so is somebody else, whose OMERO session is of no matter."""
    fragile_session(empty_site.omero, "researcher", SESSION_KEY)
    empty_site.put()
    empty_site.put(OTHER_COOKIE, session_of("another"))
    yield empty_site
    empty_site.omero.do(lambda: empty_site.omero.omero.sessions.end(SESSION_KEY))
