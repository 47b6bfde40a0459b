"""Services forked from a process that has imported what they need, which is most of what a start takes.

Each is what ``python -m omero_ms_thumbnail`` is: a process of a session of its own, that runs that very module, with
nothing open but its output. What reads its environment while Python starts is not to be seen this way.
"""

from __future__ import annotations

import contextlib
import json
import os
import runpy
import select
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from functools import cache
from typing import TextIO

from tests.support.parts import ROOT

_MESSAGE_BYTES = 1 << 20


def can_be_forked(environment: Mapping[str, str]) -> bool:
    """Whether nothing is asked of Python itself, by the tests or by who measures what code they run."""
    return not any(name.startswith("PYTHON") for name in environment) and not any(
        name.startswith("COVERAGE_") for name in os.environ
    )


class ForkedProgram:
    """As much of `subprocess.Popen` as there is use for; the output is a text."""

    def __init__(self, arguments: Sequence[str], environment: Mapping[str, str]) -> None:
        reading, writing = os.pipe()
        told, telling = os.pipe()
        try:
            asked = {"arguments": list(arguments), "environment": dict(environment)}
            _ready().ask(json.dumps(asked).encode(), [writing, telling])
        finally:
            os.close(writing)
            os.close(telling)
        self.stdout: TextIO = os.fdopen(reading, encoding="utf-8")
        self._told = os.fdopen(told)
        self.pid = int(self._told.readline())
        self.returncode: int | None = None

    def poll(self) -> int | None:
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.wait(0)
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        """The exit status, or the negative number of the signal that ended it."""
        if self.returncode is None:
            if not select.select([self._told], [], [], timeout)[0]:
                raise subprocess.TimeoutExpired("omero-ms-thumbnail", timeout or 0)
            self.returncode = int(self._told.readline())
            self._told.close()
        return self.returncode

    def send_signal(self, number: int) -> None:
        if self.poll() is None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)


class _Forking:
    """The process that has imported everything; it ends with who began it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._asking, asked = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with asked:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "tests.support.forked_program", str(asked.fileno())],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                pass_fds=[asked.fileno()],
                cwd=ROOT,
                start_new_session=True,
            )

    def ask(self, message: bytes, descriptors: Sequence[int]) -> None:
        with self._lock:
            socket.send_fds(self._asking, [message], descriptors)

    def __del__(self) -> None:
        self._asking.close()
        self._process.wait()


@cache
def _ready() -> _Forking:
    return _Forking()


def _wait_for_one(asked: socket.socket) -> tuple[dict[str, object], int]:
    """In a new process of its own what to run, and the descriptor of its output. The other one never returns."""
    while True:
        message, descriptors, _, _ = socket.recv_fds(asked, _MESSAGE_BYTES, 2)
        if not message:
            sys.exit(0)
        output, telling = descriptors
        if not os.fork():
            # somebody has to wait for it who has nothing else to do
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            program = os.fork()
            if not program:
                return json.loads(message), output
            os.close(output)
            os.write(telling, b"%d\n" % program)
            os.write(telling, b"%d\n" % os.waitstatus_to_exitcode(os.waitpid(program, 0)[1]))
            os._exit(0)
        os.close(output)
        os.close(telling)


def _main() -> None:
    # whatever the commands import when they need it
    import omero_embedded.demo  # noqa: F401
    import omero_ms_thumbnail.server  # noqa: F401

    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    told, output = _wait_for_one(socket.socket(fileno=int(sys.argv[1])))
    os.setsid()
    for number in (1, 2):
        os.dup2(output, number)
    os.closerange(3, os.sysconf("SC_OPEN_MAX"))
    os.environ.clear()
    os.environ.update(told["environment"])
    sys.argv[1:] = told["arguments"]
    runpy.run_module("omero_ms_thumbnail", run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    _main()
