"""Opening a connection: every way in which it fails says where, why, and what to look at."""

from __future__ import annotations

import asyncio
import socket
import ssl
from pathlib import Path

import pytest

from omero_ms_thumbnail.ice.connection import connect, proxy_for
from omero_ms_thumbnail.ice.errors import ConnectFailedException, ConnectTimeoutException
from omero_ms_thumbnail.ice.messages import CLOSE_CONNECTION_BYTES
from omero_ms_thumbnail.ice.tls import anonymous_server_context, client_context
from tests.unit.ice.sample import PEER
from tests.unit.ice.serving import PeerServant, connected, listening
from tests.unit.ice.wire import DEADLINE, HOST, Wire, header, raw_server, result_bytes
from tests.unit.websession.tls import make_certificate


async def _failure(
    port: int, *, host: str = HOST, tls: bool = False, timeout: float = DEADLINE
) -> ConnectFailedException:
    with pytest.raises(ConnectFailedException) as info:
        await connect(host, port, tls=client_context() if tls else None, timeout=timeout)
    return info.value


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        port: int = probe.getsockname()[1]
        return port


@pytest.mark.parametrize("tls", [False, True], ids=["tcp", "tls"])
async def test_nobody_listens(tls: bool) -> None:
    port = _free_port()
    assert str(await _failure(port, tls=tls)) == f"no connection to 127.0.0.1:{port}: Connection refused"


async def test_a_name_that_does_not_resolve() -> None:
    # refused by the resolver itself, without asking anybody
    error = await _failure(4064, host="::1%no-such-interface")
    assert str(error).startswith("the name '::1%no-such-interface' does not resolve: ")


@pytest.mark.parametrize("host", ["omero..example", "a" * 64 + ".example"])
async def test_what_is_no_name(host: str) -> None:
    assert str(await _failure(4064, host=host)) == f"{host!r} is not a host name"


def _server_context(certificate: Path, key: Path) -> ssl.SSLContext:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate, key)
    return context


async def _wait_for_end(wire: Wire) -> None:
    await wire.ended()


async def test_a_server_that_says_nothing() -> None:
    async with raw_server(_wait_for_end) as port:
        error = await _failure(port, timeout=0.2)
    assert isinstance(error, ConnectTimeoutException)
    assert str(error) == (
        f"127.0.0.1:{port} accepted the connection but did not speak Ice within 0.2 s; "
        "a TLS port waits like this for a client that does not use TLS"
    )


async def test_a_tls_server_that_says_nothing() -> None:
    async with raw_server(_wait_for_end) as port:
        error = await _failure(port, tls=True, timeout=0.2)
    assert isinstance(error, ConnectTimeoutException)
    assert f"127.0.0.1:{port} did not answer within 0.2 s" in str(error)


async def test_nobody_answers_at_all() -> None:
    # a listener whose queue is full answers as a firewall does: not at all
    with socket.socket() as listener, socket.socket() as first, socket.socket() as second:
        listener.bind((HOST, 0))
        listener.listen(0)
        for waiting in (first, second):
            waiting.setblocking(False)
            waiting.connect_ex(listener.getsockname())
        port: int = listener.getsockname()[1]
        error = await _failure(port, timeout=0.2)
    assert isinstance(error, ConnectTimeoutException)
    assert str(error) == (
        f"127.0.0.1:{port} did not answer within 0.2 s; a firewall that drops packets looks like this"
    )


async def test_a_tls_port_and_a_client_without_tls() -> None:
    async with listening(PeerServant(), tls=anonymous_server_context()) as server:
        error = await _failure(server.port, timeout=0.2)
    assert "a TLS port waits like this for a client that does not use TLS" in str(error)


async def test_a_port_without_tls_and_a_client_with_it() -> None:
    async with listening(PeerServant()) as server:
        error = await _failure(server.port, tls=True)
    assert str(error) == f"127.0.0.1:{server.port} does not speak TLS; a plain TCP port answers like this"


@pytest.mark.parametrize("sent", [b"SSH-2.0-OpenSSH_9.2p1 Debian\r\n", b"\x15\x03\x01\x00\x02\x02\x16" * 2])
async def test_something_else_than_ice(sent: bytes) -> None:
    async def greet(wire: Wire) -> None:
        wire.send(sent)
        await wire.ended()

    async with raw_server(greet) as port:
        error = await _failure(port)
    assert str(error) == (
        f"no Ice connection to 127.0.0.1:{port}: "
        "the peer does not speak the Ice protocol (no IceP at the start of a message)"
    )


@pytest.mark.parametrize(
    ("sent", "reason"),
    [
        (result_bytes(1, PEER["twice"], 4), "the server began with Reply instead of ValidateConnection"),
        (CLOSE_CONNECTION_BYTES, "the server began with CloseConnection instead of ValidateConnection"),
        (header(3, 14, protocol=(2, 0)), "the peer speaks Ice protocol 2.0 with encoding 1.0"),
    ],
)
async def test_ice_of_another_kind(sent: bytes, reason: str) -> None:
    async def greet(wire: Wire) -> None:
        wire.send(sent)
        await wire.ended()

    async with raw_server(greet) as port:
        assert str(await _failure(port)) == f"no Ice connection to 127.0.0.1:{port}: {reason}"


async def test_a_server_that_closes_at_once() -> None:
    async def leave(_wire: Wire) -> None:
        pass

    async with raw_server(leave) as port:
        assert str(await _failure(port)) == f"127.0.0.1:{port} accepted the connection and closed it at once"


async def test_a_server_that_closes_during_the_tls_handshake() -> None:
    async def leave(wire: Wire) -> None:
        await wire.reader.readexactly(5)

    async with raw_server(leave) as port:
        error = await _failure(port, tls=True)
    assert str(error) == f"TLS with 127.0.0.1:{port} failed: it closed the connection during the handshake"


async def test_giving_up_closes_the_connection() -> None:
    accepted, ended = asyncio.Event(), asyncio.Event()

    async def wait(wire: Wire) -> None:
        accepted.set()
        await wire.ended()
        ended.set()

    async with raw_server(wait) as port:
        connecting = asyncio.create_task(connect(HOST, port, tls=None, timeout=DEADLINE))
        await accepted.wait()
        connecting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await connecting
        await ended.wait()


async def test_a_stock_omero_has_no_certificate() -> None:
    async with (
        listening(PeerServant(), tls=anonymous_server_context()) as server,
        connected(server.port, client_context()) as connection,
    ):
        assert await connection.call(proxy_for("peer"), PEER["twice"], 2) == 4


async def test_a_certificate_is_not_verified_unless_asked_for(tmp_path: Path) -> None:
    tls = _server_context(*make_certificate(tmp_path, "elsewhere.example"))
    async with listening(PeerServant(), tls=tls) as server, connected(server.port, client_context()) as connection:
        assert await connection.call(proxy_for("peer"), PEER["twice"], 2) == 4


async def test_a_certificate_that_leads_to_the_ca_file_is_accepted(tmp_path: Path) -> None:
    certificate, key = make_certificate(tmp_path, "localhost")
    verifying = client_context(verify=True, ca_file=certificate)
    async with listening(PeerServant(), tls=_server_context(certificate, key)) as server:
        connection = await connect("localhost", server.port, tls=verifying, timeout=DEADLINE)
        assert await connection.call(proxy_for("peer"), PEER["twice"], 2) == 4
        await connection.close(DEADLINE)


async def test_a_certificate_of_nobody_is_refused(tmp_path: Path) -> None:
    tls = _server_context(*make_certificate(tmp_path, "localhost"))
    async with listening(PeerServant(), tls=tls) as server:
        with pytest.raises(ConnectFailedException) as info:
            await connect("localhost", server.port, tls=client_context(verify=True), timeout=DEADLINE)
    assert str(info.value) == f"the certificate of localhost:{server.port} was not accepted: self-signed certificate"


async def test_a_certificate_for_another_name_is_refused(tmp_path: Path) -> None:
    certificate, key = make_certificate(tmp_path, "elsewhere.example")
    verifying = client_context(verify=True, ca_file=certificate)
    async with listening(PeerServant(), tls=_server_context(certificate, key)) as server:
        with pytest.raises(ConnectFailedException, match="'localhost'") as info:
            await connect("localhost", server.port, tls=verifying, timeout=DEADLINE)
    assert f"the certificate of localhost:{server.port} was not accepted: Hostname mismatch" in str(info.value)


async def test_a_stock_omero_is_refused_where_certificates_are_verified() -> None:
    async with listening(PeerServant(), tls=anonymous_server_context()) as server:
        with pytest.raises(ConnectFailedException) as info:
            await connect(HOST, server.port, tls=client_context(verify=True), timeout=DEADLINE)
    assert str(info.value) == (
        f"TLS with 127.0.0.1:{server.port} failed: it closed the connection during the handshake; "
        "a stock OMERO has no certificate that could be verified"
    )
