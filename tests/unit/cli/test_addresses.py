"""Where the service listens: names, IPv6, and what cannot be listened on."""

from __future__ import annotations

import contextlib
import socket
import subprocess
import sys
import time
from pathlib import Path

import httpx
import pytest

from tests.support.parts import ROOT
from tests.support.service_process import DEADLINE, ServiceProcess, free_port, run

GOOD = "session-store: {type: memory}\nomero: {host: 127.0.0.1, port: 1}\n"


@pytest.fixture
def config(tmp_path: Path) -> str:
    file = tmp_path / "config.yaml"
    file.write_text(GOOD)
    return str(file)


def _wait_until_listening(host: str, port: int) -> None:
    deadline = time.monotonic() + DEADLINE
    while time.monotonic() < deadline:
        with contextlib.suppress(OSError), socket.create_connection((host, port), 1):
            return
        time.sleep(0.01)
    raise AssertionError(f"nothing listens on {host}, port {port}")


@pytest.mark.parametrize("host", ["a..b", "x" * 64 + ".example", ".", "256.256.256.256"])
def test_what_is_no_host_is_a_sentence(config: str, host: str) -> None:
    said = run("serve", "--config", config, "--host", host, "--port", str(free_port()))
    assert said.returncode == 1
    assert "Traceback" not in said.stderr
    (line,) = [line for line in said.stderr.splitlines() if " INFO " not in line]
    assert line.startswith(f"omero-ms-thumbnail: cannot listen on {host}:")


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "::1"])
def test_a_host_by_name_or_address(config: str, host: str) -> None:
    port = free_port()
    url = f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
    process = subprocess.Popen(
        [sys.executable, "-m", "omero_ms_thumbnail", "serve", "--config", config, "--host", host, "--port", str(port)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        cwd=ROOT,
    )
    try:
        assert process.stderr is not None
        first = process.stderr.readline()
        assert f" on {url}, 1 worker(s)" in first
        _wait_until_listening(host, port)
        assert httpx.get(f"{url}/healthz", timeout=DEADLINE).status_code == 200
    finally:
        process.terminate()
        _, rest = process.communicate(timeout=DEADLINE)
    assert process.returncode == 0, rest


def test_the_demo_prints_addresses_that_can_be_opened() -> None:
    port = free_port()
    process = subprocess.Popen(
        [sys.executable, "-m", "omero_ms_thumbnail", "demo", "--host", "::1", "--port", str(port)],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        cwd=ROOT,
    )
    service = ServiceProcess(process, port)
    try:
        assert process.stdout is not None
        for line in process.stdout:
            service.lines.append(line)
            if "Ctrl-C" in line:
                break
        address = service.wait_for(r"The gallery:\s+(\S+)").group(1)
        assert address == f"http://[::1]:{port}/"
        assert httpx.get(address, timeout=DEADLINE).status_code == 200
    finally:
        service.end()
        assert process.stdout is not None
        process.stdout.close()
