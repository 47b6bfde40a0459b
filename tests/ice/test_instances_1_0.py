"""Class instances in encoding 1.0, byte by byte. Source: "Data Encoding for Classes", on the 1.0 encoding."""

from __future__ import annotations

import pytest

from omero_ms_thumbnail.ice.errors import MarshalException, NoValueFactoryException
from omero_ms_thumbnail.ice.streams import ENCODING_1_0
from omero_ms_thumbnail.ice.types import Sequence
from tests.ice.coding import decoded, encoded
from tests.ice.instance_bytes import last_slice_1_0, number, slice_1_0, text
from tests.ice.sample import NODE, SHAPE, Circle, Node, Shape, unknown

SHAPES = Sequence(SHAPE)
DOUBLE_1 = bytes.fromhex("000000000000f03f")
#: what a parameter refers to its first instance with
FIRST = number(-1)


def test_null() -> None:
    assert encoded(SHAPE, None, ENCODING_1_0) == number(0) + b"\x00"
    assert decoded(SHAPE, number(0) + b"\x00", ENCODING_1_0) is None


def test_an_instance_stands_behind_everything_with_the_slice_of_the_root_at_its_end() -> None:
    slices = slice_1_0("::Sample::Circle", DOUBLE_1) + slice_1_0("::Sample::Shape", text("c")) + last_slice_1_0()
    expected = FIRST + b"\x01" + number(1) + slices + b"\x00"
    assert encoded(SHAPE, Circle("c", 1.0), ENCODING_1_0) == expected
    assert decoded(SHAPE, expected, ENCODING_1_0) == Circle("c", 1.0)


def test_a_type_is_named_once_and_then_by_its_number() -> None:
    data = encoded(SHAPES, [Shape("a"), Shape("b")], ENCODING_1_0)
    assert data.endswith(number(2) + slice_1_0(1, text("b")) + slice_1_0(2, b"\x00") + b"\x00")
    assert data.count(b"::Sample::Shape") == data.count(b"::Ice::Object") == 1
    assert decoded(SHAPES, data, ENCODING_1_0) == [Shape("a"), Shape("b")]


def test_shared_instances() -> None:
    shared = Shape("s")
    data = encoded(SHAPES, [shared, None, shared], ENCODING_1_0)
    assert data.startswith(b"\x03" + FIRST + number(0) + FIRST + b"\x01")
    returned = decoded(SHAPES, data, ENCODING_1_0)
    assert returned == [shared, None, shared]
    assert returned[0] is returned[2]


def test_a_cycle_through_instances_that_come_in_several_portions() -> None:
    first, second, third = Node(1), Node(2), Node(3)
    first.next, second.next, third.next = second, third, first
    data = encoded(NODE, first, ENCODING_1_0)
    assert data.startswith(FIRST + b"\x01" + number(1))
    returned = decoded(NODE, data, ENCODING_1_0)
    assert returned.next.next.next is returned
    assert returned.next is not returned


def test_instances_may_come_in_any_order() -> None:
    shape = slice_1_0("::Sample::Shape", text("b")) + last_slice_1_0()
    again = slice_1_0(1, text("a")) + slice_1_0(2, b"\x00")
    data = b"\x02" + number(-1) + number(-2) + b"\x02" + number(2) + shape + number(1) + again + b"\x00"
    assert decoded(SHAPES, data, ENCODING_1_0) == [Shape("a"), Shape("b")]


def test_a_chain_of_any_length_is_read_without_recursion() -> None:
    last: Node | None = None
    for index in range(5_000):
        last = Node(index, last)
    returned = decoded(NODE, encoded(NODE, last, ENCODING_1_0), ENCODING_1_0)
    count = 0
    while returned is not None:
        returned, count = returned.next, count + 1
    assert count == 5_000


def test_what_a_newer_peer_adds_to_a_slice_is_passed_over() -> None:
    slices = slice_1_0("::Sample::Shape", text("c") + b"added") + last_slice_1_0()
    data = FIRST + b"\x01" + number(1) + slices + b"\x00"
    assert decoded(SHAPE, data, ENCODING_1_0) == Shape("c")


_SHAPE = slice_1_0("::Sample::Shape", text("c"))


@pytest.mark.parametrize(
    ("data", "message"),
    [
        pytest.param(number(1) + b"\x00", "reference to a class instance is positive", id="a positive reference"),
        pytest.param(FIRST + b"\x00", "referred to and never sent", id="no instance"),
        pytest.param(
            FIRST + b"\x01" + number(2) + _SHAPE + last_slice_1_0() + b"\x00",
            "referred to and never sent",
            id="another instance",
        ),
        pytest.param(
            FIRST + b"\x01" + number(1) + slice_1_0(1, text("c")) + bytes(9), "index 1", id="a type id of nothing"
        ),
        pytest.param(
            FIRST + b"\x01" + number(1) + slice_1_0("::Sample::Shape", text("c"), lie=1),
            "lies about its size",
            id="a size beyond the end",
        ),
        pytest.param(
            FIRST + b"\x01" + number(1) + slice_1_0("::Sample::Shape", text("c"), lie=-1) + bytes(9),
            "longer than it says",
            id="a size too small",
        ),
        pytest.param(
            FIRST + b"\x01" + number(1) + slice_1_0("::Sample::Shape", text("c"), lie=-4) + bytes(9),
            "lies about its size",
            id="a size smaller than itself",
        ),
        pytest.param(
            FIRST + b"\x01" + number(1) + slice_1_0("::Sample::Circle", DOUBLE_1) + last_slice_1_0() + b"\x00",
            "::Sample::Shape is missing",
            id="a missing slice",
        ),
        pytest.param(FIRST + b"\x01" + number(1) + _SHAPE + b"\x00", "cannot stand|expected", id="no last slice"),
    ],
)
def test_what_is_malformed_is_refused(data: bytes, message: str) -> None:
    with pytest.raises(MarshalException, match=message):
        decoded(SHAPE, data, ENCODING_1_0)


def test_an_instance_without_a_known_type_is_named() -> None:
    data = encoded(SHAPE, Circle("c", 1.0), ENCODING_1_0)
    with unknown(Circle, Shape), pytest.raises(NoValueFactoryException) as info:
        decoded(SHAPE, data, ENCODING_1_0)
    assert info.value.type_id == "::Sample::Circle"


def test_another_class_than_the_one_that_should_be_there_is_refused() -> None:
    with pytest.raises(MarshalException, match="::Sample::Shape came where ::Sample::Node should be"):
        decoded(NODE, encoded(SHAPE, Shape("s"), ENCODING_1_0), ENCODING_1_0)
