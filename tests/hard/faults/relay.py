"""A TCP relay on loopback between the service and what it needs, where connections can be spoiled in every way."""

from __future__ import annotations

import asyncio
import struct
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress

_HEADER = 14

#: from one whole Ice message of the server to what the client gets instead, and the seconds that it takes
Spoil = Callable[[bytes], bytes]


class Relay:
    """`port` leads to `target`. What is set holds for data that comes from then on."""

    def __init__(self, target: int) -> None:
        self.target = target
        self.port = 0
        #: seconds that each piece from the server takes
        self.delay = 0.0
        #: changes each Ice message from the server; None for what does not speak Ice
        self.spoil: Spoil | None = None
        #: so many messages from the server are gathered and passed on in reverse
        self.reverse = 0
        #: whether messages from the server are passed on, but for what keeps a connection alive
        self.flows = asyncio.Event()
        self.flows.set()
        #: breaks the connection in the middle of the server's next message
        self.cut_next = False
        self.connections = 0
        self._open: set[asyncio.StreamWriter] = set()
        self._tasks: set[asyncio.Task[None]] = set()

    @asynccontextmanager
    async def running(self) -> AsyncIterator[Relay]:
        server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        try:
            yield self
        finally:
            server.close()
            self.cut()
            for task in self._tasks:
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)

    def cut(self) -> None:
        """Break every connection."""
        for writer in tuple(self._open):
            writer.transport.abort()

    async def _accept(self, client_reader: asyncio.StreamReader, client_writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            server_reader, server_writer = await asyncio.open_connection("127.0.0.1", self.target)
        except OSError:
            client_writer.transport.abort()
            return
        both = (client_writer, server_writer)
        self._open.update(both)
        tasks = [
            asyncio.create_task(self._requests(client_reader, server_writer)),
            asyncio.create_task(self._answers(server_reader, client_writer)),
        ]
        self._tasks.update(tasks)
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()
                self._tasks.discard(task)
            await asyncio.gather(*tasks, return_exceptions=True)
            for writer in both:
                self._open.discard(writer)
                writer.transport.abort()

    async def _requests(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            while data := await reader.read(65_536):
                writer.write(data)
                await writer.drain()

    async def _answers(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        gathered: list[bytes] = []
        with suppress(OSError, EOFError):
            while True:
                piece = await self._message(reader)
                if self.delay:
                    await asyncio.sleep(self.delay)
                if len(piece) > _HEADER:
                    await self.flows.wait()
                if self.cut_next and len(piece) > _HEADER:
                    self.cut_next = False
                    writer.write(piece[: len(piece) // 2])
                    await writer.drain()
                    return
                if self.spoil is not None and len(piece) > _HEADER:
                    piece = self.spoil(piece)
                gathered.append(piece)
                if self.reverse and len(gathered) < self.reverse and await self._more(reader):
                    continue
                for one in reversed(gathered) if self.reverse else gathered:
                    writer.write(one)
                gathered.clear()
                await writer.drain()

    async def _message(self, reader: asyncio.StreamReader) -> bytes:
        head = await reader.readexactly(_HEADER)
        (size,) = struct.unpack_from("<i", head, 10)
        return head + await reader.readexactly(size - _HEADER)

    async def _more(self, reader: asyncio.StreamReader) -> bool:
        """Whether there is another message already, or will be in a moment."""
        for _ in range(5):
            if reader._buffer:  # type: ignore[attr-defined]
                return True
            await asyncio.sleep(0.002)
        return False


class PlainRelay(Relay):
    """For what does not speak Ice: pieces as they come."""

    async def _message(self, reader: asyncio.StreamReader) -> bytes:
        data = await reader.read(65_536)
        if not data:
            raise EOFError
        return data
