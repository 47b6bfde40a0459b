"""Child processes that are waited for by what they print, never by the clock, and that always end with the tests."""

from __future__ import annotations

import contextlib
import os
import select
import signal
import subprocess
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

READY_WITHIN = 20.0
"""Seconds that a process may take until it says that it is ready."""


class ProcessEnded(Exception):
    """The process ended, or closed its output, where a line of it was waited for."""


class Child:
    """A process with a pipe to its input and from its output; its errors go to a file, quoted when it fails."""

    def __init__(self, command: Sequence[str | Path], log: Path, cwd: Path | None = None) -> None:
        self._log = log
        self._pending = b""
        with log.open("ab") as errors:
            self._process = subprocess.Popen(
                [str(word) for word in command],
                cwd=cwd,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                bufsize=0,
                start_new_session=True,
            )

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def running(self) -> bool:
        return self._process.poll() is None

    def write_line(self, line: str) -> None:
        with contextlib.suppress(BrokenPipeError):
            self._process.stdin.write(line.encode() + b"\n")

    def read_line(self, within: float = READY_WITHIN) -> str:
        """The next line of output. TimeoutError if there is none within so many seconds, `ProcessEnded` if never."""
        deadline = time.monotonic() + within
        output = self._process.stdout.fileno()
        while b"\n" not in self._pending:
            left = deadline - time.monotonic()
            if left <= 0 or not select.select([output], [], [], left)[0]:
                raise TimeoutError(f"process {self.pid} printed no line within {within} s\n{self.errors()}")
            chunk = os.read(output, 65536)
            if not chunk:
                self._process.wait(within)
                raise ProcessEnded(f"process {self.pid} ended with {self._process.returncode}\n{self.errors()}")
            self._pending += chunk
        line, _, self._pending = self._pending.partition(b"\n")
        return line.decode()

    def errors(self) -> str:
        """The last lines of what it wrote to its standard error."""
        return "\n".join(self._log.read_text(errors="replace").splitlines()[-20:])

    def signal(self, number: signal.Signals) -> None:
        self._process.send_signal(number)

    def freeze(self) -> None:
        """Stop it where it stands, and return when it has stopped: the signal alone only asks for it."""
        self.signal(signal.SIGSTOP)
        os.waitid(os.P_PID, self.pid, os.WSTOPPED)

    def end(self) -> None:
        """End it: by the end of its input first, by force if it does not go within a few seconds."""
        self._process.stdin.close()
        self.signal(signal.SIGCONT)
        self.signal(signal.SIGTERM)
        try:
            self._process.wait(5)
        except subprocess.TimeoutExpired:
            self.kill()
        self._process.stdout.close()

    def kill(self) -> None:
        """End it at once and without a word, as a crash does."""
        self._process.kill()
        self._process.wait(10)
