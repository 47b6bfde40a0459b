"""A few faults under load, shorter than ``make faults`` has them; and that what is held against a promise is seen."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.hard.faults import omero_faults, report, router_faults, striking
from tests.hard.faults.striking import Seen
from tests.support.parts import require


@pytest.fixture(autouse=True)
def _shorter(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, seconds in {"STEADY": 0.3, "LASTING": 0.8, "AFTERWARDS": 1.2}.items():
        monkeypatch.setattr(striking, name, seconds)


@pytest.mark.long
async def test_omero_killed_and_started_again(tmp_path: Path) -> None:
    seen = await omero_faults.omero_killed(tmp_path)
    assert seen.broken == []
    assert seen.during[503] > 50


@pytest.mark.long
async def test_omero_replaced_behind_its_router(tmp_path: Path) -> None:
    require("glacier2router")
    require("omero-py (Python 3.10)")
    seen = await router_faults.omero_behind_router_replaced(tmp_path)
    assert seen.broken == []
    assert seen.during[503] > 30


def test_a_row_says_what_was_seen_and_what_was_broken() -> None:
    seen = Seen("a fault", "a load", "promised", during={200: 3, -1: 1}, recovery=0.25, broken=["no answer"])
    what = "during: 3 × 200, 1 × no answer; right again after 0.2 s; **broken: no answer**"
    assert seen.row() == f"| a fault | a load | {what} | promised |"


def test_the_rows_stand_between_their_marks() -> None:
    first = report.with_rows("# Reliability\n\nHow it is.\n", ["| a | b | c | d |"])
    again = report.with_rows(first + "\nMore.\n", ["| e | f | g | h |"])
    assert again.startswith("# Reliability\n\nHow it is.\n")
    assert again.endswith("\nMore.\n")
    assert "| e | f | g | h |" in again
    assert "| a | b | c | d |" not in again
