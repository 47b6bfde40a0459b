"""The server side of Ice: servants, the adapter that dispatches requests to them, and listening.

Only what the embedded OMERO needs: twoway and oneway requests, the operations that every object has, user exceptions.
"""

from __future__ import annotations

import asyncio
import logging
import ssl
import weakref
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Final, Protocol

from omero_ms_thumbnail.ice.connection import Connection
from omero_ms_thumbnail.ice.errors import (
    FacetNotExistException,
    IceException,
    MarshalException,
    ObjectNotExistException,
    OperationNotExistException,
    RequestFailedException,
)
from omero_ms_thumbnail.ice.messages import (
    MESSAGE_SIZE_MAX,
    OperationMode,
    ReplyStatus,
    Request,
    encode_reply,
    encode_request_failed,
    encode_unknown,
)
from omero_ms_thumbnail.ice.operations import OBJECT_OPERATIONS, Operation
from omero_ms_thumbnail.ice.protocol import Role
from omero_ms_thumbnail.ice.references import Identity
from omero_ms_thumbnail.ice.streams import ENCODING_1_1
from omero_ms_thumbnail.ice.types import UserException

log: Final = logging.getLogger(__name__)

_REQUEST_FAILED_STATUS: Final[dict[type[RequestFailedException], ReplyStatus]] = {
    ObjectNotExistException: ReplyStatus.OBJECT_NOT_EXIST,
    FacetNotExistException: ReplyStatus.FACET_NOT_EXIST,
    OperationNotExistException: ReplyStatus.OPERATION_NOT_EXIST,
}


@dataclass(frozen=True, slots=True)
class Current:
    """What a servant may know about the call that it answers (``Ice::Current``)."""

    connection: Connection
    identity: Identity
    operation: str
    context: Mapping[str, str] = field(repr=False)


class Servant:
    """Base of what answers calls.

    A subclass sets `ICE_IDS` (most derived type id first) and `OPERATIONS`; the operation ``getThumbnail`` is answered
    by ``async def getThumbnail(self, current, …)``, whose name is Slice's own.
    """

    ICE_IDS: ClassVar[tuple[str, ...]] = ("::Ice::Object",)
    OPERATIONS: ClassVar[Mapping[str, Operation[Any]]] = {}

    def check(self, _current: Current) -> None:
        """Raise a user exception where the object may not be called now; asked before every call."""

    async def ice_ping(self, _current: Current) -> None:
        """Answer that the object exists."""

    async def ice_isA(self, _current: Current, type_id: str) -> bool:  # noqa: N802 - Ice's name
        """Whether the object has that type."""
        return type_id in self.ICE_IDS

    async def ice_id(self, _current: Current) -> str:
        """The most derived type."""
        return self.ICE_IDS[0]

    async def ice_ids(self, _current: Current) -> list[str]:
        """All types, sorted as Ice does."""
        return sorted(self.ICE_IDS)


class ServantLocator(Protocol):
    """Who answers a request."""

    def locate(self, request: Request, connection: Connection) -> Servant:
        """The servant for `request`; raises RequestFailedException if there is none for this connection."""

    def connection_closed(self, connection: Connection) -> None:
        """`connection` is gone, and what was bound to it may go too."""


class ObjectAdapter:
    """Listens, and dispatches every request to the servant that `locator` names."""

    def __init__(self, locator: ServantLocator, *, message_size_max: int = MESSAGE_SIZE_MAX) -> None:
        self._locator = locator
        self._message_size_max = message_size_max
        self._servers: list[asyncio.Server] = []
        # weak: asyncio says nothing of a connection whose TLS handshake fails
        self._connections: weakref.WeakSet[Connection] = weakref.WeakSet()

    async def listen(self, host: str, port: int, tls: ssl.SSLContext | None = None) -> int:
        """Accept connections on `host` and `port` (0: any free one); returns the port. Raises OSError."""
        loop = asyncio.get_running_loop()
        server = await loop.create_server(self._accept, host, port, ssl=tls)
        self._servers.append(server)
        bound: int = server.sockets[0].getsockname()[1]
        return bound

    def _accept(self) -> Connection:
        connection = Connection(Role.SERVER, "client", message_size_max=self._message_size_max, dispatcher=self)
        self._connections.add(connection)
        return connection

    async def close(self, timeout: float = 1.0) -> None:
        """Stop listening and close every connection gracefully, `timeout` seconds at most for each step."""
        for server in self._servers:
            server.close()
        await asyncio.gather(*(connection.close(timeout) for connection in tuple(self._connections)))

    def connection_closed(self, connection: Connection) -> None:
        self._connections.discard(connection)
        self._locator.connection_closed(connection)

    async def dispatch(self, request: Request, connection: Connection) -> bytes:
        request_id = request.request_id
        operation: Operation[Any] | None = None
        try:
            servant = self._locator.locate(request, connection)
            operation = _find_operation(servant, request)
            current = Current(connection, request.identity, request.operation, request.context)
            servant.check(current)
            arguments = operation.decode_arguments(request.parameters)
            result = await getattr(servant, operation.name)(current, *arguments)
            return encode_reply(request_id, ReplyStatus.OK, operation.encode_result(result), ENCODING_1_1)
        except RequestFailedException as failed:
            return encode_request_failed(
                request_id, _REQUEST_FAILED_STATUS[type(failed)], request.identity, request.facet, failed.operation
            )
        except UserException as thrown:
            return _answer_thrown(request, operation, thrown)
        except IceException as error:
            return _answer_local(request, error)
        except Exception as error:
            log.exception("%s failed", request.operation)
            return encode_unknown(request_id, ReplyStatus.UNKNOWN_EXCEPTION, type(error).__name__)


def _answer_thrown(request: Request, operation: Operation[Any] | None, thrown: UserException) -> bytes:
    if operation is None or not isinstance(thrown, operation.throws):
        return encode_unknown(request.request_id, ReplyStatus.UNKNOWN_USER_EXCEPTION, thrown.ICE_ID)
    try:
        content = operation.encode_exception(thrown)
    except MarshalException as error:
        # thrown without all its members: an answer all the same, or the client would wait for ever
        return _answer_local(request, error)
    return encode_reply(request.request_id, ReplyStatus.USER_EXCEPTION, content, ENCODING_1_1)


def _answer_local(request: Request, error: IceException) -> bytes:
    reason = f"{type(error).__name__}: {error}"
    return encode_unknown(request.request_id, ReplyStatus.UNKNOWN_LOCAL_EXCEPTION, reason)


def _find_operation(servant: Servant, request: Request) -> Operation[Any]:
    operation = servant.OPERATIONS.get(request.operation) or OBJECT_OPERATIONS.get(request.operation)
    if operation is None:
        raise OperationNotExistException(request.identity.name, request.facet, request.operation)
    # Ice takes idempotent for nonmutating, which Slice no longer has
    same = {OperationMode.NONMUTATING, OperationMode.IDEMPOTENT}
    if request.mode != operation.mode and not {request.mode, operation.mode} <= same:
        raise MarshalException(f"unexpected operation mode: expected {operation.mode.name}, received {request.mode}")
    return operation
