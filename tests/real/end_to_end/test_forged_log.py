"""What clients send as headers and paths makes no lines of the log, and no signs that a terminal would obey."""

from __future__ import annotations

import json
import socket
from pathlib import Path

import pytest

from tests.support.service_process import DEADLINE, start

FORGED = "\xa0\x85\x9b31m\t2026-01-01 00:00:00 INFO omero_ms_thumbnail.access [x] GET /forged/ 200"
NAMES = (
    "Referer",
    "User-Agent",
    "X-Forwarded-For",
    "X-Request-ID",
    "Traceparent",
    "X-OMERO-Session-Key",
    "Cookie",
    "Origin",
)


@pytest.mark.parametrize("form", ["text", "json"])
def test_lines_are_the_services_own(tmp_path: Path, form: str) -> None:
    config = tmp_path / "config.yaml"
    config.write_text(
        f"session-store: {{type: memory}}\nomero: {{host: 127.0.0.1, port: 1}}\nlogging: {{format: {form}}}\n"
    )
    with start("serve", "--config", str(config)) as service:
        for name in NAMES:
            with socket.create_connection(("127.0.0.1", service.port), DEADLINE) as connection:
                head = (
                    f"GET /webclient/render_thumbnail/7%0a2026%1b/ HTTP/1.1\r\nHost: x\r\nConnection: close\r\n{name}: "
                )
                connection.sendall(f"{head}{FORGED}\r\n\r\n".encode("latin-1"))
                assert connection.makefile("rb").readline().split()[1] == b"400"
        with socket.create_connection(("127.0.0.1", service.port), DEADLINE) as connection:
            connection.sendall(b"GET /the-last HTTP/1.0\r\n\r\n")
            # a request whose client has gone before it is answered may never be, and has no line then
            assert connection.makefile("rb").readline().split()[1] == b"404"
        service.wait_for("/the-last")
        lines = service.output.splitlines()
    assert sum("render_thumbnail/7" in line for line in lines) == len(NAMES)
    for line in lines:
        assert line.isprintable()
        assert "forged" not in line
        if form == "json":
            json.loads(line)
