"""The parts of `warm` that need no OMERO: what is named, what is done, how fast, and what is shown."""

from __future__ import annotations

import io
from pathlib import Path

import pytest

from omero_ms_thumbnail.warm.pace import Pace
from omero_ms_thumbnail.warm.progress import Count, PlainProgress, TerminalProgress
from omero_ms_thumbnail.warm.state import StateUnusable, WarmState
from omero_ms_thumbnail.warm.targets import Target, parse_targets

OMERO = "omero.example.org:4064"


def test_targets() -> None:
    lines = ["Project:1 dataset:2,Plate:3", "# nothing", "17  # an image", "Image:17"]
    assert [*parse_targets(lines)] == [
        Target("Project", 1),
        Target("Dataset", 2),
        Target("Plate", 3),
        Target("Image", 17),
    ]


@pytest.mark.parametrize("word", ["0", "-1", "Tag:1", "Image:", "Image:1:2", "٣", "9" * 20, str(2**63)])
def test_what_is_no_target(word: str) -> None:
    with pytest.raises(ValueError, match="names nothing"):
        [*parse_targets([word])]


def test_state_is_kept(tmp_path: Path) -> None:
    path = tmp_path / "state"
    state = WarmState(path, omero=OMERO, size=96)
    state.add([1, 2])
    state.add([2, 3])
    state.close()
    again = WarmState(path, omero=OMERO, size=96)
    assert [one for one in range(6) if one in again] == [1, 2, 3]
    again.close()
    assert path.read_text().splitlines()[1:] == ["1", "2", "3"]


def test_a_line_that_was_cut_off_is_not_believed(tmp_path: Path) -> None:
    path = tmp_path / "state"
    state = WarmState(path, omero=OMERO, size=96)
    state.add([1, 234])
    state.close()
    path.write_text(path.read_text()[:-2])
    again = WarmState(path, omero=OMERO, size=96)
    assert 1 in again
    assert 23 not in again
    again.add([5])
    again.close()
    last = WarmState(path, omero=OMERO, size=96)
    assert 5 in last
    last.close()


@pytest.mark.parametrize("text", ["something else\n", "{}\n", '{"omero": "x", "size": 96}\n', "[1]", "é"])
def test_another_file_is_left_alone(tmp_path: Path, text: str) -> None:
    path = tmp_path / "state"
    path.write_text(text)
    with pytest.raises(StateUnusable, match=str(path)):
        WarmState(path, omero=OMERO, size=96)
    assert path.read_text() == text


def test_without_a_file_nothing_is_kept() -> None:
    state = WarmState(None, omero=OMERO, size=96)
    state.add([1])
    assert 1 in state
    state.close()


def test_the_first_chunk_is_small_and_the_next_ones_as_omero_can() -> None:
    pace = Pace(1)
    assert pace.chunk == 1
    for _ in range(10):
        pace.chunk_took(0.01 * pace.chunk, pace.chunk)
    assert pace.chunk == 10
    for _ in range(10):
        pace.chunk_took(5.0 * pace.chunk, pace.chunk)
    assert pace.chunk == 1


def test_as_many_at_a_time_as_it_is_told() -> None:
    assert Pace(4).chunk == 4


def test_it_rests_longer_while_omero_is_busy_and_less_when_it_is_not() -> None:
    pace = Pace(1)
    pace.query_took(0.01)
    assert pace.rest == 0
    rests = []
    for _ in range(10):
        pace.query_took(1.0)
        rests.append(pace.rest)
    assert rests[:4] == [0.5, 1.0, 2.0, 4.0]
    assert rests[-1] == 30.0
    for _ in range(8):
        pace.query_took(0.01)
    assert pace.rest == 0


def test_a_query_that_always_takes_long_is_no_sign_of_a_busy_omero() -> None:
    pace = Pace(1)
    for _ in range(5):
        pace.query_took(0.4)
    assert pace.rest == 0


def test_it_rests_after_a_failure() -> None:
    pace = Pace(1)
    pace.failed()
    assert (pace.rest, pace.chunk) == (1.0, 1)
    pace.failed()
    assert pace.rest == 2.0


def test_a_bar_is_drawn_over_itself() -> None:
    out = io.StringIO()
    bar = TerminalProgress(out)
    bar.show(Count(total=10), "a note that is long")
    bar.show(Count(total=10, before=2, done=2, failed=1))
    bar.say("a line")
    bar.end()
    first, second, line, _ = out.getvalue().replace("\r\n", "\n").split("\r", 1)[1].replace("\n", "\r").split("\r", 3)
    assert first.startswith("[" + "." * 24 + "] 0/10  0 %")
    assert second.startswith("[" + "#" * 12 + "." * 12 + "] 5/10  50 %")
    assert len(second) >= len(first)
    assert "1 failed" in second
    assert line.strip() == ""


def test_plain_lines_come_now_and_then() -> None:
    out = io.StringIO()
    lines = PlainProgress(out)
    for done in range(1001):
        lines.show(Count(total=1000, done=done))
    assert len(out.getvalue().splitlines()) == 11
    assert out.getvalue().splitlines()[-1].startswith("1000/1000  100 %")
