"""Closing gracefully from either side: calls on their way come first, and nobody is waited for without end."""

from __future__ import annotations

import asyncio

import pytest

from omero_embedded.ice_server import Current
from omero_ms_thumbnail.ice.connection import proxy_for
from omero_ms_thumbnail.ice.errors import CloseConnectionException, ConnectionManuallyClosedException
from omero_ms_thumbnail.ice.messages import CLOSE_CONNECTION_BYTES
from tests.unit.ice.sample import PEER
from tests.unit.ice.serving import PeerServant, connected, listening
from tests.unit.ice.wire import DEADLINE, Wire, ice_speaking_server, request_bytes, result_bytes, validated_client

TWICE = PEER["twice"]
THE_PEER = proxy_for("peer")


class Held(PeerServant):
    """Answers `twice` when it is let to."""

    def __init__(self) -> None:
        super().__init__()
        self.entered: asyncio.Queue[int] = asyncio.Queue()
        self.released = asyncio.Event()
        self.cancelled = asyncio.Event()

    async def twice(self, current: Current, value: int) -> int:
        self.entered.put_nowait(value)
        try:
            await self.released.wait()
        except asyncio.CancelledError:
            self.cancelled.set()
            raise
        return await super().twice(current, value)


async def test_a_client_waits_for_its_call_and_then_says_goodbye() -> None:
    closing, answered = asyncio.Event(), asyncio.Event()

    async def answer(wire: Wire) -> None:
        request = await wire.request()
        await closing.wait()
        wire.send(result_bytes(request.request_id, TWICE, 4))
        answered.set()
        assert await wire.ended() == CLOSE_CONNECTION_BYTES

    async with ice_speaking_server(answer) as port, connected(port) as connection:
        call = asyncio.create_task(connection.call(THE_PEER, TWICE, 2))
        close = asyncio.create_task(connection.close(DEADLINE))
        done, _ = await asyncio.wait([call, close], timeout=0.02)
        assert not done
        closing.set()
        assert await call == 4
        await close
        assert answered.is_set()


async def test_a_client_does_not_wait_for_ever() -> None:
    async def say_nothing(wire: Wire) -> None:
        await wire.request()
        assert await wire.ended() == CLOSE_CONNECTION_BYTES

    async with ice_speaking_server(say_nothing) as port, connected(port) as connection:
        reply = connection.send(THE_PEER, TWICE, (2,), {})
        await connection.close(0.01)
        with pytest.raises(ConnectionManuallyClosedException):
            await reply


async def test_a_peer_that_does_not_read_is_not_waited_for() -> None:
    done = asyncio.Event()

    async def read_nothing(wire: Wire) -> None:
        wire.writer.transport.pause_reading()  # type: ignore[attr-defined]
        await done.wait()
        wire.reset()

    async with ice_speaking_server(read_nothing) as port, connected(port) as connection:
        reply = connection.send(THE_PEER, PEER["note"], ("a" * 20_000_000,), {})
        await connection.close(0.01)
        await connection.wait_closed()
        with pytest.raises(ConnectionManuallyClosedException):
            await reply
        done.set()


async def test_closing_again_does_nothing() -> None:
    async def end(wire: Wire) -> None:
        assert await wire.ended() == CLOSE_CONNECTION_BYTES

    async with ice_speaking_server(end) as port, connected(port) as connection:
        await asyncio.gather(connection.close(DEADLINE), connection.close(DEADLINE))
        await connection.close(DEADLINE)


async def test_a_server_answers_the_call_on_its_way_and_then_says_goodbye() -> None:
    servant = Held()
    async with listening(servant) as server, validated_client(server.port) as wire:
        wire.send(request_bytes(1, TWICE, 2))
        await servant.entered.get()
        close = asyncio.create_task(server.adapter.close(DEADLINE))
        done, _ = await asyncio.wait([close], timeout=0.02)
        assert not done
        servant.released.set()
        assert TWICE.decode_reply(await wire.reply()) == 4
        assert await wire.ended() == CLOSE_CONNECTION_BYTES
        await close


async def test_a_call_that_comes_while_the_server_closes_is_not_carried_out() -> None:
    servant = Held()
    async with listening(servant) as server, connected(server.port) as connection:
        first = asyncio.create_task(connection.call(THE_PEER, TWICE, 1))
        assert await servant.entered.get() == 1
        close = asyncio.create_task(server.adapter.close(DEADLINE))
        done, _ = await asyncio.wait([close], timeout=0.02)
        assert not done
        # a goodbye promises that what has no answer was not carried out
        late = asyncio.create_task(connection.call(THE_PEER, TWICE, 2))
        done, _ = await asyncio.wait([late], timeout=0.02)
        assert not done
        servant.released.set()
        assert await first == 2
        with pytest.raises(CloseConnectionException):
            await late
        await close
        assert servant.entered.empty()


async def test_a_server_does_not_wait_for_ever() -> None:
    servant = Held()
    async with listening(servant) as server, validated_client(server.port) as wire:
        wire.send(request_bytes(1, TWICE, 2))
        await servant.entered.get()
        await server.adapter.close(0.01)
        assert await wire.ended() == CLOSE_CONNECTION_BYTES
        await servant.cancelled.wait()


async def test_a_client_that_leaves_cancels_what_it_asked_for() -> None:
    servant = Held()
    async with listening(servant) as server:
        async with validated_client(server.port) as wire:
            wire.send(request_bytes(1, TWICE, 2), request_bytes(0, TWICE, 3))
            await servant.entered.get()
            await servant.entered.get()
            wire.reset()
        await servant.cancelled.wait()
        assert await server.locator.gone.get() is server.locator.seen[0]


async def test_a_server_forgets_a_connection_that_said_goodbye() -> None:
    async with listening(PeerServant()) as server:
        async with connected(server.port) as connection:
            assert await connection.call(THE_PEER, TWICE, 2) == 4
        assert await server.locator.gone.get() is server.locator.seen[0]
        assert not server.locator.seen[0].is_active


async def test_a_server_that_is_closed_does_not_listen() -> None:
    async with listening(PeerServant()) as server:
        await server.adapter.close(DEADLINE)
        with pytest.raises(ConnectionRefusedError):
            await asyncio.open_connection("127.0.0.1", server.port)
