"""Permits that several processes share: turns, a worker that is killed with one, and one that comes later."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from tests.support.parts import ROOT
from tests.support.service_process import DEADLINE


class Worker:
    """A process of `permit_worker`."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process
        self.hears("ready")

    def say(self, *words: object) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(" ".join(map(str, words)) + "\n")
        self.process.stdin.flush()

    def hears(self, expected: str) -> None:
        assert self.process.stdout is not None
        assert self.process.stdout.readline() == f"{expected}\n"

    def take(self) -> None:
        self.say("take")
        self.hears("taken")

    def usage(self) -> tuple[int, int]:
        self.say("usage")
        assert self.process.stdout is not None
        word, in_use, given_up = self.process.stdout.readline().split()
        assert word == "usage"
        return int(in_use), int(given_up)

    def kill(self) -> None:
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()


@contextmanager
def _worker(folder: Path, limit: int) -> Iterator[Worker]:
    command = [sys.executable, "-m", "tests.unit.omero.permit_worker", str(folder), str(limit)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT) as process:
        # one that never says what is waited for ends, and so does the waiting
        overdue = threading.Timer(DEADLINE, process.kill)
        overdue.start()
        try:
            yield Worker(process)
        finally:
            overdue.cancel()
            process.kill()


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[[int], Worker]]:
    """Starts a worker that shares so many permits with the others."""
    with ExitStack() as stack:
        yield lambda limit: stack.enter_context(_worker(tmp_path, limit))


def test_the_limit_is_for_all_of_them_and_one_that_waits_is_woken(start: Callable[[int], Worker]) -> None:
    one, other = start(2), start(2)
    one.take()
    other.take()
    assert one.usage() == other.usage() == (2, 0)
    other.say("take")
    # in line once it has answered this
    assert other.usage() == (2, 0)
    one.say("answer")
    other.hears("taken")
    assert one.usage() == (2, 0)


def test_none_starves_where_there_are_fewer_permits_than_workers(start: Callable[[int], Worker]) -> None:
    workers = [start(1) for _ in range(4)]
    for worker in workers:
        worker.say("turns", 200)
    for worker in workers:
        worker.hears("turned")
    assert workers[0].usage() == (0, 0)


def test_in_line_behind_a_worker_that_takes_one_after_the_other(start: Callable[[int], Worker]) -> None:
    greedy, other = start(1), start(1)
    greedy.take()
    for _ in range(3):
        greedy.say("take")
    assert greedy.usage() == (1, 0)
    other.say("take")
    assert other.usage() == (1, 0)
    greedy.say("answer")
    # its second was in line before
    greedy.hears("taken")
    greedy.say("answer")
    other.hears("taken")
    other.say("answer")
    greedy.hears("taken")


def test_a_killed_worker_gives_nothing_back_before_omero_has_ended_its_call(start: Callable[[int], Worker]) -> None:
    one, other = start(2), start(2)
    # now it is known how long such calls take: next to nothing
    one.take()
    one.say("answer")
    assert one.usage() == (0, 0)
    one.take()
    other.take()
    other.kill()
    assert one.usage() == (2, 1)
    # whoever comes in its place shares the same table
    third = start(2)
    assert third.usage() == (2, 1)
    third.say("take")
    assert third.usage() == (2, 1)
    one.say("answer")
    third.hears("taken")


def test_a_call_of_a_killed_worker_is_over_after_what_such_calls_take(start: Callable[[int], Worker]) -> None:
    one, other = start(1), start(1)
    for _ in range(3):
        other.take()
        other.say("answer")
        assert other.usage() == (0, 0)
    other.take()
    other.kill()
    # nobody tells: it looks from time to time
    one.take()
    assert one.usage() == (1, 0)


def test_one_that_was_granted_a_permit_and_is_killed_has_asked_omero_nothing(start: Callable[[int], Worker]) -> None:
    one, other, third = start(1), start(1), start(1)
    one.take()
    for worker in (other, third):
        worker.say("take")
        assert worker.usage() == (1, 0)
    other.process.send_signal(signal.SIGSTOP)
    one.say("answer")
    # granted, and its process does not run
    assert one.usage() == (1, 0)
    other.kill()
    third.hears("taken")


def test_one_that_ends_in_order_leaves_what_omero_works_on(start: Callable[[int], Worker]) -> None:
    one, other = start(2), start(2)
    other.take()
    assert other.process.stdin is not None
    other.process.stdin.close()
    assert other.process.wait() == 0
    assert one.usage() == (1, 1)


def test_what_nobody_uses_leaves_no_files(tmp_path: Path) -> None:
    with _worker(tmp_path, 2) as one:
        assert one.process.stdin is not None
        one.process.stdin.close()
        assert one.process.wait() == 0
    assert [path.name for path in tmp_path.iterdir()] == ["calls.permits"]
