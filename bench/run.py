"""Measure everything, print the table, keep it in ``bench/results``: ``python -m bench.run --keep``.

A slow figure is a figure; a measurement that is broken (a wrong answer, a peer that did not run) ends the run with exit
status 1. Every row is the median of paired rounds: each peer once in each round, one after the other, on one machine.
"""

from __future__ import annotations

import argparse
import contextlib
import datetime
import resource
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

import pytest

from . import report
from .cold import Cold
from .costly_pages import CostlyPages
from .curves import curves
from .growth import Growth
from .hits import Hits
from .latency import Latency
from .machine import machine
from .memory import memory
from .peers import Peers
from .plate import Plate
from .processes import BrokenMeasurement
from .rows import Row
from .site import site
from .startup import Startup

PARTS = ("start", "plate", "costs", "memory", "growth", "hits", "latency", "cold", "curves")

#: seconds of each load behind a curve, which is drawn once
_CURVE_SECONDS = 1


class _Measurement(Protocol):
    def round(self) -> None: ...

    def rows(self) -> list[Row]: ...


class Run:
    """One run over the parts that are `wanted`."""

    def __init__(self, folder: Path, rounds: int, seconds: float, wanted: list[str]) -> None:
        self._folder = folder
        self._rounds = rounds
        self._seconds = seconds
        self._wanted = wanted
        self.rows: list[Row] = []
        self.shares: list[dict[str, Any]] = []
        self.curves: list[dict[str, Any]] = []

    def measure(self) -> None:
        """Everything, the parts that need the site last."""
        self._repeat("start", lambda: Startup(self._folder))
        self._repeat("plate", lambda: Plate(self._folder))
        self._repeat("costs", lambda: CostlyPages(self._seconds))
        if self._begins("memory"):
            self.rows += memory(self._folder)
        with contextlib.ExitStack() as ending:
            self._repeat("growth", lambda: Growth(self._folder, self._seconds, ending))
        if not {"hits", "latency", "cold", "curves"} & set(self._wanted):
            return
        _say("the site: OMERO, router, Redis, OMERO.web")
        with site(self._folder / "site") as running:
            peers = Peers(running, self._seconds)
            self._repeat("hits", lambda: Hits(running, self._seconds))
            self._repeat("latency", lambda: Latency(running, self._seconds))
            cold = Cold(peers)
            self._repeat("cold", lambda: cold)
            self.shares = cold.shares()
            if self._begins("curves"):
                self.curves = curves(Peers(running, _CURVE_SECONDS))

    def _repeat(self, part: str, make: Callable[[], _Measurement]) -> None:
        if self._begins(part):
            measurement = make()
            for _ in range(self._rounds):
                measurement.round()
            self.rows += measurement.rows()

    def _begins(self, part: str) -> bool:
        if part in self._wanted:
            _say(part)
        return part in self._wanted


def _say(what: str) -> None:
    print(f"{time.strftime('%H:%M:%S')} {what}", file=sys.stderr, flush=True)


def _allow_many_files() -> None:
    """For ten thousand users' connections, in the processes that are started from here."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def main() -> int:
    """Measure, print, keep."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=2.0, help="of each load")
    parser.add_argument("--only", nargs="*", default=list(PARTS), choices=PARTS, metavar="PART", help=" ".join(PARTS))
    parser.add_argument("--keep", action="store_true", help="write bench/results/<date>, and docs/performance.md by it")
    arguments = parser.parse_args()
    if arguments.keep and set(arguments.only) != set(PARTS):
        parser.error("--keep is for a run of all parts: leave out --only")
    _allow_many_files()
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        try:
            ran_on = machine()
            run = Run(Path(folder), arguments.rounds, arguments.seconds, arguments.only)
            run.measure()
        except (BrokenMeasurement, pytest.skip.Exception) as broken:
            print(f"broken measurement: {broken}", file=sys.stderr)
            return 1
    result = {
        "machine": ran_on,
        "rounds": arguments.rounds,
        "seconds": arguments.seconds,
        "took": round(time.monotonic() - began),
        "rows": [row.as_json() for row in run.rows],
        "shares": run.shares,
        "curves": run.curves,
    }
    tables = (report.goals, report.comparisons, report.costs, report.rounds)
    print(*(table(result["rows"]) for table in tables), sep="\n\n")
    if run.shares:
        print("\nprocessor seconds for 1000 thumbnails:\n", report.shares(run.shares), sep="\n")
    print(f"\n{report.described(ran_on)}; took {result['took']} s")
    if arguments.keep:
        report.keep(result, datetime.datetime.now(tz=datetime.UTC).date().isoformat())
    return 0


if __name__ == "__main__":
    sys.exit(main())
