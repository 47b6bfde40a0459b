"""WebSocket without I/O: what is asked, what frames carry however they are cut, and what a server may not send."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from omero_ms_thumbnail.ice.errors import (
    IceException,
    MemoryLimitException,
    ProtocolException,
    UpgradeRefusal,
    UpgradeRefusedException,
)
from omero_ms_thumbnail.ice.messages import VALIDATE_CONNECTION_BYTES
from omero_ms_thumbnail.ice.websocket_protocol import WebSocket
from tests.unit.ice.websocket_wire import (
    BINARY,
    CLOSE,
    CONTINUATION,
    PING,
    PONG,
    TEXT,
    answer,
    close_frame,
    fields_of,
    frame,
    unmasked,
    upgrade,
)

_SIZE_MAX = 1000


def _websocket(**changes: object) -> WebSocket:
    where = {"host": "omero.example.org", "port": 443, "path": "/omero-wss", "secure": True, "size_max": _SIZE_MAX}
    return WebSocket(**{**where, **changes})  # type: ignore[arg-type]


def _upgraded() -> WebSocket:
    websocket = _websocket()
    assert websocket.receive(upgrade(websocket.opening())) == b""
    assert websocket.is_open
    return websocket


def _receive(websocket: WebSocket, stream: bytes, step: int) -> bytes:
    """What is carried by what comes in pieces of `step` bytes."""
    return b"".join([websocket.receive(stream[at : at + step]) for at in range(0, len(stream), step)])


@pytest.mark.parametrize(
    ("host", "port", "path", "secure", "first", "named"),
    [
        ("omero.example.org", 443, "/omero-wss", True, "GET /omero-wss HTTP/1.1", "omero.example.org"),
        ("omero.example.org", 4443, "/", True, "GET / HTTP/1.1", "omero.example.org:4443"),
        ("omero.example.org", 80, "/a/b", False, "GET /a/b HTTP/1.1", "omero.example.org"),
        ("omero.example.org", 443, "/", False, "GET / HTTP/1.1", "omero.example.org:443"),
        ("10.0.0.1", 4065, "/", False, "GET / HTTP/1.1", "10.0.0.1:4065"),
        ("::1", 4065, "/", False, "GET / HTTP/1.1", "[::1]:4065"),
        ("::1", 443, "/", True, "GET / HTTP/1.1", "[::1]"),
    ],
)
def test_what_is_asked(host: str, port: int, path: str, secure: bool, first: str, named: str) -> None:
    line, fields = fields_of(_websocket(host=host, port=port, path=path, secure=secure).opening())
    assert line == first
    assert fields["host"] == named
    assert fields["upgrade"].lower() == "websocket"
    assert fields["connection"].lower() == "upgrade"
    assert fields["sec-websocket-version"] == "13"
    assert fields["sec-websocket-protocol"] == "ice.zeroc.com"
    assert "sec-websocket-extensions" not in fields


def test_each_asks_with_a_key_of_its_own() -> None:
    keys = {fields_of(_websocket().opening())[1]["sec-websocket-key"] for _ in range(10)}
    assert len(keys) == 10


def test_a_server_may_speak_before_the_client_has_seen_that_it_agrees() -> None:
    websocket = _websocket()
    agreed = upgrade(websocket.opening())
    assert websocket.receive(agreed + frame(BINARY, VALIDATE_CONNECTION_BYTES)) == VALIDATE_CONNECTION_BYTES


def test_a_server_need_not_name_the_subprotocol() -> None:
    websocket = _websocket()
    assert websocket.receive(upgrade(websocket.opening(), subprotocol=None)) == b""
    assert (websocket.is_open, websocket.has_subprotocol) == (True, False)


#: a message in one frame and in three with others between, one of 2 and one of 10 bytes of header, two in one frame
_STREAM = (
    frame(BINARY, b"one")
    + frame(BINARY, b"tw", final=False)
    + frame(PING, b"are you there")
    + frame(CONTINUATION, b"", final=False)
    + frame(PONG)
    + frame(CONTINUATION, b"o")
    + frame(BINARY, b"3" * 300)
    + frame(BINARY)
)
_CARRIED = b"onetwo" + b"3" * 300


@pytest.mark.parametrize("step", [1, 2, 3, 7, 64, 10_000])
def test_what_frames_carry_however_they_are_cut(step: int) -> None:
    websocket = _websocket()
    stream = upgrade(websocket.opening()) + _STREAM
    assert _receive(websocket, stream, step) == _CARRIED


def test_of_a_frame_what_has_come_is_handed_on() -> None:
    websocket = _upgraded()
    assert websocket.receive(frame(BINARY, b"half", size=500)) == b"half"
    assert websocket.receive(b"more") == b"more"


def test_a_ping_is_answered_and_of_many_the_last() -> None:
    websocket = _upgraded()
    assert websocket.take_pong() == b""
    for number in range(1000):
        websocket.receive(frame(PING, b"%03d" % number))
    pong = websocket.take_pong()
    assert pong[0] == 0x80 | PONG
    assert unmasked(pong[2:6], pong[6:]) == b"999"
    assert websocket.take_pong() == b""


@pytest.mark.parametrize(
    ("sent", "error", "sentence"),
    [
        (frame(TEXT, b"hello"), ProtocolException, "text frame"),
        (frame(TEXT, b"\xff"), ProtocolException, "broke the WebSocket protocol"),
        (frame(0x3, b"x"), ProtocolException, "broke the WebSocket protocol: Invalid opcode 0x3"),
        (frame(BINARY, b"x", reserved=4), ProtocolException, "Reserved bit set unexpectedly"),
        (frame(CONTINUATION, b"x"), ProtocolException, "unexpected CONTINUATION"),
        (frame(BINARY, b"x", final=False) + frame(BINARY, b"x"), ProtocolException, "expected CONTINUATION"),
        (frame(PING, b"x", final=False), ProtocolException, "fragment control frame"),
        (frame(PING, b"x" * 126), ProtocolException, "Control frame with payload len > 125"),
        (b"\x82\x81\0\0\0\0x", ProtocolException, "masked"),
        (b"\x82\x7e\x00\x05hello", ProtocolException, "Payload length used 2 bytes"),
        (b"\x82\x7f" + b"\xff" * 8, ProtocolException, "non-zero MSB"),
        (frame(CLOSE, b"x"), ProtocolException, "CLOSE with 1 byte payload"),
        (close_frame(999), ProtocolException, "CLOSE with invalid code"),
        (close_frame(1006), ProtocolException, "local-only"),
        (close_frame(1000, b"\xff"), ProtocolException, "Error decoding CLOSE reason"),
        (frame(BINARY, b"x" * (_SIZE_MAX + 1)), MemoryLimitException, f"than the {_SIZE_MAX} of MessageSizeMax"),
        (frame(BINARY, b"x" * (_SIZE_MAX + 1), size=1 << 62), MemoryLimitException, "of MessageSizeMax"),
    ],
)
@pytest.mark.parametrize("step", [1, 10_000])
def test_what_a_server_may_not_send(sent: bytes, error: type[IceException], sentence: str, step: int) -> None:
    websocket = _upgraded()
    with pytest.raises(error) as info:
        _receive(websocket, sent, step)
    assert sentence in str(info.value)
    # told so by the code that RFC 6455 has for it: 1009, message too big, or 1002, protocol error
    said = websocket.goodbye(info.value)
    code = int.from_bytes(unmasked(said[2:6], said[6:]), "big")
    assert (said[0], code) == (0x80 | CLOSE, 1009 if error is MemoryLimitException else 1002)
    assert websocket.goodbye() == b""


def test_frames_of_the_largest_size_may_follow_one_another() -> None:
    websocket = _upgraded()
    for _ in range(10):
        assert len(websocket.receive(frame(BINARY, b"x" * _SIZE_MAX))) == _SIZE_MAX


def test_a_server_says_goodbye() -> None:
    websocket = _upgraded()
    assert websocket.receive(frame(BINARY, b"last") + close_frame(1001, b"going \x1b[31maway")) == b"last"
    assert websocket.is_closed_by_peer
    assert not websocket.is_open
    assert websocket.goodbye_of_peer == "1001 (going [31maway)"
    assert websocket.goodbye()[0] == 0x80 | CLOSE
    assert websocket.goodbye() == b""
    # nothing can come behind it, and what does come is kept by nobody
    assert websocket.receive(frame(BINARY, b"later") * 1000) == b""


def test_goodbye_is_said_first_and_answered() -> None:
    websocket = _upgraded()
    assert websocket.goodbye()[0] == 0x80 | CLOSE
    assert (websocket.is_open, websocket.is_closed_by_peer) == (False, False)
    websocket.receive(frame(PING, b"x"))
    assert websocket.take_pong() == b""
    websocket.receive(close_frame(1000))
    assert websocket.is_closed_by_peer


@pytest.mark.parametrize(
    ("sent", "refusal", "sentence"),
    [
        (
            answer(
                "301 Moved Permanently", "Server: nginx/1.26.3", "Location: https://other.example.org/ws?next=secret"
            ),
            UpgradeRefusal.REDIRECTED,
            "answered with HTTP status 301 (nginx/1.26.3) and sends to https://other.example.org/ws: no client of",
        ),
        (answer("302 Found", "Location: /login"), UpgradeRefusal.REDIRECTED, "status 302 and sends to /login: "),
        (answer("307 Temporary Redirect"), UpgradeRefusal.REDIRECTED, "status 307: "),
        (
            answer("400 Bad Request", "Server: nginx"),
            UpgradeRefusal.NOT_UPGRADED,
            "status 400 (nginx): no WebSocket is taken",
        ),
        (answer("426 Upgrade Required"), UpgradeRefusal.NOT_UPGRADED, "status 426: no WebSocket is taken there"),
        (answer("401 Unauthorized"), UpgradeRefusal.NOT_LET_IN, "status 401: the web server in front does not let"),
        (answer("403 Forbidden"), UpgradeRefusal.NOT_LET_IN, "status 403: the web server in front does not let"),
        (answer("404 Not Found"), UpgradeRefusal.NO_SUCH_PATH, "status 404: OMERO is not at this path"),
        (
            answer("200 OK", body=b"<html>OMERO.web</html>"),
            UpgradeRefusal.NO_SUCH_PATH,
            "status 200: OMERO is not at this path",
        ),
        (answer("502 Bad Gateway"), UpgradeRefusal.NOBODY_BEHIND, "status 502: the web server in front has no answer"),
        (answer("504 Gateway Time-out"), UpgradeRefusal.NOBODY_BEHIND, "status 504: "),
        (b"HTTP/1.1 100 Continue\r\n\r\n", UpgradeRefusal.NOT_UPGRADED, "status 100: "),
        (VALIDATE_CONNECTION_BYTES, UpgradeRefusal.PLAIN_ICE, "speaks Ice without WebSocket"),
        (b"\x15\x03\x01\x00\x02\x02\x28", UpgradeRefusal.NEEDS_TLS, "speaks TLS: write wss:// instead"),
        (b"SSH-2.0-OpenSSH_10.0\r\n", UpgradeRefusal.NOT_HTTP, "does not speak HTTP"),
        (b"HTTP/1.1 banana\r\n\r\n", UpgradeRefusal.OTHER_PROTOCOL, "did not agree to WebSocket as Ice has it"),
        (b"HTTP/1.1 101 Switching Protocols\r\n\r\n", UpgradeRefusal.OTHER_PROTOCOL, "did not agree to WebSocket"),
        (b"HTTP/1.1 101 X\r\nX-Long: " + b"x" * 100_000, UpgradeRefusal.OTHER_PROTOCOL, "did not agree to WebSocket"),
        (
            b"HTTP/1.1 101 X\r\nConnection: \xff\r\nUpgrade: websocket\r\n\r\n",
            UpgradeRefusal.OTHER_PROTOCOL,
            "did not agree to WebSocket",
        ),
        (answer("403 Forbidden", "Server: \x1b[31m" + "x" * 1000), UpgradeRefusal.NOT_LET_IN, "x…): the web server"),
    ],
)
@pytest.mark.parametrize("step", [5, 200_000])
def test_who_does_not_agree(sent: bytes, refusal: UpgradeRefusal, sentence: str, step: int) -> None:
    websocket = _websocket()
    websocket.opening()
    with pytest.raises(UpgradeRefusedException) as info:
        _receive(websocket, sent, step)
    assert info.value.refusal is refusal
    said = str(info.value)
    assert said.startswith("wss://omero.example.org:443/omero-wss ")
    assert sentence in said
    assert "secret" not in said
    assert said.isprintable()
    assert len(said) < 700
    assert websocket.goodbye(info.value) == b""


@pytest.mark.parametrize(
    "page",
    ["<center>The plain HTTP request was sent to HTTPS port</center>", "speaking plain HTTP to an SSL-enabled server"],
)
def test_a_web_server_that_wants_tls_says_so_in_a_page(page: str) -> None:
    websocket = _websocket(secure=False)
    websocket.opening()
    with pytest.raises(UpgradeRefusedException) as info:
        websocket.receive(answer("400 Bad Request", "Server: nginx", body=page.encode()))
    assert info.value.refusal is UpgradeRefusal.NEEDS_TLS
    assert str(info.value) == (
        "ws://omero.example.org:443/omero-wss is a port with TLS, says what answered (nginx): write wss:// instead"
    )


@pytest.mark.parametrize(
    ("fields", "changes", "why"),
    [
        ([], {"subprotocol": "chat"}, "unrecognized subprotocol chat"),
        ([], {"accept": "AAAA"}, "Bad accept token"),
        (["Sec-WebSocket-Extensions: permessage-deflate"], {}, "unrecognized extension permessage-deflate"),
    ],
)
def test_what_agrees_to_something_else(fields: list[str], changes: dict[str, str], why: str) -> None:
    websocket = _websocket()
    agreed = upgrade(websocket.opening(), *fields, **changes)
    with pytest.raises(UpgradeRefusedException) as info:
        websocket.receive(agreed)
    assert info.value.refusal is UpgradeRefusal.OTHER_PROTOCOL
    assert why in str(info.value)


def _held(websocket: WebSocket) -> int:
    """Bytes that are kept of what has come, of which wsproto says nothing."""
    connection = websocket._connection.connection
    assert connection is not None
    return len(connection._proto._frame_decoder.buffer)


_FRAMES = st.builds(
    frame,
    st.integers(0, 15),
    st.binary(max_size=300),
    final=st.booleans(),
    reserved=st.sampled_from([0, 0, 0, 0, 1, 2, 4]),
    size=st.one_of(st.none(), st.none(), st.none(), st.integers(0, 1 << 63)),
)


@given(st.lists(st.one_of(_FRAMES, st.binary(max_size=50)), max_size=30), st.integers(1, 500))
def test_any_frames_end_in_what_they_carry_or_in_a_sentence(frames: list[bytes], step: int) -> None:
    websocket, stream, carried = _upgraded(), b"".join(frames), 0
    with contextlib.suppress(ProtocolException):
        for at in range(0, len(stream), step):
            carried += len(websocket.receive(stream[at : at + step]))
            # no more than a header, or a control frame, waits for its rest
            assert _held(websocket) < 14 + 125
            websocket.take_pong()
    assert carried <= len(stream)
    websocket.goodbye()
    assert not websocket.is_open


@given(st.sampled_from([b"", b"HTTP/1.1 ", b"HTTP/1.1 101 X\r\n"]), st.binary(max_size=300), st.integers(1, 100))
def test_any_answer_is_waited_for_or_ends_in_a_sentence(began: bytes, rest: bytes, step: int) -> None:
    websocket = _websocket()
    websocket.opening()
    try:
        assert _receive(websocket, began + rest, step) == b""
    except UpgradeRefusedException as error:
        said = str(error)
        assert said.isprintable()
