"""Whether OMERO can be reached: connect, let it validate the connection, hang up. No session is touched."""

from __future__ import annotations

from ..ice.connection import connect
from .session import OmeroServer


async def reach(server: OmeroServer, timeout: float) -> None:
    """Return if OMERO's router answers within `timeout` seconds; raises ConnectFailedException if not."""
    connection = await connect(server.host, server.port, tls=server.tls, timeout=timeout)
    await connection.close(timeout)
