"""Calls over one connection, to a raw server that answers as a test says: order, cancelling, time-outs, losses."""

from __future__ import annotations

import asyncio

import pytest

from omero_ms_thumbnail.ice.connection import Connection, proxy_for
from omero_ms_thumbnail.ice.errors import (
    BadMagicException,
    CloseConnectionException,
    ConnectionLostException,
    ConnectionManuallyClosedException,
    IceException,
    InvocationTimeoutException,
    MarshalException,
    MemoryLimitException,
    UnknownMessageException,
)
from omero_ms_thumbnail.ice.messages import (
    CLOSE_CONNECTION_BYTES,
    MESSAGE_SIZE_MAX,
    VALIDATE_CONNECTION_BYTES,
    ReplyStatus,
)
from omero_ms_thumbnail.ice.protocol import Role
from omero_ms_thumbnail.ice.references import Identity
from tests.unit.ice.sample import PEER
from tests.unit.ice.serving import connected, refused
from tests.unit.ice.wire import DEADLINE, Wire, header, ice_speaking_server, request_bytes, result_bytes

TWICE = PEER["twice"]
THE_PEER = proxy_for("peer")


async def test_calls_are_on_their_way_at_once_and_answered_in_any_order() -> None:
    async def answer_backwards(wire: Wire) -> None:
        requests = [await wire.request() for _ in range(5)]
        for request in reversed(requests):
            (value,) = TWICE.decode_arguments(request.parameters)
            wire.send(result_bytes(request.request_id, TWICE, 2 * value))
        await wire.ended()

    async with ice_speaking_server(answer_backwards) as port, connected(port) as connection:
        order: list[int] = []

        async def call(value: int) -> int:
            result: int = await connection.call(THE_PEER, TWICE, value)
            order.append(value)
            return result

        assert await asyncio.gather(*map(call, range(5))) == [0, 2, 4, 6, 8]
        assert order == [4, 3, 2, 1, 0]


async def test_a_request_is_what_it_should_be() -> None:
    async def look(wire: Wire) -> None:
        request = await wire.request()
        assert (request.request_id, request.identity, request.facet) == (1, Identity("name", "category"), "")
        assert (request.operation, request.mode, dict(request.context)) == ("twice", 2, {"omero.group": "-1"})
        assert str(request.parameters.encoding) == "1.1"
        wire.send(result_bytes(1, TWICE, 4))
        await wire.ended()

    async with ice_speaking_server(look) as port, connected(port) as connection:
        proxy = proxy_for("name", "category")
        assert await connection.call(proxy, TWICE, 2, context={"omero.group": "-1"}) == 4


async def test_the_late_reply_to_a_cancelled_call_is_nobody_s() -> None:
    arrived, cancelled = asyncio.Event(), asyncio.Event()

    async def answer_late(wire: Wire) -> None:
        first = await wire.request()
        arrived.set()
        await cancelled.wait()
        second = await wire.request()
        wire.send(result_bytes(first.request_id, TWICE, -1), result_bytes(second.request_id, TWICE, 4))
        await wire.ended()

    async with ice_speaking_server(answer_late) as port, connected(port) as connection:
        call = asyncio.create_task(connection.call(THE_PEER, TWICE, 1))
        await arrived.wait()
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
        cancelled.set()
        assert await connection.call(THE_PEER, TWICE, 2) == 4
        assert connection.is_active


async def test_a_reply_that_comes_with_the_cancelling_is_nobody_s() -> None:
    async def answer(wire: Wire) -> None:
        for _ in range(2):
            request = await wire.request()
            wire.send(result_bytes(request.request_id, TWICE, request.request_id))
        await wire.ended()

    async with ice_speaking_server(answer) as port, connected(port) as connection:
        reply = connection.send(THE_PEER, TWICE, (1,), {})
        # as a task that is cancelled while its reply is being read
        reply.cancel()
        connection.data_received(result_bytes(1, TWICE, 1))
        assert await connection.call(THE_PEER, TWICE, 2) == 2


async def test_a_reply_to_nothing_is_passed_over() -> None:
    async def answer_twice(wire: Wire) -> None:
        request = await wire.request()
        wire.send(result_bytes(77, TWICE, -1), *[result_bytes(request.request_id, TWICE, 4)] * 2)
        wire.send(result_bytes((await wire.request()).request_id, TWICE, 6))
        await wire.ended()

    async with ice_speaking_server(answer_twice) as port, connected(port) as connection:
        assert await connection.call(THE_PEER, TWICE, 2) == 4
        assert await connection.call(THE_PEER, TWICE, 3) == 6


async def test_a_time_out_names_the_operation_and_the_peer_and_leaves_the_connection_good() -> None:
    async def answer_the_second(wire: Wire) -> None:
        await wire.request()
        wire.send(result_bytes((await wire.request()).request_id, TWICE, 4))
        await wire.ended()

    async with ice_speaking_server(answer_the_second) as port, connected(port) as connection:
        with pytest.raises(InvocationTimeoutException) as info:
            await connection.call(THE_PEER, TWICE, 1, timeout=0.01)
        assert str(info.value) == f"127.0.0.1:{port} did not answer twice within 0.01 s"
        assert await connection.call(THE_PEER, TWICE, 2, timeout=DEADLINE) == 4


async def test_arguments_that_do_not_fit_are_not_sent() -> None:
    async def answer(wire: Wire) -> None:
        request = await wire.request()
        assert TWICE.decode_arguments(request.parameters) == [2]
        wire.send(result_bytes(request.request_id, TWICE, 4))
        await wire.ended()

    async with ice_speaking_server(answer) as port, connected(port) as connection:
        with pytest.raises(MarshalException, match="not a Slice int"):
            await connection.call(THE_PEER, TWICE, 2**31)
        assert await connection.call(THE_PEER, TWICE, 2) == 4


async def test_a_result_that_does_not_fit_is_this_call_s_trouble_only() -> None:
    async def answer(wire: Wire) -> None:
        wire.send(result_bytes((await wire.request()).request_id, PEER["note"], None))
        wire.send(result_bytes((await wire.request()).request_id, TWICE, 4))
        await wire.ended()

    async with ice_speaking_server(answer) as port, connected(port) as connection:
        with pytest.raises(MarshalException, match="4 bytes expected where 0 are left"):
            await connection.call(THE_PEER, TWICE, 2)
        assert await connection.call(THE_PEER, TWICE, 2) == 4


async def test_a_callback_finds_nobody() -> None:
    async def call_back(wire: Wire) -> None:
        request = await wire.request()
        # the oneway one first, which is not answered
        wire.send(request_bytes(0, PEER["note"], "text"), request_bytes(5, PEER["note"], "text"))
        reply = await wire.reply()
        assert (reply.request_id, reply.status) == (5, ReplyStatus.OBJECT_NOT_EXIST)
        wire.send(result_bytes(request.request_id, TWICE, 4))
        await wire.ended()

    async with ice_speaking_server(call_back) as port, connected(port) as connection:
        assert await connection.call(THE_PEER, TWICE, 2) == 4


async def _broken(*sent: bytes, reset: bool = False, calls: int = 1, **options: int) -> list[BaseException]:
    """What calls raise whose connection the server ends with `sent`, and what one more raises behind them."""

    async def break_off(wire: Wire) -> None:
        for _ in range(calls):
            await wire.request()
        wire.send(*sent)
        if reset:
            wire.reset()
        elif not sent or sent[-1] == b"":
            wire.writer.close()
        else:
            await wire.ended()

    async with ice_speaking_server(break_off) as port, connected(port, **options) as connection:
        tasks = [asyncio.create_task(connection.call(THE_PEER, TWICE, value)) for value in range(calls)]
        results = await asyncio.gather(*tasks, return_exceptions=True)
        await connection.wait_closed()
        assert not connection.is_active
        again = await refused(THE_PEER, connection, "twice", 1)
        errors = [*(result for result in results if isinstance(result, BaseException)), again]
        assert len({id(error) for error in errors}) == calls + 1, "tasks share one exception and its traceback"
        assert {type(error) for error in errors} == {type(again)}
        return errors


@pytest.mark.parametrize("reset", [False, True], ids=["closed", "reset"])
async def test_a_lost_connection_fails_every_call(reset: bool) -> None:
    errors = await _broken(reset=reset, calls=3)
    assert all(isinstance(error, ConnectionLostException) for error in errors)
    assert "the connection to 127.0.0.1:" in str(errors[0])


@pytest.mark.parametrize("end", [1, 14, 20])
async def test_a_connection_lost_in_the_middle_of_a_message(end: int) -> None:
    (error, _) = await _broken(result_bytes(1, TWICE, 4)[:end], b"")
    assert isinstance(error, ConnectionLostException)


@pytest.mark.parametrize(
    ("sent", "kind"),
    [
        (b"this is not Ice at all", BadMagicException),
        (header(2, MESSAGE_SIZE_MAX + 1), MemoryLimitException),
        (header(7, 14), UnknownMessageException),
        (header(2, 14), MarshalException),
        (CLOSE_CONNECTION_BYTES, CloseConnectionException),
    ],
)
async def test_what_the_server_says_last_is_what_calls_raise(sent: bytes, kind: type[IceException]) -> None:
    errors = await _broken(sent, calls=2)
    assert {type(error) for error in errors} == {kind}


async def test_a_reply_larger_than_message_size_max() -> None:
    (error, _) = await _broken(header(2, 1001), message_size_max=1000)
    assert isinstance(error, MemoryLimitException)
    assert str(error) == "a message says that it has 1001 bytes; MessageSizeMax is 1000"


async def test_a_closed_connection_says_who_closed_it() -> None:
    async def end(wire: Wire) -> None:
        assert await wire.bytes_of_message() == CLOSE_CONNECTION_BYTES
        assert await wire.ended() == b""

    async with ice_speaking_server(end) as port, connected(port) as connection:
        await connection.close(DEADLINE)
        error = await refused(THE_PEER, connection, "twice", 1)
        assert isinstance(error, ConnectionManuallyClosedException)
        assert str(error) == f"the connection to 127.0.0.1:{port} was closed here"


async def test_a_call_before_the_first_message_of_the_server_is_refused() -> None:
    # only `connect` hands connections out, and that waits; what would happen otherwise is still an error
    connection = Connection(Role.CLIENT, "nowhere")
    with pytest.raises(IceException, match="only be sent on an active connection"):
        connection.send(THE_PEER, TWICE, (1,), {})
    connection.data_received(VALIDATE_CONNECTION_BYTES)
    assert connection.is_active
