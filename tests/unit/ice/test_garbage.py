"""A call leaves nothing behind that only the garbage collector can free: its pauses are the slowest answers."""

from __future__ import annotations

import gc
from collections.abc import Iterator

import pytest

from omero_ms_thumbnail.ice.encoding import ClassType
from omero_ms_thumbnail.ice.messages import OperationMode, Reply, ReplyStatus
from omero_ms_thumbnail.ice.operations import Operation
from omero_ms_thumbnail.ice.streams import InputStream
from omero_ms_thumbnail.ice.types import Sequence
from omero_ms_thumbnail.omero.exceptions import ApiUsageException
from omero_ms_thumbnail.omero.rtypes import RLong, RType, rlong_list

RTYPES = Sequence(ClassType(RType))


@pytest.fixture(autouse=True)
def no_collections() -> Iterator[None]:
    gc.collect()
    gc.disable()
    yield
    gc.enable()


@pytest.mark.parametrize("sliced", [False, True])
def test_instances_go_when_the_call_has_ended(sliced: bool) -> None:
    operation = Operation(
        "ask", OperationMode.NORMAL, (("ids", RTYPES),), RTYPES, throws=(ApiUsageException,), sliced=sliced
    )
    values = [RLong(1), rlong_list([2, 3]), None]
    gc.collect()
    sent = operation.encode_arguments([values])
    (received,) = operation.decode_arguments(InputStream(sent))
    content = InputStream(operation.encode_result(received))
    returned = operation.decode_reply(Reply(1, ReplyStatus.OK, content=content))
    assert returned == values
    refusal = ApiUsageException()
    refusal.serverStackTrace = refusal.serverExceptionClass = ""
    refusal.message = "no"
    thrown = operation.encode_exception(refusal)
    assert gc.collect() == 0, "arguments, results and exceptions that are sent"
    with pytest.raises(ApiUsageException):
        operation.decode_reply(Reply(1, ReplyStatus.USER_EXCEPTION, content=InputStream(thrown)))
