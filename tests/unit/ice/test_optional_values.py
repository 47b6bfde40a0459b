"""Optional members, parameters and results: OMERO has none, a newer peer may; each is passed over by its own format.

Source: "Data Encoding for Optional Values". That Ice's own are passed over is in `test_official_server`.
"""

from __future__ import annotations

from typing import Any

import pytest

from omero_ms_thumbnail.ice.errors import MarshalException
from omero_ms_thumbnail.ice.messages import OperationMode, Reply, ReplyStatus
from omero_ms_thumbnail.ice.operations import Operation
from omero_ms_thumbnail.ice.streams import InputStream
from omero_ms_thumbnail.ice.types import INT, SliceType
from tests.unit.ice.coding import decoded
from tests.unit.ice.instance_bytes import ID_STRING, LAST, OPTIONALS, SIZE, TABLE, number, slice_1_1, text
from tests.unit.ice.sample import SHAPE, TAGGED, Shape, Tagged

END = b"\xff"
SHAPE_S = b"\x01" + slice_1_1(ID_STRING | LAST, "::Sample::Shape", text("s"))


def optional(tag: int, kind: int, content: bytes) -> bytes:
    """A tag below 30 stands in the byte of the format, another behind it."""
    return (bytes([tag << 3 | kind]) if tag < 30 else bytes([30 << 3 | kind, tag])) + content


EVERY_FORMAT = {
    "one byte": optional(1, 0, b"\x01"),
    "two bytes": optional(2, 1, b"\x01\x02"),
    "four bytes": optional(3, 2, b"\x01\x02\x03\x04"),
    "eight bytes": optional(4, 3, bytes(8)),
    "a size": optional(5, 4, b"\x07"),
    "a long size": optional(5, 4, b"\xff\x00\x01\x00\x00"),
    "a string": optional(6, 5, text("text")),
    "a sequence of strings": optional(7, 6, number(3) + b"\x01" + text("a")),
    "an instance": optional(8, 7, SHAPE_S),
    "a null instance": optional(8, 7, b"\x00"),
    "a large tag": optional(200, 0, b"\x01"),
}


def _result(kind: SliceType[Any], content: bytes) -> Any:
    operation = Operation("some", OperationMode.NORMAL, (), kind)
    return operation.decode_reply(Reply(1, ReplyStatus.OK, InputStream(content)))


@pytest.mark.parametrize("name", EVERY_FORMAT)
def test_behind_a_result(name: str) -> None:
    assert _result(INT, number(5) + EVERY_FORMAT[name]) == 5


def test_several_behind_a_result_of_a_class() -> None:
    assert _result(SHAPE, SHAPE_S + b"".join(EVERY_FORMAT.values())[: -len(EVERY_FORMAT["a large tag"])]) == Shape("s")


@pytest.mark.parametrize("flags", [0, SIZE], ids=["compact", "sliced"])
def test_in_a_slice(flags: int) -> None:
    members = number(5) + b"".join(EVERY_FORMAT.values()) + END
    data = b"\x01" + slice_1_1(ID_STRING | LAST | OPTIONALS | flags, "::Sample::Tagged", members)
    assert decoded(TAGGED, data) == Tagged(5)


def test_an_instance_in_a_slice_with_a_table() -> None:
    members = number(5) + optional(8, 7, b"\x01") + END
    flags = ID_STRING | LAST | OPTIONALS | SIZE | TABLE
    data = b"\x01" + slice_1_1(flags, "::Sample::Tagged", members, table=b"\x01" + SHAPE_S)
    assert decoded(TAGGED, data) == Tagged(5)


@pytest.mark.parametrize(
    "content",
    [
        optional(1, 0, b""),
        optional(3, 2, b"\x01\x02\x03"),
        optional(6, 5, b"\x05text"),
        optional(7, 6, number(-1)),
        optional(7, 6, number(2**31 - 1)),
        optional(8, 7, b"\x09"),
        END + b"more",
    ],
)
def test_what_is_malformed_is_refused(content: bytes) -> None:
    with pytest.raises(MarshalException):
        _result(INT, number(5) + content)
