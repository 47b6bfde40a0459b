"""The console command, run to its end: in a process of its own, forked from one that has imported everything.

Starting Python and importing takes longer than most of what tests have the command do.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

from tests.support.parts import ROOT

#: seconds
_STARTED_WITHIN = 60.0


def run_command(
    *arguments: str,
    stdin: str = "",
    environment: Mapping[str, str] | None = None,
    cwd: Path = ROOT,
    timeout: float = 60.0,
) -> subprocess.CompletedProcess[str]:
    """``omero-ms-thumbnail ARGUMENTS``; `environment` in place of the tests' own."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "in").write_text(stdin)
        asked = {
            "arguments": arguments,
            "environment": dict(os.environ if environment is None else environment),
            "cwd": str(cwd),
            "folder": name,
        }
        status = _ready().run(asked, timeout)
        said, complained = ((folder / one).read_text() for one in ("out", "err"))
    return subprocess.CompletedProcess(["omero-ms-thumbnail", *arguments], status, said, complained)


class _Forking:
    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.support.command"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=ROOT,
            start_new_session=True,
        )
        self._lock = threading.Lock()
        self._read(_STARTED_WITHIN)

    def run(self, asked: dict[str, Any], timeout: float) -> int:
        assert self._process.stdin is not None
        with self._lock:
            print(json.dumps(asked), file=self._process.stdin, flush=True)
            return int(self._read(timeout))

    def _read(self, timeout: float) -> str:
        assert self._process.stdout is not None
        if not select.select([self._process.stdout], [], [], timeout)[0]:
            self._process.kill()
            _ready.cache_clear()
            raise subprocess.TimeoutExpired("omero-ms-thumbnail", timeout)
        return self._process.stdout.readline()

    def __del__(self) -> None:
        # it ends with its input
        for stream in (self._process.stdin, self._process.stdout):
            with contextlib.suppress(OSError):
                if stream is not None:
                    stream.close()
        self._process.wait()


@cache
def _ready() -> _Forking:
    return _Forking()


def _children() -> Iterator[dict[str, Any]]:
    """What is asked for, each in a child of its own; here nothing comes of it."""
    print("ready", flush=True)
    while line := os.read(0, 1 << 20):
        while not line.endswith(b"\n"):
            line += os.read(0, 1 << 20)
        child = os.fork()
        if not child:
            yield json.loads(line)
            return
        print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)


def _main() -> int:
    # whatever the commands import when they need it
    import omero_ms_thumbnail.check.walk
    import omero_ms_thumbnail.server
    import omero_ms_thumbnail.warm.command  # noqa: F401
    from omero_ms_thumbnail.cli import main

    for asked in _children():
        folder = Path(asked["folder"])
        for number, (name, how) in enumerate((("in", os.O_RDONLY), ("out", os.O_WRONLY), ("err", os.O_WRONLY))):
            opened = os.open(folder / name, how | (os.O_CREAT if number else 0), 0o600)
            os.dup2(opened, number)
            os.close(opened)
        os.environ.clear()
        os.environ.update(asked["environment"])
        os.chdir(asked["cwd"])
        sys.argv = ["omero-ms-thumbnail", *asked["arguments"]]
        return main()
    return 0


if __name__ == "__main__":
    sys.exit(_main())
