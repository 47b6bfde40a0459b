"""The whole of it: what is started in which order, and ended in the other, even where something failed."""

from __future__ import annotations

import contextlib
import json
from typing import TYPE_CHECKING

from tests.real.conformance.glacier2 import free_port
from tests.real.conformance.harness import OmeroStandin
from tests.real.stack.nginx_front import Front
from tests.real.stack.omeroweb import OmeroWeb, Places
from tests.real.stack.service import Service
from tests.real.stack.world import WORLD
from tests.support.parts import require
from tests.unit.websession.postgres_server import PASSWORD, PostgresServer
from tests.unit.websession.redis_server import RedisServer

if TYPE_CHECKING:
    from pathlib import Path


#: everything that a stack is made of
_NEEDED = ("omero-py (Python 3.10)", "OMERO.web new", "glacier2router", "redis-server", "postgres", "nginx")


def require_all() -> None:
    """Leave the running test out where a part is missing, before anything is started."""
    for part in _NEEDED:
        require(part)


class Parts:
    """What every stack shares: OMERO, Redis and PostgreSQL."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._ending = contextlib.ExitStack()
        try:
            self.omero = OmeroStandin(require("omero-py (Python 3.10)"), require("glacier2router"), folder)
            self._ending.callback(self.omero.stop)
            self.omero.reset(WORLD)
            self._redis = RedisServer(folder / "redis")
            self._redis.start()
            self._ending.callback(self._redis.kill)
            self._postgres = PostgresServer()
            self._postgres.start()
            self._ending.callback(self._postgres.remove)
        except BaseException:
            self._ending.close()
            raise

    @property
    def places(self) -> Places:
        files = self.folder / "session-files"
        files.mkdir(exist_ok=True)
        return Places(self._redis.port, self._postgres.port, "postgres", PASSWORD, files)

    def stop(self) -> None:
        self._ending.close()


class Stack:
    """OMERO.web with one session engine, this service beside it, nginx in front. `address` is nginx's."""

    def __init__(
        self, parts: Parts, name: str, engine: str, *, locations: str = "locations.conf", port: int = 0
    ) -> None:
        folder = parts.folder / name
        folder.mkdir()
        router = parts.omero.self_signed
        self.omero = parts.omero
        self._ending = contextlib.ExitStack()
        settings = {
            # as an OMERO.web that reaches its OMERO over TLS, and asks nobody on the network for upgrades
            "omero.web.secure": "true",
            "omero.web.server_list": json.dumps([[router.host, router.port, "omero"]]),
            "omero.web.upgrades.url": "",
            **parts.places.settings(engine),
        }
        try:
            self.omeroweb = OmeroWeb(require("OMERO.web new"), folder, settings, parts.places, free_port())
            self._ending.callback(self.omeroweb.stop)
            self.service = Service(
                folder / "service", router, engine, parts.places, self.omeroweb.secret_key, free_port()
            )
            self._ending.callback(self.service.stop)
            self._front = Front(
                require("nginx"), folder / "nginx", self.omeroweb, self.service.port, port or free_port(), locations
            )
            self._ending.callback(self._front.stop)
        except BaseException:
            self._ending.close()
            raise
        self.address = self._front.address

    def stop(self) -> None:
        self._ending.close()
