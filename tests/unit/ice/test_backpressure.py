"""Peers that are slower than we are: neither side piles up what the other does not take."""

from __future__ import annotations

import asyncio

from omero_embedded.ice_server import Current
from omero_ms_thumbnail.ice.connection import proxy_for
from omero_ms_thumbnail.ice.messages import HEADER, OperationMode
from omero_ms_thumbnail.ice.operations import Operation
from omero_ms_thumbnail.ice.types import BYTE_SEQ, INT
from tests.unit.ice.sample import PEER
from tests.unit.ice.serving import PeerServant, connected, listening
from tests.unit.ice.wire import Wire, ice_speaking_server, request_bytes, result_bytes, validated_client

_JPEG = Operation("jpeg", OperationMode.IDEMPOTENT, (("size", INT),), BYTE_SEQ)
#: turns of the event loop: each reads and writes what can be, so that behind them nothing more comes by itself
_TURNS = 100


async def _turns() -> None:
    for _ in range(_TURNS):
        await asyncio.sleep(0)


class Pictures(PeerServant):
    OPERATIONS = {**PEER, "jpeg": _JPEG}  # noqa: RUF012 - as its base declares it

    def __init__(self) -> None:
        super().__init__()
        self.begun = 0
        self.many_begun = asyncio.Event()
        self.released = asyncio.Event()

    async def jpeg(self, _current: Current, size: int) -> bytes:
        self.begun += 1
        return bytes(size)

    async def note(self, _current: Current, text: str) -> None:
        self.begun += 1
        if self.begun == 1000:
            self.many_begun.set()
        await self.released.wait()


async def test_a_client_that_does_not_read_gets_its_answers_when_it_does() -> None:
    servant, count, size = Pictures(), 300, 100_000
    async with listening(servant) as server, validated_client(server.port) as wire:
        wire.writer.transport.pause_reading()  # type: ignore[attr-defined]
        wire.send(*(request_bytes(number, _JPEG, size) for number in range(1, count + 1)))
        await _turns()
        assert servant.begun == count
        (connection,) = server.locator.seen
        transport = connection._transport
        assert transport is not None
        # the transport's high-water mark and the answer that went over it, not all 30 MB
        assert transport.get_write_buffer_size() < 3 * size
        wire.writer.transport.resume_reading()  # type: ignore[attr-defined]
        replies = [await wire.reply() for _ in range(count)]
        assert sorted(reply.request_id for reply in replies) == list(range(1, count + 1))
        assert all(len(_JPEG.decode_reply(reply)) == size for reply in replies)


async def test_a_client_that_asks_faster_than_it_is_answered_is_not_read_from() -> None:
    servant, count, text = Pictures(), 4000, "a" * 2000
    async with listening(servant) as server, validated_client(server.port) as wire:
        requests = b"".join(request_bytes(number, PEER["note"], text) for number in range(1, count + 1))
        wire.send(requests)
        await servant.many_begun.wait()
        await _turns()
        # what came in one piece with the thousandth is worked on too: 256 KiB at most
        assert 1000 <= servant.begun <= 1000 + 2 * 256 * 1024 // len(text)
        servant.released.set()
        assert len([await wire.bytes_of_message() for _ in range(count)]) == servant.begun == count


async def test_a_client_that_leaves_without_reading_is_not_waited_for() -> None:
    servant = Pictures()
    async with listening(servant) as server:
        async with validated_client(server.port) as wire:
            wire.writer.transport.pause_reading()  # type: ignore[attr-defined]
            wire.send(*(request_bytes(number, _JPEG, 1_000_000) for number in range(1, 31)))
            await _turns()
            wire.reset()
        assert await server.locator.gone.get() is server.locator.seen[0]


async def test_our_own_calls_wait_for_a_server_that_does_not_read() -> None:
    read = asyncio.Event()
    text, count = "a" * 1_000_000, 20

    async def read_late(wire: Wire) -> None:
        wire.writer.transport.pause_reading()  # type: ignore[attr-defined]
        await read.wait()
        wire.writer.transport.resume_reading()  # type: ignore[attr-defined]
        for _ in range(count):
            request = await wire.request()
            wire.send(result_bytes(request.request_id, PEER["note"], None))
        await wire.ended()

    async with ice_speaking_server(read_late) as port, connected(port) as connection:
        calls = [asyncio.create_task(connection.call(proxy_for("peer"), PEER["note"], text)) for _ in range(5)]
        await _turns()
        calls += [asyncio.create_task(connection.call(proxy_for("peer"), PEER["note"], text)) for _ in range(count - 5)]
        await _turns()
        transport = connection._transport
        assert transport is not None
        # the five that were sent before anybody knew, and none of those behind them
        assert HEADER.size < transport.get_write_buffer_size() < 6 * len(text)
        read.set()
        assert await asyncio.gather(*calls) == [None] * count
