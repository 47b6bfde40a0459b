"""A WebSocket as asyncio's transports are: what is written to it goes out in frames, what frames carry comes in.

It stands between the real transport and a `Connection`, which writes to it as to any other and knows nothing of it: the
connections that have no WebSocket in their way have nothing of this in it either. Nothing is held back here in either
direction, so that the real transport's own limits hold: where the peer does not read, `pause_writing` reaches the
connection, and what it sends is handed on, each piece before the next is read.
"""

from __future__ import annotations

import asyncio
from typing import Any, cast

from .errors import ConnectionLostException, IceException
from .websocket_protocol import WebSocket


class WebSocketTransport(asyncio.Transport, asyncio.Protocol):
    """The transport of one `inner` protocol, and the protocol of the real transport."""

    def __init__(self, websocket: WebSocket, inner: asyncio.Protocol, peer: str) -> None:
        super().__init__()
        self._websocket = websocket
        self._inner = inner
        self._peer = peer
        self._transport: asyncio.Transport | None = None
        self._failure: IceException | None = None
        self._is_paused = False
        self._is_closing = False

    # asyncio.Protocol, for the real transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._inner.connection_made(self)
        self._transport.write(self._websocket.opening())

    def data_received(self, data: bytes) -> None:
        try:
            payload = self._websocket.receive(data)
        except IceException as error:
            self._fail(error)
            return
        if payload and not self._is_closing:
            self._inner.data_received(payload)
        if not self._is_paused:
            self._send(self._websocket.take_pong())
        if self._websocket.is_closed_by_peer and self._transport is not None:
            self._farewell(ConnectionLostException(f"{self._peer} closed the WebSocket{self._said()}"))

    def eof_received(self) -> None:
        """Nothing more comes: the real transport closes itself."""

    def pause_writing(self) -> None:
        self._is_paused = True
        self._inner.pause_writing()

    def resume_writing(self) -> None:
        self._is_paused = False
        self._send(self._websocket.take_pong())
        self._inner.resume_writing()

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None
        self._is_closing = True
        self._inner.connection_lost(self._failure or exc)

    # asyncio.Transport, for the connection

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Send `data` in a frame of its own; dropped, as by asyncio's, where nothing may be sent any more."""
        if data and self._websocket.is_open and not self._is_closing:
            self._send(self._websocket.frame(bytes(data)))

    def close(self) -> None:
        """Say goodbye, and hang up once the peer has too; whoever cannot wait for that may abort."""
        if self._is_closing or self._transport is None:
            return
        farewell = self._websocket.goodbye()
        self._is_closing = True
        if farewell:
            self._transport.write(farewell)
        else:
            self._transport.close()

    def abort(self) -> None:
        self._is_closing = True
        if self._transport is not None:
            self._transport.abort()

    def is_closing(self) -> bool:
        return self._is_closing

    def pause_reading(self) -> None:
        if self._transport is not None:
            self._transport.pause_reading()

    def resume_reading(self) -> None:
        if self._transport is not None:
            self._transport.resume_reading()

    def get_write_buffer_size(self) -> int:
        return self._transport.get_write_buffer_size() if self._transport is not None else 0

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return self._transport.get_extra_info(name, default) if self._transport is not None else default

    # inside

    def _send(self, data: bytes) -> None:
        if data and self._transport is not None and not self._transport.is_closing():
            self._transport.write(data)

    def _fail(self, error: IceException) -> None:
        """The peer is of no further use: tell it as far as that can be had at once, and hang up."""
        if self._failure is None:
            self._failure = error
        self._send(self._websocket.goodbye(error))
        self.abort()

    def _farewell(self, why: ConnectionLostException) -> None:
        """The peer has said goodbye, first or in answer."""
        if not self._is_closing and self._failure is None:
            self._failure = why
        self._send(self._websocket.goodbye())
        self._is_closing = True
        if self.get_write_buffer_size():
            # it will read none of it, and closing would wait until it has
            self.abort()
        elif self._transport is not None:
            self._transport.close()

    def _said(self) -> str:
        said = self._websocket.goodbye_of_peer
        return f" with code {said}" if said else ""
