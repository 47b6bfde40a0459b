"""A site for `serve`: OMERO.web's sessions in a Redis, and configurations as an administrator writes them."""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import redis
import yaml

from tests.support.service_process import DEADLINE, ServiceProcess, start
from tests.unit.websession.redis_server import RedisServer


@dataclass
class Site:
    """Where the service runs beside an OMERO.web whose sessions are in `store`."""

    folder: Path
    store: RedisServer
    written: int = field(default=0, init=False)

    def log_in(self, key: str, user: int | None = None, **connector: Any) -> str:
        """Somebody is logged in to OMERO.web by that OMERO session; the value of the cookie."""
        self.written += 1
        session_id = f"visitor{self.written:025}"
        found = {"server_id": "1", "is_secure": True, "is_public": False, "omero_session_key": key, "user_id": user}
        self.put(session_id, json.dumps({"connector": {**found, **connector}}).encode())
        return session_id

    def put(self, session_id: str, value: bytes) -> None:
        """What Django's session of that id is."""
        self.put_in_cache(f"django.contrib.sessions.cache{session_id}", value)

    def put_in_cache(self, key: str, value: bytes) -> None:
        """What OMERO.web's cache has under a key."""
        with redis.Redis(port=self.store.port, db=1) as client:
            client.set(f":1:{key}", value)

    @contextlib.contextmanager
    def serve(self, configuration: dict[str, Any], *arguments: str) -> Iterator[ServiceProcess]:
        """The service with that configuration, beside the session store."""
        file = self.folder / "config.yaml"
        uri = f"redis://127.0.0.1:{self.store.port}/1"
        file.write_text(yaml.safe_dump({"session-store": {"type": "redis", "uri": uri}, **configuration}))
        with start("serve", "--config", str(file), *arguments) as service:
            yield service


def get(service: ServiceProcess, path: str, session_id: str | None = None, **headers: str) -> httpx.Response:
    """Ask for a path with that cookie."""
    if session_id is not None:
        headers["cookie"] = f"sessionid={session_id}"
    return httpx.get(service.address + path, headers=headers, timeout=DEADLINE)


def get_until(status: int, service: ServiceProcess, path: str, session_id: str) -> httpx.Response:
    """Ask with that cookie until it is answered so, or for too long: a session is believed for a moment."""
    deadline = time.monotonic() + DEADLINE
    while True:
        answer = get(service, path, session_id)
        if answer.status_code == status or time.monotonic() > deadline:
            return answer
