"""Ice messages as values, and the framing that cuts a byte stream into them. No I/O.

Every message has a 14-byte header: magic ``IceP``, protocol version 1.0, its encoding 1.0, type, compression status,
size including the header. Source: "Protocol Messages", ZeroC Ice manual 3.7.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Final

from .errors import (
    BadMagicException,
    CompressionNotSupportedException,
    FacetNotExistException,
    IllegalMessageSizeException,
    MarshalException,
    MemoryLimitException,
    ObjectNotExistException,
    OperationNotExistException,
    RequestFailedException,
    UnknownException,
    UnknownLocalException,
    UnknownMessageException,
    UnknownUserException,
    UnsupportedProtocolException,
    shortened,
)
from .references import FACET, IDENTITY, Identity
from .streams import EncodingVersion, InputStream, OutputStream
from .types import CONTEXT

HEADER: Final = struct.Struct("<4sBBBBBBi")
MAGIC: Final = b"IceP"

#: largest message taken, in bytes: ``omero.constants.MESSAGESIZEMAX`` (250,000 kB), what OMERO's own clients take
MESSAGE_SIZE_MAX: Final = 250_000 * 1024

#: memory that the values of a message may take, as a multiple of the largest message
_VALUES_PER_MESSAGE: Final = 2


class MessageType(IntEnum):
    """The header's message type."""

    REQUEST = 0
    BATCH_REQUEST = 1
    REPLY = 2
    VALIDATE_CONNECTION = 3
    CLOSE_CONNECTION = 4


class OperationMode(IntEnum):
    """How an operation may be retried; a peer refuses a mode other than the operation's own."""

    NORMAL = 0
    NONMUTATING = 1
    IDEMPOTENT = 2


class ReplyStatus(IntEnum):
    """What a reply holds."""

    OK = 0
    USER_EXCEPTION = 1
    OBJECT_NOT_EXIST = 2
    FACET_NOT_EXIST = 3
    OPERATION_NOT_EXIST = 4
    UNKNOWN_LOCAL_EXCEPTION = 5
    UNKNOWN_USER_EXCEPTION = 6
    UNKNOWN_EXCEPTION = 7


@dataclass(frozen=True, slots=True)
class ValidateConnection:
    """A server's first message; later, from either side, a heartbeat."""


@dataclass(frozen=True, slots=True)
class CloseConnection:
    """The sender closes gracefully and will answer nothing more."""


@dataclass(frozen=True, slots=True)
class Request:
    """A call. `request_id` 0 is oneway: no reply is wanted."""

    request_id: int
    identity: Identity
    facet: str
    operation: str
    mode: int
    context: Mapping[str, str] = field(repr=False)
    parameters: InputStream = field(repr=False)


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer: its content is a result or a user exception (status 0, 1), else `failure` says what went wrong."""

    request_id: int
    status: ReplyStatus
    content: InputStream | None = field(default=None, repr=False)
    failure: RequestFailedException | UnknownException | None = None


Message = ValidateConnection | CloseConnection | Request | Reply

_REQUEST_FAILED: Final[dict[int, type[RequestFailedException]]] = {
    ReplyStatus.OBJECT_NOT_EXIST: ObjectNotExistException,
    ReplyStatus.FACET_NOT_EXIST: FacetNotExistException,
    ReplyStatus.OPERATION_NOT_EXIST: OperationNotExistException,
}
_UNKNOWN: Final[dict[int, type[UnknownException]]] = {
    ReplyStatus.UNKNOWN_LOCAL_EXCEPTION: UnknownLocalException,
    ReplyStatus.UNKNOWN_USER_EXCEPTION: UnknownUserException,
    ReplyStatus.UNKNOWN_EXCEPTION: UnknownException,
}


def _message(kind: MessageType, body: bytes | bytearray = b"") -> bytes:
    return HEADER.pack(MAGIC, 1, 0, 1, 0, kind, 0, HEADER.size + len(body)) + body


VALIDATE_CONNECTION_BYTES: Final = _message(MessageType.VALIDATE_CONNECTION)
CLOSE_CONNECTION_BYTES: Final = _message(MessageType.CLOSE_CONNECTION)


def encode_request(
    request_id: int,
    identity: Identity,
    operation: str,
    mode: OperationMode,
    context: Mapping[str, str],
    parameters: bytes,
    encoding: EncodingVersion,
) -> bytes:
    """A request to the default facet; `parameters` are the arguments encoded with `encoding`."""
    out = OutputStream()
    out.write_int(request_id)
    IDENTITY.write(out, identity)
    FACET.write(out, "")
    out.write_string(operation)
    out.write_byte(mode)
    CONTEXT.write(out, context)
    out.write_encapsulation(parameters, encoding)
    return _message(MessageType.REQUEST, out.buffer)


def encode_reply(request_id: int, status: ReplyStatus, content: bytes, encoding: EncodingVersion) -> bytes:
    """A reply with a result or a user exception, encoded with `encoding`."""
    out = OutputStream()
    out.write_int(request_id)
    out.write_byte(status)
    out.write_encapsulation(content, encoding)
    return _message(MessageType.REPLY, out.buffer)


def encode_request_failed(
    request_id: int, status: ReplyStatus, identity: Identity, facet: str, operation: str
) -> bytes:
    """A reply that says that there is no such object, facet or operation (status 2 to 4)."""
    out = OutputStream()
    out.write_int(request_id)
    out.write_byte(status)
    IDENTITY.write(out, identity)
    FACET.write(out, facet)
    out.write_string(operation)
    return _message(MessageType.REPLY, out.buffer)


def encode_unknown(request_id: int, status: ReplyStatus, reason: str) -> bytes:
    """A reply that says that the servant failed (status 5 to 7)."""
    out = OutputStream()
    out.write_int(request_id)
    out.write_byte(status)
    out.write_string(reason)
    return _message(MessageType.REPLY, out.buffer)


class MessageReader:
    """Cuts what arrives into messages. Holds at most one message, and never more than has arrived of it.

    `size_max` bounds a message, and with it the memory that reading one may take.
    """

    def __init__(self, size_max: int = MESSAGE_SIZE_MAX) -> None:
        self._buffer = bytearray()
        self._size_max = size_max

    @property
    def is_within(self) -> bool:
        """Whether a part of a message has come whose rest has not."""
        return bool(self._buffer)

    def receive(self, data: bytes) -> list[Message]:
        """The messages that `data` completes, in order. Raises ProtocolException; nothing may be fed after that."""
        buffer = self._buffer
        buffer += data
        parts: list[tuple[MessageType, int, int]] = []
        start = 0
        while len(buffer) - start >= HEADER.size:
            kind, size = self._parse_header(buffer, start)
            if len(buffer) - start < size:
                break
            parts.append((kind, start + HEADER.size, start + size))
            start += size
        if not parts:
            return []
        # the one copy that is made of a message: its content stays valid for as long as somebody reads it
        complete = bytes(memoryview(buffer)[:start])
        del buffer[:start]
        allowance = _VALUES_PER_MESSAGE * self._size_max
        return [_decode(kind, InputStream(complete, at, end, allowance=allowance)) for kind, at, end in parts]

    def _parse_header(self, buffer: bytearray, start: int) -> tuple[MessageType, int]:
        magic, major, minor, encoding_major, encoding_minor, kind, compression, size = HEADER.unpack_from(buffer, start)
        if magic != MAGIC:
            raise BadMagicException("the peer does not speak the Ice protocol (no IceP at the start of a message)")
        # a peer may speak a later minor version; the message then still follows 1.0
        if (major, encoding_major) != (1, 1):
            raise UnsupportedProtocolException(
                f"the peer speaks Ice protocol {major}.{minor} with encoding {encoding_major}.{encoding_minor}"
            )
        if compression == 2:
            raise CompressionNotSupportedException("the peer sent a compressed message, which was never offered")
        if size < HEADER.size:
            raise IllegalMessageSizeException(f"a message says that it has {size} bytes, fewer than its header")
        if size > self._size_max:
            raise MemoryLimitException(f"a message says that it has {size} bytes; MessageSizeMax is {self._size_max}")
        if kind == MessageType.BATCH_REQUEST:
            raise UnknownMessageException("batch requests are not taken")
        try:
            return MessageType(kind), size
        except ValueError:
            raise UnknownMessageException(f"a message has the unknown type {kind}") from None


def _decode(kind: MessageType, body: InputStream) -> Message:
    if kind is MessageType.REPLY:
        return _decode_reply(body)
    if kind is MessageType.REQUEST:
        return _decode_request(body)
    if body.remaining:
        raise IllegalMessageSizeException(f"a {kind.name} message has a body of {body.remaining} bytes")
    return ValidateConnection() if kind is MessageType.VALIDATE_CONNECTION else CloseConnection()


def _decode_request(inp: InputStream) -> Request:
    request = Request(
        inp.read_int(),
        IDENTITY.read(inp),
        FACET.read(inp),
        inp.read_string(),
        inp.read_byte(),
        CONTEXT.read(inp),
        inp.read_encapsulation(),
    )
    _expect_end(inp)
    return request


def _decode_reply(inp: InputStream) -> Reply:
    request_id = inp.read_int()
    number = inp.read_byte()
    try:
        status = ReplyStatus(number)
    except ValueError:
        raise UnknownMessageException(f"a reply has the unknown status {number}") from None
    content = None
    failure: RequestFailedException | UnknownException | None = None
    if status in (ReplyStatus.OK, ReplyStatus.USER_EXCEPTION):
        content = inp.read_encapsulation()
    elif status in _REQUEST_FAILED:
        identity = IDENTITY.read(inp)
        failure = _REQUEST_FAILED[status](f"{identity.category}/{identity.name}", FACET.read(inp), inp.read_string())
    else:
        failure = _UNKNOWN[status](shortened(inp.read_string()))
    _expect_end(inp)
    return Reply(request_id, status, content, failure)


def _expect_end(inp: InputStream) -> None:
    if inp.remaining:
        raise MarshalException(f"{inp.remaining} bytes are left over behind a message")
