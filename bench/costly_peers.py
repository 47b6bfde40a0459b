"""Who asks the OMERO that costs what a real one does: that OMERO's process, OMERO.web's calls, and this service."""

from __future__ import annotations

import base64
import http.client
import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit

from tests.support.parts import require

from .costly_world import STORED, shown
from .load import KEY
from .processes import ROOT, BrokenMeasurement, service

AnswerT = TypeVar("AnswerT")

#: as many as OMERO.web's gunicorn has workers by default
_PROCESSES = 5
#: as many as a browser opens to one host
_CONNECTIONS = 6


class _Answering:
    """A process that says something when it has started, and answers lines of JSON by lines of JSON."""

    def __init__(self, command: Sequence[str | Path], name: str) -> None:
        self._name = name
        self._process = subprocess.Popen(
            [str(part) for part in command], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT
        )

    @property
    def pid(self) -> int:
        return self._process.pid

    def read(self) -> Any:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise BrokenMeasurement(f"{self._name} has ended")
        return json.loads(line)

    def ask(self, line: str) -> Any:
        assert self._process.stdin is not None
        self._process.stdin.write(line + "\n")
        self._process.stdin.flush()
        return self.read()

    def end(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait(60)


@dataclass(frozen=True)
class Counted:
    """What OMERO was asked: calls that it worked on, events, and the most connections to its database at once."""

    calls: int
    events: int
    connections: int


class CostlyProcess:
    """`bench.costly_omero`: `pages` are those of each visitor by kind."""

    def __init__(self, *arguments: str | Path) -> None:
        self._process = _Answering([sys.executable, "-m", "bench.costly_omero", *arguments], "the embedded OMERO")
        self.pid = self._process.pid
        said = self._process.read()
        self.port: int = said["port"]
        self.keys: list[str] = said["keys"]
        self.pages: list[dict[str, list[list[int]]]] = said["pages"]
        self.plates: list[list[int]] = said["plates"]
        self.singles: tuple[int, int] = (said["singles"][0], said["singles"][1])

    def counted(self, do: Callable[[], AnswerT]) -> tuple[AnswerT, Counted]:
        """What comes of `do`, and what OMERO was asked for it."""
        before = self._process.ask("mark")
        came = do()
        after = self._process.ask("stats")
        calls = sum(after["calls"].values()) - sum(before["calls"].values())
        return came, Counted(calls, after["events"] - before["events"], after["connections"])

    def end(self) -> None:
        """End it."""
        self._process.end()


@contextmanager
def costly_omero(*arguments: str | Path) -> Iterator[CostlyProcess]:
    """One while it is needed; `arguments` are those of costly_omero.py."""
    omero = CostlyProcess(*arguments)
    try:
        yield omero
    finally:
        omero.end()


class OmeroWebCalls:
    """`omeroweb_calls.py` at that OMERO."""

    def __init__(self, omero: CostlyProcess) -> None:
        python = require("omero-py (Python 3.10)")
        script = ROOT / "bench" / "omeroweb_calls.py"
        self._process = _Answering([python, script, "127.0.0.1", str(omero.port), str(_PROCESSES)], "omero-py")

    def pages(self, key: str, pages: Sequence[Sequence[int]], size: int = STORED) -> float:
        """Ask for pages, all at once; seconds."""
        took: float = self._ask(do="pages", key=key, pages=pages, size=size)["took"]
        return took

    def query(self, key: str, images: Sequence[int], times: int = 15) -> float:
        """The time of one query about those images through omero-py, in a session that is joined; seconds."""
        took: float = self._ask(do="query", key=key, images=images, times=times)["took"]
        return took

    def singles(self, keys: Sequence[str], first: int, count: int, seconds: float) -> float:
        """Ask for one after the other; how many came in a second."""
        said = self._ask(do="singles", keys=keys, first=first, count=count, seconds=seconds)
        per_second: float = said["done"] / said["took"]
        return per_second

    def end(self) -> None:
        """End it."""
        self._process.end()

    def _ask(self, **asked: Any) -> Any:
        return self._process.ask(json.dumps(asked))


@contextmanager
def omeroweb_calls(omero: CostlyProcess) -> Iterator[OmeroWebCalls]:
    """Them while they are needed."""
    calls = OmeroWebCalls(omero)
    try:
        yield calls
    finally:
        calls.end()


class Browser:
    """One visitor at this service, whose pages are looked at."""

    def __init__(self, address: str, key: str) -> None:
        self._headers = {KEY: key}
        self._connections = [
            http.client.HTTPConnection(urlsplit(address).netloc, timeout=60) for _ in range(_CONNECTIONS)
        ]
        for connection in self._connections:
            connection.connect()

    def pages(self, pages: Sequence[Sequence[int]], size: int = STORED) -> float:
        """Ask for pages, as many at once as a browser does; seconds. Raises BrokenMeasurement for a wrong one."""
        bodies: list[bytes] = [b""] * len(pages)
        waiting = list(range(len(pages)))

        def work(connection: http.client.HTTPConnection) -> None:
            while waiting:
                number = waiting.pop(0)
                bodies[number] = self._get(connection, _path(pages[number], size))

        began = time.perf_counter()
        if len(pages) == 1:
            work(self._connections[0])
        else:
            with ThreadPoolExecutor(_CONNECTIONS) as pool:
                list(pool.map(work, self._connections))
        took = time.perf_counter() - began
        for page, body in zip(pages, bodies, strict=True):
            _check(page, size, json.loads(body))
        return took

    def close(self) -> None:
        """Close its connections."""
        for connection in self._connections:
            connection.close()

    def _get(self, connection: http.client.HTTPConnection, path: str) -> bytes:
        connection.request("GET", path, headers=self._headers)
        answer = connection.getresponse()
        body = answer.read()
        if answer.status != http.HTTPStatus.OK:
            raise BrokenMeasurement(f"a page was answered {answer.status}: {body[:200]!r}")
        return body


@contextmanager
def browsers(folder: Path, configuration: str, keys: Sequence[str]) -> Iterator[tuple[str, int, list[Browser]]]:
    """A service with that configuration: its address, its process, and a browser for each of the sessions."""
    with service(folder, configuration) as (address, pid):
        opened = [Browser(address, key) for key in keys]
        try:
            yield address, pid, opened
        finally:
            for browser in opened:
                browser.close()


def _path(page: Sequence[int], size: int) -> str:
    width = "" if size == STORED else f"{size}/"
    return f"/webgateway/get_thumbnails/{width}?" + "&".join(f"id={image}" for image in page)


def _check(page: Sequence[int], size: int, answer: dict[str, str | None]) -> None:
    for image in page:
        _, _, text = (answer.get(str(image)) or "").partition(",")
        if shown(image, size) not in base64.b64decode(text)[:100]:
            raise BrokenMeasurement(f"image {image} was shown by something else: {text[:40]!r}")
