"""An OMERO for the folder, and `warm` run on it as an administrator would."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml

from omero_embedded.workload import Latency
from tests.support.command import run_command
from tests.support.embedded_thread import EmbeddedThread
from tests.support.service_process import HERE
from tests.unit.check.fragile_session import fragile_session

SESSION_KEY = "a1b2c3d4-e5f6-4a5b-8c7d-0e1f2a3b4c5d"
PASSWORD = "thumbnails"


@dataclass
class Bench:
    """The OMERO, and a configuration that names it."""

    folder: Path
    omero: EmbeddedThread
    stores_open_before: int = 0

    @property
    def stores_left_open(self) -> int:
        omero = self.omero.omero.omero
        return omero.stores_created - omero.stores_closed - self.stores_open_before

    @property
    def config(self) -> Path:
        path = self.folder / "config.yaml"
        omero = {"host": "127.0.0.1", "port": self.omero.omero.ssl_port}
        path.write_text(yaml.safe_dump({"omero": omero, "session-store": {"type": "memory"}}))
        return path

    def command(self, *arguments: str) -> list[str]:
        return [sys.executable, "-m", "omero_ms_thumbnail", "warm", "--config", str(self.config), *arguments]

    def environment(self, key: str | None = SESSION_KEY) -> dict[str, str]:
        mine = {name: value for name, value in os.environ.items() if name != "OMERO_PASSWORD"}
        return mine | ({"OMERO_SESSION_KEY": key} if key else {})

    def run(self, *arguments: str, key: str | None = SESSION_KEY, stdin: str = "") -> subprocess.CompletedProcess[str]:
        ended = run_command(*self.command(*arguments)[len(HERE) :], environment=self.environment(key), stdin=stdin)
        for secret in (SESSION_KEY, PASSWORD + "!"):
            assert secret not in ended.stdout + ended.stderr
        assert "Traceback" not in ended.stderr
        return ended

    def rendered(self) -> int:
        """Calls for thumbnails so far."""
        calls = self.omero.omero.workload.calls
        return sum(number for name, number in calls.items() if name.startswith("getThumbnail"))


@pytest.fixture(scope="session")
def warm_omero() -> Iterator[EmbeddedThread]:
    omero = EmbeddedThread()
    yield omero
    omero.stop()


@pytest.fixture
def bench(tmp_path: Path, warm_omero: EmbeddedThread) -> Iterator[Bench]:
    fragile_session(warm_omero, "researcher", SESSION_KEY)
    omero = warm_omero.omero
    # a store goes uncounted with a session that ends or a connection that breaks
    yield Bench(tmp_path, warm_omero, omero.omero.stores_created - omero.omero.stores_closed)
    omero.workload.latency = Latency()
    warm_omero.do(lambda: omero.sessions.end(SESSION_KEY))
