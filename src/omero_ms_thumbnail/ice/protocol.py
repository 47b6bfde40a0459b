"""The life of one Ice connection, without I/O: which message may come when, and what may be sent.

A server speaks first, with ValidateConnection; only then may a client send. After that either side sends heartbeats
(ValidateConnection again) as it likes, the client requests and the server replies, until one sends CloseConnection.
Everything that depends on the state of a connection is decided in this file. Source: "Connection Establishment" and
"Connection Closure", ZeroC Ice manual 3.7.
"""

from __future__ import annotations

from enum import Enum, auto
from typing import Final

from .errors import ConnectionNotValidatedException, IceException, ProtocolException, UnknownMessageException
from .messages import (
    CLOSE_CONNECTION_BYTES,
    MESSAGE_SIZE_MAX,
    VALIDATE_CONNECTION_BYTES,
    CloseConnection,
    Message,
    MessageReader,
    Reply,
    Request,
    ValidateConnection,
)


class Role(Enum):
    """Which side of a connection this is."""

    CLIENT = auto()
    SERVER = auto()


class ProtocolState(Enum):
    """Where in its life a connection is."""

    NOT_VALIDATED = auto()
    ACTIVE = auto()
    CLOSED = auto()


#: what may be received; a request to a client is a callback through the connection that it opened itself
_MAY_COME: Final[dict[tuple[Role, ProtocolState], tuple[type[Message], ...]]] = {
    (Role.CLIENT, ProtocolState.NOT_VALIDATED): (ValidateConnection,),
    (Role.CLIENT, ProtocolState.ACTIVE): (Reply, Request, ValidateConnection, CloseConnection),
    (Role.SERVER, ProtocolState.ACTIVE): (Request, ValidateConnection, CloseConnection),
    (Role.CLIENT, ProtocolState.CLOSED): (),
    (Role.SERVER, ProtocolState.CLOSED): (),
}


class IceProtocol:
    """One side of one connection."""

    def __init__(self, role: Role, size_max: int = MESSAGE_SIZE_MAX) -> None:
        self.role = role
        self.state = ProtocolState.NOT_VALIDATED if role is Role.CLIENT else ProtocolState.ACTIVE
        self._reader = MessageReader(size_max)
        self._last_request_id = 0

    def greeting(self) -> bytes:
        """What is to be sent as soon as the transport is there: a server validates, a client waits."""
        return VALIDATE_CONNECTION_BYTES if self.role is Role.SERVER else b""

    def receive(self, data: bytes) -> list[Message]:
        """The messages that `data` completes. Raises ProtocolException, after which the connection is closed."""
        if self.state is ProtocolState.CLOSED:
            return []
        accepted: list[Message] = []
        try:
            for message in self._reader.receive(data):
                self._accept(message)
                accepted.append(message)
                if isinstance(message, CloseConnection):
                    self.state = ProtocolState.CLOSED
                    break
        except IceException:
            self.state = ProtocolState.CLOSED
            raise
        return accepted

    def _accept(self, message: Message) -> None:
        if not isinstance(message, _MAY_COME[self.role, self.state]):
            what = type(message).__name__
            if self.state is ProtocolState.NOT_VALIDATED:
                raise ConnectionNotValidatedException(f"the server began with {what} instead of ValidateConnection")
            raise UnknownMessageException(f"{what} may not come to a {self.role.name.lower()}")
        if self.state is ProtocolState.NOT_VALIDATED:
            self.state = ProtocolState.ACTIVE

    @property
    def is_within_message(self) -> bool:
        """Whether a part of a message has come whose rest has not."""
        return self._reader.is_within

    def next_request_id(self) -> int:
        """An id for a request: 1 to 2^31 - 1, then again from 1. Raises ProtocolException unless active."""
        if self.state is not ProtocolState.ACTIVE:
            raise ProtocolException("a request can only be sent on an active connection")
        self._last_request_id = self._last_request_id % 0x7FFF_FFFF + 1
        return self._last_request_id

    def heartbeat(self) -> bytes:
        """What keeps the peer from closing an idle connection; nothing unless active."""
        return VALIDATE_CONNECTION_BYTES if self.state is ProtocolState.ACTIVE else b""

    def close(self) -> bytes:
        """Close gracefully; what is to be sent for it, nothing if the peer was first or nothing was validated."""
        farewell = CLOSE_CONNECTION_BYTES if self.state is ProtocolState.ACTIVE else b""
        self.state = ProtocolState.CLOSED
        return farewell
