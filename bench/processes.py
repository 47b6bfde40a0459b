"""Processes that a measurement starts: free ports, waiting until they answer, ending them by their own pid."""

from __future__ import annotations

import contextlib
import re
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from tests.support.parts import require

ROOT = Path(__file__).resolve().parent.parent


class BrokenMeasurement(Exception):
    """A figure that would not mean what it says; the run fails."""


def free_port() -> int:
    """A port of loopback that nobody uses now."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
        return port


def wait_for_http(url: str, seconds: float = 30.0) -> float:
    """Wait until `url` answers 200; the moment of `time.perf_counter` at which it did."""
    deadline = time.monotonic() + seconds
    while True:
        with contextlib.suppress(OSError, urllib.error.URLError), urllib.request.urlopen(url, timeout=5) as answer:
            if answer.status == 200:
                return time.perf_counter()
        if time.monotonic() > deadline:
            raise BrokenMeasurement(f"{url} did not answer within {seconds:g} s")
        time.sleep(0.002)


@contextlib.contextmanager
def process(command: Sequence[str | Path], *, log: Path, cwd: Path = ROOT) -> Iterator[subprocess.Popen[bytes]]:
    """A process with its output in `log`, ended with SIGTERM, after 20 s with SIGKILL."""
    with log.open("wb") as output:
        child = subprocess.Popen([str(part) for part in command], stdout=output, stderr=subprocess.STDOUT, cwd=cwd)
        try:
            yield child
        finally:
            child.terminate()
            try:
                child.wait(20)
            except subprocess.TimeoutExpired:
                child.kill()
                child.wait()


@contextlib.contextmanager
def service(folder: Path, configuration: str, *arguments: str) -> Iterator[tuple[str, int]]:
    """`omero-ms-thumbnail serve` with that configuration: its address and the pid of its parent process."""
    port = free_port()
    file = folder / f"config-{port}.yaml"
    file.write_text(configuration)
    command = [sys.executable, "-m", "omero_ms_thumbnail", "serve", "--config", file]
    with process([*command, "--host", "127.0.0.1", "--port", str(port), *arguments], log=folder / f"{port}.log") as one:
        address = f"http://127.0.0.1:{port}"
        wait_for_http(f"{address}/healthz")
        yield address, one.pid


@contextlib.contextmanager
def nginx(folder: Path, inside: str, path: str = "/") -> Iterator[str]:
    """nginx with one worker and `inside` in its http block, where PORT is its own; the address of `path` on it."""
    port = free_port()
    folder.mkdir(exist_ok=True)
    configuration = folder / "nginx.conf"
    # where it is started by root, its worker must be able to read what is root's
    configuration.write_text(
        f"""daemon off; worker_processes 1; pid {folder}/nginx.pid; error_log {folder}/nginx-error.log;
user root;
events {{ worker_connections 1024; }}
http {{ access_log off; sendfile on; keepalive_requests 100000000;
  types {{ image/jpeg jpg; }}
  client_body_temp_path {folder}/b; proxy_temp_path {folder}/p; fastcgi_temp_path {folder}/f;
  uwsgi_temp_path {folder}/u; scgi_temp_path {folder}/s;
  {inside.replace("PORT", str(port))}
}}"""
    )
    command = [require("nginx"), "-e", "stderr", "-p", folder, "-c", configuration]
    with process(command, log=folder / "nginx.log"):
        wait_for_port(port)
        yield f"http://127.0.0.1:{port}{path}"


def wait_for_port(port: int, seconds: float = 30.0) -> None:
    """Wait until somebody listens there."""
    deadline = time.monotonic() + seconds
    while True:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 5):
            return
        if time.monotonic() > deadline:
            raise BrokenMeasurement(f"nobody listened on port {port} within {seconds:g} s")
        time.sleep(0.002)


def get(url: str, headers: Mapping[str, str]) -> bytes:
    """The body of one answer; raises BrokenMeasurement unless it is a success."""
    try:
        with urllib.request.urlopen(urllib.request.Request(url, headers=dict(headers)), timeout=60) as answer:
            body: bytes = answer.read()
            return body
    except urllib.error.HTTPError as error:
        raise BrokenMeasurement(f"{url} was answered {error.code}: {error.read(200)!r}") from error


def children(pid: int) -> list[int]:
    """The processes that `pid` has started."""
    text = Path(f"/proc/{pid}/task/{pid}/children").read_text()
    return [int(word) for word in text.split()]


def resident_bytes(pid: int) -> int:
    """What a process has in memory."""
    found = re.search(r"^VmRSS:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text(), re.MULTILINE)
    if found is None:
        raise BrokenMeasurement(f"process {pid} says nothing of its memory")
    return int(found.group(1)) * 1024
