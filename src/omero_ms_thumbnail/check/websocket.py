"""The step between TLS and Ice where OMERO is reached over WebSocket: whether what listens agrees to carry it."""

from __future__ import annotations

import asyncio
from typing import Final

from ..ice.errors import IceException, UpgradeRefusal, UpgradeRefusedException
from ..ice.websocket_protocol import SUBPROTOCOL, WebSocket
from ..omero.session import OmeroServer
from .diagnoses import (
    WEBSOCKET_NOBODY_BEHIND,
    WEBSOCKET_NOT_HTTP,
    WEBSOCKET_NOT_LET_IN,
    WEBSOCKET_NOT_UPGRADED,
    WEBSOCKET_OTHER,
    WEBSOCKET_PATH,
    WEBSOCKET_PLAIN_ICE,
    WEBSOCKET_REDIRECTED,
    WEBSOCKET_SILENT,
    WS_TO_TLS_PORT,
    Diagnosis,
)
from .finding import Finding, Outcome, Stopwatch, Trouble
from .names import WEBSOCKET
from .transport import opened

_DIAGNOSES: Final[dict[UpgradeRefusal, Diagnosis]] = {
    UpgradeRefusal.REDIRECTED: WEBSOCKET_REDIRECTED,
    UpgradeRefusal.NO_SUCH_PATH: WEBSOCKET_PATH,
    UpgradeRefusal.NOT_LET_IN: WEBSOCKET_NOT_LET_IN,
    UpgradeRefusal.NOT_UPGRADED: WEBSOCKET_NOT_UPGRADED,
    UpgradeRefusal.NOBODY_BEHIND: WEBSOCKET_NOBODY_BEHIND,
    UpgradeRefusal.PLAIN_ICE: WEBSOCKET_PLAIN_ICE,
    UpgradeRefusal.NEEDS_TLS: WS_TO_TLS_PORT,
    UpgradeRefusal.NOT_HTTP: WEBSOCKET_NOT_HTTP,
    UpgradeRefusal.OTHER_PROTOCOL: WEBSOCKET_OTHER,
}

#: bytes of an answer that are read at once
_PIECE: Final = 4096


async def upgrade(server: OmeroServer) -> Finding:
    """Whether the web server, or OMERO itself, agrees to WebSocket at the path. Raises Trouble."""
    watch = Stopwatch()
    websocket = WebSocket(
        server.host, server.port, server.path, secure=server.tls is not None, size_max=server.message_size_max
    )
    try:
        async with asyncio.timeout(server.connect_timeout), opened(server, server.tls) as (reader, writer):
            writer.write(websocket.opening())
            while not websocket.was_upgraded:
                data = await reader.read(_PIECE)
                if not data:
                    raise Trouble(WEBSOCKET_SILENT, f"{server} hangs up on the request for WebSocket")
                websocket.receive(data)
    except TimeoutError as error:
        within = f"within {server.connect_timeout:g} s"
        raise Trouble(WEBSOCKET_SILENT, f"{server} did not answer the request for WebSocket {within}") from error
    except OSError as error:
        raise Trouble(WEBSOCKET_SILENT, f"{server}: {error.strerror or error}") from error
    except UpgradeRefusedException as error:
        raise Trouble(_DIAGNOSES[error.refusal], str(error)) from error
    except IceException as error:
        raise Trouble(WEBSOCKET_OTHER, f"{server} agreed, and then: {error}") from error
    by = f", answered by {websocket.server_of_peer}" if websocket.server_of_peer else ""
    if not websocket.has_subprotocol:
        found = f"{server} agrees to WebSocket, and not to {SUBPROTOCOL}{by}"
        return Finding(WEBSOCKET, Outcome.WARNING, found, watch.seconds, WEBSOCKET_OTHER)
    return Finding(WEBSOCKET, Outcome.OK, f"{server} agrees to {SUBPROTOCOL}{by}", watch.seconds)
