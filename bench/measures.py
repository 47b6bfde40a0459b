"""What is measured: one function for each row of the table, each with the peers that it is compared with."""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.conformance.harness import OmeroStandin
from tests.parts import require

from .big_omero import PICTURE
from .load import distinct_images, wrk
from .processes import ROOT, BrokenMeasurement, children, nginx, resident_bytes, service, wait_for_http

GROUP = 3
USERS = 20
FIRST_IMAGE = 1_000
IMAGES = 20_000
CONNECTIONS = 64


@dataclass
class Row:
    """One row: what was measured, what it came to (the median of `values`), and what it should be."""

    what: str
    goal: str
    values: list[float] = field(default_factory=list)
    unit: str = "x"
    details: dict[str, Any] = field(default_factory=dict)

    @property
    def median(self) -> float:
        """The median of all rounds."""
        return statistics.median(self.values)


def world() -> dict[str, Any]:
    """20 users in one read-only group, and 20,000 images that all may read."""
    return {
        "groups": [
            {"id": 1, "name": "user", "permissions": "rwr---"},
            {"id": GROUP, "name": "lab", "permissions": "rwr---"},
        ],
        "users": [
            {"id": 10 + number, "name": f"user{number}", "password": f"password{number}", "groups": [GROUP, 1]}
            for number in range(USERS)
        ],
        "sessions": [{"key": session_key(number), "user": f"user{number}"} for number in range(USERS)],
        "images": [{"id": FIRST_IMAGE + number, "group": GROUP, "owner": 10} for number in range(IMAGES)],
        "rendering_definitions": [],
    }


def session_key(user: int) -> str:
    """The OMERO session of a user."""
    return f"00000000-0000-4000-8000-{user:012d}"


def configuration(host: str, port: int, *, secure: bool, cache_life: float = 60) -> str:
    """Who asks is told by the header; no access log, as nginx has none."""
    return f"""port: 8080
omero: {{host: "{host}", port: {port}, secure: {str(secure).lower()}}}
session-store: {{type: memory}}
cache: {{life: {cache_life:g}}}
access-log: false
"""


@contextmanager
def standin(folder: Path) -> Iterator[OmeroStandin]:
    """The stand-in OMERO on official stubs behind the real glacier2router."""
    omero = OmeroStandin(require("omero-py (Python 3.10)"), require("glacier2router"), folder)
    try:
        omero.reset(world())
        yield omero
    finally:
        omero.stop()


def _by_header(folder: Path, name: str, keys: list[str], first: int, count: int) -> Path:
    """As `distinct_images`, with the session key in the header of the Java microservice."""
    script = distinct_images(folder, name, keys, first, count)
    script.write_text(script.read_text().replace('["Cookie"]', '["X-OMERO-Session-Key"]'))
    return script


class Cold:
    """Distinct thumbnails a second, nothing cached: ours, the reference's calls, OMERO.web."""

    def __init__(self, folder: Path, omero: OmeroStandin) -> None:
        self._folder = folder
        self._omero = omero
        self.reference = Row("distinct thumbnails/s, cold, 64 connections, 20 users: ours / reference's calls", ">= 40")
        self.calls_20 = Row("OMERO calls per thumbnail, 20 users on 64 connections", "<= 1", unit="calls")
        self.calls_1 = Row("OMERO calls per thumbnail, one user on 64 connections", "<= 0.1", unit="calls")
        self.workers = Row("two workers / one worker, uncached", ">= 1.7 on 2 free cores")
        self.ours: list[float] = []

    def round(self, seconds: float) -> None:
        """Every peer once."""
        router = self._omero.adh
        one = self._ours(1, USERS, seconds)
        self.ours.append(one)
        reference = self._reference(router.host, router.port, seconds)
        self.reference.values.append(one / reference)
        self.reference.details.setdefault("ours/s", []).append(round(one))
        self.reference.details.setdefault("reference/s", []).append(round(reference, 1))
        self._ours(1, 1, seconds)
        two = self._ours(2, USERS, seconds, count=False)
        self.workers.values.append(two / one)

    def _ours(self, workers: int, users: int, seconds: float, *, count: bool = True) -> float:
        router = self._omero.adh
        text = configuration(router.host, router.port, secure=True, cache_life=0)
        self._omero.reset(world())
        with service(self._folder, text, "--workers", str(workers)) as (address, _):
            script = _by_header(
                self._folder, f"cold{users}", [session_key(n) for n in range(users)], FIRST_IMAGE, IMAGES
            )
            load = wrk(address, connections=CONNECTIONS, seconds=seconds, script=script)
            if count:
                calls = self._omero.stats()["calls"]
                asked = sum(number for name, number in calls.items() if name not in ("checkPermissions", "create"))
                (self.calls_1 if users == 1 else self.calls_20).values.append(asked / load.requests)
        self._omero.wait_until_left()
        return load.per_second

    def _reference(self, host: str, port: int, seconds: float) -> float:
        python = require("omero-py (Python 3.10)")
        keys = [session_key(number) for number in range(USERS)]
        command = [python, ROOT / "bench" / "reference_sequence.py", host, port, seconds, FIRST_IMAGE, IMAGES, *keys]
        said = subprocess.run([str(part) for part in command], capture_output=True, text=True, check=True)
        result = json.loads(said.stdout)
        if result["failed"] or not result["done"]:
            raise BrokenMeasurement(f"the reference's calls failed: {said.stderr[-500:]}")
        return float(result["per_second"])

    def rows(self) -> list[Row]:
        """What came of it."""
        return [self.reference, self.calls_1, self.calls_20, self.workers]


class BigOmero:
    """The OMERO of any size, in a process of its own."""

    def __init__(self, users: int) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "bench.big_omero", str(users)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=ROOT,
        )
        assert self._process.stdout is not None
        said = json.loads(self._process.stdout.readline())
        self.port: int = said["port"]
        self.keys: list[str] = said["keys"]

    def calls(self) -> dict[str, int]:
        """Calls worked on so far, by operation."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write("calls\n")
        self._process.stdin.flush()
        found: dict[str, int] = json.loads(self._process.stdout.readline())
        return found

    def stop(self) -> None:
        """End it."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait(20)

    def configuration(self, **options: Any) -> str:
        """A configuration for a service in front of it."""
        return configuration("127.0.0.1", self.port, secure=False, **options)


@contextmanager
def big_omero(users: int) -> Iterator[BigOmero]:
    """A `BigOmero` while it is needed."""
    omero = BigOmero(users)
    try:
        yield omero
    finally:
        omero.stop()


def get(address: str, path: str, key: str) -> bytes:
    """One request."""
    request = urllib.request.Request(address + path, headers={"X-OMERO-Session-Key": key})
    with urllib.request.urlopen(request, timeout=30) as answer:
        body: bytes = answer.read()
        return body


def cache_hits(folder: Path, rounds: int, seconds: float) -> Row:
    """Cache hits a second against nginx and a file of the same bytes, one worker and one wrk thread each."""
    row = Row("cache hits/s, one worker: ours / nginx static file, one worker", ">= 0.7")
    with big_omero(1) as omero, nginx(folder, PICTURE) as file:
        for _ in range(rounds):
            with service(folder, omero.configuration()) as (address, _pid):
                script = _by_header(folder, "hits", omero.keys, 1, 200)
                wrk(address, connections=CONNECTIONS, seconds=1, script=script)
                before = omero.calls()
                ours = wrk(address, connections=CONNECTIONS, seconds=seconds, script=script)
                if omero.calls() != before:
                    raise BrokenMeasurement("some of the cache hits were none")
            static = wrk(file, connections=CONNECTIONS, seconds=seconds)
            row.values.append(ours.per_second / static.per_second)
            row.details.setdefault("ours/s", []).append(round(ours.per_second))
            row.details.setdefault("nginx/s", []).append(round(static.per_second))
    return row


def plate(folder: Path, rounds: int) -> Row:
    """A 384-well plate as OMERO.web asks for it, against the least that its OMERO needs."""
    row = Row("384-well plate, realistic latencies: our time / OMERO's own minimum", "<= 1.15")
    command = [sys.executable, "-m", "bench.plate_omero"]
    for _ in range(rounds):
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT) as omero:
            assert omero.stdout is not None
            assert omero.stdin is not None
            said = json.loads(omero.stdout.readline())
            text = configuration("127.0.0.1", said["port"], secure=True)
            with service(folder, text) as (address, _pid):
                ids = said["images"]
                pages = [ids[start : start + 50] for start in range(0, len(ids), 50)]
                paths = ["/webclient/get_thumbnails/?" + "&".join(f"id={one}" for one in page) for page in pages]
                with ThreadPoolExecutor(len(paths)) as pool:
                    began = time.perf_counter()
                    bodies = [pool.submit(get, address, path, said["key"]) for path in paths]
                    answers = [json.loads(body.result()) for body in bodies]
                    took = time.perf_counter() - began
                if sum(value is not None for answer in answers for value in answer.values()) != len(ids):
                    raise BrokenMeasurement("the plate was not filled")
            omero.stdin.close()
        row.values.append(took / said["minimum"])
        row.details.setdefault("ms", []).append(round(took * 1000))
        row.details["minimum ms"] = round(said["minimum"] * 1000)
    return row


def start(folder: Path, rounds: int) -> Row:
    """From the command to the first answer, without OMERO."""
    row = Row("start to ready, without OMERO's answer", "<= 0.6 s", unit="s")
    for _ in range(rounds):
        began = time.perf_counter()
        with service(folder, configuration("127.0.0.1", 4064, secure=True)) as (address, _pid):
            row.values.append(wait_for_http(f"{address}/healthz") - began)
    return row


def memory(folder: Path) -> list[Row]:
    """Of one worker: idle, with 2,000 joined users, and for each further user."""
    rows = [
        Row("memory of an idle worker", "<= 70 MB", unit="MB"),
        Row("memory with 2,000 joined users", "<= 200 MB", unit="MB"),
        Row("memory for each further user", "<= 40 kB", unit="kB"),
    ]
    with big_omero(2_000) as omero, service(folder, omero.configuration(cache_life=0)) as (address, pid):
        (worker,) = children(pid)
        get(address, "/healthz", "-")
        idle = resident_bytes(worker)
        seen = {0: idle}
        for users in (1_000, 2_000):
            with ThreadPoolExecutor(16) as pool:
                list(pool.map(lambda key: get(address, "/webclient/render_thumbnail/7/", key), omero.keys[:users]))
            seen[users] = resident_bytes(worker)
    rows[0].values.append(idle / 1e6)
    rows[1].values.append(seen[2_000] / 1e6)
    rows[2].values.append((seen[2_000] - seen[1_000]) / 1_000 / 1e3)
    return rows


def growth(folder: Path, rounds: int, seconds: float) -> list[Row]:
    """Processor time of the worker for each uncached thumbnail, as users and images grow."""
    rows = [
        Row("time per thumbnail at 1, 100, 10,000 users: largest / smallest", "<= 1.3"),
        Row("time per thumbnail of 10^3, 10^6 distinct images: largest / smallest", "<= 1.3"),
    ]
    for _ in range(rounds):
        by_users = {users: _cost(folder, users, 1_000_000, seconds) for users in (1, 100, 10_000)}
        by_images = {images: _cost(folder, 100, images, seconds) for images in (1_000, 1_000_000)}
        for row, costs in zip(rows, (by_users, by_images), strict=True):
            row.values.append(max(costs.values()) / min(costs.values()))
            row.details.setdefault("us each", []).append({str(k): round(v * 1e6, 1) for k, v in costs.items()})
    return rows


def _cost(folder: Path, users: int, images: int, seconds: float) -> float:
    """Seconds on the wall for each thumbnail, once every user has been seen."""
    with big_omero(users) as omero:
        text = omero.configuration(cache_life=0).replace("secure: false", "secure: false, joined_sessions: 20000")
        with service(folder, text) as (address, _pid):
            script = _by_header(folder, "growth", omero.keys, 1, images)
            if users > 1:
                with ThreadPoolExecutor(16) as pool:
                    list(pool.map(lambda key: get(address, "/webclient/render_thumbnail/7/", key), omero.keys))
            return 1 / wrk(address, connections=CONNECTIONS, seconds=seconds, script=script).per_second


def added_latency(folder: Path, omero: OmeroStandin, rounds: int, seconds: float) -> list[Row]:
    """What the service adds to one uncached thumbnail, above the very calls made by the same client without it."""
    p50 = Row("latency added to one uncached thumbnail, p50", "<= 1 ms", unit="ms")
    p99 = Row("latency added at 50% load, p99", "<= 5 ms", unit="ms")
    router = omero.adh
    text = configuration(router.host, router.port, secure=True, cache_life=0)
    for _ in range(rounds):
        omero.reset(world())
        bare = _bare_calls(router.host, router.port, 300)
        with service(folder, text) as (address, _pid):
            script = _by_header(folder, "latency", [session_key(0)], FIRST_IMAGE, IMAGES)
            wrk(address, connections=1, seconds=1, script=script)
            alone = wrk(address, connections=1, seconds=seconds, script=script)
            half = wrk(address, connections=2, seconds=seconds, script=script)
        p50.values.append((alone.p50 - bare[0]) * 1000)
        p99.values.append((half.p99 - bare[1]) * 1000)
        omero.wait_until_left()
    return [p50, p99]


def _bare_calls(host: str, port: int, count: int) -> tuple[float, float]:
    """p50 and p99 of the calls for one thumbnail: a projection and a set of one, in seconds."""
    command = [sys.executable, "-m", "bench.bare_calls", host, str(port), session_key(0), str(FIRST_IMAGE), str(count)]
    said = json.loads(subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT).stdout)
    return said["p50"], said["p99"]
