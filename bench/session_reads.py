"""What it costs to find out who is asking, end to end, and how soon a log-out counts: ways of reading Redis, in turn.

    python -m bench.session_reads [NAME=CHECKOUT ...] [--rounds N] [--seconds S] [--ids N]

A worker of this checkout and one of each other CHECKOUT (a folder), under the Python of this one, serve known pictures
to 50 users, 500 a second, whose sessions are in one Redis. "by key" is this checkout asked by the keys of OMERO's
sessions: what a request costs where no store is read. Each round asks one after the other, so that the machine's other
work falls on all alike; what is printed are medians of the rounds, and the median of the rounds' ratios for what a
request costs times what it costs by key. Then, under the same load, other users look at pictures and are logged out at
random moments as OMERO.web does it, by deleting their keys. ``--ids`` gives each session so many ids of a deletion.
"""

from __future__ import annotations

import argparse
import contextlib
import http.client
import os
import pickle
import random
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import redis

from tests.unit.websession import django_site
from tests.unit.websession.redis_server import RedisServer

from . import usage
from .load import COOKIE, KEY, Load, Questions, wrk
from .omeros import BigOmero, big_omero
from .priming import ask_for_all, ask_once
from .processes import ROOT, BrokenMeasurement, free_port, process, wait_for_http

USERS = 50
RATE = 500
_LEAVING = 10.0
_PRIMING = 2.0
_KNOWN = 50
_PREFIX = ":1:django.contrib.sessions.cache"
_DEADLINE = 60.0
_EVERY = 0.01
BY_KEY = "by key"


@dataclass
class Way:
    """A service, and what each round made of it."""

    name: str
    address: str
    pid: int
    who: Sequence[str] = field(repr=False)
    header: str
    service_us: list[float] = field(default_factory=list)
    redis_us: list[float] = field(default_factory=list)
    commands: list[float] = field(default_factory=list)
    p50: list[float] = field(default_factory=list)
    p99: list[float] = field(default_factory=list)
    log_outs: list[float] = field(default_factory=list)

    def line(self, without: Way) -> str:
        """A row of the table; `without` is the one that reads no session."""
        median = statistics.median
        cells = [
            f"{median(self.service_us):.0f} us",
            f"{median(mine / its for mine, its in zip(self.service_us, without.service_us, strict=True)):.2f}",
            f"{median(self.redis_us):.1f} us",
            f"{median(self.commands):.0f}",
            f"{median(self.p50) * 1e3:.2f} ms",
            f"{median(self.p99) * 1e3:.1f} ms",
            f"{median(self.log_outs):.2f} / {max(self.log_outs):.2f} s" if self.log_outs else "",
        ]
        return f"| {self.name} | {' | '.join(cells)} |"


@contextlib.contextmanager
def _service(checkout: Path, folder: Path, configuration: str) -> Iterator[tuple[str, int]]:
    """One worker of a checkout under this Python: its address and process id."""
    port = free_port()
    file = folder / f"{port}.yaml"
    file.write_text(configuration)
    command = ["env", f"PYTHONPATH={checkout / 'src'}", sys.executable, "-m", "omero_ms_thumbnail", "serve"]
    arguments = ["--config", str(file), "--host", "127.0.0.1", "--port", str(port)]
    with process([*command, *arguments], log=folder / f"{port}.log", cwd=checkout) as child:
        wait_for_http(f"http://127.0.0.1:{port}/healthz", _DEADLINE)
        yield f"http://127.0.0.1:{port}", child.pid


def _session(key: str, ids: int) -> bytes:
    items = django_site.session_items()
    items["connector"]["omero_session_key"] = key
    if ids:
        items["callback"] = {"job": {"delmany": True, "did": [f"{number}" for number in range(ids)]}}
    return pickle.dumps(items)


def _log_out(way: Way, client: redis.Redis, key: str, value: bytes) -> float:
    """Seconds for which a session that is in use is still answered after it was deleted."""
    session_id = f"leaving{random.getrandbits(64):016x}"
    client.set(_PREFIX + session_id, value, ex=3600)
    connection = http.client.HTTPConnection(urlsplit(way.address).netloc, timeout=30)
    deleted, until = 0.0, time.perf_counter() + random.uniform(0.5, 1.5)
    while True:
        if not deleted and time.perf_counter() > until:
            client.delete(_PREFIX + session_id)
            deleted = time.perf_counter()
        connection.request("GET", "/webclient/render_thumbnail/7/", headers={COOKIE: f"sessionid={session_id}"})
        answer = connection.getresponse()
        answer.read()
        if answer.status == http.HTTPStatus.FORBIDDEN and deleted:
            return time.perf_counter() - deleted
        if answer.status != http.HTTPStatus.OK or time.perf_counter() > until + _DEADLINE:
            raise BrokenMeasurement(f"{way.name} answered {answer.status} to a user who was logged out")
        time.sleep(_EVERY)


def _load(way: Way, folder: Path, seconds: float) -> Load:
    """Users in turn, each for every image; a connection waits at random between two requests."""
    questions = Questions(way.header, way.who, 1, _KNOWN, run=1, pause=USERS / RATE)
    return wrk(way.address, folder, questions, connections=USERS, seconds=seconds)


def _round(way: Way, folder: Path, server: RedisServer, seconds: float) -> None:
    with redis.Redis(port=server.port, db=1) as client:
        before, of_redis, used = _commands(client), _redis_seconds(client), usage.of_tree(way.pid)
        load = _load(way, folder, seconds)
        way.service_us.append((usage.of_tree(way.pid) - used) / load.requests * 1e6)
        way.redis_us.append((_redis_seconds(client) - of_redis) / load.requests * 1e6)
        way.commands.append((_commands(client) - before) / seconds)
    way.p50.append(load.p50)
    way.p99.append(load.p99)


def _leave(way: Way, folder: Path, server: RedisServer, omero: BigOmero, ids: int) -> None:
    """Log-outs one after the other, under the load."""
    load = threading.Thread(target=_load, args=(way, folder, _LEAVING))
    load.start()
    with redis.Redis(port=server.port, db=1) as client:
        while load.is_alive():
            way.log_outs.append(_log_out(way, client, omero.keys[0], _session(omero.keys[0], ids)))
    load.join()


def _commands(client: redis.Redis) -> int:
    """How many Redis has answered, of those that this program does not send itself while it measures."""
    counted = client.info("commandstats")
    return sum(one["calls"] for name, one in counted.items() if name.partition("_")[2] not in ("info", "set", "del"))


def _redis_seconds(client: redis.Redis) -> float:
    cpu = client.info("cpu")
    return float(cpu["used_cpu_user"]) + float(cpu["used_cpu_sys"])


def measure(checkouts: dict[str, Path], rounds: int, seconds: float, ids: int) -> list[Way]:
    """Ask all in turn; the first of them reads no session."""
    with tempfile.TemporaryDirectory() as name, contextlib.ExitStack() as running:
        folder = Path(name)
        omero = running.enter_context(big_omero(1, "--sessions", str(USERS)))
        server = RedisServer(folder / "redis")
        server.start()
        running.callback(server.kill)
        cookies = []
        with redis.Redis(port=server.port, db=1) as client:
            for key in omero.keys:
                session_id = os.urandom(16).hex()
                client.set(_PREFIX + session_id, _session(key, ids), ex=3600)
                cookies.append(f"sessionid={session_id}")
        store = f"session-store: {{type: redis, uri: 'redis://127.0.0.1:{server.port}/1'}}"
        text = omero.configuration(cache_life=600.0).replace("session-store: {type: memory}", store)
        ways: list[Way] = []
        for title, checkout in {BY_KEY: ROOT, **checkouts}.items():
            address, pid = running.enter_context(_service(checkout, folder, text))
            by_key = title == BY_KEY
            way = Way(title, address, pid, omero.keys if by_key else cookies, KEY if by_key else COOKIE)
            ask_once(address, omero.keys)
            for key in omero.keys:
                ask_for_all(address, [key], 1, _KNOWN)
            _load(way, folder, _PRIMING)
            ways.append(way)
        for _ in range(rounds):
            for way in ways:
                _round(way, folder, server, seconds)
        for way in ways[1:]:
            _leave(way, folder, server, omero, ids)
    return ways


def main() -> int:
    """Measure, and print a table."""
    parser = argparse.ArgumentParser(
        prog="python -m bench.session_reads", description=(__doc__ or "").partition("\n")[0]
    )
    parser.add_argument("others", nargs="*", metavar="NAME=CHECKOUT", default=[])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=10)
    parser.add_argument("--ids", type=int, default=0, help="images of a deletion, in each session")
    asked = parser.parse_args()
    others = {name: Path(folder).resolve() for name, _, folder in (one.partition("=") for one in asked.others)}
    try:
        ways = measure({"this checkout": ROOT, **others}, asked.rounds, asked.seconds, asked.ids)
    except BrokenMeasurement as broken:
        print(f"broken measurement: {broken}", file=sys.stderr)
        return 1
    print(
        "| | service, a request | times by key | Redis, a request | commands/s at Redis | p50 | p99 "
        "| log-out counts after (median / longest) |\n| --- |" + " ---: |" * 7
    )
    for way in ways:
        print(way.line(ways[0]))
    return 0


if __name__ == "__main__":
    sys.exit(main())
