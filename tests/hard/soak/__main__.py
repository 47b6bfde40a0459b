"""A long busy while at 70% of what this machine does, with faults now and then: ``python -m tests.hard.soak SECONDS``.

The service runs as it is shipped, in two workers behind HTTP, with a Redis for sessions and thumbnails. OMERO, and
whoever asks and judges every answer, are this process. Ends with status 1 if any answer was wrong or unexplained, or
anything grew; ``--keep FILE`` writes the figures.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path

from bench.machine import machine
from bench.processes import service
from omero_embedded.embedded_omero import EmbeddedOmero
from omero_embedded.workload import Latency
from tests.hard.privacy.crowd import Changes, crowd
from tests.hard.privacy.instances import Cookies
from tests.hard.privacy.oracle import Oracle
from tests.hard.privacy.town import Town, first_of_group
from tests.hard.privacy.watching import Watch, Wrong
from tests.hard.soak.client import Client
from tests.hard.soak.faults import Faults
from tests.hard.soak.samples import Sample, courses, take
from tests.support.labelled_pictures import TellingRenderer
from tests.unit.websession.redis_server import RedisServer

LIFE = 5.0
LOAD = 0.7
_CALIBRATING, _SAMPLING = 10.0, 5.0

#: characters of the service's log that are shown where an answer was wrong
_LOG_SHOWN = 20_000


class Soak:
    """One run."""

    def __init__(self, folder: Path, seed: int, ending: ExitStack) -> None:
        rng = random.Random(seed)
        self.world = crowd(rng)
        self.omero = EmbeddedOmero(self.world, latency=Latency(join=3, query=1, store=1), time_to_idle=1e6)
        self.omero.omero.renderer = TellingRenderer()
        self.redis = RedisServer(folder / "redis", keeps=True)
        self.redis.start()
        ending.callback(self.redis.kill)
        self.watch = Watch(Oracle(self.world), LIFE)
        self.changes = Changes(self.world, self.omero.sessions, rng)
        cookies = Cookies(self.redis.port)
        ending.callback(cookies.close)
        self.town = Town(self.world, self.changes, self.watch, cookies, self._ask, rng, seconds_between_changes=0.02)
        self._rng = rng
        self._folder = folder
        self._ending = ending
        self.samples: list[Sample] = []

    async def run(self, seconds: float) -> None:
        await self.omero.start()
        address, self._pid = await asyncio.to_thread(
            self._ending.enter_context, service(self._folder, self._configuration(), "--workers", "2")
        )
        self._client = Client(int(address.rpartition(":")[2]))
        self.faults = Faults(self.omero, self.redis, max(10.0, seconds / 30), self._rng)
        self.watch.is_excused = self.faults.excuse
        try:
            await self._live(_CALIBRATING)
            self.town.rate = LOAD * self.town.asked / _CALIBRATING
            end = time.monotonic() + seconds
            others = [
                asyncio.create_task(self._sample()),
                asyncio.create_task(self.faults.happen(lambda: time.monotonic() > end - 15)),
            ]
            await self._live(seconds)
            for task in others:
                task.cancel()
            for result in await asyncio.gather(*others, return_exceptions=True):
                if isinstance(result, Exception):
                    raise result
        finally:
            self._client.close()
            await self.omero.close()

    async def _live(self, seconds: float) -> None:
        end = time.monotonic() + seconds
        with first_of_group():
            await self.town.live(lambda: time.monotonic() > end)

    async def _ask(self, _number: int, path: str, query: str, headers: list[tuple[str, str]]) -> tuple[int, bytes, str]:
        began = time.monotonic()
        answer = await self._client.get(path, query, headers)
        if answer[0] in (503, 504):
            self.faults.refused(began)
        return answer

    async def _sample(self) -> None:
        while True:
            await asyncio.sleep(_SAMPLING)
            _, metrics, _ = await self._client.get("/metrics", "", [])
            sample = take(self._pid, metrics.decode(), self.omero, self.watch.answers)
            self.samples.append(sample)
            print(_line(sample), flush=True)
            for timeline in self.world.timelines():
                timeline.forget(sample.at - 120.0)

    def _configuration(self) -> str:
        return f"""
access-log: false
omero: {{host: 127.0.0.1, port: {self.omero.tcp_port}, secure: false, session_idle_timeout: 10}}
omero.web: {{session_cookie_name: sessionid}}
session-store: {{type: redis, uri: "redis://127.0.0.1:{self.redis.port}/1"}}
cache: {{life: {LIFE}, memory: 2 MiB, redis-uri: "redis://127.0.0.1:{self.redis.port}/2"}}
"""


def _line(sample: Sample) -> str:
    return "  ".join(f"{name} {value:,.0f}" for name, value in vars(sample).items())


def report(soak: Soak, seconds: float, ran_on: dict[str, str]) -> tuple[dict[str, object], bool]:
    """The figures, and whether all is well."""
    watch, faults = soak.watch, soak.faults
    shown = courses(soak.samples)
    print("\n| what | second quarter | last quarter | most | flat |\n| --- | --- | --- | --- | --- |")
    for one in shown:
        print(f"| {one.name} | {one.early:,.0f} | {one.late:,.0f} | {one.most:,.0f} | {one.is_flat} |")
    print(f"\n{watch}, changes made: {soak.changes.made}, unexplained: {faults.unexplained}")
    print("| fault | refusals | seconds to recover |\n| --- | --- | --- |")
    for fault in faults.seen:
        print(f"| {fault.name} | {fault.refusals} | {fault.recovery:.2f} |")
    print(", ".join(f"{name}: {value}" for name, value in ran_on.items()))
    figures: dict[str, object] = {
        "machine": ran_on,
        "seconds": seconds,
        "questions a second": round(soak.town.rate or 0),
        "pictures and refusals": watch.answers,
        "shown": watch.shown,
        "changes": soak.changes.made,
        "wrong": 0,
        "refusals without a fault": faults.unexplained,
        "courses": [vars(one) for one in shown],
        "faults": [
            {"fault": one.name, "refusals": one.refusals, "seconds to recover": round(one.recovery, 2)}
            for one in faults.seen
        ],
    }
    return figures, all(one.is_flat for one in shown) and not faults.unexplained


def main() -> int:
    """Run, print, keep."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("seconds", type=float, nargs="?", default=1800.0)
    parser.add_argument("--seed", type=int, default=int(time.time()))
    parser.add_argument("--keep", type=Path)
    arguments = parser.parse_args()
    print(f"seed {arguments.seed}, {arguments.seconds:g} s", flush=True)
    ran_on = machine()
    with tempfile.TemporaryDirectory() as folder, ExitStack() as ending:
        soak = Soak(Path(folder), arguments.seed, ending)
        try:
            asyncio.run(soak.run(arguments.seconds))
        except Wrong:
            for log in Path(folder).glob("*.log"):
                print(f"the end of what the service logged:\n{log.read_text()[-_LOG_SHOWN:]}", file=sys.stderr)
            raise
        figures, is_well = report(soak, arguments.seconds, ran_on)
    if arguments.keep:
        arguments.keep.write_text(json.dumps(figures, indent=1) + "\n")
    return 0 if is_well else 1


if __name__ == "__main__":
    sys.exit(main())
