"""What `make dist` and the targets after it have left in dist/."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path

import httpx

from omero_ms_thumbnail.version import VERSION
from tests.support.parts import ROOT
from tests.support.service_process import DEADLINE, start

DIST = ROOT / "dist"


def the(pattern: str) -> Path:
    """The one file that was built."""
    (found,) = DIST.glob(pattern)
    assert VERSION in found.name
    return found


def tracked(folder: str = "") -> set[str]:
    """The files of the project, below a folder."""
    said = subprocess.run(
        ["git", "ls-tree", "-r", "--name-only", "HEAD", *([folder] if folder else [])],
        cwd=ROOT, capture_output=True, text=True, check=True,
    )  # fmt: skip
    return set(said.stdout.splitlines())


def check_demo(program: Sequence[str]) -> None:
    """Fail where `program` does not serve its demo: a thumbnail, the page, the description."""
    with start("demo", program=program) as demo:
        cookie = demo.wait_for(r"The cookie:\s+(sessionid=\w+)").group(1)
        with httpx.Client(base_url=demo.address, headers={"cookie": cookie}, timeout=DEADLINE) as client:
            thumbnail = client.get("/webclient/render_thumbnail/101/")
            assert (thumbnail.status_code, thumbnail.content[:2]) == (200, b"\xff\xd8")
            page = client.get("/")
            assert page.status_code == 200
            for path in _scripts(page.text):
                assert client.get(path).status_code == 200
            assert client.get("/openapi.json").json()["info"]["version"] == VERSION


def _scripts(page: str) -> Iterator[str]:
    found = re.findall(r'(?:src|href)="(/?gallery/[^"]+)"', page)
    assert found
    yield from (f"/{path.removeprefix('/')}" for path in found)
