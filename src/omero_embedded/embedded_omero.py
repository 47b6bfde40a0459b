"""The embedded OMERO put together: a world, the model of OMERO on it, and an Ice server that speaks for it."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from omero_ms_thumbnail.ice.references import socket_endpoint
from omero_ms_thumbnail.ice.tls import anonymous_server_context
from omero_ms_thumbnail.omero.session import CLIENT_UUID

from .driving import Driver
from .ice_server import ObjectAdapter
from .joins import Omero, OmeroJoin
from .model.data import Pixels
from .model.data_folder import new_folder
from .model.omero_server import ServerModel
from .model.omero_sessions import OmeroSessions
from .model.server_limits import ServerLimits
from .model.thumbnail_drawing import ThumbnailDrawing
from .renderer import Renderer
from .router import Router
from .servants import ServiceFactoryServant
from .workload import Latency, Workload
from .world import World

log: Final = logging.getLogger(__name__)


class EmbeddedOmero:
    """An OMERO in this process. `start` it in a running event loop; `close` it in the end.

    `database_connections` is ``omero.db.poolsize``, `read_only` is ``omero.cluster.read_only``. A session that is not
    called for `time_to_idle` seconds ends. Thumbnails are kept in memory, or below `data_dir` as OMERO has them below
    ``omero.data.dir``: a folder without any. Raises ValueError where it has some, OSError.
    """

    def __init__(
        self,
        world: World,
        *,
        latency: Latency | None = None,
        time_to_idle: float = 600.0,
        database_connections: int = 10,
        read_only: bool = False,
        data_dir: Path | None = None,
    ) -> None:
        self.world = world
        if data_dir is not None:
            world.database.files = new_folder(data_dir)
        self.limits = ServerLimits(database_connections=database_connections, read_only=read_only)
        self.sessions = OmeroSessions(world.people, time_to_idle=time_to_idle)
        self.model = ServerModel(
            world.people,
            world.database,
            self._draw,
            _default_look,
            containers=world.containers,
            limits=self.limits,
            sessions=self.sessions,
        )
        self.workload = Workload(latency or Latency())
        self.driver = Driver(self.limits, self.workload)
        self.omero = Omero(world, self.model, self.driver, Renderer())
        self.router = Router(self._login)
        self._adapter = ObjectAdapter(self.router)
        self.host = ""
        self.tcp_port = 0
        self.ssl_port = 0

    async def start(self, host: str = "127.0.0.1", *, tcp_port: int = 0, ssl_port: int = 0) -> None:
        """Listen for TCP and for TLS with anonymous Diffie-Hellman, as a stock OMERO (0: any free port).

        Raises OSError if a port cannot be had.
        """
        self.host = host
        self.tcp_port = await self._adapter.listen(host, tcp_port)
        self.ssl_port = await self._adapter.listen(host, ssl_port, anonymous_server_context())
        self.router.endpoints = (
            socket_endpoint(host, self.tcp_port, secure=False),
            socket_endpoint(host, self.ssl_port, secure=True),
        )

    async def stop_router(self) -> None:
        """Stop its router alone, with every connection. It can be started again; OMERO and its sessions live on."""
        await self._adapter.close()

    async def close(self) -> None:
        """Stop. It can be started again; its sessions, which were in its memory, are lost."""
        await self.stop_router()
        await self.driver.close()
        self.sessions.restart()

    def _draw(self, drawing: ThumbnailDrawing) -> Any:
        return self.omero.renderer.draw(drawing)

    async def _login(self, user: str, password: str, context: Mapping[str, str]) -> OmeroJoin:
        client_uuid = context.get(CLIENT_UUID, "")
        session = await self.omero.run("createSession", self.model.join(user, password, client_uuid))
        join = OmeroJoin(self.omero, session, client_uuid, self.router.proxy)
        join.add(ServiceFactoryServant(join), join.identity)
        return join


def _default_look(pixels: Pixels) -> Any:
    # not before it is needed: it takes the image libraries
    from .images.rendering import default_settings

    return default_settings(pixels.source)
