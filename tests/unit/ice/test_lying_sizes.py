"""A size that the bytes behind it cannot fill is refused before anything is allocated for it."""

from __future__ import annotations

import tracemalloc
from typing import Any

import pytest

from omero_ms_thumbnail.ice.errors import MarshalException
from omero_ms_thumbnail.ice.references import PROXY
from omero_ms_thumbnail.ice.streams import InputStream
from omero_ms_thumbnail.ice.types import (
    BOOL_SEQ,
    BYTE_SEQ,
    CONTEXT,
    DOUBLE,
    LONG,
    STRING,
    STRING_SEQ,
    Dictionary,
    Sequence,
    SliceType,
)
from tests.unit.ice.coding import decoded
from tests.unit.ice.sample import NODE

COUNTED: dict[str, SliceType[Any]] = {
    "string": STRING,
    "bytes": BYTE_SEQ,
    "bools": BOOL_SEQ,
    "doubles": Sequence(DOUBLE),
    "strings": STRING_SEQ,
    "rows": Sequence(Sequence(LONG)),
    "context": CONTEXT,
    "numbers": Dictionary(LONG, DOUBLE),
    "proxies": Sequence(PROXY),
    "classes": Sequence(NODE),
    "classes by name": Dictionary(STRING, NODE),
}
LONGEST = b"\xff\xff\xff\xff\x7f"
#: of memory, what a refusal may take: the exception, its message and its frames
REFUSAL = 20_000


def _refused(kind: SliceType[Any], data: bytes) -> None:
    tracemalloc.start()
    try:
        with pytest.raises(MarshalException):
            decoded(kind, data)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < REFUSAL


@pytest.mark.parametrize("kind", COUNTED.values(), ids=COUNTED)
def test_the_longest_size(kind: SliceType[Any]) -> None:
    _refused(kind, LONGEST + bytes(12))


@pytest.mark.parametrize("kind", COUNTED.values(), ids=COUNTED)
def test_one_more_than_there_is(kind: SliceType[Any]) -> None:
    _refused(kind, bytes([13]) + bytes(12))


@pytest.mark.parametrize("kind", COUNTED.values(), ids=COUNTED)
def test_a_negative_size(kind: SliceType[Any]) -> None:
    _refused(kind, b"\xff\xff\xff\xff\xff" + bytes(12))


def test_elements_of_a_known_size_are_counted_with_it() -> None:
    # 3 doubles could never stand in 23 bytes, which is known before the first is read
    with pytest.raises(MarshalException, match="3 elements cannot stand in the 23 bytes"):
        decoded(Sequence(DOUBLE), b"\x03" + bytes(23))


def test_a_lie_inside() -> None:
    _refused(Sequence(STRING_SEQ), b"\x02" + b"\x00" + LONGEST)


@pytest.mark.parametrize("size", [-1, 0, 5, 8, 2**31 - 1])
def test_an_encapsulation(size: int) -> None:
    data = size.to_bytes(4, "little", signed=True) + b"\x01\x01" + b"x"
    with pytest.raises(MarshalException, match=f"says that it has {size} bytes, 7 are left"):
        InputStream(data).read_encapsulation()
