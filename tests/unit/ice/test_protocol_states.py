"""Which message may come when, for each side and each state, and what each side may send."""

from __future__ import annotations

import pytest

from omero_ms_thumbnail.ice.errors import (
    BadMagicException,
    ConnectionNotValidatedException,
    ProtocolException,
    UnknownMessageException,
)
from omero_ms_thumbnail.ice.messages import (
    CLOSE_CONNECTION_BYTES,
    HEADER,
    VALIDATE_CONNECTION_BYTES,
    CloseConnection,
    Reply,
    Request,
    ValidateConnection,
)
from omero_ms_thumbnail.ice.protocol import IceProtocol, ProtocolState, Role
from tests.unit.ice.sample import PEER
from tests.unit.ice.wire import request_bytes, result_bytes

REQUEST = request_bytes(1, PEER["twice"], 2)
REPLY = result_bytes(1, PEER["twice"], 4)
BYTES = {
    ValidateConnection: VALIDATE_CONNECTION_BYTES,
    Request: REQUEST,
    Reply: REPLY,
    CloseConnection: CLOSE_CONNECTION_BYTES,
}


def _protocol(role: Role, state: ProtocolState) -> IceProtocol:
    protocol = IceProtocol(role)
    if state is not ProtocolState.NOT_VALIDATED and role is Role.CLIENT:
        protocol.receive(VALIDATE_CONNECTION_BYTES)
    if state is ProtocolState.CLOSED:
        protocol.close()
    assert protocol.state is state
    return protocol


@pytest.mark.parametrize(
    ("role", "state", "kind", "after"),
    [
        (Role.CLIENT, ProtocolState.NOT_VALIDATED, ValidateConnection, ProtocolState.ACTIVE),
        (Role.CLIENT, ProtocolState.ACTIVE, ValidateConnection, ProtocolState.ACTIVE),
        (Role.CLIENT, ProtocolState.ACTIVE, Request, ProtocolState.ACTIVE),
        (Role.CLIENT, ProtocolState.ACTIVE, Reply, ProtocolState.ACTIVE),
        (Role.CLIENT, ProtocolState.ACTIVE, CloseConnection, ProtocolState.CLOSED),
        (Role.SERVER, ProtocolState.ACTIVE, ValidateConnection, ProtocolState.ACTIVE),
        (Role.SERVER, ProtocolState.ACTIVE, Request, ProtocolState.ACTIVE),
        (Role.SERVER, ProtocolState.ACTIVE, CloseConnection, ProtocolState.CLOSED),
    ],
)
def test_what_may_come(role: Role, state: ProtocolState, kind: type, after: ProtocolState) -> None:
    protocol = _protocol(role, state)
    assert [type(message) for message in protocol.receive(BYTES[kind])] == [kind]
    assert protocol.state is after


@pytest.mark.parametrize(
    ("role", "state", "kind", "error", "message"),
    [
        (Role.CLIENT, ProtocolState.NOT_VALIDATED, Request, ConnectionNotValidatedException, "began with Request"),
        (Role.CLIENT, ProtocolState.NOT_VALIDATED, Reply, ConnectionNotValidatedException, "began with Reply"),
        (
            Role.CLIENT,
            ProtocolState.NOT_VALIDATED,
            CloseConnection,
            ConnectionNotValidatedException,
            "CloseConnection instead",
        ),
        (Role.SERVER, ProtocolState.ACTIVE, Reply, UnknownMessageException, "Reply may not come to a server"),
    ],
)
def test_what_may_not_come(
    role: Role, state: ProtocolState, kind: type, error: type[ProtocolException], message: str
) -> None:
    protocol = _protocol(role, state)
    with pytest.raises(error, match=message):
        protocol.receive(BYTES[kind])
    assert protocol.state is ProtocolState.CLOSED
    assert protocol.close() == b""


@pytest.mark.parametrize("role", Role)
@pytest.mark.parametrize("kind", BYTES)
def test_nothing_is_taken_any_more_once_it_is_closed(role: Role, kind: type) -> None:
    protocol = _protocol(role, ProtocolState.CLOSED)
    assert protocol.receive(BYTES[kind]) == []
    assert protocol.receive(b"not Ice at all, and long enough to see") == []
    assert protocol.state is ProtocolState.CLOSED


def test_what_comes_behind_the_peer_s_goodbye_is_dropped() -> None:
    protocol = _protocol(Role.CLIENT, ProtocolState.ACTIVE)
    messages = protocol.receive(REPLY + CLOSE_CONNECTION_BYTES + REPLY)
    assert [type(message) for message in messages] == [Reply, CloseConnection]
    assert protocol.receive(REPLY) == []


def test_garbage_closes() -> None:
    protocol = _protocol(Role.SERVER, ProtocolState.ACTIVE)
    with pytest.raises(BadMagicException):
        protocol.receive(b"GET / HTTP/1.1\r\n")
    assert protocol.state is ProtocolState.CLOSED
    assert protocol.receive(REQUEST) == []


def test_a_server_speaks_first() -> None:
    assert IceProtocol(Role.SERVER).greeting() == VALIDATE_CONNECTION_BYTES
    assert IceProtocol(Role.CLIENT).greeting() == b""


@pytest.mark.parametrize(
    ("role", "state", "heartbeat", "farewell"),
    [
        (Role.CLIENT, ProtocolState.NOT_VALIDATED, b"", b""),
        (Role.CLIENT, ProtocolState.ACTIVE, VALIDATE_CONNECTION_BYTES, CLOSE_CONNECTION_BYTES),
        (Role.SERVER, ProtocolState.ACTIVE, VALIDATE_CONNECTION_BYTES, CLOSE_CONNECTION_BYTES),
        (Role.CLIENT, ProtocolState.CLOSED, b"", b""),
        (Role.SERVER, ProtocolState.CLOSED, b"", b""),
    ],
)
def test_what_may_be_sent(role: Role, state: ProtocolState, heartbeat: bytes, farewell: bytes) -> None:
    protocol = _protocol(role, state)
    assert protocol.heartbeat() == heartbeat
    assert protocol.close() == farewell
    assert protocol.state is ProtocolState.CLOSED
    assert protocol.close() == b""


@pytest.mark.parametrize("state", [ProtocolState.NOT_VALIDATED, ProtocolState.CLOSED])
def test_a_request_needs_an_active_connection(state: ProtocolState) -> None:
    with pytest.raises(ProtocolException, match="only be sent on an active connection"):
        _protocol(Role.CLIENT, state).next_request_id()


def test_request_ids_begin_at_1_and_begin_again_behind_the_last() -> None:
    protocol = _protocol(Role.CLIENT, ProtocolState.ACTIVE)
    assert [protocol.next_request_id() for _ in range(3)] == [1, 2, 3]
    protocol._last_request_id = 2**31 - 2
    # 0 would be oneway, and there is nothing above
    assert [protocol.next_request_id() for _ in range(2)] == [2**31 - 1, 1]


def test_the_largest_message_is_the_one_that_was_agreed_on() -> None:
    size = HEADER.unpack_from(REPLY)[-1]
    for size_max, taken in ((size, 1), (size - 1, 0)):
        protocol = IceProtocol(Role.CLIENT, size_max)
        protocol.receive(VALIDATE_CONNECTION_BYTES)
        if taken:
            assert len(protocol.receive(REPLY)) == 1
        else:
            with pytest.raises(ProtocolException, match=f"MessageSizeMax is {size_max}"):
                protocol.receive(REPLY)
