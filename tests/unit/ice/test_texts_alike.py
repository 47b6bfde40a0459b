"""A query's answer of thousands of texts is read in one step each: it says the same as reading them one by one."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from omero_ms_thumbnail.ice import encoding
from omero_ms_thumbnail.ice.errors import IceException
from omero_ms_thumbnail.ice.streams import InputStream, OutputStream
from omero_ms_thumbnail.ice.types import Sequence
from omero_ms_thumbnail.omero.rtypes import RTYPE, RLong, RString, RType

ROWS = Sequence(Sequence(RTYPE))
LENGTHS = [0, 1, 253, 254, 255, 256, 70_000]


def written(rows: list[list[RType | None]]) -> bytes:
    out = OutputStream()
    ROWS.write(out, rows)
    return bytes(out.buffer)


def read(data: bytes, allowance: int = 10_000_000) -> tuple[Any, int, int]:
    """What comes of it, or the kind of what is raised; where reading ended, and what memory was left for."""
    inp = InputStream(data, allowance=allowance)
    read: list[Any] = []
    try:
        ROWS.read_into(inp, read.append)
    except IceException as error:
        return type(error), 0, 0
    return read[0], inp.position, inp.allowance


def one_by_one(data: bytes, allowance: int = 10_000_000) -> tuple[Any, int, int]:
    """The same, without what is remembered of those before."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(encoding.InstanceReader, "_remember_form", lambda *_: None)
        return read(data, allowance)


COLUMNS = st.one_of(
    st.none(), st.builds(RString, st.text(max_size=300)), st.builds(RLong, st.integers(-(2**63), 2**63 - 1))
)


@given(st.lists(st.lists(COLUMNS, max_size=4), max_size=12))
def test_whatever_the_columns_are(rows: list[list[RType | None]]) -> None:
    data = written(rows)
    assert read(data) == one_by_one(data)
    assert read(data)[0] == rows


def test_texts_of_every_length() -> None:
    rows: list[list[RType | None]] = [[RString("ä" * (length // 2) + "x" * (length % 2))] for length in LENGTHS * 2]
    assert read(written(rows))[0] == rows


@pytest.mark.parametrize("columns", [1, 3])
def test_cut_off_or_changed_anywhere(columns: int) -> None:
    data = written([[RString(f"{row} {column} é") for column in range(columns)] for row in range(4)])
    for at in range(len(data)):
        assert read(data[:at]) == one_by_one(data[:at])
        for byte in (0, 1, 2, 0x20, 0x7F, 0xFF, data[at] ^ 1):
            changed = data[:at] + bytes([byte]) + data[at + 1 :]
            assert read(changed) == one_by_one(changed), (at, byte)


def test_memory_is_counted_alike() -> None:
    data = written([[RString("x" * 100)] for _ in range(20)])
    for allowance in range(0, 30_000, 97):
        assert read(data, allowance) == one_by_one(data, allowance)


def test_they_are_read_in_one_step_each(monkeypatch: pytest.MonkeyPatch) -> None:
    begun = 0
    read_instance = encoding.InstanceReader._read_instance

    def counted(self: encoding.InstanceReader) -> int:
        nonlocal begun
        begun += 1
        return read_instance(self)

    monkeypatch.setattr(encoding.InstanceReader, "_read_instance", counted)
    read(written([[RString(f"row {row}")] for row in range(100)]))
    assert begun == 2
