"""What `make bench` prints and keeps: rows and their goals, tables, plots, and the document that quotes them."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET

import pytest

from bench import report
from bench.plots import line_plot
from bench.rows import Goal, Row


def _row(values: list[float], goal: Goal | None = None, unit: str = "") -> Row:
    row = Row("key", "what", goal, unit, values)
    for value in values:
        row.note("twice", 2 * value)
    return row


@pytest.mark.parametrize(
    ("goal", "values", "met", "said"),
    [
        (Goal(at_least=60), [59.0, 61.0, 100.0], True, ">= 60"),
        (Goal(at_least=60), [1.0, 59.9, 100.0], False, ">= 60"),
        (Goal(at_most=0.6), [0.6], True, "<= 0.6 s"),
        (Goal(at_most=0.6), [0.61], False, "<= 0.6 s"),
    ],
)
def test_a_row_is_met_by_its_median(goal: Goal, values: list[float], *, met: bool, said: str) -> None:
    row = _row(values, goal, "s" if goal.at_most else "").as_json()
    assert row["met"] is met
    assert row["goal"] == said
    (line,) = report.goals([row]).splitlines()[2:]
    assert line.endswith("| yes |" if met else "| **no** |")


def test_every_row_is_in_one_table() -> None:
    rows = [_row([1.0], Goal(at_most=2)).as_json(), _row([3.0]).as_json()]
    assert len(report.goals(rows).splitlines()) == len(report.comparisons(rows).splitlines()) == 3
    assert "| key | twice | 2 | 2 | 2 |" in report.rounds(rows)


def test_what_costs_has_a_table_of_its_own() -> None:
    page = Row("costs/page", "at an OMERO: page of 50: our time / one query's", values=[1.5])
    page.details = {"ms": [12.0], "OMERO.web's calls, ms": [60.0]}
    singles = Row("costs/singles", "at an OMERO: singles: ours / OMERO.web's calls", Goal(at_least=30), values=[40.0])
    singles.details = {"thumbnails/s": [2_000.0], "OMERO.web's calls, thumbnails/s": [50.0], "p99 ms": [9.0]}
    for row, ratio in ((page, 5.0), (singles, 40.0)):
        row.details |= {"times OMERO.web's calls": [ratio], "OMERO calls": [1.0], "events": [0.0]}
        row.details["most connections"] = [1]
    rows = [row.as_json() for row in (page, singles, Row("costs/events", "events", Goal(at_most=0), values=[0.0]))]
    assert report.costs(rows).splitlines()[2:] == [
        "| page of 50 | 12 ms | 1.5 | 60 ms | 5 | 1 | 0 | 1 |",
        "| singles | 2,000/s | – | 50/s | 40 | 1 | 0 | 1 |",
    ]
    assert len(report.comparisons(rows).splitlines()) == 2
    assert len(report.goals(rows).splitlines()) == 4


def test_a_plot_is_svg_with_a_line_for_each_peer() -> None:
    drawn = line_plot("rate <1>", "connections", "a second", {"ours": [(1, 10), (64, 4_000)], "theirs": [(1, 0.5)]})
    root = ET.fromstring(drawn)
    lines = root.findall("{http://www.w3.org/2000/svg}polyline")
    assert len(lines) == 2
    width, height = (float(number) for number in root.attrib["viewBox"].split()[2:])
    for line in lines:
        for x, y in (map(float, point.split(",")) for point in line.attrib["points"].split()):
            assert 0 < x < width
            assert 0 < y < height
    with pytest.raises(ValueError, match="nothing to draw"):
        line_plot("", "", "", {"ours": []})


def test_tables_go_between_markers_and_nowhere_else() -> None:
    text = "before\n<!-- goals -->\nold\n<!-- /goals -->\nafter\n"
    once = report.between(text, "goals", "new\\1")
    assert once == "before\n<!-- goals -->\nnew\\1\n<!-- /goals -->\nafter\n"
    assert report.between(once, "goals", "new\\1") == once
    with pytest.raises(ValueError, match="shares"):
        report.between(text, "shares", "")


def test_the_document_has_a_place_for_every_table() -> None:
    markers = re.findall(r"<!-- (\w+) -->", report.DOCUMENT.read_text())
    assert sorted(markers) == ["comparisons", "costs", "goals", "machine", "plots", "rounds", "shares"]
