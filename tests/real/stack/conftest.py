"""One OMERO for all tests here, and before it an OMERO.web with each session engine in turn."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.real.stack.omeroweb import ENGINES
from tests.real.stack.running import Parts, Stack, require_all
from tests.real.stack.world import WORLD


@pytest.fixture(scope="session")
def parts(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Parts]:
    require_all()
    parts = Parts(tmp_path_factory.mktemp("stack"))
    yield parts
    parts.stop()


@pytest.fixture(scope="session", params=ENGINES)
def _running(request: pytest.FixtureRequest, parts: Parts) -> Iterator[Stack]:
    # the older form of nginx's configuration does as well, so one of the stacks has it
    locations = "six-locations.conf" if request.param == ENGINES[-1] else "locations.conf"
    stack = Stack(parts, request.param.replace(".", "-"), request.param, locations=locations)
    yield stack
    stack.stop()


@pytest.fixture
def stack(_running: Stack) -> Stack:
    """All of it running, and nobody logged in."""
    _running.omero.reset(WORLD)
    return _running
