"""What a run found, as tables and plots; and the tables of docs/performance.md between their markers.

``python -m bench.report`` writes the newest of bench/results into docs/performance.md again.
"""

from __future__ import annotations

import json
import re
import statistics
import sys
from collections.abc import Mapping, Sequence
from typing import Any

from .plots import line_plot
from .processes import ROOT

RESULTS = ROOT / "bench" / "results"
DOCUMENT = ROOT / "docs" / "performance.md"


def goals(rows: Sequence[Mapping[str, Any]]) -> str:
    """Every row that has a goal."""
    lines = ["| what | measured | goal | met |", "| --- | ---: | --- | --- |"]
    lines += [
        f"| {row['what']} | {_value(row)} | {row['goal']} | {'yes' if row['met'] else '**no**'} |"
        for row in rows
        if row["goal"]
    ]
    return "\n".join(lines)


def comparisons(rows: Sequence[Mapping[str, Any]]) -> str:
    """Every row that has none."""
    lines = ["| what | measured |", "| --- | ---: |"]
    lines += [f"| {row['what']} | {_value(row)} |" for row in rows if not row["goal"] and not _is_costly(row)]
    return "\n".join(lines)


def costs(rows: Sequence[Mapping[str, Any]]) -> str:
    """What is asked for at the OMERO that costs what a real one does."""
    lines = [
        "| asked for | ours | in times of one query | OMERO.web's calls | ratio | OMERO calls | events | connections |",
        "| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |",
    ]
    for row in filter(_is_costly, rows):
        seen = {name: statistics.median(values) for name, values in row["details"].items()}
        unit, queries = (" ms", _number(row["median"])) if "ms" in seen else ("/s", "–")
        both = ("ms", "OMERO.web's calls, ms") if "ms" in seen else ("thumbnails/s", "OMERO.web's calls, thumbnails/s")
        ours, theirs = (f"{_number(seen[name])}{unit}" for name in both)
        counts = (seen[name] for name in ("times OMERO.web's calls", "OMERO calls", "events", "most connections"))
        ratio, *asked = map(_number, counts)
        what = row["what"].partition(": ")[2].rpartition(": ")[0]
        lines.append(f"| {' | '.join((what, ours, queries, theirs, ratio, *asked))} |")
    return "\n".join(lines)


def _is_costly(row: Mapping[str, Any]) -> bool:
    return str(row["key"]).startswith("costs/") and "OMERO calls" in row["details"]


def shares(found: Sequence[Mapping[str, Any]]) -> str:
    """Whose processor time it is."""
    lines = [
        "| measured | thumbnails/s | itself | router | stand-in | load | all | OMERO calls each |",
        "| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |",
    ]
    for one in found:
        parts = [one[name] for name in ("peer", "router", "stand-in", "load")]
        cells = [f"{one['thumbnails/s']:,.0f}", *(f"{part:.3f}" for part in parts), f"{sum(parts):.3f}"]
        lines.append(f"| {one['name']} | {' | '.join(cells)} | {one['calls']:.2f} |")
    return "\n".join(lines)


def rounds(rows: Sequence[Mapping[str, Any]]) -> str:
    """What the medians were made of."""
    lines = ["| row | what | median | least | most |", "| --- | --- | ---: | ---: | ---: |"]
    for row in rows:
        named = {"itself": row["values"], **row["details"]}
        for name, values in named.items():
            figures = (statistics.median(values), min(values), max(values))
            lines.append(f"| {row['key']} | {name} | {' | '.join(map(_number, figures))} |")
    return "\n".join(lines)


def described(ran_on: Mapping[str, str]) -> str:
    """The machine, in one sentence."""
    return ", ".join(f"{name}: {value}" for name, value in ran_on.items())


def keep(result: Mapping[str, Any], name: str) -> None:
    """Write the result, its plots, and what docs/performance.md says of it."""
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / f"{name}.json").write_text(json.dumps(result, indent=1) + "\n")
    for plot, drawing in plots(result).items():
        (RESULTS / f"{name}-{plot}.svg").write_text(drawing)
    write_document(name)


def plots(result: Mapping[str, Any]) -> dict[str, str]:
    """SVG documents by name: throughput and latency against concurrency, users, images."""
    drawn = {}
    for against, still in (("connections", "20 users"), ("users", "64 connections")):
        points = [one for one in result["curves"] if one["against"] == against]
        if not points:
            continue
        peers = list(dict.fromkeys(one["peer"] for one in points))
        drawn[f"throughput-{against}"] = line_plot(
            f"distinct thumbnails a second, {still}",
            against,
            "thumbnails/s",
            {peer: [(one["value"], one["per_second"]) for one in points if one["peer"] == peer] for peer in peers},
        )
        drawn[f"latency-{against}"] = line_plot(
            f"latency of a thumbnail, {still}",
            against,
            "ms",
            {
                f"{peer} {name}": [(one["value"], one[f"{name}_ms"]) for one in points if one["peer"] == peer]
                for peer in peers
                for name in ("p50", "p99")
            },
        )
    for row in result["rows"]:
        kind = row["key"].removeprefix("growth/")
        if kind == row["key"]:
            continue
        lines: dict[str, list[tuple[float, float]]] = {}
        for name, values in row["details"].items():
            size, _, what = name.partition(": ")
            lines.setdefault(what, []).append((float(size), statistics.median(values)))
        drawn[f"growth-{kind}"] = line_plot(f"time per thumbnail, as {kind} grow", kind, "microseconds", lines)
    return drawn


def write_document(name: str) -> None:
    """Put the tables of a result between the markers of docs/performance.md."""
    result = json.loads((RESULTS / f"{name}.json").read_text())
    pictures = [f"![{plot}](../bench/results/{name}-{plot}.svg)" for plot in plots(result)]
    measured = f"{name}, {result['rounds']} rounds of {result['seconds']:g} s each"
    tables = {
        "goals": goals(result["rows"]),
        "comparisons": comparisons(result["rows"]),
        "costs": costs(result["rows"]),
        "shares": shares(result["shares"]),
        "rounds": rounds(result["rows"]),
        "machine": f"{measured}: {described(result['machine'])}.",
        "plots": "\n".join(pictures),
    }
    text = DOCUMENT.read_text()
    for marker, table in tables.items():
        text = between(text, marker, table)
    DOCUMENT.write_text(text)


def between(text: str, marker: str, content: str) -> str:
    """`text` with `content` between the lines <!-- marker --> and <!-- /marker -->. Raises ValueError without them."""
    pattern = re.compile(rf"(<!-- {marker} -->\n).*?(<!-- /{marker} -->)", re.DOTALL)
    if not pattern.search(text):
        raise ValueError(f"there is no <!-- {marker} --> … <!-- /{marker} -->")
    return pattern.sub(lambda found: f"{found[1]}{content}\n{found[2]}", text)


def _value(row: Mapping[str, Any]) -> str:
    return " ".join(filter(None, (_number(row["median"]), row["unit"])))


def _number(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def main() -> int:
    newest = max(RESULTS.glob("*.json"), default=None, key=lambda path: path.name)
    if newest is None:
        print(f"there is no result in {RESULTS}: run make bench", file=sys.stderr)
        return 1
    write_document(newest.stem)
    return 0


if __name__ == "__main__":
    sys.exit(main())
