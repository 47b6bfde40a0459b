"""What a WebSocket's transport does between two others: nothing piles up in it, and it ends as they do."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from omero_ms_thumbnail.ice.errors import ConnectionLostException, ProtocolException
from omero_ms_thumbnail.ice.websocket_protocol import WebSocket
from omero_ms_thumbnail.ice.websocket_transport import WebSocketTransport
from tests.unit.ice.websocket_wire import BINARY, CLOSE, PING, PONG, TEXT, close_frame, frame, unmasked, upgrade


class _Outer(asyncio.Transport):
    """What stands for the network: keeps what is written to it, sends nothing."""

    def __init__(self, *, taken: bool = True) -> None:
        super().__init__({"socket": None, "peername": ("127.0.0.1", 443)})
        self.written: list[bytes] = []
        self.ended = ""
        self._taken = taken

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.written.append(bytes(data))

    def get_write_buffer_size(self) -> int:
        return 0 if self._taken else sum(map(len, self.written))

    def close(self) -> None:
        self.ended = self.ended or "closed"

    def abort(self) -> None:
        self.ended = "aborted"

    def is_closing(self) -> bool:
        return bool(self.ended)


class _Inner(asyncio.Protocol):
    """What stands for the connection."""

    def __init__(self) -> None:
        self.seen: list[Any] = []

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.seen.append(transport)

    def data_received(self, data: bytes) -> None:
        self.seen.append(data)

    def pause_writing(self) -> None:
        self.seen.append("pause")

    def resume_writing(self) -> None:
        self.seen.append("resume")

    def connection_lost(self, exc: Exception | None) -> None:
        self.seen.append(exc)


def _between(*, taken: bool = True) -> tuple[_Outer, WebSocketTransport, _Inner]:
    outer, inner = _Outer(taken=taken), _Inner()
    websocket = WebSocket("omero.example.org", 443, "/", secure=True, size_max=1000)
    transport = WebSocketTransport(websocket, inner, "wss://omero.example.org:443/")
    transport.connection_made(outer)
    transport.data_received(upgrade(outer.written.pop()))
    assert inner.seen.pop() is transport
    return outer, transport, inner


def _opcodes(outer: _Outer) -> list[int]:
    return [written[0] & 0x0F for written in outer.written]


def test_what_is_written_goes_out_in_one_frame_each() -> None:
    outer, transport, _ = _between()
    transport.write(b"first")
    transport.write(bytearray(b"second"))
    # which Ice takes for an error
    transport.write(b"")
    assert [unmasked(one[2:6], one[6:]) for one in outer.written] == [b"first", b"second"]
    assert _opcodes(outer) == [BINARY, BINARY]


def test_nothing_is_written_before_the_server_has_agreed() -> None:
    outer = _Outer()
    websocket = WebSocket("omero.example.org", 443, "/", secure=True, size_max=1000)
    transport = WebSocketTransport(websocket, _Inner(), "peer")
    transport.connection_made(outer)
    transport.write(b"too early")
    assert len(outer.written) == 1


def test_what_comes_is_handed_on_as_it_comes() -> None:
    _, transport, inner = _between()
    transport.data_received(frame(BINARY, b"whole") + frame(BINARY, b"ha", size=4))
    transport.data_received(b"lf")
    transport.data_received(frame(PONG))
    assert inner.seen == [b"wholeha", b"lf"]


def test_of_pings_to_whom_does_not_read_one_is_answered_when_it_does() -> None:
    outer, transport, inner = _between()
    transport.pause_writing()
    for number in range(1000):
        transport.data_received(frame(PING, b"%03d" % number))
    assert outer.written == []
    transport.resume_writing()
    assert [unmasked(one[2:6], one[6:]) for one in outer.written] == [b"999"]
    assert inner.seen == ["pause", "resume"]


def test_a_reader_that_wants_no_more_for_now_reaches_the_network() -> None:
    outer, transport, _ = _between()
    asked: list[str] = []
    outer.pause_reading = lambda: asked.append("pause")  # type: ignore[method-assign]
    outer.resume_reading = lambda: asked.append("resume")  # type: ignore[method-assign]
    transport.pause_reading()
    transport.resume_reading()
    assert asked == ["pause", "resume"]
    assert transport.get_extra_info("peername") == ("127.0.0.1", 443)


def test_closing_waits_for_the_peers_goodbye() -> None:
    outer, transport, inner = _between()
    transport.close()
    transport.close()
    transport.write(b"later")
    assert transport.is_closing()
    assert (_opcodes(outer), outer.ended) == ([CLOSE], "")
    transport.data_received(frame(BINARY, b"nobody's") + frame(PING) + close_frame(1000))
    assert (_opcodes(outer), outer.ended) == ([CLOSE], "closed")
    transport.connection_lost(None)
    assert inner.seen == [None]
    transport.abort()
    assert transport.get_write_buffer_size() == 0


def test_closing_before_there_is_a_websocket_just_hangs_up() -> None:
    outer, websocket = _Outer(), WebSocket("omero.example.org", 443, "/", secure=True, size_max=1000)
    transport = WebSocketTransport(websocket, _Inner(), "peer")
    transport.connection_made(outer)
    transport.close()
    assert (len(outer.written), outer.ended) == (1, "closed")


@pytest.mark.parametrize(("taken", "ended"), [(True, "closed"), (False, "aborted")])
def test_a_peers_goodbye_is_answered_and_a_reason(taken: bool, ended: str) -> None:
    """What it has not read by then it never will: hanging up does not wait for that."""
    outer, transport, inner = _between(taken=taken)
    transport.data_received(frame(BINARY, b"last") + close_frame(1001, b"restart"))
    assert (_opcodes(outer), outer.ended) == ([CLOSE], ended)
    transport.connection_lost(None)
    last, error = inner.seen
    assert last == b"last"
    assert isinstance(error, ConnectionLostException)
    assert str(error) == "wss://omero.example.org:443/ closed the WebSocket with code 1001 (restart)"


def test_a_peer_that_breaks_it_is_told_so_and_left() -> None:
    outer, transport, inner = _between()
    transport.data_received(frame(TEXT, b"hello"))
    assert (_opcodes(outer), outer.ended) == ([CLOSE], "aborted")
    transport.connection_lost(ConnectionResetError())
    (error,) = inner.seen
    assert isinstance(error, ProtocolException)
