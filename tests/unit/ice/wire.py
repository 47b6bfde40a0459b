"""The other side of a connection as bytes: a raw server or client that sends and sees exactly what a test says."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

from omero_ms_thumbnail.ice.messages import (
    HEADER,
    VALIDATE_CONNECTION_BYTES,
    Message,
    MessageReader,
    OperationMode,
    Reply,
    ReplyStatus,
    Request,
    encode_reply,
    encode_request,
)
from omero_ms_thumbnail.ice.operations import Operation
from omero_ms_thumbnail.ice.references import Identity
from omero_ms_thumbnail.ice.streams import ENCODING_1_1, EncodingVersion

HOST = "127.0.0.1"
#: seconds within which anything must have happened; a test that is right never waits for it
DEADLINE = 5.0


def header(
    kind: int,
    size: int,
    *,
    magic: bytes = b"IceP",
    protocol: tuple[int, int] = (1, 0),
    encoding: tuple[int, int] = (1, 0),
    compression: int = 0,
) -> bytes:
    return HEADER.pack(magic, *protocol, *encoding, kind, compression, size)


def request_bytes(
    request_id: int,
    operation: Operation[Any],
    *arguments: Any,
    identity: str = "peer",
    mode: OperationMode | None = None,
    encoding: EncodingVersion = ENCODING_1_1,
) -> bytes:
    parameters = operation.encode_arguments(arguments)
    mode = operation.mode if mode is None else mode
    return encode_request(request_id, Identity(identity), operation.name, mode, {}, parameters, encoding)


def result_bytes(request_id: int, operation: Operation[Any], result: Any) -> bytes:
    return encode_reply(request_id, ReplyStatus.OK, operation.encode_result(result), ENCODING_1_1)


class Wire:
    """One end of a connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    def send(self, *messages: bytes) -> None:
        self.writer.write(b"".join(messages))

    async def bytes_of_message(self) -> bytes:
        """The next message as it came; IncompleteReadError where the connection ended before one."""
        head = await self.reader.readexactly(HEADER.size)
        return head + await self.reader.readexactly(HEADER.unpack(head)[-1] - HEADER.size)

    async def message(self) -> Message:
        (message,) = MessageReader().receive(await self.bytes_of_message())
        return message

    async def request(self) -> Request:
        message = await self.message()
        assert isinstance(message, Request)
        return message

    async def reply(self) -> Reply:
        message = await self.message()
        assert isinstance(message, Reply)
        return message

    async def ended(self) -> bytes:
        """What still comes until the peer closes the connection, or resets it."""
        try:
            return await self.reader.read()
        except ConnectionResetError:
            return b""

    def reset(self) -> None:
        """Break the connection off."""
        self.writer.transport.abort()


Handler = Callable[[Wire], Awaitable[None]]


@asynccontextmanager
async def raw_server(handler: Handler, tls: ssl.SSLContext | None = None) -> AsyncIterator[int]:
    """A port where `handler` has each connection; an error in it is raised at the end of the test."""
    tasks: list[asyncio.Task[None]] = []

    async def handle(wire: Wire) -> None:
        try:
            await handler(wire)
        finally:
            wire.writer.close()

    def accepted(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        tasks.append(asyncio.create_task(handle(Wire(reader, writer))))

    server = await asyncio.start_server(accepted, HOST, 0, ssl=tls)
    try:
        async with asyncio.timeout(DEADLINE):
            yield server.sockets[0].getsockname()[1]
            server.close()
            await asyncio.gather(*tasks)
    finally:
        server.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


@asynccontextmanager
async def ice_speaking_server(handler: Handler, tls: ssl.SSLContext | None = None) -> AsyncIterator[int]:
    """As `raw_server`, having validated each connection already."""

    async def validate_first(wire: Wire) -> None:
        wire.send(VALIDATE_CONNECTION_BYTES)
        await handler(wire)

    async with raw_server(validate_first, tls) as port:
        yield port


@asynccontextmanager
async def raw_client(port: int) -> AsyncIterator[Wire]:
    """A connection to a server on which nothing has been read or sent."""
    async with asyncio.timeout(DEADLINE):
        wire = Wire(*await asyncio.open_connection(HOST, port))
        try:
            yield wire
        finally:
            wire.writer.close()


@asynccontextmanager
async def validated_client(port: int) -> AsyncIterator[Wire]:
    """As `raw_client`, having taken the server's ValidateConnection."""
    async with raw_client(port) as wire:
        assert await wire.bytes_of_message() == VALIDATE_CONNECTION_BYTES
        yield wire
