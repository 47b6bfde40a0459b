"""Waiting for a process until it listens."""

from __future__ import annotations

import contextlib
import socket
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.real.conformance.processes import Child

#: seconds that a process may take to listen
WITHIN = 30.0


def wait_for_port(port: int, child: Child) -> None:
    """Return once something listens at the port; TimeoutError with what the process wrote where nothing does."""
    deadline = time.monotonic() + WITHIN
    while True:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return
        if not child.running or time.monotonic() > deadline:
            child.end()
            raise TimeoutError(f"nothing listens at port {port}:\n{child.errors()}")
        time.sleep(0.02)
