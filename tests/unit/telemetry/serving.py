"""The service with an embedded OMERO, asked for thumbnails by a session key in the header."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

from tests.support.embedded_thread import EmbeddedThread
from tests.support.service_process import DEADLINE, ServiceProcess, start

KEY_HEADER = "X-OMERO-Session-Key"


@contextmanager
def serving(folder: Path, omero: EmbeddedThread, more: str = "", *arguments: str) -> Iterator[ServiceProcess]:
    """`serve` with that addition to its configuration."""
    file = folder / "config.yaml"
    file.write_text(
        f"""port: 8080
omero: {{host: 127.0.0.1, port: {omero.omero.tcp_port}, secure: false}}
session-store: {{type: memory}}
{more}"""
    )
    with start("serve", "--config", str(file), *arguments) as service:
        yield service


def client(service: ServiceProcess, key: str = "", connections: int = 20) -> httpx.Client:
    headers = {KEY_HEADER: key} if key else {}
    limits = httpx.Limits(max_connections=connections)
    return httpx.Client(base_url=service.address, headers=headers, timeout=DEADLINE, limits=limits)
