"""Clients that leave while OMERO says nothing, as Granian tells of them."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from tests.support.service_process import DEADLINE, start

PATH = "/webclient/render_thumbnail/1/"


@pytest.mark.parametrize(
    "more", ["", "Content-Length: 5\r\n\r\nhello", "Content-Length: 500000\r\n\r\nhel"], ids=["", "body", "half a body"]
)
def test_one_that_leaves_is_noticed(tmp_path: Path, more: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        config = tmp_path / "config.yaml"
        config.write_text(
            "session-store: {type: memory}\n"
            f"omero: {{host: 127.0.0.1, port: {silent.getsockname()[1]}, secure: false, connect_timeout: 60}}\n"
            "event-bus-send-timeout: 60000\n"
        )
        with start("serve", "--config", str(config)) as service:
            with socket.create_connection(("127.0.0.1", service.port), DEADLINE) as client:
                head = f"GET {PATH} HTTP/1.1\r\nHost: x\r\nX-OMERO-Session-Key: a-key\r\n"
                client.sendall(f"{head}{more or chr(13) + chr(10)}".encode())
                # it is asked for, and there is no answer
                silent.settimeout(DEADLINE)
                connection, _ = silent.accept()
            service.wait_for(rf"{PATH} 499 ")
            connection.close()
