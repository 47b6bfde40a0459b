"""Values that take far more memory than their bytes are refused when they have taken what is allowed."""

from __future__ import annotations

import tracemalloc
from typing import Any

import pytest

from omero_ms_thumbnail.ice.errors import MemoryLimitException
from omero_ms_thumbnail.ice.references import PROXY
from omero_ms_thumbnail.ice.streams import InputStream
from omero_ms_thumbnail.ice.types import BYTE_SEQ, LONG, STRING, STRING_SEQ, Dictionary, Sequence, SliceType
from tests.unit.ice.instance_bytes import ID_INDEX, ID_STRING, LAST, SIZE, TABLE, number, slice_1_1, text
from tests.unit.ice.sample import NODE, SHAPE, TAGGED

ALLOWED = 400_000
#: more than fits into what is allowed, of anything that takes as little as a byte
MANY = 20_000


def _size(count: int) -> bytes:
    return b"\xff" + number(count)


_TAGGED_AGAIN = b"\x01" + bytes([ID_INDEX | LAST]) + b"\x01" + number(1)

EXPENSIVE: dict[str, tuple[SliceType[Any], bytes]] = {
    "empty strings": (STRING_SEQ, _size(MANY) + bytes(MANY)),
    "empty rows": (Sequence(Sequence(LONG)), _size(MANY) + bytes(MANY)),
    "empty byte sequences by number": (
        Dictionary(LONG, BYTE_SEQ),
        _size(MANY) + b"".join(i.to_bytes(8, "little") + b"\x00" for i in range(MANY)),
    ),
    "nulls": (Sequence(SHAPE), _size(MANY) + bytes(MANY)),
    "proxies": (Sequence(PROXY), _size(MANY) + (text("n") + bytes(10)) * MANY),
    "instances": (
        Sequence(TAGGED),
        _size(MANY) + b"\x01" + slice_1_1(ID_STRING | LAST, "::Sample::Tagged", number(1)) + _TAGGED_AGAIN * (MANY - 1),
    ),
    "references that wait": (
        NODE,
        b"\x01"
        + slice_1_1(
            ID_STRING | SIZE | TABLE | LAST, "::Sample::Node", bytes(5) + _size(MANY) + b"\x01" * MANY + b"\x00"
        )
        + b"\x01\x02",
    ),
    "a string of wide characters": (STRING, text("a" * 300_000 + "\U0001f52c")),
}


@pytest.mark.parametrize("name", EXPENSIVE)
def test_what_takes_more_is_refused_before_it_has(name: str) -> None:
    kind, data = EXPENSIVE[name]
    inp = InputStream(data, allowance=ALLOWED)
    tracemalloc.start()
    try:
        with pytest.raises(MemoryLimitException, match="more memory than MessageSizeMax"):
            kind.read_into(inp, lambda _value: None)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 1.1 * ALLOWED + 50_000


@pytest.mark.parametrize("name", EXPENSIVE)
def test_what_it_takes_is_what_is_counted(name: str) -> None:
    kind, data = EXPENSIVE[name]
    before = 1 << 30
    inp = InputStream(data, allowance=before)
    kept: list[Any] = []
    tracemalloc.start()
    try:
        kind.read_into(inp, kept.append)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    # the frames of the reader itself come on top
    assert peak < before - inp.allowance + 10_000


def test_an_encapsulation_has_what_is_left() -> None:
    inp = InputStream(_size(10) + bytes(10) + number(6) + b"\x01\x01", allowance=ALLOWED)
    BYTE_SEQ.read(inp)
    assert inp.read_encapsulation().allowance == inp.allowance < ALLOWED


def test_what_omero_really_sends_is_far_from_it() -> None:
    row = b"\x04" + b"".join(b"\x01" + slice_1_1(ID_STRING | LAST, "::Sample::Tagged", number(i)) for i in range(4))
    # a projection of facts about a thousand images
    inp = InputStream(_size(1_000) + row * 1_000)
    began = inp.allowance
    Sequence(Sequence(TAGGED)).read_into(inp, lambda _value: None)
    assert began - inp.allowance < 3_000_000
