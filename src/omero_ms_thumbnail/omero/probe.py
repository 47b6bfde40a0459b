"""Whether OMERO can be reached: connect, let it validate the connection, hang up. No session is touched."""

from __future__ import annotations

from .session import OmeroServer


async def reach(server: OmeroServer, timeout: float) -> None:
    """Return if OMERO's router answers within `timeout` seconds; raises ConnectFailedException if not."""
    connection = await server.connect(timeout)
    await connection.close(timeout)
