"""nginx in front of OMERO's WebSocket, with TLS and without, and with the mistakes that such locations have."""

from __future__ import annotations

import contextlib
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.real.conformance.glacier2 import HOST, free_port
from tests.support.parts import ROOT, require
from tests.support.service_process import DEADLINE
from tests.unit.documentation.markdown import code
from tests.unit.websession.tls import make_certificate

PATH = "/omero-wss"


@dataclass(frozen=True)
class Front:
    """Where it listens."""

    tls_port: int
    plain_port: int
    certificate: Path


def documented_location(port: int) -> str:
    """The location that docs/install.md tells an administrator to write, for OMERO's WebSocket on this port."""
    (block,) = [one.text for one in code(ROOT / "docs" / "install.md") if one.language == "nginx" and PATH in one.text]
    assert "127.0.0.1:4065" in block
    return block.replace("127.0.0.1:4065", f"{HOST}:{port}")


@contextmanager
def front(folder: Path, locations: str) -> Iterator[Front]:
    """An nginx with these locations, and one that answers pages as OMERO.web does."""
    program = require("nginx")
    certificate, key = make_certificate(folder, "localhost")
    where = Front(free_port(), free_port(), certificate)
    (folder / "nginx.conf").write_text(
        f"""daemon off; pid {folder}/nginx.pid; error_log {folder}/error.log; user root;
events {{}}
http {{
  access_log off;
  client_body_temp_path {folder}/b; proxy_temp_path {folder}/p; fastcgi_temp_path {folder}/f;
  uwsgi_temp_path {folder}/u; scgi_temp_path {folder}/s;
  server {{
    listen {HOST}:{where.plain_port};
    listen {HOST}:{where.tls_port} ssl;
    ssl_certificate {certificate}; ssl_certificate_key {key};
    {locations}
    location / {{ return 200 "a page of OMERO.web"; }}
  }}
}}"""
    )
    command = [program, "-p", folder, "-e", "stderr", "-c", folder / "nginx.conf"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        try:
            _wait_until_listening(process, where.tls_port)
            yield where
        finally:
            process.terminate()


def _wait_until_listening(process: subprocess.Popen[str], port: int) -> None:
    deadline = time.monotonic() + DEADLINE
    while True:
        with contextlib.suppress(OSError), socket.create_connection((HOST, port), 1):
            return
        if process.poll() is not None or time.monotonic() > deadline:
            process.kill()
            assert process.stderr is not None
            raise AssertionError(f"nginx does not listen: {process.stderr.read()}")
        time.sleep(0.01)
