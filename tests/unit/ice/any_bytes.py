"""All ways that bytes from a peer can take through the reader of Ice, in one function.

What gets out of it is a fault: a peer's bytes may bring about Ice's own exceptions and those that an operation throws.
"""

from __future__ import annotations

import contextlib
from typing import Any

from omero_ms_thumbnail.ice.errors import IceException
from omero_ms_thumbnail.ice.glacier2 import ROUTER_OPERATIONS
from omero_ms_thumbnail.ice.messages import MessageReader, Reply, ReplyStatus, Request
from omero_ms_thumbnail.ice.operations import Operation
from omero_ms_thumbnail.ice.protocol import IceProtocol, Role
from omero_ms_thumbnail.ice.streams import ENCODING_1_0, ENCODING_1_1, InputStream
from omero_ms_thumbnail.ice.types import UserException
from omero_ms_thumbnail.omero.rtypes import unwrap
from omero_ms_thumbnail.omero.services import IADMIN, IQUERY, SERVICE_FACTORY, THUMBNAIL_STORE
from tests.unit.ice.sample import PEER

OPERATIONS: list[Operation[Any]] = [
    operation
    for table in (IQUERY, IADMIN, THUMBNAIL_STORE, SERVICE_FACTORY, ROUTER_OPERATIONS, PEER)
    for operation in table.values()
]

#: bytes that may come in one message, here
_SIZE_MAX = 1 << 20


def read_as_anything(data: bytes) -> None:
    """As a stream of messages, and as the content of a reply and a request in both encodings.

    The first byte says to which operation, the rest is the content.
    """
    for role in Role:
        with contextlib.suppress(IceException):
            IceProtocol(role, _SIZE_MAX).receive(data)
    with contextlib.suppress(IceException):
        for message in MessageReader(_SIZE_MAX).receive(data):
            _read_message(message)
    if not data:
        return
    operation, content = OPERATIONS[data[0] % len(OPERATIONS)], data[1:]
    for encoding in (ENCODING_1_0, ENCODING_1_1):
        for status in (ReplyStatus.OK, ReplyStatus.USER_EXCEPTION):
            _read_reply(operation, Reply(1, status, InputStream(content, encoding=encoding, allowance=_SIZE_MAX)))
        with contextlib.suppress(IceException):
            operation.decode_arguments(InputStream(content, encoding=encoding, allowance=_SIZE_MAX))


def _read_message(message: object) -> None:
    if isinstance(message, Reply):
        _read_reply(OPERATIONS[message.request_id % len(OPERATIONS)], message)
    elif isinstance(message, Request):
        operation = next((one for one in OPERATIONS if one.name == message.operation), None)
        if operation is not None:
            operation.decode_arguments(message.parameters)


def _read_reply(operation: Operation[Any], reply: Reply) -> None:
    try:
        result = operation.decode_reply(reply)
        if operation.name == "projection":
            for row in result:
                for column in row:
                    unwrap(column)
    except (IceException, UserException) as error:
        _say(error)


def _say(error: Exception) -> None:
    """As a log would."""
    assert len(str(error)) < 1_000
