"""The decoder against what real Ice sent: an omero-py client (Ice 3.6.5), glacier2router 3.7.8, official stubs."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from omero_ms_thumbnail.ice.errors import ObjectNotExistException, UnknownException
from omero_ms_thumbnail.ice.glacier2 import (
    ROUTER_OPERATIONS,
    PermissionDeniedException,
    SessionNotExistException,
)
from omero_ms_thumbnail.ice.messages import (
    CloseConnection,
    Message,
    MessageReader,
    OperationMode,
    Reply,
    ReplyStatus,
    Request,
    ValidateConnection,
    encode_reply,
    encode_request,
)
from omero_ms_thumbnail.ice.operations import Operation
from omero_ms_thumbnail.ice.streams import ENCODING_1_1
from omero_ms_thumbnail.omero.exceptions import QueryException, ResourceError
from omero_ms_thumbnail.omero.rtypes import RList, unwrap
from omero_ms_thumbnail.omero.services import IADMIN, IQUERY, SERVICE_FACTORY, THUMBNAIL_STORE
from omero_ms_thumbnail.omero.system import EventContext, Parameters

_RECORDED = Path(__file__).parents[2] / "data" / "omero-py-glacier2.jsonl"
_OPERATIONS: dict[str, Operation[Any]] = {
    **ROUTER_OPERATIONS,
    **SERVICE_FACTORY,
    **IQUERY,
    **IADMIN,
    **THUMBNAIL_STORE,
}


def _records() -> list[dict[str, Any]]:
    return [json.loads(line) for line in _RECORDED.read_text().splitlines()]


def _message(record: dict[str, Any]) -> Message:
    (message,) = MessageReader().receive(bytes.fromhex(record["bytes"]))
    return message


def _calls() -> Iterator[tuple[dict[str, Any], Request, dict[str, Any], Reply]]:
    waiting: dict[int, tuple[dict[str, Any], Request]] = {}
    for record in _records():
        message = _message(record)
        if isinstance(message, Request):
            waiting[message.request_id] = record, message
        elif isinstance(message, Reply):
            yield *waiting.pop(message.request_id), record, message


def _outcome(during: str, operation: str) -> Any:
    for asked, request, answered, reply in _calls():
        if asked["during"].startswith(during) and request.operation == operation:
            assert answered["status"] == reply.status
            return _OPERATIONS[operation].decode_reply(reply)
    raise AssertionError(f"{operation} was not recorded during {during}")


def _raised(during: str, operation: str, kind: type[Exception]) -> Any:
    with pytest.raises(kind) as info:
        _outcome(during, operation)
    return info.value


def test_every_recorded_message_is_understood() -> None:
    types = {
        "validate connection": ValidateConnection,
        "close connection": CloseConnection,
        "request": Request,
        "reply": Reply,
    }
    records = _records()
    assert len(records) == 68
    for record in records:
        message = _message(record)
        assert type(message) is types[record["type"]]
        if isinstance(message, Request):
            assert (message.request_id, message.operation, message.mode) == (
                record["id"],
                record["operation"],
                record["mode"],
            )
        if isinstance(message, Reply):
            assert (message.request_id, message.status) == (record["id"], record["status"])


def test_every_recorded_request_is_encoded_again_to_the_same_bytes() -> None:
    for record in _records():
        message = _message(record)
        if not isinstance(message, Request):
            continue
        operation = _OPERATIONS[message.operation]
        arguments = operation.decode_arguments(message.parameters)
        again = encode_request(
            message.request_id,
            message.identity,
            message.operation,
            OperationMode(message.mode),
            message.context,
            operation.encode_arguments(arguments),
            ENCODING_1_1,
        )
        assert again.hex() == record["bytes"], record["during"]


def test_every_recorded_result_is_encoded_again_to_the_same_bytes() -> None:
    compared = 0
    for _, request, record, reply in _calls():
        # Ice 3.7 adds an optional out parameter to getClientProxy, which is passed over here
        if reply.status is ReplyStatus.OK and request.operation != "getClientProxy":
            operation = _OPERATIONS[request.operation]
            content = operation.encode_result(operation.decode_reply(reply))
            again = encode_reply(reply.request_id, reply.status, content, ENCODING_1_1)
            assert again.hex() == record["bytes"], record["during"]
            compared += 1
    assert compared == 24


def test_every_recorded_user_exception_is_encoded_again_to_the_same_bytes() -> None:
    compared = 0
    for _, request, record, reply in _calls():
        if reply.status is ReplyStatus.USER_EXCEPTION:
            operation = _OPERATIONS[request.operation]
            with pytest.raises(operation.throws) as info:
                operation.decode_reply(reply)
            content = operation.encode_exception(info.value)
            again = encode_reply(reply.request_id, reply.status, content, ENCODING_1_1)
            assert again.hex() == record["bytes"], record["during"]
            compared += 1
    assert compared == 4


def test_join_gives_the_service_factory() -> None:
    session = _outcome("join with a session key", "createSession")
    assert session.identity.category == "key-1"
    assert len(session.identity.name) == 36
    assert [endpoint.type for endpoint in session.endpoints] == [1]


def test_a_refused_join_is_a_sliced_permission_denied() -> None:
    error = _raised("join refused", "createSession", PermissionDeniedException)
    assert error.reason == "no such session"
    _raised("join refused", "destroySession", SessionNotExistException)


def test_projection() -> None:
    rows = _outcome("projection of ids", "projection")
    assert [[unwrap(column) for column in row] for row in rows] == [[1000011, 11, 5, 7], [1000012, 12, 3, 7]]


def test_projection_parameters() -> None:
    request = next(request for _, request, _, _ in _calls() if request.operation == "projection")
    query, parameters = IQUERY["projection"].decode_arguments(request.parameters)
    assert query.startswith("select p.id, i.id")
    assert isinstance(parameters, Parameters)
    ids = parameters.map["ids"]
    assert isinstance(ids, RList)
    assert [unwrap(value) for value in ids.val] == [11, 12, 1404]


def test_query_exception_is_compact_and_keeps_its_most_derived_type() -> None:
    error = _raised("projection with bad HQL", "projection", QueryException)
    assert error.message == "bad hql"
    assert str(error) == "omero.QueryException: bad hql"


def test_thumbnails() -> None:
    jpeg = _outcome("getThumbnailByLongestSide 96", "getThumbnailByLongestSide")
    assert jpeg[:4] == b"\xff\xd8\xff\xe0"
    several = _outcome("getThumbnailByLongestSideSet", "getThumbnailByLongestSideSet")
    assert list(several) == [1000011, 1000888]
    assert several[1000011][:4] == b"\xff\xd8\xff\xe0"
    assert several[1000888] == b""


def test_resource_error() -> None:
    error = _raised("omero.ResourceError", "getThumbnailByLongestSide", ResourceError)
    assert error.message == "cannot render"
    assert error.serverExceptionClass == "ome.conditions.ResourceError"


def test_unknown_exception_and_object_not_exist() -> None:
    assert "AttributeError" in str(
        _raised("getThumbnailByLongestSide, size null", "getThumbnailByLongestSide", UnknownException)
    )
    error = _raised("ThumbnailStore.close", "setPixelsId", ObjectNotExistException)
    assert error.operation == "setPixelsId"


def test_event_context() -> None:
    context = _outcome("getEventContext", "getEventContext")
    assert isinstance(context, EventContext)
    assert (context.userId, context.memberOfGroups, context.isAdmin) == (7, [1, 3, 4, 5], False)
    assert context.groupPermissions is not None
    assert context.groupPermissions.perm1 == -1
    assert "key-1" not in repr(context)
