"""Connections over WebSocket: calls, closing from either side, peers that break it, and why there is none."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from omero_ms_thumbnail.ice.connection import Connection, connect, proxy_for
from omero_ms_thumbnail.ice.errors import (
    ConnectFailedException,
    ConnectionLostException,
    ConnectTimeoutException,
    IceException,
    MemoryLimitException,
    ProtocolException,
    UpgradeRefusal,
    UpgradeRefusedException,
)
from omero_ms_thumbnail.ice.messages import (
    CLOSE_CONNECTION_BYTES,
    HEADER,
    VALIDATE_CONNECTION_BYTES,
    MessageReader,
    Request,
)
from omero_ms_thumbnail.ice.tls import anonymous_server_context, client_context
from tests.unit.ice.sample import PEER
from tests.unit.ice.serving import PeerServant, listening
from tests.unit.ice.websocket_wire import (
    BINARY,
    CLOSE,
    CONTINUATION,
    PING,
    PONG,
    TEXT,
    Frame,
    agreeing,
    answer,
    close_frame,
    fields_of,
    frame,
    read_frame,
    read_request,
    upgrade,
)
from tests.unit.ice.wire import DEADLINE, HOST, Wire, raw_server, result_bytes
from tests.unit.websession.tls import make_certificate

_PATH = "/omero-wss"


@asynccontextmanager
async def _connected(port: int, tls: ssl.SSLContext | None = None, **options: Any) -> AsyncIterator[Connection]:
    connection = await connect(HOST, port, tls=tls, path=_PATH, timeout=DEADLINE, **options)
    try:
        async with asyncio.timeout(DEADLINE):
            yield connection
    finally:
        await connection.close(0.1)


async def _failure(
    port: int, *, tls: ssl.SSLContext | None = None, timeout: float = DEADLINE, host: str = HOST
) -> ConnectFailedException:
    with pytest.raises(ConnectFailedException) as info:
        await connect(host, port, tls=tls, path=_PATH, timeout=timeout)
    return info.value


def _request(payload: bytes) -> Request:
    (message,) = MessageReader().receive(payload)
    assert isinstance(message, Request)
    return message


def _server_context(folder: Path) -> ssl.SSLContext:
    """For localhost, by a certificate in certificate.pem."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(*make_certificate(folder, "localhost"))
    return context


async def _turns() -> None:
    for _ in range(100):
        await asyncio.sleep(0)


async def _wait_for_end(wire: Wire) -> None:
    await wire.ended()


async def test_a_call_and_a_goodbye() -> None:
    async def answer_one(wire: Wire) -> None:
        asked = await read_frame(wire)
        assert asked.opcode == BINARY
        wire.send(frame(BINARY, result_bytes(_request(asked.payload).request_id, PEER["twice"], 4)))
        assert await read_frame(wire) == Frame(BINARY, CLOSE_CONNECTION_BYTES)
        assert await read_frame(wire) == Frame(CLOSE, b"\x03\xe8")
        wire.send(close_frame(1000))
        assert await wire.ended() == b""

    async with raw_server(agreeing(answer_one)) as port:
        connection = await connect(HOST, port, tls=None, path=_PATH, timeout=DEADLINE)
        assert connection.peer == f"ws://127.0.0.1:{port}/omero-wss"
        assert await connection.call(proxy_for("peer"), PEER["twice"], 2) == 4
        await connection.close(DEADLINE)
        await connection.wait_closed()
        assert not connection.is_active


async def test_over_tls_the_server_is_told_the_name(tmp_path: Path) -> None:
    context = _server_context(tmp_path)
    names: list[str | None] = []
    context.sni_callback = lambda _socket, name, _context: names.append(name)  # type: ignore[assignment]
    hosts: list[str] = []

    async def look(wire: Wire) -> None:
        request = await read_request(wire)
        hosts.append(fields_of(request)[1]["host"])
        wire.send(upgrade(request), frame(BINARY, VALIDATE_CONNECTION_BYTES))
        await wire.ended()

    async with raw_server(look, context) as port:
        verifying = client_context(verify=True, ca_file=tmp_path / "certificate.pem")
        connection = await connect("localhost", port, tls=verifying, path=_PATH, timeout=DEADLINE)
        await connection.close(0.1)
    assert names == ["localhost"]
    assert hosts == [f"localhost:{port}"]


async def test_messages_span_frames_and_frames_hold_several() -> None:
    async def answer_three(wire: Wire) -> None:
        asked = [_request((await read_frame(wire)).payload) for _ in range(3)]
        first, second, third = (result_bytes(one.request_id, PEER["twice"], at) for at, one in enumerate(asked))
        wire.send(
            frame(BINARY, first[:5], final=False), frame(PING, b"!"), frame(CONTINUATION, first[5:] + second[:20])
        )
        assert await read_frame(wire) == Frame(PONG, b"!")
        wire.send(*(frame(BINARY, bytes([byte])) for byte in second[20:] + third))
        await wire.ended()

    async with raw_server(agreeing(answer_three)) as port, _connected(port) as connection:
        calls = [connection.call(proxy_for("peer"), PEER["twice"], number) for number in range(3)]
        assert await asyncio.gather(*calls) == [0, 1, 2]


async def test_heartbeats_go_in_frames() -> None:
    async def count(wire: Wire) -> None:
        for _ in range(3):
            assert await read_frame(wire) == Frame(BINARY, VALIDATE_CONNECTION_BYTES)
        wire.send(close_frame(1000))
        await wire.ended()

    async with raw_server(agreeing(count)) as port, _connected(port) as connection:
        connection.keep_alive(0.001)
        await connection.wait_closed()


async def test_a_server_that_closes_the_websocket_ends_calls() -> None:
    async def go_away(wire: Wire) -> None:
        await read_frame(wire)
        wire.send(close_frame(1001, b"restarting"))
        assert await read_frame(wire) == Frame(CLOSE, b"\x03\xe8")
        await wire.ended()

    async with raw_server(agreeing(go_away)) as port, _connected(port) as connection:
        with pytest.raises(ConnectionLostException) as info:
            await connection.call(proxy_for("peer"), PEER["twice"], 2)
        assert str(info.value) == f"ws://127.0.0.1:{port}/omero-wss closed the WebSocket with code 1001 (restarting)"
        assert not connection.is_active


async def test_a_server_that_hangs_up_ends_calls() -> None:
    async def hang_up(wire: Wire) -> None:
        await read_frame(wire)

    async with raw_server(agreeing(hang_up)) as port, _connected(port) as connection:
        with pytest.raises(ConnectionLostException, match=r"ws://127.0.0.1:[0-9]+/omero-wss was lost"):
            await connection.call(proxy_for("peer"), PEER["twice"], 2)


@pytest.mark.parametrize(
    ("sent", "error", "code"),
    [
        (frame(TEXT, b"hello"), ProtocolException, 1002),
        (frame(0xF, b""), ProtocolException, 1002),
        (frame(BINARY, b"x" * 2000, size=1 << 40), MemoryLimitException, 1009),
        # a message that is too large in frames that are not
        (frame(BINARY, HEADER.pack(b"IceP", 1, 0, 1, 0, 2, 0, 2000)), MemoryLimitException, None),
    ],
)
async def test_a_server_that_breaks_it_is_left(sent: bytes, error: type[IceException], code: int | None) -> None:
    async def break_it(wire: Wire) -> None:
        await read_frame(wire)
        wire.send(sent)
        if code is not None:
            assert await read_frame(wire) == Frame(CLOSE, code.to_bytes(2, "big"))
        await wire.ended()

    async with raw_server(agreeing(break_it)) as port, _connected(port, message_size_max=1000) as connection:
        with pytest.raises(error):
            await connection.call(proxy_for("peer"), PEER["twice"], 2)
        await connection.wait_closed()


async def test_our_own_calls_wait_for_a_server_that_does_not_read() -> None:
    read = asyncio.Event()
    text, count = "a" * 1_000_000, 12

    async def read_late(wire: Wire) -> None:
        wire.writer.transport.pause_reading()  # type: ignore[attr-defined]
        await read.wait()
        wire.writer.transport.resume_reading()  # type: ignore[attr-defined]
        for _ in range(count):
            request = _request((await read_frame(wire)).payload)
            wire.send(frame(BINARY, result_bytes(request.request_id, PEER["note"], None)))
        await wire.ended()

    async with raw_server(agreeing(read_late)) as port, _connected(port) as connection:
        calls = [asyncio.create_task(connection.call(proxy_for("peer"), PEER["note"], text)) for _ in range(3)]
        await _turns()
        calls += [asyncio.create_task(connection.call(proxy_for("peer"), PEER["note"], text)) for _ in range(count - 3)]
        await _turns()
        transport = connection._transport
        assert transport is not None
        assert HEADER.size < transport.get_write_buffer_size() < 4 * len(text)
        read.set()
        assert await asyncio.gather(*calls) == [None] * count


async def test_a_peer_that_does_not_say_goodbye_is_not_waited_for() -> None:
    async def say_nothing(wire: Wire) -> None:
        await wire.ended()

    async with raw_server(agreeing(say_nothing)) as port, _connected(port) as connection:
        await connection.close(0.01)
        await connection.wait_closed()


async def test_what_comes_after_our_goodbye_is_nobodys() -> None:
    async def go_on(wire: Wire) -> None:
        request = _request((await read_frame(wire)).payload)
        assert await read_frame(wire) == Frame(BINARY, CLOSE_CONNECTION_BYTES)
        assert (await read_frame(wire)).opcode == CLOSE
        wire.send(frame(BINARY, result_bytes(request.request_id, PEER["twice"], 4)), close_frame(1000))
        await wire.ended()

    async with raw_server(agreeing(go_on)) as port, _connected(port) as connection:
        call = connection.send(proxy_for("peer"), PEER["twice"], (2,), {})
        closing = asyncio.create_task(connection.close(0.05))
        with pytest.raises(IceException):
            await call
        await closing


# no connection at all


@pytest.mark.parametrize(
    ("sent", "refusal"),
    [
        (answer("302 Found", "Location: https://omero.example.org/login"), UpgradeRefusal.REDIRECTED),
        (answer("400 Bad Request"), UpgradeRefusal.NOT_UPGRADED),
        (answer("403 Forbidden"), UpgradeRefusal.NOT_LET_IN),
        (answer("404 Not Found", body=b"x" * 100_000), UpgradeRefusal.NO_SUCH_PATH),
        (answer("502 Bad Gateway"), UpgradeRefusal.NOBODY_BEHIND),
        (b"\x15\x03\x03\x00\x02\x02\x0a", UpgradeRefusal.NEEDS_TLS),
        (b"SSH-2.0-OpenSSH_10.0\r\n", UpgradeRefusal.NOT_HTTP),
    ],
)
async def test_what_does_not_agree_is_left_with_a_sentence(sent: bytes, refusal: UpgradeRefusal) -> None:
    async def refuse(wire: Wire) -> None:
        await read_request(wire)
        wire.send(sent)
        await wire.ended()

    async with raw_server(refuse) as port:
        error = await _failure(port)
    assert isinstance(error, UpgradeRefusedException)
    assert error.refusal is refusal
    assert str(error).startswith(f"ws://127.0.0.1:{port}/omero-wss ")


async def test_ice_without_websocket() -> None:
    async with listening(PeerServant()) as server:
        error = await _failure(server.port)
    assert isinstance(error, UpgradeRefusedException)
    assert str(error) == (
        f"ws://127.0.0.1:{server.port}/omero-wss speaks Ice without WebSocket: "
        "write the host alone, without ws:// or wss://, or the port of a WebSocket; "
        "a web server in front must hand on to OMERO's port for ws (4065 unless changed)"
    )


async def test_ice_over_tls_without_websocket() -> None:
    async with listening(PeerServant(), tls=anonymous_server_context()) as server:
        error = await _failure(server.port, tls=client_context())
    assert isinstance(error, UpgradeRefusedException)
    assert str(error) == (
        f"wss://127.0.0.1:{server.port}/omero-wss speaks Ice without WebSocket: "
        "write the host alone, without ws:// or wss://, or the port of a WebSocket; "
        "a web server in front must hand on to OMERO's port for ws (4065 unless changed)"
    )


async def test_a_server_that_says_nothing() -> None:
    async with raw_server(_wait_for_end) as port:
        error = await _failure(port, timeout=0.2)
    assert isinstance(error, ConnectTimeoutException)
    assert str(error) == (
        f"ws://127.0.0.1:{port}/omero-wss accepted the connection but did not answer the request for WebSocket within "
        "0.2 s; a TLS port waits like this for a client that does not use TLS"
    )


async def test_a_server_that_says_nothing_to_tls() -> None:
    async with raw_server(_wait_for_end) as port:
        error = await _failure(port, tls=client_context(), timeout=0.2)
    assert str(error) == (
        f"wss://127.0.0.1:{port}/omero-wss did not answer within 0.2 s; "
        "a firewall that drops packets looks like this, and so does OMERO's port for ws://"
    )


async def test_a_server_that_never_ends_its_answer() -> None:
    async def trickle(wire: Wire) -> None:
        wire.send(b"HTTP/1.1 101 Switching Protocols\r\nX-Slow: ")
        await wire.ended()

    async with raw_server(trickle) as port:
        error = await _failure(port, timeout=0.2)
    assert isinstance(error, ConnectTimeoutException)


@pytest.mark.parametrize("subprotocol", ["ice.zeroc.com", None])
async def test_a_websocket_that_says_nothing(subprotocol: str | None) -> None:
    async def agree(wire: Wire) -> None:
        wire.send(upgrade(await read_request(wire), subprotocol=subprotocol))
        await wire.ended()

    async with raw_server(agree) as port:
        error = await _failure(port, timeout=0.2)
    assert isinstance(error, ConnectTimeoutException)
    hint = "; nor did it agree to Ice's subprotocol ice.zeroc.com, so another application may be at this path"
    assert str(error) == (
        f"ws://127.0.0.1:{port}/omero-wss agreed to WebSocket but did not speak Ice within 0.2 s"
        f"{'' if subprotocol else hint}"
    )


async def test_a_websocket_of_another_application() -> None:
    async def chat(wire: Wire) -> None:
        wire.send(upgrade(await read_request(wire), subprotocol=None), frame(BINARY, b"welcome to the chat"))
        await wire.ended()

    async with raw_server(chat) as port:
        error = await _failure(port)
    assert str(error) == (
        f"no Ice connection to ws://127.0.0.1:{port}/omero-wss: "
        "the peer does not speak the Ice protocol (no IceP at the start of a message); "
        "nor did it agree to Ice's subprotocol ice.zeroc.com, so another application may be at this path"
    )


async def test_a_websocket_that_is_closed_at_once() -> None:
    async def close(wire: Wire) -> None:
        wire.send(upgrade(await read_request(wire)), close_frame(1013, b"try again later"))
        await wire.ended()

    async with raw_server(close) as port:
        error = await _failure(port)
    where = f"ws://127.0.0.1:{port}/omero-wss"
    assert str(error) == (
        f"no Ice connection to {where}: {where} closed the WebSocket with code 1013 (try again later)"
    )


@pytest.mark.parametrize(
    ("secure", "hint"), [(False, "a port with TLS does so, for which wss:// is written; and "), (True, "")]
)
async def test_a_server_that_hangs_up_on_the_request(secure: bool, hint: str, tmp_path: Path) -> None:
    async def hang_up(wire: Wire) -> None:
        await read_request(wire)

    context = _server_context(tmp_path) if secure else None
    async with raw_server(hang_up, context) as port:
        error = await _failure(port, tls=client_context() if secure else None)
    where = f"{'wss' if secure else 'ws'}://127.0.0.1:{port}/omero-wss"
    assert str(error) == (
        f"{where} closed the connection without an answer to the request for WebSocket; "
        f"{hint}a web server in front may, where it hands on to OMERO's port for Ice alone"
    )


async def test_tls_asked_of_a_port_without() -> None:
    async def answer_plainly(wire: Wire) -> None:
        wire.send(answer("400 Bad Request"))
        await wire.ended()

    async with raw_server(answer_plainly) as port:
        error = await _failure(port, tls=client_context())
    assert str(error) == (
        f"wss://127.0.0.1:{port}/omero-wss does not speak TLS; a port for ws:// or http:// answers like this"
    )


async def test_a_certificate_of_nobody(tmp_path: Path) -> None:
    async with raw_server(_wait_for_end, _server_context(tmp_path)) as port:
        error = await _failure(port, tls=client_context(verify=True), host="localhost")
    assert str(error) == (
        f"the certificate of wss://localhost:{port}/omero-wss was not accepted: self-signed certificate"
    )


async def test_giving_up_closes_the_connection() -> None:
    asked, ended = asyncio.Event(), asyncio.Event()

    async def wait(wire: Wire) -> None:
        await read_request(wire)
        asked.set()
        await wire.ended()
        ended.set()

    async with raw_server(wait) as port:
        connecting = asyncio.create_task(connect(HOST, port, tls=None, path=_PATH, timeout=DEADLINE))
        await asked.wait()
        connecting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await connecting
        await ended.wait()
