"""The embedded OMERO put together: a world, its sessions, and an Ice server that speaks for both over TCP and TLS."""

from __future__ import annotations

from collections.abc import Mapping

from ..ice.glacier2 import PermissionDeniedException
from ..ice.references import socket_endpoint
from ..ice.server import ObjectAdapter
from ..ice.tls import anonymous_server_context
from ..omero.exceptions import WrappedCreateSessionException
from ..omero.session import CLIENT_UUID
from .joins import Omero, OmeroJoin
from .renderer import Renderer
from .router import Router
from .services import ServiceFactoryServant
from .sessions import OmeroSession, OmeroSessions
from .workload import Latency, Workload
from .world import World


class EmbeddedOmero:
    """An OMERO in this process. `start` it in a running event loop; `close` it in the end."""

    def __init__(self, world: World, *, latency: Latency | None = None, time_to_idle: float = 600.0) -> None:
        self.world = world
        self.sessions = OmeroSessions(world, time_to_idle=time_to_idle)
        self.workload = Workload(latency or Latency())
        self.omero = Omero(world, self.sessions, self.workload, Renderer())
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

    async def close(self) -> None:
        """Stop. It can be started again, and has its sessions still."""
        await self._adapter.close()
        self.sessions.lose_services()

    async def _login(self, user: str, password: str, context: Mapping[str, str]) -> OmeroJoin:
        async with self.workload.call("createSession", self.workload.latency.join):
            session = self._session_for(user, password)
        client_uuid = context.get(CLIENT_UUID)
        if not client_uuid:
            raise WrappedCreateSessionException(
                reason=f"no {CLIENT_UUID} in the context", concurrency=False, backOff=0, type="ApiUsageException"
            )
        join = OmeroJoin(self.omero, session, client_uuid, self.router.proxy)
        join.add(ServiceFactoryServant(join), join.identity)
        self.sessions.touch(session)
        return join

    def _session_for(self, user: str, password: str) -> OmeroSession:
        session = self.sessions.find(user) if user == password else None
        session = session or self.sessions.with_password(user, password)
        if session is None:
            raise PermissionDeniedException(reason=f"Password check failed for '{user}': []")
        return session
