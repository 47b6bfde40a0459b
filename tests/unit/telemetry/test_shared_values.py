"""Numbers of several processes, added up; what becomes of those of a process that was killed."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from omero_ms_thumbnail.telemetry.shared_values import NUMBERS_MAX, Name, SharedValues

COUNT = Name("requests_total", (("status", "200"),))
GAUGE = Name("in_flight", is_gauge=True)

_WORKER = """
import sys
from pathlib import Path
from omero_ms_thumbnail.telemetry.shared_values import SharedValues, Name
numbers = SharedValues(Path(sys.argv[1]))
numbers.values[numbers.index(Name("requests_total", (("status", "200"),)))] += float(sys.argv[2])
numbers.values[numbers.index(Name("in_flight", is_gauge=True))] += float(sys.argv[2])
print("counted", flush=True)
sys.stdin.read()
"""


@contextmanager
def _worker(folder: Path, number: float) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-c", _WORKER, str(folder), str(number)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "counted\n"
        yield process
        process.kill()


def test_sums_over_processes(tmp_path: Path) -> None:
    own = SharedValues(tmp_path)
    own.values[own.index(COUNT)] += 1
    with _worker(tmp_path, 10), _worker(tmp_path, 100):
        assert own.sums() == {COUNT: 111, GAUGE: 110}
        own.values[own.index(COUNT)] += 1000
        assert own.sums()[COUNT] == 1111
    own.close()


def test_what_a_killed_process_counted_remains_and_its_gauges_do_not(tmp_path: Path) -> None:
    own = SharedValues(tmp_path)
    own.values[own.index(GAUGE)] = 5
    with _worker(tmp_path, 10) as process:
        process.kill()
        process.wait()
        assert own.sums() == {COUNT: 10, GAUGE: 5}
    # the next worker gathers it, and files do not pile up
    for number in (2, 3):
        with _worker(tmp_path, number):
            pass
    with _worker(tmp_path, 4):
        assert own.sums() == {COUNT: 19, GAUGE: 9}
        assert len(list(tmp_path.glob("*.values"))) == 2
    own.close()


def test_a_process_alone_needs_no_folder() -> None:
    numbers = SharedValues()
    numbers.values[numbers.index(COUNT)] += 2
    assert numbers.sums() == {COUNT: 2}


def test_labels_without_bound_are_an_error(tmp_path: Path) -> None:
    numbers = SharedValues(tmp_path)
    for number in range(NUMBERS_MAX):
        numbers.index(Name("x", (("label", str(number)),)))
    with pytest.raises(OverflowError, match="bounded set"):
        numbers.index(Name("one too many"))
    assert len(numbers.sums()) == NUMBERS_MAX
    numbers.close()


def test_the_folder_has_to_be_there(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        SharedValues(tmp_path / "missing")
    assert list(tmp_path.iterdir()) == []
