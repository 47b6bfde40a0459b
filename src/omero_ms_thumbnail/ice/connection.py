"""One Ice connection over asyncio: concurrent calls, heartbeats, graceful close; and how a client opens one.

This file alone knows asyncio's transports; what may be sent and received when is `protocol`'s. A call that is
cancelled or times out only forgets its reply: Ice has no way of taking a request back.
"""

from __future__ import annotations

import asyncio
import logging
import socket
import ssl
from collections.abc import Coroutine, Mapping
from typing import Any, Final, Protocol, TypeVar, cast

from ..tasks import within
from .attempt import Attempt
from .errors import (
    CloseConnectionException,
    ConnectFailedException,
    ConnectionLostException,
    ConnectionManuallyClosedException,
    ConnectTimeoutException,
    IceException,
    InvocationTimeoutException,
    ProtocolException,
)
from .messages import (
    MESSAGE_SIZE_MAX,
    CloseConnection,
    Reply,
    ReplyStatus,
    Request,
    encode_request,
    encode_request_failed,
)
from .operations import Operation
from .protocol import IceProtocol, ProtocolState, Role
from .references import Identity, ObjectPrx
from .streams import ENCODING_1_1

log: Final = logging.getLogger(__name__)

R = TypeVar("R")

#: seconds that a message may take from its first byte to its last where nothing else is said
_MESSAGE_TIMEOUT: Final = 60.0

#: requests of one client that a server works on or keeps waiting before it stops reading from that client
_REQUESTS_MAX: Final = 1_000

#: around what may take as long as it takes; `asyncio.timeout(None)` would do it in five times the time


class Dispatcher(Protocol):
    """What a server does with a request; see `server.ObjectAdapter`."""

    async def dispatch(self, request: Request, connection: Connection) -> bytes:
        """The reply message to `request`. Must not raise."""

    def connection_closed(self, connection: Connection) -> None:
        """`connection` is gone."""


class Connection(asyncio.Protocol):
    """One side of an Ice connection. Clients get one from `connect`; a server makes one for each client."""

    def __init__(
        self,
        role: Role,
        peer: str,
        *,
        message_size_max: int = MESSAGE_SIZE_MAX,
        message_timeout: float = _MESSAGE_TIMEOUT,
        dispatcher: Dispatcher | None = None,
    ) -> None:
        self.peer = peer
        self._message_timeout = message_timeout
        self._unfinished: asyncio.TimerHandle | None = None
        self._protocol = IceProtocol(role, message_size_max)
        self._dispatcher = dispatcher
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport | None = None
        self._pending: dict[int, asyncio.Future[Reply]] = {}
        self._validated: asyncio.Future[None] = self._loop.create_future()
        self._lost: asyncio.Future[None] = self._loop.create_future()
        self._writable = asyncio.Event()
        self._writable.set()
        self._heartbeat: asyncio.TimerHandle | None = None
        self._dispatches: set[asyncio.Task[None]] = set()
        self._idle = asyncio.Event()
        self._idle.set()
        self._failure: IceException | None = None
        self._closing = False

    # asyncio.Protocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's transports are no subclasses of asyncio's
        self._transport = cast("asyncio.Transport", transport)
        sock = transport.get_extra_info("socket")
        if sock is not None and sock.family in (socket.AF_INET, socket.AF_INET6):
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._transport.write(self._protocol.greeting())

    def data_received(self, data: bytes) -> None:
        try:
            messages = self._protocol.receive(data)
        except IceException as error:
            self._abort(error)
            return
        self._watch_message(is_new=bool(messages))
        if self._protocol.state is not ProtocolState.NOT_VALIDATED and not self._validated.done():
            self._validated.set_result(None)
        for message in messages:
            if isinstance(message, Reply):
                self._take_reply(message)
            elif isinstance(message, Request):
                self._take_request(message)
            elif isinstance(message, CloseConnection):
                self._abort(CloseConnectionException(f"{self.peer} closed the connection"))

    def pause_writing(self) -> None:
        self._writable.clear()

    def resume_writing(self) -> None:
        self._writable.set()

    def connection_lost(self, exc: Exception | None) -> None:
        if self._failure is None:
            reason = f": {exc}" if exc else ""
            lost = ConnectionLostException(f"the connection to {self.peer} was lost{reason}")
            # a WebSocket says itself what went wrong with it
            self._failure = exc if isinstance(exc, IceException) else lost
        self._protocol.close()
        # else the two would keep one another, until the garbage collector comes to them
        self._transport = None
        self._stop_heartbeat()
        self._stop_watching()
        pending, self._pending = self._pending, {}
        for future in pending.values():
            if not future.done():
                future.set_exception(_fresh(self._failure))
        self._writable.set()
        for task in self._dispatches:
            task.cancel()
        self._idle_if_so()
        if not self._validated.done():
            self._validated.set_exception(_fresh(self._failure))
            # whoever waits for it sees the failure; a server's connection has nobody waiting
            self._validated.exception()
        self._lost.set_result(None)
        if self._dispatcher is not None:
            self._dispatcher.connection_closed(self)

    # calling

    @property
    def is_active(self) -> bool:
        """Whether calls can be made."""
        return self._protocol.state is ProtocolState.ACTIVE and self._failure is None

    async def validated(self) -> None:
        """Wait until the peer has validated the connection; raises IceException if it never will."""
        await asyncio.shield(self._validated)

    async def wait_closed(self) -> None:
        """Wait until the transport is gone."""
        await asyncio.shield(self._lost)

    def send(
        self, proxy: ObjectPrx, operation: Operation[Any], arguments: tuple[Any, ...], context: Mapping[str, str]
    ) -> asyncio.Future[Reply]:
        """Send a request now and return the reply to come; raises IceException if the connection is not active."""
        if self._failure is not None:
            raise _fresh(self._failure)
        request_id = self._protocol.next_request_id()
        parameters = operation.encode_arguments(arguments)
        message = encode_request(
            request_id, proxy.identity, operation.name, operation.mode, context, parameters, ENCODING_1_1
        )
        future: asyncio.Future[Reply] = self._loop.create_future()
        self._pending[request_id] = future
        self._idle.clear()
        # also when the caller was cancelled: the reply that still comes is then nobody's
        future.add_done_callback(lambda _future: self._forget(request_id))
        self._write(message)
        return future

    async def call(
        self,
        proxy: ObjectPrx,
        operation: Operation[R],
        *arguments: Any,
        context: Mapping[str, str] | None = None,
        timeout: float | None = None,
    ) -> R:
        """Call `operation` and return its result.

        Raises what the operation throws, `IceException` for what goes wrong on the way, InvocationTimeoutException
        after `timeout` seconds (None: wait as long as it takes).
        """
        try:
            async with within(timeout):
                await self._writable.wait()
                reply = await self.send(proxy, operation, arguments, context or {})
        except TimeoutError:
            raise InvocationTimeoutException(
                f"{self.peer} did not answer {operation.name} within {timeout:g} s"
            ) from None
        return operation.decode_reply(reply)

    def keep_alive(self, interval: float) -> None:
        """Send a heartbeat every `interval` seconds from now on; 0 stops them."""
        self._stop_heartbeat()
        if interval > 0 and not self._lost.done():
            self._heartbeat = self._loop.call_later(interval, self._beat, interval)

    async def close(self, timeout: float) -> None:
        """Close gracefully: wait up to `timeout` seconds for calls on their way, say goodbye, close the transport.

        Calls on their way are those of either side. What the peer asks for meanwhile is not carried out: the goodbye
        tells it so.
        """
        self._closing = True
        try:
            async with asyncio.timeout(timeout):
                await self._idle.wait()
        except TimeoutError:
            unanswered = len(self._pending) + len(self._dispatches)
            log.debug("%s: closing with %d calls unanswered", self.peer, unanswered)
        farewell = self._protocol.close()
        if farewell:
            self._write(farewell)
        if self._failure is None:
            self._failure = ConnectionManuallyClosedException(f"the connection to {self.peer} was closed here")
        transport = self._transport
        if transport is not None:
            transport.close()
            try:
                async with asyncio.timeout(timeout):
                    await self.wait_closed()
            except TimeoutError:
                transport.abort()

    # inside

    def _write(self, data: bytes) -> None:
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(data)

    def _forget(self, request_id: int) -> None:
        self._pending.pop(request_id, None)
        self._idle_if_so()

    def _idle_if_so(self) -> None:
        if not self._pending and not self._dispatches:
            self._idle.set()

    def _take_reply(self, reply: Reply) -> None:
        future = self._pending.get(reply.request_id)
        if future is not None and not future.done():
            future.set_result(reply)

    def _take_request(self, request: Request) -> None:
        if self._closing:
            return
        if self._dispatcher is None:
            # a callback to a client that offers none
            if not self._writable.is_set():
                self._abort(ProtocolException(f"{self.peer} calls this client and does not read the answers"))
            elif request.request_id:
                self._write(_object_not_exist(request))
            return
        if len(self._dispatches) >= _REQUESTS_MAX and self._transport is not None:
            self._transport.pause_reading()
        self._run(self._answer(request, self._dispatcher))

    def _run(self, coroutine: Coroutine[Any, Any, None]) -> None:
        task = self._loop.create_task(coroutine)
        self._dispatches.add(task)
        self._idle.clear()
        task.add_done_callback(self._dispatched)

    def _dispatched(self, task: asyncio.Task[None]) -> None:
        self._dispatches.discard(task)
        self._idle_if_so()
        if len(self._dispatches) < _REQUESTS_MAX and self._transport is not None and not self._transport.is_closing():
            self._transport.resume_reading()

    async def _answer(self, request: Request, dispatcher: Dispatcher) -> None:
        reply = await dispatcher.dispatch(request, self)
        if request.request_id:
            # a client that does not read must not make the server pile up answers
            await self._writable.wait()
            self._write(reply)

    def _watch_message(self, *, is_new: bool) -> None:
        """Give up on a message whose bytes stop coming: nothing else can come behind it, and calls would wait for it.

        `is_new` says that what there is of a message belongs to another than the one watched until now.
        """
        if is_new:
            self._stop_watching()
        if self._unfinished is None and self._protocol.is_within_message:
            self._unfinished = self._loop.call_later(self._message_timeout, self._message_overdue)

    def _message_overdue(self) -> None:
        self._abort(
            ConnectionLostException(f"{self.peer} has not finished a message within {self._message_timeout:g} s")
        )

    def _stop_watching(self) -> None:
        if self._unfinished is not None:
            self._unfinished.cancel()
            self._unfinished = None

    def _abort(self, error: IceException) -> None:
        if self._failure is None:
            self._failure = error
        if self._transport is not None:
            self._transport.abort()

    def _beat(self, interval: float) -> None:
        self._write(self._protocol.heartbeat())
        self._heartbeat = self._loop.call_later(interval, self._beat, interval)

    def _stop_heartbeat(self) -> None:
        if self._heartbeat is not None:
            self._heartbeat.cancel()
            self._heartbeat = None


def _fresh(failure: IceException) -> IceException:
    """A copy: an exception that many tasks raise would gather all their tracebacks."""
    return type(failure)(*failure.args)


def _object_not_exist(request: Request) -> bytes:
    return encode_request_failed(
        request.request_id, ReplyStatus.OBJECT_NOT_EXIST, request.identity, request.facet, request.operation
    )


async def connect(
    host: str,
    port: int,
    *,
    tls: ssl.SSLContext | None,
    path: str = "",
    timeout: float,
    message_size_max: int = MESSAGE_SIZE_MAX,
    message_timeout: float = _MESSAGE_TIMEOUT,
) -> Connection:
    """Open a connection to an Ice server and wait until it is validated, `timeout` seconds for both together.

    It is given up when a message has not come to its end within `message_timeout` seconds of its beginning.
    `tls` is the context for an SSL endpoint, None for a TCP one; with a `path`, which begins with a slash, it is for a
    WebSocket endpoint: wss, or ws. Raises ConnectFailedException or ConnectTimeoutException with a sentence that names
    the host, the port and what to look at; UpgradeRefusedException where there is no WebSocket at the path.
    """
    attempt = Attempt(host, port, path, tls)
    loop = asyncio.get_running_loop()
    connection: Connection | None = None

    def make() -> asyncio.Protocol:
        nonlocal connection
        connection = Connection(
            Role.CLIENT, attempt.where, message_size_max=message_size_max, message_timeout=message_timeout
        )
        if not path:
            return connection
        # imported by those who have one in their way
        from .websocket_protocol import WebSocket
        from .websocket_transport import WebSocketTransport

        attempt.websocket = WebSocket(host, port, path, secure=tls is not None, size_max=message_size_max)
        return WebSocketTransport(attempt.websocket, connection, attempt.where)

    try:
        async with asyncio.timeout(timeout):
            await loop.create_connection(make, host, port, ssl=tls, server_hostname=host if tls else None)
            assert connection is not None  # noqa: S101 - create_connection has called make
            await connection.validated()
            return connection
    except TimeoutError:
        is_open = connection is not None and connection._transport is not None
        raise ConnectTimeoutException(attempt.timeout_text(timeout, is_open=is_open)) from None
    except (OSError, UnicodeError, ProtocolException, ConnectionLostException) as error:
        raise ConnectFailedException(attempt.failure_text(error)) from error
    finally:
        if connection is not None and not connection.is_active:
            connection._abort(ConnectFailedException(f"no connection to {attempt.where}"))


def proxy_for(name: str, category: str = "") -> ObjectPrx:
    """A proxy for an object behind the connection it is called through, known by its identity alone."""
    return ObjectPrx(Identity(name, category))
