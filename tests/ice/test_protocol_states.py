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
from omero_ms_thumbnail.ice.protocol import IceProtocol, Role, State
from tests.ice.sample import PEER
from tests.ice.wire import request_bytes, result_bytes

REQUEST = request_bytes(1, PEER["twice"], 2)
REPLY = result_bytes(1, PEER["twice"], 4)
BYTES = {
    ValidateConnection: VALIDATE_CONNECTION_BYTES,
    Request: REQUEST,
    Reply: REPLY,
    CloseConnection: CLOSE_CONNECTION_BYTES,
}


def _protocol(role: Role, state: State) -> IceProtocol:
    protocol = IceProtocol(role)
    if state is not State.NOT_VALIDATED and role is Role.CLIENT:
        protocol.receive(VALIDATE_CONNECTION_BYTES)
    if state is State.CLOSED:
        protocol.close()
    assert protocol.state is state
    return protocol


@pytest.mark.parametrize(
    ("role", "state", "kind", "after"),
    [
        (Role.CLIENT, State.NOT_VALIDATED, ValidateConnection, State.ACTIVE),
        (Role.CLIENT, State.ACTIVE, ValidateConnection, State.ACTIVE),
        (Role.CLIENT, State.ACTIVE, Request, State.ACTIVE),
        (Role.CLIENT, State.ACTIVE, Reply, State.ACTIVE),
        (Role.CLIENT, State.ACTIVE, CloseConnection, State.CLOSED),
        (Role.SERVER, State.ACTIVE, ValidateConnection, State.ACTIVE),
        (Role.SERVER, State.ACTIVE, Request, State.ACTIVE),
        (Role.SERVER, State.ACTIVE, CloseConnection, State.CLOSED),
    ],
)
def test_what_may_come(role: Role, state: State, kind: type, after: State) -> None:
    protocol = _protocol(role, state)
    assert [type(message) for message in protocol.receive(BYTES[kind])] == [kind]
    assert protocol.state is after


@pytest.mark.parametrize(
    ("role", "state", "kind", "error", "message"),
    [
        (Role.CLIENT, State.NOT_VALIDATED, Request, ConnectionNotValidatedException, "began with Request"),
        (Role.CLIENT, State.NOT_VALIDATED, Reply, ConnectionNotValidatedException, "began with Reply"),
        (Role.CLIENT, State.NOT_VALIDATED, CloseConnection, ConnectionNotValidatedException, "CloseConnection instead"),
        (Role.SERVER, State.ACTIVE, Reply, UnknownMessageException, "Reply may not come to a server"),
    ],
)
def test_what_may_not_come(role: Role, state: State, kind: type, error: type[ProtocolException], message: str) -> None:
    protocol = _protocol(role, state)
    with pytest.raises(error, match=message):
        protocol.receive(BYTES[kind])
    assert protocol.state is State.CLOSED
    assert protocol.close() == b""


@pytest.mark.parametrize("role", Role)
@pytest.mark.parametrize("kind", BYTES)
def test_nothing_is_taken_any_more_once_it_is_closed(role: Role, kind: type) -> None:
    protocol = _protocol(role, State.CLOSED)
    assert protocol.receive(BYTES[kind]) == []
    assert protocol.receive(b"not Ice at all, and long enough to see") == []
    assert protocol.state is State.CLOSED


def test_what_comes_behind_the_peer_s_goodbye_is_dropped() -> None:
    protocol = _protocol(Role.CLIENT, State.ACTIVE)
    messages = protocol.receive(REPLY + CLOSE_CONNECTION_BYTES + REPLY)
    assert [type(message) for message in messages] == [Reply, CloseConnection]
    assert protocol.receive(REPLY) == []


def test_garbage_closes() -> None:
    protocol = _protocol(Role.SERVER, State.ACTIVE)
    with pytest.raises(BadMagicException):
        protocol.receive(b"GET / HTTP/1.1\r\n")
    assert protocol.state is State.CLOSED
    assert protocol.receive(REQUEST) == []


def test_a_server_speaks_first() -> None:
    assert IceProtocol(Role.SERVER).greeting() == VALIDATE_CONNECTION_BYTES
    assert IceProtocol(Role.CLIENT).greeting() == b""


@pytest.mark.parametrize(
    ("role", "state", "heartbeat", "farewell"),
    [
        (Role.CLIENT, State.NOT_VALIDATED, b"", b""),
        (Role.CLIENT, State.ACTIVE, VALIDATE_CONNECTION_BYTES, CLOSE_CONNECTION_BYTES),
        (Role.SERVER, State.ACTIVE, VALIDATE_CONNECTION_BYTES, CLOSE_CONNECTION_BYTES),
        (Role.CLIENT, State.CLOSED, b"", b""),
        (Role.SERVER, State.CLOSED, b"", b""),
    ],
)
def test_what_may_be_sent(role: Role, state: State, heartbeat: bytes, farewell: bytes) -> None:
    protocol = _protocol(role, state)
    assert protocol.heartbeat() == heartbeat
    assert protocol.close() == farewell
    assert protocol.state is State.CLOSED
    assert protocol.close() == b""


@pytest.mark.parametrize("state", [State.NOT_VALIDATED, State.CLOSED])
def test_a_request_needs_an_active_connection(state: State) -> None:
    with pytest.raises(ProtocolException, match="only be sent on an active connection"):
        _protocol(Role.CLIENT, state).next_request_id()


def test_request_ids_begin_at_1_and_begin_again_behind_the_last() -> None:
    protocol = _protocol(Role.CLIENT, State.ACTIVE)
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
