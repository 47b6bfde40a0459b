"""Cutting a byte stream into messages: in whatever pieces it comes, and whatever a header claims."""

from __future__ import annotations

import tracemalloc
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from omero_ms_thumbnail.ice.errors import (
    BadMagicException,
    CompressionNotSupportedException,
    IllegalMessageSizeException,
    MemoryLimitException,
    ProtocolException,
    UnknownMessageException,
    UnsupportedProtocolException,
)
from omero_ms_thumbnail.ice.messages import (
    CLOSE_CONNECTION_BYTES,
    MESSAGE_SIZE_MAX,
    VALIDATE_CONNECTION_BYTES,
    CloseConnection,
    Message,
    MessageReader,
    Reply,
    Request,
    ValidateConnection,
)
from tests.unit.ice.sample import PEER
from tests.unit.ice.wire import header, request_bytes, result_bytes

MESSAGES = [
    VALIDATE_CONNECTION_BYTES,
    request_bytes(1, PEER["note"], "µ" * 300),
    result_bytes(1, PEER["twice"], 4),
    VALIDATE_CONNECTION_BYTES,
    request_bytes(2**31 - 1, PEER["twice"], 2),
    CLOSE_CONNECTION_BYTES,
]
KINDS = [ValidateConnection, Request, Reply, ValidateConnection, Request, CloseConnection]


def _kinds(messages: list[Message]) -> list[type[Any]]:
    return [type(message) for message in messages]


def test_the_shortest_messages() -> None:
    # IceP, the versions of protocol and encoding, type, compression, size
    assert VALIDATE_CONNECTION_BYTES.hex(" ", 2) == "4963 6550 0100 0100 0300 0e00 0000"
    assert CLOSE_CONNECTION_BYTES.hex(" ", 2) == "4963 6550 0100 0100 0400 0e00 0000"


def test_many_in_one_piece() -> None:
    assert _kinds(MessageReader().receive(b"".join(MESSAGES))) == KINDS


def test_byte_by_byte() -> None:
    reader = MessageReader()
    received: list[Message] = []
    ends = []
    for position, byte in enumerate(b"".join(MESSAGES), 1):
        came = reader.receive(bytes([byte]))
        received += came
        ends += [position] * len(came)
    assert _kinds(received) == KINDS
    # each at its last byte and not before
    assert ends == [sum(map(len, MESSAGES[: index + 1])) for index in range(len(MESSAGES))]


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(0, sum(map(len, MESSAGES))), max_size=8))
def test_in_any_pieces(cuts: list[int]) -> None:
    data = b"".join(MESSAGES)
    edges = [0, *sorted(cuts), len(data)]
    reader = MessageReader()
    received: list[Message] = []
    for start, end in pairwise(edges):
        received += reader.receive(data[start:end])
    assert _kinds(received) == KINDS


@pytest.mark.parametrize(
    ("head", "kind", "message"),
    [
        (header(0, 14, magic=b"HTTP"), BadMagicException, "does not speak the Ice protocol"),
        (header(0, 14, magic=b"iceP"), BadMagicException, "no IceP"),
        (header(0, 14, protocol=(2, 0)), UnsupportedProtocolException, r"protocol 2\.0 with encoding 1\.0"),
        (header(0, 14, protocol=(0, 1)), UnsupportedProtocolException, r"protocol 0\.1"),
        (header(0, 14, encoding=(2, 0)), UnsupportedProtocolException, r"encoding 2\.0"),
        (header(3, 14, compression=2), CompressionNotSupportedException, "never offered"),
        (header(3, 13), IllegalMessageSizeException, "has 13 bytes, fewer than its header"),
        (header(3, 0), IllegalMessageSizeException, "0 bytes"),
        (header(3, -1), IllegalMessageSizeException, "-1 bytes"),
        (header(2, MESSAGE_SIZE_MAX + 1), MemoryLimitException, "256000001 bytes; MessageSizeMax is 256000000"),
        (header(2, 2**31 - 1), MemoryLimitException, "MessageSizeMax"),
        (header(1, 18), UnknownMessageException, "batch requests are not taken"),
        (header(5, 14), UnknownMessageException, "unknown type 5"),
        (header(255, 14), UnknownMessageException, "unknown type 255"),
        (header(3, 15) + b"x", IllegalMessageSizeException, "VALIDATE_CONNECTION message has a body of 1 bytes"),
        (header(4, 16) + b"xy", IllegalMessageSizeException, "CLOSE_CONNECTION message has a body of 2 bytes"),
    ],
)
def test_what_a_header_may_not_say(head: bytes, kind: type[ProtocolException], message: str) -> None:
    with pytest.raises(kind, match=message):
        MessageReader().receive(head)


@pytest.mark.parametrize("head", [header(3, 14, compression=1), header(3, 14, protocol=(1, 1), encoding=(1, 1))])
def test_what_a_header_may_say(head: bytes) -> None:
    # compression 1: the sender would take a compressed answer; a later minor version is still 1.0 to us
    assert MessageReader().receive(head) == [ValidateConnection()]


def test_a_header_is_judged_before_its_body_comes() -> None:
    reader = MessageReader(size_max=100)
    assert reader.receive(header(2, 100)) == []
    with pytest.raises(MemoryLimitException):
        MessageReader(size_max=100).receive(header(2, 101))


def test_nothing_is_allocated_for_a_message_that_never_comes() -> None:
    reader = MessageReader()
    tracemalloc.start()
    try:
        for _ in range(100):
            reader.receive(b"")
        assert reader.receive(header(2, MESSAGE_SIZE_MAX)) == []
        for _ in range(100):
            assert reader.receive(bytes(100)) == []
        held, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert held < 30_000
    assert peak < 60_000


def test_what_was_taken_is_let_go() -> None:
    reader = MessageReader()
    message = request_bytes(1, PEER["note"], "a" * 100_000)
    tracemalloc.start()
    try:
        for _ in range(20):
            reader.receive(message)
        held, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert held < 2 * len(message)
