"""Which routing layer: the same small service in four ways, under the same Granian, measured in one run.

The shape is ours: 12 routes, a session id from a cookie looked up in a dictionary, a query to parse, a 3 KB JPEG, a
counter and a histogram of prometheus_client. Run it with ``python -m bench.routing``; it needs `wrk`, and BlackSheep,
Starlette and Falcon beside what the service itself needs. Medians of five rounds, every peer once in each round.
"""

from __future__ import annotations

import argparse
import re
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qsl

JPEG = b"\xff\xd8" + b"x" * 3000
SESSION = "a" * 32
SESSIONS = {SESSION: "key"}
PREFIXES = ("webclient", "webgateway")
HEADERS = [("content-type", "image/jpeg"), ("content-length", str(len(JPEG)))]


def _observer() -> Callable[[str], None]:
    from prometheus_client import CollectorRegistry, Counter, Histogram

    registry = CollectorRegistry()
    counter = Counter("requests", "…", ["route", "status"], registry=registry)
    histogram = Histogram("seconds", "…", ["route"], registry=registry)

    def observe(route: str) -> None:
        counter.labels(route, "200").inc()
        histogram.labels(route).observe(0.001)

    return observe


def _session(cookie: str) -> str | None:
    for pair in cookie.split(";"):
        name, _, value = pair.strip().partition("=")
        if name == "sessionid":
            return SESSIONS.get(value)
    return None


def table() -> Any:
    """Our own table of paths on bare RSGI."""
    observe = _observer()
    names = {"render_thumbnail", "render_birds_eye_view", "get_thumbnails", "get_thumbnail"}

    async def app(scope: Any, protocol: Any) -> None:
        _, prefix, name, image, *_ = (*scope.path.split("/"), "", "", "")
        dict(parse_qsl(scope.query_string))
        if prefix in PREFIXES and name in names and image.isdigit() and _session(scope.headers.get("cookie") or ""):
            observe(name)
            protocol.response_bytes(200, HEADERS, JPEG)
        else:
            protocol.response_empty(404, [])

    return app


def table_asgi() -> Any:
    """The same on bare ASGI."""
    observe = _observer()
    names = {"render_thumbnail", "render_birds_eye_view", "get_thumbnails", "get_thumbnail"}
    headers = [(name.encode(), value.encode()) for name, value in HEADERS]

    async def app(scope: Any, _receive: Any, send: Any) -> None:
        _, prefix, name, image, *_ = (*scope["path"].split("/"), "", "", "")
        dict(parse_qsl(scope["query_string"]))
        cookie = dict(scope["headers"]).get(b"cookie", b"")
        if prefix in PREFIXES and name in names and image.isdigit() and _session(cookie.decode()):
            observe(name)
            await send({"type": "http.response.start", "status": 200, "headers": headers})
            await send({"type": "http.response.body", "body": JPEG})
        else:
            await send({"type": "http.response.start", "status": 404, "headers": []})
            await send({"type": "http.response.body", "body": b""})

    return app


def _paths() -> list[tuple[str, str]]:
    names = ("render_thumbnail", "render_birds_eye_view", "get_thumbnail")
    pairs = [(f"/{prefix}/{name}/", name) for prefix in PREFIXES for name in names]
    return [*pairs, *((f"/{prefix}/get_thumbnails/", "get_thumbnails") for prefix in PREFIXES)]


def blacksheep() -> Any:
    """BlackSheep over RSGI's sibling ASGI."""
    from blacksheep import Application, Content, Response

    app, observe = Application(), _observer()

    def handler(name: str) -> Callable[[Any, int], Any]:
        async def handle(request: Any, image: int) -> Any:
            _ = request.query
            assert _session(request.get_first_header(b"cookie").decode())
            observe(name)
            return Response(200, content=Content(b"image/jpeg", JPEG))

        return handle

    for path, name in _paths():
        app.router.add_get(path + "{int:image}", handler(name))
    return app


def starlette() -> Any:
    """Starlette over ASGI."""
    from starlette.applications import Starlette
    from starlette.responses import Response
    from starlette.routing import Route

    observe = _observer()

    def handler(name: str) -> Callable[[Any], Any]:
        async def handle(request: Any) -> Any:
            dict(request.query_params)
            assert _session(request.headers["cookie"])
            observe(name)
            return Response(JPEG, media_type="image/jpeg")

        return handle

    return Starlette(routes=[Route(path + "{image:int}", handler(name)) for path, name in _paths()])


def falcon() -> Any:
    """Falcon over ASGI."""
    import falcon.asgi

    app, observe = falcon.asgi.App(), _observer()

    class Resource:
        def __init__(self, name: str) -> None:
            self.name = name

        async def on_get(self, request: Any, response: Any, image: int) -> None:
            dict(request.params)
            assert _session(request.get_header("cookie"))
            observe(self.name)
            response.content_type = "image/jpeg"
            response.data = JPEG

    for path, name in _paths():
        app.add_route(path + "{image:int}", Resource(name))
    return app


PEERS = {
    "table on RSGI": (table, "rsgi"),
    "table on ASGI": (table_asgi, "asginl"),
    "BlackSheep": (blacksheep, "asginl"),
    "Starlette": (starlette, "asginl"),
    "Falcon": (falcon, "asginl"),
}


def serve(name: str, port: int) -> None:
    """Serve one peer until ended."""
    from granian.constants import Interfaces
    from granian.server import Server

    make, interface = PEERS[name]
    interface = "asgi" if name == "BlackSheep" else interface
    Server("bench", address="127.0.0.1", port=port, interface=Interfaces(interface), log_enabled=False).serve(
        target_loader=make, wrap_loader=False
    )


def _measure(name: str, seconds: int) -> float:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    server = subprocess.Popen([sys.executable, "-m", "bench.routing", "--serve", name, "--port", str(port)])
    try:
        deadline = time.monotonic() + 20
        while True:
            try:
                socket.create_connection(("127.0.0.1", port)).close()
                break
            except OSError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.05)
        url = f"http://127.0.0.1:{port}/webclient/render_thumbnail/12?version=3"
        said = subprocess.run(
            ["wrk", "-t1", "-c32", f"-d{seconds}", "-H", f"Cookie: sessionid={SESSION}", url],
            capture_output=True,
            text=True,
            check=True,
        ).stdout
    finally:
        server.terminate()
        server.wait()
    if "Non-2xx" in said:
        raise SystemExit(f"{name}: broken measurement:\n{said}")
    found = re.search(r"Requests/sec:\s+([\d.]+)", said)
    if found is None:
        raise SystemExit(f"{name}: broken measurement:\n{said}")
    return float(found.group(1))


def main() -> None:
    """Measure, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--serve")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=3)
    arguments = parser.parse_args()
    if arguments.serve:
        serve(arguments.serve, arguments.port)
        return
    rounds: dict[str, list[float]] = {name: [] for name in PEERS}
    for _ in range(arguments.rounds):
        for name in PEERS:
            rounds[name].append(_measure(name, arguments.seconds))
    best = statistics.median(rounds["table on RSGI"])
    print("| routing | requests/s, median | of the table's |\n| --- | --- | --- |")
    for name, values in rounds.items():
        print(f"| {name} | {statistics.median(values):,.0f} | {statistics.median(values) / best:.2f} |")


if __name__ == "__main__":
    main()
