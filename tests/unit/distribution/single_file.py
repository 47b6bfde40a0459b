"""The single file runs with nothing but Python.

Not among the tests that `make test` collects: `make zipapp` builds it and runs this.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from omero_ms_thumbnail.version import VERSION
from tests.support.service_process import start
from tests.unit.distribution.built import check_demo, the


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[str]]:
    """How to run it: by a Python that looks at no packages of its own, unpacking into an empty folder."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SHIV_ROOT", str(tmp_path_factory.mktemp("unpacked")))
        base = Path(sys.base_prefix) / "bin" / Path(os.path.realpath(sys.executable)).name
        yield [str(base), "-I", str(the("*.pyz"))]


def test_it_says_its_version(program: list[str], tmp_path: Path) -> None:
    said = subprocess.run([*program, "--version"], cwd=tmp_path, capture_output=True, text=True)
    assert (said.returncode, said.stdout.strip(), said.stderr) == (0, VERSION, "")


def test_it_serves_the_demo(program: list[str]) -> None:
    check_demo(program)


def test_it_serves_with_several_workers(program: list[str], tmp_path: Path) -> None:
    (tmp_path / "config.yaml").write_text("session-store: {type: redis, uri: 'redis://127.0.0.1:1/1'}\n")
    options = ("--config", str(tmp_path / "config.yaml"), "--workers", "2")
    with start("serve", *options, program=program) as service:
        assert httpx.get(f"{service.address}/healthz").status_code == 200
        assert len(service.children()) >= 2
