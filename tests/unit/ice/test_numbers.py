"""Instances of numbers, of which all but the first few are written and read at once: as if they were not."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from omero_ms_thumbnail.ice.encoding import ClassType
from omero_ms_thumbnail.ice.errors import IceException, MarshalException, MemoryLimitException
from omero_ms_thumbnail.ice.instance_reader import CLASS_GRAPH_DEPTH_MAX, INSTANCE_BYTES, InstanceReader
from omero_ms_thumbnail.ice.instance_writer import InstanceWriter
from omero_ms_thumbnail.ice.streams import InputStream, OutputStream
from omero_ms_thumbnail.ice.types import Sequence
from omero_ms_thumbnail.omero.rtypes import RBool, RDouble, RFloat, RInt, RList, RLong, RString, RTime, RType

RTYPES = Sequence(ClassType(RType))

NUMBERS = st.one_of(
    st.builds(RLong, st.integers(-(2**63), 2**63 - 1)),
    st.builds(RInt, st.integers(-(2**31), 2**31 - 1)),
    st.builds(RTime, st.integers(0, 2**40)),
    st.builds(RDouble, st.floats(allow_nan=False)),
    st.builds(RFloat, st.floats(width=32, allow_nan=False)),
)
LEAVES = st.one_of(NUMBERS, st.builds(RString, st.text(max_size=5)), st.builds(RBool, st.booleans()), st.none())
VALUES = st.recursive(LEAVES, lambda inner: st.builds(RList, st.lists(inner, max_size=6)), max_leaves=30)


def write(values: list[RType | None], *, sliced: bool = False) -> bytes:
    out = OutputStream(sliced=sliced)
    RTYPES.write(out, values)
    return bytes(out.buffer)


def read(data: bytes, end: int | None = None) -> Any:
    """The values in ``data[:end]`` and what else a reader knows behind them, or the class of what was raised."""
    inp = InputStream(data, end=end)
    found: list[Any] = []
    try:
        RTYPES.read_into(inp, found.append)
    except IceException as error:
        return type(error)
    return found[0], inp.position, inp.allowance


def step_by_step(do: Callable[..., Any], *arguments: Any, **options: Any) -> Any:
    """The same without anything learned."""
    with pytest.MonkeyPatch.context() as patch:
        for side in (InstanceWriter, InstanceReader):
            patch.setattr(side, "_remember_form", lambda *_: None)
        return do(*arguments, **options)


def test_what_three_longs_look_like() -> None:
    first = b"\x01\x01\x0e::omero::RLong" + (1).to_bytes(8, "little") + b"\x20"
    others = b"".join(b"\x01\x02\x01" + number.to_bytes(8, "little") + b"\x20" for number in (2, 3))
    data = b"\x03" + first + others
    assert write([RLong(1), RLong(2), RLong(3)]) == data
    values, position, _ = read(data)
    assert values == [RLong(1), RLong(2), RLong(3)]
    assert position == len(data)


@given(st.lists(VALUES, max_size=30), st.booleans())
def test_written_and_read_as_step_by_step(values: list[RType | None], sliced: bool) -> None:
    data = write(values, sliced=sliced)
    assert data == step_by_step(write, values, sliced=sliced)
    assert read(data) == step_by_step(read, data)
    assert read(data)[0] == values


@given(st.lists(NUMBERS, min_size=3, max_size=5), st.data())
def test_damaged_bytes_are_read_as_step_by_step(values: list[RType | None], data: st.DataObject) -> None:
    damaged = bytearray(write(values))
    # from behind, where what was learned from the others is used
    at = -data.draw(st.integers(1, min(26, len(damaged))))
    damaged[at] = data.draw(st.sampled_from([0, 1, 2, 3, 4, 8, 0x10, 0x12, 0x20, 0x22, 0x30, 254, 255]))
    # as they are shown, since what was a number may have become none, which no other equals
    assert repr(read(bytes(damaged))) == repr(step_by_step(read, bytes(damaged)))


def test_an_instance_that_stands_there_twice_is_one() -> None:
    shared = RLong(3)
    (found, _, _) = read(write([RLong(1), RLong(2), shared, shared, RLong(4), shared]))
    assert found[2] is found[3] is found[5]
    assert [one.val for one in found] == [1, 2, 3, 3, 4, 3]


def test_a_later_reference_leads_to_one_that_was_read_at_once() -> None:
    values = [RLong(number) for number in range(5)]
    assert read(write([*values, RList([*values])]))[0][5].val == values


@pytest.mark.parametrize("wrong", [2**63, "3", None, 1.5])
def test_what_is_no_number_is_refused_in_words(wrong: Any) -> None:
    with pytest.raises(MarshalException, match="is not a Slice long"):
        write([RLong(1), RLong(2), RLong(wrong)])


def long(number: int, tail: bytes = b"\x20") -> bytes:
    """An RLong behind the first, whose type has index 1."""
    return b"\x01\x02\x01" + number.to_bytes(8, "little") + tail


FIRST = b"\x01\x01\x0e::omero::RLong" + bytes(8) + b"\x20"


def test_the_base_slices_of_another_peer_are_read_too() -> None:
    """IcePy ends some chains with an empty slice of ``::Ice::Object``, and one may stand among others that do not."""
    of_object = b"\x00\x20"
    data = (
        b"\x07"
        + FIRST
        + b"".join((long(1, of_object), long(2, of_object), long(3), long(4), long(5, of_object), long(6)))
    )
    assert [one.val for one in read(data)[0]] == [0, 1, 2, 3, 4, 5, 6]
    assert read(data) == step_by_step(read, data)


def test_a_slice_that_says_more_is_read_whole() -> None:
    """Each names its base's type in full, which gives that another index."""
    named = b"\x21\x0e::omero::RType"
    other = b"\x01\x01\x0d::omero::RInt" + bytes(4) + b"\x20"
    last = b"\x01\x02\x04" + (7).to_bytes(4, "little") + b"\x20"
    data = b"\x05" + FIRST + long(1, named) * 2 + other + last
    assert read(data)[0] == [RLong(0), RLong(1), RLong(1), RInt(0), RInt(7)]


def test_nothing_behind_the_end_is_read() -> None:
    data = b"\x03" + FIRST + long(1) + long(2)
    assert isinstance(read(data), tuple)
    for missing in range(1, 12):
        assert read(data, len(data) - missing) is MarshalException


def test_members_that_refer_to_a_table_are_no_instances() -> None:
    """They look like a long: 1, 2, 1, eight more, and 32."""
    references = long(0x0101_0101_0101_0101)
    slice_of_list = len(references).to_bytes(1) + references
    table = b"\x20" + b"\x02" * 0x20
    size = (4 + len(slice_of_list)).to_bytes(4, "little")
    # of an RList its own slice has no members, and the next has them, and a table
    instance = b"\x01\x01\x0e::omero::RList\x19\x14::omero::RCollection" + size + slice_of_list + table + b"\x20"
    data = b"\x03" + FIRST + long(1) + instance
    found = read(data)
    assert found == step_by_step(read, data)
    assert found[0][2].val == [RLong(0)] * len(references)


def test_numbers_are_not_nested_deeper_than_others() -> None:
    def nested(depth: int) -> bytes:
        innermost: RType = RLong(3)
        for _ in range(depth):
            innermost = RList([innermost])
        return write([RLong(1), RLong(2), innermost])

    assert isinstance(read(nested(CLASS_GRAPH_DEPTH_MAX - 1)), tuple)
    assert read(nested(CLASS_GRAPH_DEPTH_MAX)) is MarshalException


@pytest.mark.parametrize("spare", [0, 255, 256, 1_000])
def test_numbers_take_no_more_memory_than_they_may(spare: int) -> None:
    data = write([RLong(number) for number in range(100)])
    allowance = 50 * INSTANCE_BYTES + spare

    def limited() -> Any:
        inp = InputStream(data, allowance=allowance)
        with pytest.raises(MemoryLimitException):
            RTYPES.read_into(inp, lambda _value: None)
        return inp.allowance

    assert limited() == step_by_step(limited)


def test_most_are_written_and_read_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Else the others here would compare a thing with itself."""
    slow: list[str] = []

    def counted(side: type, name: str) -> None:
        original = getattr(side, name)

        def count(*arguments: Any, **options: Any) -> Any:
            slow.append(name)
            return original(*arguments, **options)

        monkeypatch.setattr(side, name, count)

    counted(InstanceWriter, "_write_slices")
    counted(InstanceReader, "_read_instance")
    read(write([RLong(number) for number in range(9)]))
    assert slow == ["_write_slices", "_read_instance", "_read_instance"]
