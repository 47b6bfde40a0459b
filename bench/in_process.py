"""Processor time of the service for one thumbnail in one process, and what parts of it cost.

``python -m bench.in_process [--users N] [--without PART …]``: 64 clients in the event loop of the service ask the
application as Granian would, as fast as they are answered; OMERO, its router and Redis are those of other measurements.
A part that is left out answers what is known beforehand, so that the difference is what it costs. Parts add up better
than they are seen one by one: a figure differs by some 3% from run to run.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import uvloop

from omero_ms_thumbnail import one_omero, server
from omero_ms_thumbnail.config.loading import load_settings
from omero_ms_thumbnail.omero import calls, stores
from omero_ms_thumbnail.telemetry.observer import Telemetry
from omero_ms_thumbnail.thumbnails import model, scheduler, session_facts, ways
from omero_ms_thumbnail.web import application, auth, parsing, thumbnail_pages, urls
from tests.real.conformance.standin.world import PIXELS

from .load import COOKIE
from .peers import CONNECTIONS
from .processes import BrokenMeasurement
from .site import FIRST_IMAGE, GROUP, IMAGES, STORED, USERS, Site, site

#: images at the end that are asked for before the measurement
_ASIDE = 1_000
#: the bits of the group's permissions, rwr---
_READ_ONLY = -56


def scope(path: str, cookie: str) -> dict[str, Any]:
    """A request, as ASGI has it."""
    headers = [(COOKIE.lower().encode(), cookie.encode())]
    return {"type": "http", "method": "GET", "path": path, "query_string": b"", "headers": headers}


class Client:
    """Who asks, and stays."""

    status = 0

    async def send(self, message: dict[str, Any]) -> None:
        self.status = message.get("status", self.status)

    async def receive(self) -> dict[str, Any]:
        await asyncio.get_running_loop().create_future()
        raise AssertionError("nothing comes")


def _facts_known() -> None:
    known = {
        image: model.ImageFacts(
            image, PIXELS + image, GROUP, 10, _READ_ONLY, STORED, has_owners_settings=True, has_owners_row=True
        )
        for image in range(FIRST_IMAGE, FIRST_IMAGE + IMAGES)
    }
    session_facts.SessionFacts.cached = lambda _self, request: known.get(request.image_id)
    # for whom they are is asked with them
    session_facts.SessionFacts.way_of = lambda *_: ways.Way((GROUP, STORED))


def _nothing_told() -> None:
    class Request:
        id, began, span, cache = "", 0.0, None, "-"

    Telemetry.began = lambda _self, _headers: Request()
    Telemetry.answered = lambda *_, **__: None
    Telemetry.cache_used = Telemetry.pictures = lambda *_: None
    one_omero.OneOmero._call = lambda *_: contextlib.nullcontext()


def _askers_known() -> None:
    known: dict[str | None, auth.User] = {}
    find = auth.Authenticator.__call__

    async def remembered(self: auth.Authenticator, headers: Any, query: Any, path: str = "") -> auth.User:
        cookie = headers.get("cookie")
        if cookie not in known:
            known[cookie] = await find(self, headers, query, path)
        return known[cookie]

    auth.Authenticator.__call__ = remembered


def _no_limits_of_time() -> None:
    async def until_done(future: asyncio.Future[Any], _timeout: float) -> bool:
        await future
        return True

    async def cancel_on_disconnect(_client: Any, answering: Any) -> Any:
        return await answering

    scheduler.until_done = stores.until_done = calls.until_done = until_done
    thumbnail_pages.cancel_on_disconnect = cancel_on_disconnect


def _paths_known() -> None:
    def route(path: str) -> urls.Route:
        return urls.Route(urls.RouteKind.RENDER_THUMBNAIL, path.rsplit("/", 2)[1])

    def parse(_self: parsing.Parser, found: urls.Route, _query: str) -> parsing.ParsedRequest:
        return parsing.ParsedRequest(parsing.Query(""), None, (model.ThumbnailRequest(int(found.image), 96),))

    application.route = route
    parsing.Parser._parse = parse


def _no_digest() -> None:
    model.Thumbnail.digest = ""


#: what can be left out
PARTS: dict[str, Callable[[], None]] = {
    "facts": _facts_known,
    "telemetry": _nothing_told,
    "user": _askers_known,
    "time-limits": _no_limits_of_time,
    "path": _paths_known,
    "etag": _no_digest,
}


def measure(at: Site, users: int, rounds: int) -> None:
    """Print what `rounds` of a second each show; what was to be left out has been."""
    file = at.folder / "in-process.yaml"
    file.write_text(at.configuration())
    # it ends with the process that measures, not with the one before that
    server.end_with_starter = lambda: None
    service = server.Service(load_settings(file, {}))
    loop = uvloop.new_event_loop()
    asyncio.set_event_loop(loop)
    loop.run_until_complete(service.start())
    next_one = 0

    async def ask(image: int, user: int) -> None:
        client, request = Client(), scope(f"/webclient/render_thumbnail/{image}/", at.cookies[user])
        await loop.create_task(service(request, client.receive, client.send))
        if client.status != 200:
            raise BrokenMeasurement(f"image {image} was answered with {client.status}")

    async def one_round() -> tuple[float, float, float]:
        end, first = time.perf_counter() + 1.0, next_one

        async def client() -> None:
            nonlocal next_one
            while time.perf_counter() < end:
                number, next_one = next_one, next_one + 1
                await ask(FIRST_IMAGE + number % (IMAGES - _ASIDE), number % users)

        calls, cpu, wall = at.calls(), time.thread_time(), time.perf_counter()
        await asyncio.gather(*(client() for _ in range(CONNECTIONS)))
        done = next_one - first
        cpu, wall = time.thread_time() - cpu, time.perf_counter() - wall
        return done / wall, cpu / done * 1e6, (at.calls() - calls) / done

    async def warm() -> None:
        for user in range(users):
            await ask(FIRST_IMAGE + IMAGES - 1, user)

    loop.run_until_complete(warm())
    seen = [loop.run_until_complete(one_round()) for _ in range(rounds)]
    per_second, microseconds, calls = (statistics.median(column) for column in zip(*seen, strict=True))
    print(f"{per_second:,.0f} thumbnails/s, {microseconds:.0f} us of the event loop each, {calls:.2f} calls each")
    loop.run_until_complete(service.stop())


def main() -> None:
    """Measure as the command line says."""
    parser = argparse.ArgumentParser(prog="python -m bench.in_process", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--users", type=int, default=USERS)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--without", nargs="*", default=[], choices=PARTS, metavar="PART", help=" ".join(PARTS))
    options = parser.parse_args()
    for part in options.without:
        PARTS[part]()
    with tempfile.TemporaryDirectory(prefix="bench-") as folder, site(Path(folder) / "site") as at:
        measure(at, options.users, options.rounds)


if __name__ == "__main__":
    main()
