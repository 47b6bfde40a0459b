"""The driver of a real OMERO.server that is meant for tests: the official client, in a process of its own."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Final

from omero_ms_thumbnail.ice.tls import client_context
from omero_ms_thumbnail.omero.session import OmeroServer
from tests.real.conformance.processes import Child
from tests.real.omero.command_driver import CommandDriver, CommandFailed
from tests.support.parts import ROOT

if TYPE_CHECKING:
    from pathlib import Path

_PLAIN: Final = "tcp://"
_STARTED_WITHIN: Final = 60.0


def server_at(address: str) -> OmeroServer:
    """`host:port`, with TLS and nothing verified; `tcp://host:port` for plain TCP. Raises ValueError."""
    host, _, port = address.removeprefix(_PLAIN).rpartition(":")
    if not host or not port.isdigit():
        raise ValueError(f"OMERO={address}: embedded, stubs, host:port or {_PLAIN}host:port is understood")
    tls = None if address.startswith(_PLAIN) else client_context(verify=False)
    return OmeroServer(host, int(port), tls)


async def real_driver(
    address: str, password: str, python: Path, folder: Path, data_dir: Path | None = None
) -> CommandDriver:
    """On the OMERO at an address, with root's password; `python` is the one that has omero-py.

    `data_dir` is that OMERO's omero.data.dir, where its files can be read from here. Groups, people and images are made
    there, and stay.
    """
    server = server_at(address)
    script = ROOT / "tests" / "real" / "omero" / "official_child.py"
    child = Child([python, script], folder / "official-client.log")
    where = {"host": server.host, "port": server.port, "secure": server.tls is not None, "password": password}

    def started() -> None:
        child.write_line(json.dumps(where))
        said = json.loads(child.read_line(_STARTED_WITHIN))
        if "error" in said:
            raise CommandFailed(f"root cannot log in to the OMERO at {address}: {said['error']}")

    try:
        await asyncio.to_thread(started)
    except BaseException:
        await asyncio.to_thread(child.end)
        raise
    return CommandDriver(f"the OMERO at {address}", child, server, data_dir=data_dir)
