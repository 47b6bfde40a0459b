"""Any bytes as what comes over a WebSocket: as an answer to the request for one, and as frames with Ice in them."""

from __future__ import annotations

import contextlib

from omero_ms_thumbnail.ice.errors import IceException
from omero_ms_thumbnail.ice.protocol import IceProtocol, Role
from omero_ms_thumbnail.ice.websocket_protocol import WebSocket
from tests.unit.ice.websocket_wire import upgrade

#: bytes that may come in one frame or message, here
_SIZE_MAX = 1 << 20


def read_as_websocket(data: bytes) -> None:
    """The first byte says how many bytes come at once, and in its highest bit whether they are the answer itself."""
    if not data:
        return
    step, is_answer, stream = (data[0] & 0x7F) + 1, bool(data[0] & 0x80), data[1:]
    websocket, protocol = WebSocket("localhost", 443, "/", secure=True, size_max=_SIZE_MAX), IceProtocol(Role.CLIENT)
    request = websocket.opening()
    try:
        if not is_answer:
            websocket.receive(upgrade(request))
        for at in range(0, len(stream), step):
            payload = websocket.receive(stream[at : at + step])
            if payload:
                protocol.receive(payload)
            websocket.take_pong()
    except IceException as error:
        _say(error)
    with contextlib.suppress(IceException):
        websocket.goodbye()


def _say(error: Exception) -> None:
    """As a log would."""
    assert len(str(error)) < 1_000
