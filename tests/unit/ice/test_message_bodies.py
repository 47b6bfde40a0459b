"""What stands in requests and replies, and what may not."""

from __future__ import annotations

import pytest

from omero_ms_thumbnail.ice.errors import (
    FacetNotExistException,
    MarshalException,
    ObjectNotExistException,
    OperationNotExistException,
    ProtocolException,
    RequestFailedException,
    UnknownException,
    UnknownLocalException,
    UnknownMessageException,
    UnknownUserException,
    UnsupportedEncodingException,
)
from omero_ms_thumbnail.ice.messages import (
    Message,
    MessageReader,
    OperationMode,
    Reply,
    ReplyStatus,
    Request,
    encode_reply,
    encode_request,
    encode_request_failed,
    encode_unknown,
)
from omero_ms_thumbnail.ice.references import Identity
from omero_ms_thumbnail.ice.streams import ENCODING_1_0, ENCODING_1_1, EncodingVersion
from tests.unit.ice.instance_bytes import number, text
from tests.unit.ice.sample import PEER
from tests.unit.ice.wire import header, request_bytes, result_bytes

REQUEST, REPLY = 0, 2


def _read(data: bytes) -> Message:
    (message,) = MessageReader().receive(data)
    return message


def _reply(data: bytes) -> Reply:
    message = _read(data)
    assert isinstance(message, Reply)
    return message


def _message(kind: int, body: bytes) -> bytes:
    return header(kind, 14 + len(body)) + body


@pytest.mark.parametrize("encoding", [ENCODING_1_0, ENCODING_1_1], ids=str)
def test_a_request(encoding: EncodingVersion) -> None:
    body = (
        number(7)
        + text("name")
        + text("category")
        + b"\x01"
        + text("facet")
        + text("op")
        + b"\x02"
        + b"\x01"
        + text("omero.group")
        + text("-1")
        + number(6 + 4)
        + bytes(encoding)
        + b"args"
    )
    request = _read(_message(REQUEST, body))
    assert isinstance(request, Request)
    assert (request.request_id, request.identity) == (7, Identity("name", "category"))
    assert (request.facet, request.operation, request.mode) == ("facet", "op", OperationMode.IDEMPOTENT)
    assert request.context == {"omero.group": "-1"}
    parameters = request.parameters
    assert parameters.encoding == encoding
    assert parameters.data[parameters.position : parameters.end] == b"args"


def test_a_request_is_written_to_the_default_facet() -> None:
    data = encode_request(1, Identity("n", "c"), "op", OperationMode.NORMAL, {"k": "v"}, b"args", ENCODING_1_0)
    body = number(1) + text("n") + text("c") + b"\x00" + text("op") + b"\x00" + b"\x01" + text("k") + text("v")
    assert data == _message(REQUEST, body + number(10) + b"\x01\x00" + b"args")


def test_neither_context_nor_arguments_are_printed() -> None:
    data = encode_request(
        1, Identity("key-1"), "createSession", OperationMode.NORMAL, {"k": "key-2"}, b"key-3", ENCODING_1_1
    )
    assert "key-" not in repr(_read(data))
    assert "key-" not in repr(_read(encode_reply(1, ReplyStatus.OK, b"key-4", ENCODING_1_1)))


@pytest.mark.parametrize("status", [ReplyStatus.OK, ReplyStatus.USER_EXCEPTION])
@pytest.mark.parametrize("encoding", [ENCODING_1_0, ENCODING_1_1], ids=str)
def test_a_reply_with_content(status: ReplyStatus, encoding: EncodingVersion) -> None:
    data = encode_reply(9, status, b"content", encoding)
    assert data == _message(REPLY, number(9) + bytes([status]) + number(13) + bytes(encoding) + b"content")
    reply = _reply(data)
    assert (reply.request_id, reply.status, reply.failure) == (9, status, None)
    assert reply.content is not None
    assert reply.content.encoding == encoding


@pytest.mark.parametrize(
    ("status", "kind"),
    [(2, ObjectNotExistException), (3, FacetNotExistException), (4, OperationNotExistException)],
)
def test_a_reply_that_there_is_nothing_to_call(status: int, kind: type[RequestFailedException]) -> None:
    data = encode_request_failed(9, ReplyStatus(status), Identity("n", "c"), "f", "op")
    assert data == _message(REPLY, number(9) + bytes([status]) + text("n") + text("c") + b"\x01\x01f" + text("op"))
    failure = _reply(data).failure
    assert isinstance(failure, RequestFailedException)
    assert type(failure) is kind
    assert (failure.identity, failure.facet, failure.operation) == ("c/n", "f", "op")
    with pytest.raises(kind, match="on calling 'op'"):
        PEER["twice"].decode_reply(_reply(data))


@pytest.mark.parametrize(
    ("status", "kind"), [(5, UnknownLocalException), (6, UnknownUserException), (7, UnknownException)]
)
def test_a_reply_that_the_servant_failed(status: int, kind: type[UnknownException]) -> None:
    data = encode_unknown(9, ReplyStatus(status), "reason")
    assert data == _message(REPLY, number(9) + bytes([status]) + text("reason"))
    with pytest.raises(kind, match=r"^reason$") as info:
        PEER["twice"].decode_reply(_reply(data))
    assert type(info.value) is kind


@pytest.mark.parametrize("status", [8, 255])
def test_an_unknown_reply_status(status: int) -> None:
    with pytest.raises(UnknownMessageException, match=f"unknown status {status}"):
        _read(_message(REPLY, number(1) + bytes([status]) + text("reason")))


WHOLE = {
    "request": request_bytes(1, PEER["note"], "text"),
    "result": result_bytes(1, PEER["twice"], 4),
    "object not exist": encode_request_failed(1, ReplyStatus.OBJECT_NOT_EXIST, Identity("n", "c"), "f", "op"),
    "unknown": encode_unknown(1, ReplyStatus.UNKNOWN_EXCEPTION, "reason"),
}


@pytest.mark.parametrize("name", WHOLE)
def test_bytes_left_over(name: str) -> None:
    whole = WHOLE[name]
    with pytest.raises(MarshalException, match="1 bytes are left over behind a message"):
        _read(_message(whole[8], whole[14:] + b"x"))


@pytest.mark.parametrize("name", WHOLE)
def test_a_body_cut_short_anywhere(name: str) -> None:
    whole = WHOLE[name]
    for end in range(14, len(whole)):
        with pytest.raises(ProtocolException):
            _read(_message(whole[8], whole[14:end]))


@pytest.mark.parametrize("version", [(1, 2), (2, 0), (0, 0)])
def test_an_encoding_that_is_not_known(version: tuple[int, int]) -> None:
    with pytest.raises(UnsupportedEncodingException, match=rf"encoding {version[0]}\.{version[1]}"):
        _read(encode_reply(1, ReplyStatus.OK, b"", EncodingVersion(*version)))


def test_bytes_left_over_behind_arguments_or_a_result() -> None:
    reply = _reply(encode_reply(1, ReplyStatus.OK, number(4) + b"\xff\x00", ENCODING_1_1))
    with pytest.raises(MarshalException, match="1 bytes are left over behind arguments or a result"):
        PEER["twice"].decode_reply(reply)


@pytest.mark.parametrize("status", [ReplyStatus.OK, ReplyStatus.USER_EXCEPTION])
def test_a_reply_in_an_encoding_that_was_not_asked_for_is_refused(status: ReplyStatus) -> None:
    reply = _reply(encode_reply(1, status, number(4), ENCODING_1_0))
    sentence = r"^the reply to twice came in Ice encoding 1\.0, and only 1\.1 is spoken here$"
    with pytest.raises(UnsupportedEncodingException, match=sentence):
        PEER["twice"].decode_reply(reply)


def test_as_many_arguments_as_there_are_parameters() -> None:
    for arguments in ((), (1, 2)):
        with pytest.raises(ValueError, match="zip"):
            PEER["twice"].encode_arguments(arguments)


def test_a_reply_without_content_is_refused() -> None:
    with pytest.raises(MarshalException, match="the reply to twice is empty"):
        PEER["twice"].decode_reply(Reply(1, ReplyStatus.OK))
