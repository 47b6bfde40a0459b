"""Heartbeats: ValidateConnection messages on an idle connection, in both directions."""

from __future__ import annotations

import asyncio
import gc
import weakref

import pytest

from omero_ms_thumbnail.ice.connection import proxy_for
from omero_ms_thumbnail.ice.messages import CLOSE_CONNECTION_BYTES, VALIDATE_CONNECTION_BYTES
from tests.unit.ice.sample import PEER
from tests.unit.ice.serving import PeerServant, connected, listening
from tests.unit.ice.wire import DEADLINE, Wire, ice_speaking_server, request_bytes, result_bytes, validated_client

TWICE = PEER["twice"]


async def test_they_are_sent_until_the_connection_is_closed() -> None:
    seen = asyncio.Event()

    async def watch(wire: Wire) -> None:
        for _ in range(3):
            assert await wire.bytes_of_message() == VALIDATE_CONNECTION_BYTES
        seen.set()
        rest = await wire.ended()
        assert rest == VALIDATE_CONNECTION_BYTES * (len(rest) // 14 - 1) + CLOSE_CONNECTION_BYTES

    async with ice_speaking_server(watch) as port, connected(port) as connection:
        connection.keep_alive(0.005)
        await seen.wait()


async def test_they_can_be_stopped_and_are_off_at_first() -> None:
    async def watch(wire: Wire) -> None:
        request = await wire.request()
        wire.send(result_bytes(request.request_id, TWICE, 4))
        assert await wire.ended() == CLOSE_CONNECTION_BYTES

    async with ice_speaking_server(watch) as port, connected(port) as connection:
        connection.keep_alive(0.001)
        connection.keep_alive(0)
        assert await connection.call(proxy_for("peer"), TWICE, 2) == 4
        # long enough for the ones that must not come
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(connection.wait_closed(), 0.02)


async def test_another_interval_takes_the_place_of_the_first() -> None:
    async def watch(wire: Wire) -> None:
        assert await wire.bytes_of_message() == VALIDATE_CONNECTION_BYTES

    async with ice_speaking_server(watch) as port, connected(port) as connection:
        connection.keep_alive(1000)
        connection.keep_alive(0.005)
        await connection.wait_closed()


async def test_a_server_s_are_taken() -> None:
    async def beat(wire: Wire) -> None:
        request = await wire.request()
        wire.send(VALIDATE_CONNECTION_BYTES, VALIDATE_CONNECTION_BYTES, result_bytes(request.request_id, TWICE, 4))
        wire.send(VALIDATE_CONNECTION_BYTES)
        await wire.ended()

    async with ice_speaking_server(beat) as port, connected(port) as connection:
        assert await connection.call(proxy_for("peer"), TWICE, 2) == 4
        assert connection.is_active


async def test_a_client_s_are_taken() -> None:
    async with listening(PeerServant()) as server, validated_client(server.port) as wire:
        wire.send(VALIDATE_CONNECTION_BYTES, request_bytes(1, TWICE, 2), VALIDATE_CONNECTION_BYTES)
        assert TWICE.decode_reply(await wire.reply()) == 4


async def test_a_connection_that_is_gone_has_none_and_is_held_by_nothing() -> None:
    async def leave(wire: Wire) -> None:
        wire.writer.close()

    async with ice_speaking_server(leave) as port:
        async with connected(port) as connection:
            connection.keep_alive(1000)
            async with asyncio.timeout(DEADLINE):
                await connection.wait_closed()
            # as one whose connection broke just behind the answer that tells the interval
            connection.keep_alive(1000)
        gone = weakref.ref(connection)
        del connection
        gc.collect()
        assert gone() is None
