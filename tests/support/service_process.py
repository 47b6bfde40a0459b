"""The service as a real process: `serve` or `demo` on a free port, its output, and its end."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tests.support.command import run_command
from tests.support.forked_program import ForkedProgram, can_be_forked
from tests.support.parts import ROOT

#: seconds that anything may take before a test gives up on it
DEADLINE = 30.0

#: what is in this folder
HERE = (sys.executable, "-m", "omero_ms_thumbnail")


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


def free_ports(count: int) -> int:
    """The first of `count` ports, one after the other."""
    while True:
        first = free_port()
        with contextlib.ExitStack() as trying, contextlib.suppress(OSError, OverflowError):
            for port in range(first, first + count):
                trying.enter_context(socket.create_server(("127.0.0.1", port)))
            return first


@dataclass
class ServiceProcess:
    """A running service. `output` grows as it writes."""

    process: subprocess.Popen[str] | ForkedProgram
    port: int
    lines: list[str] = field(default_factory=list)

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def output(self) -> str:
        return "".join(self.lines)

    def wait_for(self, pattern: str) -> re.Match[str]:
        """Wait until the output has a match."""
        deadline = time.monotonic() + DEADLINE
        while True:
            found = re.search(pattern, self.output)
            if found:
                return found
            if time.monotonic() > deadline or (self.process.poll() is not None and not re.search(pattern, self.output)):
                raise AssertionError(f"{pattern!r} was not written:\n{self.output}")
            time.sleep(0.01)

    def wait_until_listening(self) -> None:
        deadline = time.monotonic() + DEADLINE
        while True:
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port), 1):
                return
            if time.monotonic() > deadline or self.process.poll() is not None:
                raise AssertionError(f"nothing listens on port {self.port}:\n{self.output}")
            time.sleep(0.01)

    def children(self) -> list[int]:
        """All processes below this one."""
        found: list[int] = []
        waiting = [self.process.pid]
        while waiting:
            pid = waiting.pop()
            with contextlib.suppress(OSError):
                for task in Path(f"/proc/{pid}/task").iterdir():
                    below = [int(word) for word in (task / "children").read_text().split()]
                    found += below
                    waiting += below
        return found

    def end(self, number: signal.Signals = signal.SIGTERM) -> int:
        """Send a signal and wait for the end; the exit status."""
        if self.process.poll() is None:
            self.process.send_signal(number)
        return self.process.wait(DEADLINE)


def _read(service: ServiceProcess) -> None:
    assert service.process.stdout is not None
    for line in service.process.stdout:
        service.lines.append(line)


@contextlib.contextmanager
def start(
    command: str,
    *arguments: str,
    port: int | None = None,
    program: Sequence[str] = HERE,
    environment: dict[str, str] | None = None,
) -> Iterator[ServiceProcess]:
    """`omero-ms-thumbnail COMMAND …` on a port of its own, listening; `program` is what to run in place of that."""
    port = port or free_port()
    whole = [command, "--host", "127.0.0.1", "--port", str(port), *arguments]
    process: subprocess.Popen[str] | ForkedProgram
    if program == HERE and can_be_forked(environment or {}):
        process = ForkedProgram(whole, {**os.environ, **(environment or {})})
    else:
        process = subprocess.Popen(
            [*program, *whole],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            cwd=ROOT,
            env={**os.environ, **(environment or {})},
            start_new_session=True,
        )
    service = ServiceProcess(process, port)
    reader = threading.Thread(target=_read, args=(service,), daemon=True)
    reader.start()
    try:
        service.wait_until_listening()
        yield service
    finally:
        with contextlib.suppress(subprocess.TimeoutExpired):
            service.end()
        # whoever is left, were it without a parent, would keep the output open and the port taken
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        reader.join(DEADLINE)
        assert process.stdout is not None
        process.stdout.close()


def run(*arguments: str, environment: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    """A command that is to end by itself."""
    whole = {**os.environ, **(environment or {})}
    if environment and "PYTHONPATH" in environment:
        # it decides about what is imported
        command = [*HERE, *arguments]
        return subprocess.run(command, capture_output=True, text=True, cwd=ROOT, timeout=DEADLINE, env=whole)
    return run_command(*arguments, environment=whole, timeout=DEADLINE)
