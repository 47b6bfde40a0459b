"""ZeroC's own Ice as a server and as a client: one process each, for all tests of this folder."""

from __future__ import annotations

import gc
import json
from collections.abc import Iterator
from logging import ERROR
from pathlib import Path
from typing import Any

import pytest

from tests.real.conformance.processes import Child
from tests.support.parts import require

_SCRIPT = Path(__file__).parent / "official" / "peer.py"
_PYTHON = "omero-py (Python 3.10)"


@pytest.fixture(autouse=True)
def _nothing_is_left_to_the_event_loop(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """A failing callback, or an exception that nobody takes, is only logged by asyncio: here it fails the test."""
    yield
    # the youngest objects only: those of this test
    gc.collect(1)
    records = [*caplog.get_records("call"), *caplog.get_records("teardown")]
    assert [record.getMessage() for record in records if record.name == "asyncio" and record.levelno >= ERROR] == []


class OfficialClient:
    """Makes the calls that it is told to."""

    def __init__(self, child: Child) -> None:
        self._child = child
        self.version: str = json.loads(child.read_line())

    def call(self, port: int, operation: str, *arguments: Any, scheme: str = "tcp", **how: str) -> dict[str, Any]:
        """Blocks until the call is done; see `official/peer.py` for what comes back and what `how` may say."""
        plan = {"endpoint": f"{scheme} -h 127.0.0.1 -p {port}", "operation": operation, "arguments": arguments, **how}
        self._child.write_line(json.dumps(plan))
        result: dict[str, Any] = json.loads(self._child.read_line())
        return result


def _official(role: str, folder: Path) -> Child:
    return Child([require(_PYTHON), _SCRIPT, role], folder / f"{role}.log")


@pytest.fixture(scope="session")
def _client_of_the_session(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OfficialClient]:
    child = _official("client", tmp_path_factory.mktemp("ice"))
    try:
        yield OfficialClient(child)
    finally:
        child.end()


@pytest.fixture(scope="session")
def _ports_of_the_session(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[int]]:
    child = _official("server", tmp_path_factory.mktemp("ice"))
    try:
        yield json.loads(child.read_line())
    finally:
        child.end()


@pytest.fixture
def official_client(request: pytest.FixtureRequest) -> OfficialClient:
    """A client of ZeroC's."""
    # asked for here, so that every test that goes without it is counted
    require(_PYTHON)
    client: OfficialClient = request.getfixturevalue("_client_of_the_session")
    return client


@pytest.fixture
def official_ports(request: pytest.FixtureRequest) -> list[int]:
    """The TCP port and the SSL port of a server of ZeroC's."""
    require(_PYTHON)
    ports: list[int] = request.getfixturevalue("_ports_of_the_session")
    return ports
