"""Measure everything, print one table, keep it in ``bench/results``: ``python -m bench.run``.

A slow figure is a figure; a measurement that is broken (a request that failed, a peer that did not start) ends the run
with exit status 1. Every row is the median of paired rounds: each peer once in each round, on one machine.
"""

from __future__ import annotations

import argparse
import datetime
import json
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from . import measures
from .measures import Row
from .processes import ROOT, BrokenMeasurement, machine

RESULTS = ROOT / "bench" / "results"


def measure(folder: Path, rounds: int, seconds: float, only: Sequence[str]) -> list[Row]:
    """All rows, or those of `only`."""
    rows: list[Row] = []

    def wanted(name: str) -> bool:
        if only and name not in only:
            return False
        print(f"{time.strftime('%H:%M:%S')} {name}", file=sys.stderr, flush=True)
        return True

    if wanted("start"):
        rows.append(measures.start(folder, rounds))
    if wanted("hits"):
        rows.append(measures.cache_hits(folder, rounds, seconds))
    if wanted("plate"):
        rows.append(measures.plate(folder, rounds))
    if wanted("memory"):
        rows += measures.memory(folder)
    if wanted("growth"):
        rows += measures.growth(folder, min(rounds, 3), seconds)
    if wanted("cold") or wanted("latency"):
        standin_folder = folder / "standin"
        standin_folder.mkdir()
        with measures.standin(standin_folder) as omero:
            if not only or "cold" in only:
                cold = measures.Cold(folder, omero)
                for _ in range(rounds):
                    cold.round(seconds)
                rows += cold.rows()
            if not only or "latency" in only:
                rows += measures.added_latency(folder, omero, rounds, seconds)
    return rows


def table(rows: Sequence[Row]) -> str:
    """The rows as Markdown."""
    lines = ["| what | goal | measured |", "| --- | --- | --- |"]
    lines += [f"| {row.what} | {row.goal} | {_shown(row)} |" for row in rows]
    return "\n".join(lines)


def _shown(row: Row) -> str:
    value = f"{row.median:,.0f}" if row.median >= 100 else f"{row.median:.3g}"
    return value if row.unit == "x" else f"{value} {row.unit}"


def main() -> int:
    """Measure, print, keep."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=3.0, help="of each load")
    parser.add_argument("--only", nargs="*", default=[], help="start hits plate memory growth cold latency")
    parser.add_argument("--keep", action="store_true", help="write bench/results/<date>.json")
    arguments = parser.parse_args()
    ran_on = machine()
    with tempfile.TemporaryDirectory() as folder:
        try:
            rows = measure(Path(folder), arguments.rounds, arguments.seconds, arguments.only)
        except BrokenMeasurement as broken:
            print(f"broken measurement: {broken}", file=sys.stderr)
            return 1
    print(table(rows))
    print(", ".join(f"{name}: {value}" for name, value in ran_on.items()))
    if arguments.keep:
        RESULTS.mkdir(exist_ok=True)
        kept: dict[str, Any] = {"machine": ran_on, "rounds": arguments.rounds, "rows": [vars(row) for row in rows]}
        (RESULTS / f"{datetime.date.today().isoformat()}.json").write_text(json.dumps(kept, indent=1) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
