"""This service as its own command starts it, configured for an OMERO and the sessions of an OMERO.web."""

from __future__ import annotations

import re
import sys
from typing import TYPE_CHECKING, Any

import httpx
import yaml

from tests.real.conformance.processes import Child
from tests.real.stack.listening import wait_for_port
from tests.real.stack.omeroweb import CACHE, CACHED_DATABASE, DATABASE, FILE, OLD_FILE, Places

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from tests.real.conformance.glacier2 import Router

#: seconds after which an OMERO session that nobody asks for is left, in this stack
IDLE_TIMEOUT = 1


def session_stores(engine: str, places: Places) -> list[dict[str, Any]]:
    """What `session-store` is for each of OMERO.web's engines."""
    redis = {"type": "redis", "uri": places.redis_uri}
    postgres = {
        "type": "postgres",
        "uri": f"jdbc:postgresql://127.0.0.1:{places.postgres}/{places.database}?user=omero&password={places.password}",
    }
    files = {"type": "files", "directory": str(places.files)}
    stores = {
        FILE: [files],
        OLD_FILE: [files],
        DATABASE: [postgres],
        CACHE: [redis],
        CACHED_DATABASE: [redis, postgres],
    }
    return stores[engine]


class Service:
    """A running service."""

    def __init__(
        self,
        folder: Path,
        router: Router,
        engine: str,
        places: Places,
        secret_key: Path,
        port: int,
        more: Mapping[str, Any] | None = None,
    ) -> None:
        """`more` are keys of the configuration, by their full names."""
        self.port = port
        self.address = f"http://127.0.0.1:{port}"
        self._folder = folder
        stores = session_stores(engine, places)
        folder.mkdir()
        self._configuration = folder / "config.yaml"
        self._configuration.write_text(
            yaml.safe_dump(
                {
                    "host": "127.0.0.1",
                    "port": port,
                    "omero": {"host": router.host, "port": router.port, "session_idle_timeout": IDLE_TIMEOUT},
                    "omero.web": {"session_cookie_name": "sessionid", "secret_key_file": str(secret_key)},
                    "session-store": stores[0] if len(stores) == 1 else stores,
                    **(more or {}),
                }
            )
        )
        self.start()

    def start(self) -> None:
        """Start it, at the beginning and after `stop`."""
        command = [sys.executable, "-m", "omero_ms_thumbnail", "serve", "--config", self._configuration]
        self._child = Child(command, self._folder / "service.log")
        wait_for_port(self.port, self._child)

    def metric(self, name: str) -> float:
        """The sum of a metric's samples, whatever their labels."""
        text = httpx.get(f"{self.address}/metrics").text
        samples = re.findall(rf"^{name}(?:\{{[^}}]*\}})? (\S+)$", text, re.MULTILINE)
        if not samples:
            raise LookupError(f"/metrics has no {name}:\n{text}")
        return sum(map(float, samples))

    def errors(self) -> str:
        return self._child.errors()

    def stop(self) -> None:
        self._child.end()
