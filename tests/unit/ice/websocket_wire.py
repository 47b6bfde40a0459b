"""The other side of a WebSocket, made by hand: what a server sends, byte for byte, and what a client has sent."""

from __future__ import annotations

import base64
import hashlib
import struct
from dataclasses import dataclass

from omero_ms_thumbnail.ice.messages import VALIDATE_CONNECTION_BYTES
from tests.unit.ice.wire import Handler, Wire

CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0x0, 0x1, 0x2, 0x8, 0x9, 0xA

_GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
_FINAL = 0x80


def frame(
    opcode: int, payload: bytes = b"", *, final: bool = True, reserved: int = 0, size: int | None = None
) -> bytes:
    """A frame as a server sends it, unmasked; `size` is what its header says, if that is not the payload's."""
    length = len(payload) if size is None else size
    first = (_FINAL if final else 0) | reserved << 4 | opcode
    if length < 126:
        head = struct.pack("!BB", first, length)
    elif length < 1 << 16:
        head = struct.pack("!BBH", first, 126, length)
    else:
        head = struct.pack("!BBQ", first, 127, length)
    return head + payload


def close_frame(code: int, reason: bytes = b"") -> bytes:
    return frame(CLOSE, struct.pack("!H", code) + reason)


def fields_of(request: bytes) -> tuple[str, dict[str, str]]:
    """The first line and the fields of a request's head."""
    first, *lines = request.decode("ascii").removesuffix("\r\n\r\n").split("\r\n")
    return first, {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}


def upgrade(request: bytes, *fields: str, subprotocol: str | None = "ice.zeroc.com", accept: str = "") -> bytes:
    """The answer that agrees to a client's request."""
    key = fields_of(request)[1]["sec-websocket-key"].encode()
    accept = accept or base64.b64encode(hashlib.sha1(key + _GUID, usedforsecurity=False).digest()).decode()
    lines = ["HTTP/1.1 101 Switching Protocols", "Upgrade: websocket", "Connection: Upgrade"]
    lines += [f"Sec-WebSocket-Accept: {accept}", *fields]
    lines += [f"Sec-WebSocket-Protocol: {subprotocol}"] if subprotocol is not None else []
    return "\r\n".join((*lines, "", "")).encode()


def answer(status: str, *fields: str, body: bytes = b"") -> bytes:
    """An answer that does not upgrade."""
    return "\r\n".join((f"HTTP/1.1 {status}", *fields, f"Content-Length: {len(body)}", "", "")).encode() + body


def unmasked(mask: bytes, masked: bytes) -> bytes:
    keys = (mask * (len(masked) // 4 + 1))[: len(masked)]
    return (int.from_bytes(masked, "big") ^ int.from_bytes(keys, "big")).to_bytes(len(masked), "big")


@dataclass(frozen=True)
class Frame:
    opcode: int
    payload: bytes


async def read_request(wire: Wire) -> bytes:
    return await wire.reader.readuntil(b"\r\n\r\n")


async def read_frame(wire: Wire) -> Frame:
    """The next frame of a client, which has to be whole and masked."""
    first, second = await wire.reader.readexactly(2)
    assert first & 0xF0 == _FINAL, "a client's frame is a whole message, and nothing reserved is set"
    assert second & 0x80, "a client masks"
    length = second & 0x7F
    if length == 126:
        (length,) = struct.unpack("!H", await wire.reader.readexactly(2))
    elif length == 127:
        (length,) = struct.unpack("!Q", await wire.reader.readexactly(8))
    mask = await wire.reader.readexactly(4)
    return Frame(first & 0x0F, unmasked(mask, await wire.reader.readexactly(length)))


def agreeing(handler: Handler, *, validated: bool = True) -> Handler:
    """A server that agrees to WebSocket and, unless not `validated`, validates the connection; then `handler`."""

    async def agree_first(wire: Wire) -> None:
        wire.send(upgrade(await read_request(wire)))
        if validated:
            wire.send(frame(BINARY, VALIDATE_CONNECTION_BYTES))
        await handler(wire)

    return agree_first
