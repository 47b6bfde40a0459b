"""The embedded OMERO in a process of its own, with any number of users, and a service's configuration for it."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from .processes import ROOT, BrokenMeasurement


def configuration(port: int, *, secure: bool, more: str = "", cache_life: float | None = None) -> str:
    """A service's, which is told by a header who asks; `more` is of the section omero."""
    cache = "" if cache_life is None else f"cache: {{life: {cache_life:g}}}\n"
    return f"""omero: {{host: 127.0.0.1, port: {port}, secure: {str(secure).lower()}{more}}}
session-store: {{type: memory}}
access-log: false
{cache}"""


class BigOmero:
    """See big_omero.py: `ports` are its OMEROs, `keys` the sessions of its users."""

    def __init__(self, *arguments: str) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "bench.big_omero", *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=ROOT,
        )
        assert self._process.stdout is not None
        said = self._process.stdout.readline()
        if not said:
            raise BrokenMeasurement("the embedded OMERO did not start")
        self.ports: list[int] = json.loads(said)["ports"]
        self.keys: list[str] = json.loads(said)["keys"]

    def stop(self) -> None:
        """End it."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait(60)

    def configuration(self, **options: Any) -> str:
        """A configuration for a service in front of it that lets nobody go."""
        more = ", joined_sessions: 20000, session_idle_timeout: 3600"
        return configuration(self.ports[0], secure=False, more=more, **options)


@contextmanager
def big_omero(users: int, *more: str) -> Iterator[BigOmero]:
    """A `BigOmero` of so many users while it is needed; `more` are arguments of big_omero.py."""
    omero = BigOmero("--users", str(users), *more)
    try:
        yield omero
    finally:
        omero.stop()
