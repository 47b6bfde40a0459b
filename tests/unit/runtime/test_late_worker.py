"""A worker that is still starting when log files are renamed."""

from __future__ import annotations

import signal
import socket
import threading
from pathlib import Path

from omero_ms_thumbnail.runtime.sd_notify import ServiceManager
from omero_ms_thumbnail.runtime.supervisor import Supervisor
from tests.support.service_process import DEADLINE


def test_a_worker_that_comes_after_the_signal_opens_its_files_anew_too(tmp_path: Path) -> None:
    reopened = threading.Event()
    former = {number: signal.getsignal(number) for number in (signal.SIGHUP, signal.SIGTERM, signal.SIGINT)}
    path = tmp_path / "supervisor"
    supervisor = Supervisor(path, ServiceManager(), workers=1, place="here", stopping=1.0, reopen_logs=reopened.set)
    try:
        with supervisor.running(), socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as worker:
            supervisor.take_signals()
            signal.raise_signal(signal.SIGHUP)
            assert reopened.wait(DEADLINE)
            worker.settimeout(DEADLINE)
            worker.connect(str(path))
            worker.sendall(b"1\n")
            assert worker.recv(100) == b"reopen\n"
    finally:
        for number, handler in former.items():
            signal.signal(number, handler)
