"""Python calls that one thumbnail takes in the service's process: ``python -m bench.steps [--show]``.

A count, not a time: it is the same on every machine and under any load. Counted are calls of Python functions
(``sys.setprofile``), coroutines each time that they go on, from the request's coming to its answer and whatever is done
for it behind the answer. OMERO is the embedded one, in a process of its own; the access log is off.

- **hit**: in memory, by facts that OMERO gave a moment ago
- **not modified**: the same, and the client has it
- **known**: in memory, once OMERO has said what is seen; 50 are asked for at once, each by itself
- **new**: stored by OMERO and not asked for before; 50 at once, each by itself
- **page known**, **page new**: the same of 50 in one request, for each of them
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import tempfile
import threading
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from types import FrameType
from typing import Any

import uvloop

from omero_ms_thumbnail import server
from omero_ms_thumbnail.config.loading import load_settings

from .load import KEY
from .omeros import big_omero

_AT_ONCE = 50
_ROUNDS = 4
_LIFE = 0.2


class _Client:
    """Who asks, and stays."""

    def __init__(self) -> None:
        self.status = 0
        self.headers: dict[bytes, bytes] = {}

    async def send(self, message: dict[str, Any]) -> None:
        self.status = message.get("status", self.status)
        self.headers.update(message.get("headers", ()))

    async def receive(self) -> dict[str, Any]:
        await asyncio.get_running_loop().create_future()
        raise AssertionError("nothing comes")


class Steps:
    """Counts calls while it is entered."""

    def __init__(self) -> None:
        self.calls: Counter[str] = Counter()

    def __enter__(self) -> Steps:
        sys.setprofile(self._called)
        return self

    def __exit__(self, *_: object) -> None:
        sys.setprofile(None)

    def _called(self, frame: FrameType, event: str, _argument: object) -> None:
        if event == "call" and not frame.f_code.co_filename.endswith("bench/steps.py"):
            code = frame.f_code
            self.calls[f"{Path(code.co_filename).stem}.{code.co_qualname}"] += 1


class Counted:
    """A service in this process, and what its requests take."""

    def __init__(self, service: server.Service, key: str, images: Sequence[int]) -> None:
        self._service = service
        self._key = key
        self._images = images

    async def ask(self, image: int, etag: bytes = b"") -> _Client:
        """One request for one."""
        return await self._request(f"/webclient/render_thumbnail/{image}/", etag=etag)

    async def _request(self, path: str, query: bytes = b"", etag: bytes = b"") -> _Client:
        headers = [(KEY.lower().encode(), self._key.encode())]
        if etag:
            headers.append((b"if-none-match", etag))
        client = _Client()
        scope = {"type": "http", "method": "GET", "path": path, "query_string": query, "headers": headers}
        await self._service(scope, client.receive, client.send)
        if client.status not in (200, 304):
            raise RuntimeError(f"{path} was answered with {client.status}")
        return client

    async def page(self, images: Sequence[int]) -> None:
        """Many in one request, and what is done behind the answer."""
        query = "&".join(f"id={image}" for image in images).encode()
        await self._request("/webclient/get_thumbnails/", query)
        await asyncio.sleep(0.5)

    async def all(self, images: Sequence[int]) -> None:
        """Many at once, each by itself, and what is done behind the answers."""
        await asyncio.gather(*(self.ask(image) for image in images))
        await asyncio.sleep(0.5)

    async def count(self) -> dict[str, Counter[str]]:
        """The calls of one thumbnail, by function."""
        pages = [self._images[begin : begin + _AT_ONCE] for begin in range(0, len(self._images), _AT_ONCE)]
        await self.all(pages[0])
        found = {"new": await self._of(lambda: self.all(pages[1]), _AT_ONCE)}
        found["known"] = await self._of(lambda: self.all(pages[1]), _AT_ONCE)
        image = pages[1][0]
        for _ in range(2):
            etag = (await self.ask(image)).headers[b"etag"]
            await self.ask(image, etag)
        found["hit"] = await self._of(lambda: self.ask(image), 1)
        found["not modified"] = await self._of(lambda: self.ask(image, etag), 1)
        found["page new"] = await self._of(lambda: self.page(pages[2]), _AT_ONCE)
        found["page known"] = await self._of(lambda: self.page(pages[2]), _AT_ONCE)
        return found

    async def _of(self, asking: Callable[[], Any], thumbnails: int) -> Counter[str]:
        with Steps() as steps:
            await asking()
        return Counter({name: round(calls / thumbnails, 2) for name, calls in steps.calls.items()})


def main() -> None:
    """Count."""
    parser = argparse.ArgumentParser(prog="python -m bench.steps", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--show", action="store_true", help="how often each function was called")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="bench-") as folder, big_omero(1) as omero:
        file = Path(folder) / "steps.yaml"
        file.write_text(omero.configuration(cache_life=_LIFE))
        server.end_with_starter = lambda: None
        service = server.Service(load_settings(file, {}))

        async def measure() -> dict[str, Counter[str]]:
            await service.start()
            found = await Counted(service, omero.keys[0], range(1, 1 + _ROUNDS * _AT_ONCE)).count()
            await service.stop()
            return found

        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            found = runner.run(measure())
    threading.setprofile(None)
    for name, calls in found.items():
        print(f"{name}: {calls.total():.0f} Python calls")
        if options.show:
            for function, count in calls.most_common(60):
                print(f"    {count:7.2f}  {function}")


if __name__ == "__main__":
    main()
