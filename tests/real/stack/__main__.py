"""`python -m tests.real.stack up [--port N] [--engine NAME]`, or `test [pytest's own arguments]`."""

from __future__ import annotations

import argparse
import signal
import sys
import tempfile
from pathlib import Path
from types import FrameType

import pytest

from tests.real.stack.omeroweb import CACHE, ENGINES
from tests.real.stack.running import Parts, Stack
from tests.real.stack.world import MANY, PAGE, PASSWORDS
from tests.support.parts import ROOT

_SAID = """
OMERO.web, this service and nginx:  {address}/webclient/login/
log in as                           {users}
OMERO.web's scripts, 384 images:    {address}{page}
one thumbnail, once logged in:      {address}/webclient/render_thumbnail/{image}/
OMERO.web itself, without nginx:    {omeroweb}/webclient/render_thumbnail/{image}/
this service's metrics:             {service}/metrics

There is no more in this OMERO than thumbnails and a plate: OMERO.web's own start page stays empty. Ctrl-C ends it all.
"""


def _up(port: int, engine: str) -> int:
    # PostgreSQL runs as somebody else where root starts this
    with tempfile.TemporaryDirectory(prefix="omero-stack-") as folder:
        parts = Parts(Path(folder))
        try:
            stack = Stack(parts, "stack", engine, port=port)
            try:
                _say(stack)
                _wait()
            finally:
                stack.stop()
        finally:
            parts.stop()
    return 0


def _say(stack: Stack) -> None:
    said = _SAID.format(
        address=stack.address,
        users=", ".join(f"{name} / {password}" for name, password in PASSWORDS.items()),
        page=PAGE,
        image=MANY[0],
        omeroweb=stack.omeroweb.address,
        service=stack.service.address,
    )
    print(said, flush=True)


def _wait() -> None:
    def end(number: int, frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    signal.signal(signal.SIGTERM, end)
    try:
        signal.pause()
    except KeyboardInterrupt:
        print("ending", flush=True)


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="python -m tests.real.stack", description=sys.modules["tests.real.stack"].__doc__
    )
    commands = parser.add_subparsers(dest="command", required=True)
    up = commands.add_parser("up", help="start all of it and say how to log in")
    up.add_argument("--port", type=int, default=8888, help="nginx's port (default: %(default)s)")
    up.add_argument("--engine", choices=ENGINES, default=CACHE, help="OMERO.web's omero.web.session_engine")
    commands.add_parser("test", help="run the tests against it; what follows is for pytest")
    asked, more = parser.parse_known_args()
    if asked.command == "test":
        return int(pytest.main([str(ROOT / "tests" / "real" / "stack"), *more]))
    if more:
        parser.error(f"unrecognized arguments: {' '.join(more)}")
    return _up(asked.port, asked.engine)


if __name__ == "__main__":
    sys.exit(main())
