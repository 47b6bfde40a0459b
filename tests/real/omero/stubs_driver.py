"""The driver of the stand-in on the official stubs, behind the real router: its control channel."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any, Final

from omero_ms_thumbnail.omero.session import OmeroServer
from tests.real.conformance.glacier2 import Router
from tests.real.conformance.processes import Child
from tests.real.omero.command_driver import CommandDriver
from tests.support.parts import ROOT

if TYPE_CHECKING:
    from pathlib import Path

#: an OMERO that nobody has used yet
_WORLD: Final[dict[str, Any]] = {
    "groups": [
        {"id": 0, "name": "system", "permissions": "rw----"},
        {"id": 1, "name": "user", "permissions": "rwr-r-"},
    ],
    "users": [{"id": 0, "name": "root", "password": "", "groups": [0, 1]}],
    "images": [],
}


async def stubs_driver(python: Path, router: Path, folder: Path, data_dir: Path | None = None) -> CommandDriver:
    """Start both; `python` is the one that has omero-py, `router` the program.

    Its files are in a new folder, where one is named.
    """
    return await asyncio.to_thread(_started, python, router, folder, data_dir)


def _started(python: Path, program: Path, folder: Path, data_dir: Path | None) -> CommandDriver:
    world = _WORLD if data_dir is None else {**_WORLD, "data_dir": str(data_dir)}
    child = Child([python, "-m", "tests.real.conformance.standin"], folder / "standin.log", cwd=ROOT)
    try:
        child.write_line(json.dumps(world))
        router = Router("plain", folder, program, json.loads(child.read_line())["port"])
        router.start()
    except BaseException:
        child.end()
        raise
    server = OmeroServer(router.host, router.port, None)
    return CommandDriver("the stand-in on OMERO's own stubs", child, server, data_dir=data_dir, end=router.stop)
