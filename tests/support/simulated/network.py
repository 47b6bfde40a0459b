"""A network in memory: connections of a `VirtualLoop` that can be frozen, cut and refused."""

from __future__ import annotations

import asyncio
import errno
from collections import deque
from collections.abc import Callable
from typing import Any

Factory = Callable[[], asyncio.Protocol]


class Network:
    """Ports with who listens there, and what is connected."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.loop = loop
        self._listening: dict[int, Factory] = {}
        self._last_port = 1_000
        self._frozen = False
        self.transports: list[MemoryTransport] = []

    @property
    def is_frozen(self) -> bool:
        return self._frozen

    def freeze(self) -> None:
        """Deliver nothing from now on, as to a process that was stopped."""
        self._frozen = True

    def thaw(self) -> None:
        """Deliver again, first what was held back."""
        self._frozen = False
        for transport in tuple(self.transports):
            transport.deliver_soon()

    def cut(self) -> None:
        """Every connection is reset."""
        for transport in tuple(self.transports):
            transport.lose(ConnectionResetError(errno.ECONNRESET, "Connection reset by peer"))

    def listen(self, factory: Factory, port: int) -> Listening:
        if not port:
            self._last_port += 1
            port = self._last_port
        self._listening[port] = factory
        return Listening(self, port)

    def deafen(self, port: int) -> None:
        self._listening.pop(port, None)

    async def connect(self, factory: Factory, port: int) -> tuple[MemoryTransport, asyncio.Protocol]:
        await asyncio.sleep(0)
        accept = self._listening.get(port)
        if accept is None:
            raise ConnectionRefusedError(errno.ECONNREFUSED, "Connection refused")
        client, server = MemoryTransport(self, factory()), MemoryTransport(self, accept())
        client.peer, server.peer = server, client
        self.transports += [client, server]
        server.protocol.connection_made(server)
        client.protocol.connection_made(client)
        return client, client.protocol


class Listening:
    """What `create_server` returns, as far as it is used."""

    def __init__(self, network: Network, port: int) -> None:
        self._network = network
        self.port = port

    @property
    def sockets(self) -> list[Listening]:
        return [self]

    def getsockname(self) -> tuple[str, int]:
        return "127.0.0.1", self.port

    def close(self) -> None:
        self._network.deafen(self.port)


class MemoryTransport(asyncio.Transport):
    """One end of a connection. What is written arrives at the other end in order, each in a turn of its own."""

    def __init__(self, network: Network, protocol: asyncio.Protocol) -> None:
        super().__init__()
        self._network = network
        self.protocol = protocol
        self.peer: MemoryTransport | None = None
        self._arriving: deque[bytes | None] = deque()
        self._reading = True
        self._closing = False
        self._lost = False

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return default

    def is_closing(self) -> bool:
        return self._closing

    def write(self, data: Any) -> None:
        if not self._closing and self.peer is not None:
            self.peer._arrive(bytes(data))

    def close(self) -> None:
        if not self._closing:
            self._closing = True
            if self.peer is not None:
                self.peer._arrive(None)
            self._network.loop.call_soon(self.lose, None)

    def abort(self) -> None:
        self.close()

    def pause_reading(self) -> None:
        self._reading = False

    def resume_reading(self) -> None:
        self._reading = True
        self.deliver_soon()

    def lose(self, error: Exception | None) -> None:
        """The connection is gone, at this end."""
        if self._lost:
            return
        self._lost = self._closing = True
        self._arriving.clear()
        self._network.transports.remove(self)
        self.protocol.connection_lost(error)

    def deliver_soon(self) -> None:
        for _ in self._arriving:
            self._network.loop.call_soon(self._deliver)

    def _arrive(self, data: bytes | None) -> None:
        self._arriving.append(data)
        self._network.loop.call_soon(self._deliver)

    def _deliver(self) -> None:
        if self._lost or not self._arriving or not self._reading or self._network.is_frozen:
            return
        data = self._arriving.popleft()
        if data is None:
            self.close()
        else:
            self.protocol.data_received(data)
