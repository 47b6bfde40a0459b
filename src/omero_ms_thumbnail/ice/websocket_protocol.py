"""Ice over WebSocket, the client's side, without I/O: the opening handshake, frames, and how either side closes.

An endpoint of type ws or wss speaks HTTP first: the client asks to upgrade with the subprotocol ``ice.zeroc.com``, and
Ice messages then go in binary frames. Frames are only packaging: a message may span several, and a frame hold several.
The frames themselves are `wsproto`'s; decided here is what Ice has of them. Source: ``cpp/src/Ice/WSTransceiver.cpp``
of Ice 3.7, RFC 6455.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from wsproto import ConnectionType, WSConnection
from wsproto.connection import ConnectionState
from wsproto.events import (
    AcceptConnection,
    BytesMessage,
    CloseConnection,
    Event,
    Ping,
    Pong,
    RejectConnection,
    RejectData,
    Request,
    TextMessage,
)
from wsproto.frame_protocol import CloseReason
from wsproto.utilities import ProtocolError

from .errors import IceException, MemoryLimitException, ProtocolException, UnknownMessageException, shortened
from .websocket_refusals import not_http, other_protocol, rejected, server_in, url_of

SUBPROTOCOL: Final = "ice.zeroc.com"

_DEFAULT_PORTS: Final = {False: 80, True: 443}
_HTTP: Final = b"HTTP/"
_HTTP_LENGTH: Final = len(_HTTP)

_MAY_SAY_GOODBYE: Final = (ConnectionState.OPEN, ConnectionState.REMOTE_CLOSING)


class WebSocket:
    """One client's side of a WebSocket that carries Ice. After an exception it is of no further use."""

    def __init__(self, host: str, port: int, path: str, *, secure: bool, size_max: int) -> None:
        """For `path` at `host` and `port`; `size_max` bounds a frame, in bytes."""
        self._url = url_of(host, port, path, secure=secure)
        self._size_max = size_max
        name = f"[{host}]" if ":" in host else host
        authority = name if port == _DEFAULT_PORTS[secure] else f"{name}:{port}"
        self._request = Request(host=authority, target=path, subprotocols=[SUBPROTOCOL])
        self._connection = WSConnection(ConnectionType.CLIENT)
        #: what has come of the answer to the request; None once that is told to be HTTP
        self._beginning: bytes | None = b""
        self._frame_size = 0
        self._pong: Pong | None = None
        #: whether the peer has agreed to Ice's subprotocol; like Ice's own clients we speak without that, too
        self.has_subprotocol = False
        #: what the web server in front, if any, says that it is, for people
        self.server_of_peer = ""
        #: what the peer said on closing, for people
        self.goodbye_of_peer = ""

    @property
    def was_upgraded(self) -> bool:
        """Whether the peer has agreed to speak WebSocket."""
        return self._connection.connection is not None

    @property
    def is_open(self) -> bool:
        """Whether frames may be sent."""
        return self._connection.state is ConnectionState.OPEN

    @property
    def is_closed_by_peer(self) -> bool:
        """Whether the peer has said goodbye: nothing more will come."""
        return self.was_upgraded and self._connection.state in (ConnectionState.REMOTE_CLOSING, ConnectionState.CLOSED)

    def opening(self) -> bytes:
        """The request that is to be sent first."""
        return self._connection.send(self._request)

    def receive(self, data: bytes) -> bytes:
        """What the frames in `data` carry, one behind the other; nothing is held back but a frame's header.

        Raises UpgradeRefusedException where the peer does not agree to WebSocket, ProtocolException where it breaks it.
        """
        if not data or self.is_closed_by_peer:
            return b""
        if not self.was_upgraded:
            data = self._http(data)
            if not data:
                return b""
        try:
            self._connection.receive_data(data)
            return self._carried(self._connection.events())
        except (ProtocolError, UnicodeDecodeError) as error:
            if self.was_upgraded:
                raise ProtocolException(f"the peer broke the WebSocket protocol: {error}") from error
            raise other_protocol(self._url, str(error)) from error

    def frame(self, payload: bytes) -> bytes:
        """The frame that carries `payload`, which may not be empty: Ice takes that for an error."""
        return self._connection.send(BytesMessage(data=payload))

    def take_pong(self) -> bytes:
        """The answer that the peer's last ping waits for; nothing if it has been given."""
        pong, self._pong = self._pong, None
        return self._connection.send(pong) if pong is not None and self.is_open else b""

    def goodbye(self, error: IceException | None = None) -> bytes:
        """What is to be sent before hanging up, also because of `error`; nothing where no frame may be sent."""
        if not self.was_upgraded or self._connection.state not in (
            ConnectionState.OPEN,
            ConnectionState.REMOTE_CLOSING,
        ):
            return b""
        code = CloseReason.NORMAL_CLOSURE
        if isinstance(error, MemoryLimitException):
            code = CloseReason.MESSAGE_TOO_BIG
        elif isinstance(error, ProtocolException):
            code = CloseReason.PROTOCOL_ERROR
        return self._connection.send(CloseConnection(code=code))

    def _http(self, data: bytes) -> bytes:
        """What has come so far, once it is told to be HTTP; for what it is not, nobody would wait for a whole line."""
        if self._beginning is None:
            return data
        began = self._beginning + data
        if len(began) < _HTTP_LENGTH:
            self._beginning = began
            return b""
        if not began.startswith(_HTTP):
            raise not_http(self._url, began)
        self._beginning = None
        return began

    def _carried(self, events: Iterator[Event]) -> bytes:
        pieces: list[bytes] = []
        for event in events:
            if isinstance(event, BytesMessage):
                self._count(event)
                pieces.append(bytes(event.data))
            elif isinstance(event, Ping):
                # the last one is enough, RFC 6455 section 5.5.3: a peer that only ever asks makes nothing pile up
                self._pong = event.response()
            elif isinstance(event, CloseConnection):
                self._closed(event)
            elif isinstance(event, TextMessage):
                raise UnknownMessageException("the peer sent a text frame, which Ice has no use for")
            elif isinstance(event, AcceptConnection):
                self.has_subprotocol = event.subprotocol == SUBPROTOCOL
                self.server_of_peer = server_in(event.extra_headers)
            elif isinstance(event, RejectConnection):
                raise rejected(self._url, event.status_code, event.headers, _body(events))
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    def _count(self, event: BytesMessage) -> None:
        self._frame_size += len(event.data)
        if self._frame_size > self._size_max:
            raise MemoryLimitException(f"a WebSocket frame has more bytes than the {self._size_max} of MessageSizeMax")
        if event.frame_finished:
            self._frame_size = 0

    def _closed(self, event: CloseConnection) -> None:
        said = "".join(letter for letter in event.reason or "" if letter.isprintable())
        if not self.is_closed_by_peer:
            # not a frame of the peer's: wsproto says so where it cannot read on
            raise ProtocolException(f"the peer broke the WebSocket protocol: {shortened(said)}")
        self.goodbye_of_peer = f"{int(event.code)}{f' ({shortened(said)})' if said else ''}"


def _body(events: Iterator[Event]) -> bytes:
    """What has come of a page so far: enough to see who wrote it."""
    return b"".join(event.data for event in events if isinstance(event, RejectData))
