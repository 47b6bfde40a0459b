"""A message that begins and never ends: nothing can come behind it, so the connection is given up."""

from __future__ import annotations

import asyncio

import pytest

from omero_ms_thumbnail.ice.connection import Connection, proxy_for
from omero_ms_thumbnail.ice.errors import ConnectionLostException, ProtocolException
from omero_ms_thumbnail.ice.messages import VALIDATE_CONNECTION_BYTES, OperationMode, encode_request
from omero_ms_thumbnail.ice.protocol import Role
from omero_ms_thumbnail.ice.references import Identity
from omero_ms_thumbnail.ice.streams import ENCODING_1_1
from tests.unit.ice.sample import PEER
from tests.unit.ice.serving import connected, refused
from tests.unit.ice.wire import Wire, ice_speaking_server, result_bytes

TWICE = PEER["twice"]
THE_PEER = proxy_for("peer")


@pytest.mark.parametrize("end", [1, 13, 14, 20, -1])
async def test_it_is_given_up(end: int) -> None:
    async def begin_an_answer(wire: Wire) -> None:
        await wire.request()
        wire.send(result_bytes(1, TWICE, 4)[:end])
        await wire.ended()

    async with ice_speaking_server(begin_an_answer) as port, connected(port, message_timeout=0.01) as connection:
        error = await refused(THE_PEER, connection, "twice", 2)
    assert isinstance(error, ConnectionLostException)
    assert str(error) == f"127.0.0.1:{port} has not finished a message within 0.01 s"


async def test_each_message_has_its_own_time() -> None:
    connection = Connection(Role.CLIENT, "nowhere", message_timeout=60.0)
    beginning, end = VALIDATE_CONNECTION_BYTES[:5], VALIDATE_CONNECTION_BYTES[5:]
    assert connection._unfinished is None
    connection.data_received(beginning)
    first = connection._unfinished
    assert first is not None
    # a byte more is no reason to wait longer
    connection.data_received(end[:1])
    assert connection._unfinished is first
    connection.data_received(end[1:] + beginning)
    assert first.cancelled()
    assert connection._unfinished is not None
    second = connection._unfinished
    connection.data_received(end)
    assert second.cancelled()
    assert connection._unfinished is None


async def test_a_peer_that_asks_and_does_not_read_is_hung_up_on() -> None:
    question = encode_request(1, Identity("x"), "o" * 30_000, OperationMode.NORMAL, {}, b"", ENCODING_1_1)

    async def ask_and_ask(wire: Wire) -> None:
        await wire.request()
        # asyncio's reader takes a little ahead, the kernel a lot; beyond that it piles up on the other side
        for _ in range(2_000):
            wire.send(question)
            await asyncio.wait_for(wire.writer.drain(), 5)

    async def until_hung_up(wire: Wire) -> None:
        try:
            await ask_and_ask(wire)
        except ConnectionError:
            return

    async with ice_speaking_server(until_hung_up) as port, connected(port) as connection:
        error = await refused(THE_PEER, connection, "twice", 2)
    assert isinstance(error, ProtocolException | ConnectionLostException)
    assert "does not read the answers" in str(error)
