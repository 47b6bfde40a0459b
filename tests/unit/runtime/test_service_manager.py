"""What the service tells systemd, heard by a socket that stands in systemd's place."""

from __future__ import annotations

import os
import signal
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from omero_ms_thumbnail.runtime.sd_notify import ServiceManager
from omero_ms_thumbnail.runtime.supervisor import Supervisor
from tests.support.service_process import DEADLINE, ServiceProcess, free_ports, start

WORKERS = 2

#: seconds after which systemd would take the service for dead; a third of it is a round of questions
WATCHDOG = 1.2


class Manager:
    """The socket of a service manager."""

    def __init__(self, address: str) -> None:
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(address)

    def hear(self, timeout: float = DEADLINE) -> dict[str, str] | None:
        """The next message; None if there is none within `timeout` seconds."""
        self._socket.settimeout(timeout)
        try:
            lines = self._socket.recv(4096).decode().splitlines()
        except TimeoutError:
            return None
        return dict(line.split("=", 1) for line in lines)

    def wait_for(self, name: str) -> dict[str, str]:
        """The next message with that name."""
        deadline = time.monotonic() + DEADLINE
        while True:
            message = self.hear(max(deadline - time.monotonic(), 0.001))
            assert message is not None, f"{name} was not told"
            if name in message:
                return message

    def close(self) -> None:
        self._socket.close()


@pytest.fixture
def manager(tmp_path: Path) -> Iterator[Manager]:
    listening = Manager(str(tmp_path / "notify"))
    yield listening
    listening.close()


@pytest.fixture
def service(tmp_path: Path, manager: Manager) -> Iterator[ServiceProcess]:
    config = tmp_path / "config.yaml"
    config.write_text("session-store: {type: memory}\nomero: {host: 127.0.0.1, port: 1}\nshutdown-timeout: 40\n")
    environment = {"NOTIFY_SOCKET": str(tmp_path / "notify"), "WATCHDOG_USEC": str(int(WATCHDOG * 1e6))}
    arguments = ("--config", str(config), "--workers", str(WORKERS))
    with start("serve", *arguments, environment=environment) as running:
        yield running


def _listening(port: int) -> int:
    """How many sockets listen on a port: each worker has one of its own (proc_net(5))."""
    lines = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    return sum(1 for line in lines if line[1].endswith(f":{port:04X}") and line[3] == "0A")


def test_what_systemd_is_told_in_the_life_of_a_service(service: ServiceProcess, manager: Manager) -> None:
    ready = manager.wait_for("READY")
    assert ready["READY"] == "1"
    assert ready["STATUS"] == f"{WORKERS} worker(s) listening on http://127.0.0.1:{service.port}"
    assert _listening(service.port) == WORKERS
    service.wait_for(
        f"with worker-ports in the configuration, such as {service.port + 1}, and `omero-ms-thumbnail nginx"
    )
    manager.wait_for("WATCHDOG")

    # a worker is stuck: no sign of life, until it goes on
    stuck = service.children()[0]
    os.kill(stuck, signal.SIGSTOP)
    try:
        while manager.wait_for("STATUS")["STATUS"] != f"worker(s) {stuck} do not answer":
            pass
        service.wait_for(rf"worker\(s\) {stuck} do not answer")
        # for three rounds more
        assert manager.hear(WATCHDOG) is None
    finally:
        os.kill(stuck, signal.SIGCONT)
    assert "listening" in manager.wait_for("WATCHDOG")["STATUS"]

    # a worker is killed: no sign of life, until Granian has replaced it
    os.kill(stuck, signal.SIGKILL)
    service.wait_for("Unexpected exit")
    while manager.hear(0.001):
        pass
    # a round that was over before may just be told; the one after it needs all workers
    manager.wait_for("WATCHDOG")
    manager.wait_for("WATCHDOG")
    assert stuck not in service.children()
    assert len(service.children()) == WORKERS

    service.process.send_signal(signal.SIGTERM)
    stopping = manager.wait_for("STOPPING")
    # the requests in flight, and what leaving OMERO takes: systemd is to wait for it whatever the unit says
    assert int(stopping["EXTEND_TIMEOUT_USEC"]) > 40_000_000
    assert service.end() == 0


def test_the_first_of_two_workers_alone_is_not_ready(tmp_path: Path, manager: Manager) -> None:
    path = tmp_path / "supervisor"
    supervisor = Supervisor(
        path,
        ServiceManager(str(tmp_path / "notify"), watchdog=0.1),
        workers=2,
        place="nowhere",
        stopping=1,
        reopen_logs=lambda: None,
    )
    with supervisor.running(), _worker(path, 1) as first:
        # only one that has been taken up is asked
        assert first.recv(100).startswith(b"answer\n")
        assert manager.hear(0.001) is None
        with _worker(path, 2):
            manager.wait_for("READY")


def _worker(path: Path, pid: int) -> socket.socket:
    worker = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    worker.connect(str(path))
    worker.sendall(f"{pid}\n".encode())
    return worker


def test_a_socket_in_the_name_space_of_the_kernel(tmp_path: Path) -> None:
    name = f"omero-ms-thumbnail-{os.getpid()}"
    listening = Manager(f"\0{name}")
    ServiceManager.of_environment({"NOTIFY_SOCKET": f"@{name}"}).tell(READY=1, STATUS="here")
    assert listening.hear() == {"READY": "1", "STATUS": "here"}
    listening.close()


@pytest.mark.parametrize(
    ("environment", "watchdog"),
    [
        ({"WATCHDOG_USEC": "30000000"}, 30.0),
        ({"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": str(os.getpid())}, 30.0),
        ({"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": "1"}, None),
        ({"WATCHDOG_USEC": "0"}, None),
        ({"WATCHDOG_USEC": "soon"}, None),
        ({}, None),
    ],
)
def test_when_the_watchdog_is_wanted(environment: dict[str, str], watchdog: float | None) -> None:
    assert ServiceManager.of_environment({"NOTIFY_SOCKET": "/run/notify", **environment}).watchdog == watchdog


def test_no_manager_is_told_nothing(caplog: pytest.LogCaptureFixture) -> None:
    ServiceManager.of_environment({"WATCHDOG_USEC": "30000000"}).tell(READY=1)
    assert not caplog.records
    ServiceManager.of_environment({"NOTIFY_SOCKET": "vsock:2:1234"}).tell(READY=1)
    assert "NOTIFY_SOCKET names no Unix socket: vsock:2:1234" in caplog.text


def test_a_manager_that_is_gone_is_logged_and_the_service_goes_on(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    ServiceManager.of_environment({"NOTIFY_SOCKET": str(tmp_path / "gone")}).tell(READY=1)
    assert "gone cannot be told READY" in caplog.text


def test_a_service_is_ready_when_each_worker_listens_on_its_own_port_too(tmp_path: Path, manager: Manager) -> None:
    first = free_ports(WORKERS)
    config = tmp_path / "config.yaml"
    config.write_text("session-store: {type: memory}\nomero: {host: 127.0.0.1, port: 1}\n")
    arguments = ("--config", str(config), "--workers", str(WORKERS), "--worker-ports", str(first))
    with start("serve", *arguments, environment={"NOTIFY_SOCKET": str(tmp_path / "notify")}) as running:
        status = manager.wait_for("READY")["STATUS"]
        assert [_listening(port) for port in (running.port, first, first + 1)] == [WORKERS, 1, 1]
    own = f"each on one of the ports {first} to {first + 1} too"
    assert status == f"{WORKERS} worker(s) listening on http://127.0.0.1:{running.port}, {own}"
