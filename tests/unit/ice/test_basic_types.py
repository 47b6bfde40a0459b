"""Slice's basic types: their bytes, their limits, and what is not one of them."""

from __future__ import annotations

import math
from typing import Any

import pytest

from omero_ms_thumbnail.ice.errors import MarshalException
from omero_ms_thumbnail.ice.streams import InputStream, OutputStream
from omero_ms_thumbnail.ice.types import (
    BOOL,
    BYTE,
    BYTE_SEQ,
    CONTEXT,
    DOUBLE,
    FLOAT,
    INT,
    LONG,
    LONG_SEQ,
    SHORT,
    STRING,
    VOID,
    SliceType,
)
from tests.unit.ice.coding import decoded, encoded


@pytest.mark.parametrize(
    ("kind", "value", "hexadecimal"),
    [
        (BOOL, False, "00"),
        (BOOL, True, "01"),
        (BYTE, 0, "00"),
        (BYTE, 255, "ff"),
        (SHORT, -(2**15), "0080"),
        (SHORT, 2**15 - 1, "ff7f"),
        (INT, -(2**31), "00000080"),
        (INT, 2**31 - 1, "ffffff7f"),
        (LONG, -(2**63), "0000000000000080"),
        (LONG, 2**63 - 1, "ffffffffffffff7f"),
        (FLOAT, 1.0, "0000803f"),
        (FLOAT, -math.inf, "000080ff"),
        (DOUBLE, 1.0, "000000000000f03f"),
        (DOUBLE, 5e-324, "0100000000000000"),
        (STRING, "", "00"),
        (STRING, "aµ", "0361c2b5"),
        (BYTE_SEQ, b"\x00\xff", "0200ff"),
        (LONG_SEQ, [1], "010100000000000000"),
        (CONTEXT, {"k": "v"}, "01016b0176"),
        (VOID, None, ""),
    ],
)
def test_written_and_read(kind: SliceType[Any], value: Any, hexadecimal: str) -> None:
    assert encoded(kind, value).hex() == hexadecimal
    assert decoded(kind, bytes.fromhex(hexadecimal)) == value


@pytest.mark.parametrize("kind", [FLOAT, DOUBLE])
def test_not_a_number(kind: SliceType[float]) -> None:
    assert math.isnan(decoded(kind, encoded(kind, math.nan)))


def test_a_bool_is_true_for_any_byte_but_0() -> None:
    assert decoded(BOOL, b"\x02") is True


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        (BYTE, -1),
        (BYTE, 256),
        (BYTE, "a"),
        (BYTE, None),
        (SHORT, 2**15),
        (SHORT, -(2**15) - 1),
        (INT, 2**31),
        (INT, -(2**31) - 1),
        (INT, 1.5),
        (INT, None),
        (LONG, 2**63),
        (LONG, -(2**63) - 1),
        (LONG, "1"),
        (FLOAT, 1e39),
        (FLOAT, "1"),
        (DOUBLE, None),
        (STRING, None),
        (STRING, b"bytes"),
        (STRING, "\ud800"),
        (BYTE_SEQ, "text"),
        (BYTE_SEQ, None),
        (BYTE_SEQ, [256]),
        (LONG_SEQ, None),
        (LONG_SEQ, 5),
        (LONG_SEQ, ["1"]),
        (CONTEXT, None),
        (CONTEXT, ["k"]),
        (CONTEXT, {"k": None}),
    ],
)
def test_what_is_not_of_the_type_cannot_be_written(kind: SliceType[Any], value: Any) -> None:
    with pytest.raises(MarshalException):
        kind.write(OutputStream(), value)


@pytest.mark.parametrize("data", [b"\x01\xff", b"\x02\xc3(", b"\x03\xed\xa0\x80", b"\x02\xc0\x80"])
def test_a_string_that_is_not_utf_8_is_refused(data: bytes) -> None:
    with pytest.raises(MarshalException, match="UTF-8"):
        decoded(STRING, data)


def test_a_refused_string_is_not_in_the_message() -> None:
    with pytest.raises(MarshalException) as info:
        decoded(STRING, b"\x07secret\xff")
    assert "secret" not in str(info.value)
    assert info.value.__suppress_context__


def test_a_slice_of_a_message_ends_where_it_says() -> None:
    inp = InputStream(b"\x01\x02\x03\x04", position=1, end=3)
    assert inp.remaining == 2
    inp.skip(1)
    assert inp.read_byte() == 3
    with pytest.raises(MarshalException):
        inp.read_byte()


def test_a_count_cannot_go_back() -> None:
    inp = InputStream(b"\x01\x02")
    inp.skip(1)
    with pytest.raises(MarshalException):
        inp.skip(-1)
