"""Two replicas of the service behind nginx with one Redis between them: a plate costs OMERO one render for each well.

    python -m bench.replicas

starts an OMERO on the official stubs behind the real router, Redis, two services with nothing in common but that Redis,
and nginx that sends them requests in turn; asks for a 384-well plate as OMERO.web does, and again so that each replica
is asked for what the other one had; and prints how many pictures OMERO was asked for.
"""

from __future__ import annotations

import contextlib
import json
import sys
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import redis

from tests.real.conformance.harness import OmeroStandin
from tests.support.parts import require
from tests.unit.websession.redis_server import RedisServer

from .load import KEY
from .processes import ROOT, BrokenMeasurement, get, nginx, service

WELLS = range(5_000, 5_384)

_GROUP = 3
_OWNER = 10
_KEY = "22222222-aaaa-4aaa-8aaa-000000000010"
_PAGE = 50

#: seconds that the replicas may take to share what they got
_SHARED_WITHIN = 30.0

WORLD: dict[str, Any] = {
    "groups": [{"id": _GROUP, "name": "lab", "permissions": "rwr---"}],
    "users": [{"id": _OWNER, "name": "user", "password": "password", "groups": [_GROUP]}],
    "sessions": [{"key": _KEY, "user": "user"}],
    "images": [{"id": image, "group": _GROUP, "owner": _OWNER} for image in WELLS],
}


@dataclass(frozen=True)
class Served:
    """Thumbnails that were handed out, and those that OMERO was asked for, on which joins."""

    thumbnails: int
    renders: int
    joins: int
    seconds_first: float
    seconds_again: float


def serve_a_plate(omero: OmeroStandin, folder: Path) -> Served:
    """Ask for the plate twice through nginx, then at each replica. Resets `omero` to a world of its own."""
    omero.reset(WORLD)
    shared = RedisServer(folder / "shared-cache")
    shared.start()
    try:
        with contextlib.ExitStack() as ending:
            text = f"""omero: {{host: "{omero.plain.host}", port: {omero.plain.port}, secure: false}}
session-store: {{type: memory}}
cache: {{redis-uri: "redis://127.0.0.1:{shared.port}/0"}}
access-log: false
"""
            replicas = [ending.enter_context(service(folder, text))[0] for _ in range(2)]
            front = ending.enter_context(nginx(folder / "nginx", _in_turn(replicas)))
            began = time.perf_counter()
            answered = _fill(front, WELLS)
            first = time.perf_counter() - began
            _wait_for_entries(shared.port, len(WELLS))
            # one page on, so that nginx sends each page to the other replica
            began = time.perf_counter()
            answered += _fill(front, [*WELLS[_PAGE:], *WELLS[:_PAGE]])
            again = time.perf_counter() - began
            for replica in replicas:
                answered += _fill(replica, WELLS)
            joins = omero.stats()["joins"]
    finally:
        shared.kill()
    sets = omero.calls("getThumbnailByLongestSideSet")
    alone = omero.calls("getThumbnailByLongestSide")
    renders = sum(len(call["arguments"][1]) for call in sets) + len(alone)
    return Served(answered, renders, joins, first, again)


def _in_turn(replicas: Sequence[str]) -> str:
    """nginx as the project ships it, with a line for each replica."""
    snippets = ROOT / "deploy" / "nginx"
    one = "server 127.0.0.1:8080"
    upstream = (snippets / "upstream.conf").read_text()
    (line,) = [line for line in upstream.splitlines() if one in line]
    lines = "\n".join(line.replace(one, f"server {replica.removeprefix('http://')}") for replica in replicas)
    locations = snippets / "locations.conf"
    return f"{upstream.replace(line, lines)}\nserver {{ listen 127.0.0.1:PORT; include {locations}; }}"


def _fill(address: str, images: Sequence[int]) -> int:
    """Ask for pages of 50 at once, as OMERO.web does; the thumbnails that came."""
    pages = [images[start : start + _PAGE] for start in range(0, len(images), _PAGE)]
    paths = ["/webclient/get_thumbnails/?" + "&".join(f"id={one}" for one in page) for page in pages]
    base = address.rstrip("/")
    with ThreadPoolExecutor(len(paths)) as pool:
        bodies = pool.map(lambda path: get(base + path, {KEY: _KEY}), paths)
        answers = [json.loads(body) for body in bodies]
    return sum(value is not None for answer in answers for value in answer.values())


def _wait_for_entries(port: int, count: int) -> None:
    deadline = time.monotonic() + _SHARED_WITHIN
    with redis.Redis(port=port) as client:
        while (shared := _shared(client)) < count:
            if time.monotonic() > deadline:
                raise BrokenMeasurement(f"the replicas shared {shared} thumbnails of {count}")
            time.sleep(0.005)


def _shared(client: redis.Redis) -> int:
    """Pictures in the ring of `redis_cache`: the fields of its hashes, but for the count that each has."""
    return sum(client.hlen(name) - 1 for name in client.scan_iter("omero-ms-thumbnail:*", _type="HASH"))


def main() -> int:
    """Serve a plate, and say what it took."""
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        omero = OmeroStandin(require("omero-py (Python 3.10)"), require("glacier2router"), folder)
        try:
            served = serve_a_plate(omero, folder)
        finally:
            omero.stop()
    print(
        f"{served.thumbnails} thumbnails of {len(WELLS)} wells from two replicas: OMERO rendered {served.renders}, "
        f"on {served.joins} joins; the plate took {served.seconds_first * 1000:.0f} ms, "
        f"and {served.seconds_again * 1000:.0f} ms again"
    )
    return 0 if served.renders == len(WELLS) else 1


if __name__ == "__main__":
    sys.exit(main())
