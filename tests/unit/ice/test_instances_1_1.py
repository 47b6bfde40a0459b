"""Class instances in encoding 1.1, byte by byte. Source: "Data Encoding for Classes"."""

from __future__ import annotations

from typing import Any

import pytest

from omero_ms_thumbnail.ice.encoding import ClassType
from omero_ms_thumbnail.ice.errors import MarshalException, NoValueFactoryException
from omero_ms_thumbnail.ice.instance_reader import CLASS_GRAPH_DEPTH_MAX
from omero_ms_thumbnail.ice.types import Sequence
from omero_ms_thumbnail.omero.rtypes import RTYPE, RList, RLong, RType, unwrap
from omero_ms_thumbnail.omero.system import Parameters
from tests.unit.ice.coding import decoded, encoded
from tests.unit.ice.instance_bytes import ID_COMPACT, ID_INDEX, ID_STRING, LAST, SIZE, TABLE, number, slice_1_1, text
from tests.unit.ice.sample import NODE, SHAPE, Circle, Node, Shape, unknown

SHAPES = Sequence(SHAPE)
DOUBLE_1 = bytes.fromhex("000000000000f03f")


def test_null() -> None:
    assert encoded(SHAPE, None) == b"\x00"
    assert decoded(SHAPE, b"\x00") is None


def test_the_compact_format_names_the_most_derived_type_only() -> None:
    expected = b"\x01" + slice_1_1(ID_STRING, "::Sample::Circle", DOUBLE_1) + slice_1_1(LAST, b"", text("c"))
    assert encoded(SHAPE, Circle("c", 1.0)) == expected
    assert decoded(SHAPE, expected) == Circle("c", 1.0)


def test_the_sliced_format_names_every_type_and_its_size() -> None:
    expected = (
        b"\x01"
        + slice_1_1(ID_STRING | SIZE, "::Sample::Circle", DOUBLE_1)
        + slice_1_1(ID_STRING | SIZE | LAST, "::Sample::Shape", text("c"))
    )
    assert encoded(SHAPE, Circle("c", 1.0), sliced=True) == expected
    assert decoded(SHAPE, expected) == Circle("c", 1.0)


def test_a_type_is_named_once_and_then_by_its_number() -> None:
    expected = (
        b"\x03"
        + (b"\x01" + slice_1_1(ID_STRING | LAST, "::Sample::Shape", text("a")))
        + (b"\x01" + slice_1_1(ID_STRING, "::Sample::Circle", DOUBLE_1) + slice_1_1(LAST, b"", text("b")))
        + (b"\x01" + slice_1_1(ID_INDEX | LAST, b"\x01", text("c")))
    )
    shapes = [Shape("a"), Circle("b", 1.0), Shape("c")]
    assert encoded(SHAPES, shapes) == expected
    assert decoded(SHAPES, expected) == shapes


def test_an_instance_is_written_once_and_then_by_its_number() -> None:
    shared, other = Shape("s"), Shape("o")
    data = encoded(SHAPES, [shared, other, shared, other, None])
    # the first instance has number 2: 0 is null, and 1 says that an instance follows
    assert data.endswith(b"\x02\x03\x00")
    returned = decoded(SHAPES, data)
    assert returned == [shared, other, shared, other, None]
    assert returned[0] is returned[2]
    assert returned[1] is returned[3]


def test_equal_instances_are_not_one_instance() -> None:
    first, second = decoded(SHAPES, encoded(SHAPES, [Shape("s"), Shape("s")]))
    assert first == second
    assert first is not second


def test_an_instance_that_leads_to_itself() -> None:
    node = Node(1)
    node.next, node.others, node.named = node, [node], {"me": node}
    returned = decoded(NODE, encoded(NODE, node))
    assert returned.next is returned
    assert returned.others == [returned]
    assert returned.named == {"me": returned}


def test_members_of_the_sliced_format_refer_to_a_table_behind_the_slice() -> None:
    node, other = Node(1), Node(2)
    node.next, node.others = other, [None, other, node]
    members = number(1) + b"\x01" + b"\x03\x00\x01\x02" + b"\x00"
    of_other = slice_1_1(ID_INDEX | SIZE | LAST, b"\x01", number(2) + b"\x00" + b"\x00" + b"\x00")
    table = b"\x02" + (b"\x01" + of_other) + b"\x02"
    expected = b"\x01" + slice_1_1(ID_STRING | SIZE | TABLE | LAST, "::Sample::Node", members, table=table)
    assert encoded(NODE, node, sliced=True) == expected
    returned = decoded(NODE, expected)
    assert returned.others == [None, returned.next, returned]
    assert (returned.number, returned.next.number) == (1, 2)


def test_omero_s_parameters() -> None:
    parameters = Parameters(map={"ids": RList([RLong(2**40), None, RLong(-1)])})
    returned = decoded(ClassType(Parameters), encoded(ClassType(Parameters), parameters))
    assert returned == parameters
    ids = returned.map["ids"]
    assert isinstance(ids, RList)
    assert [unwrap(value) for value in ids.val] == [2**40, None, -1]


def test_a_class_without_members_of_its_own_has_an_empty_slice() -> None:
    data = encoded(RTYPE, RLong(7))
    assert data.endswith(number(7) + number(0) + bytes([LAST]))


def test_an_empty_slice_of_the_root_may_end_an_instance() -> None:
    # IcePy 3.6 writes it behind some instances
    data = b"\x01" + slice_1_1(ID_STRING, "::Sample::Shape", text("s")) + slice_1_1(LAST, b"", b"")
    assert decoded(SHAPE, data) == Shape("s")


def _of_shape(kind: type[Shape], flags: int = ID_STRING) -> bytes:
    return slice_1_1(flags, kind.ICE_ID, DOUBLE_1)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        pytest.param(b"\x02", "instance 2 was referred to and never sent", id="a number of nothing"),
        pytest.param(b"\xff\xff\xff\xff\x7f", "never sent", id="the largest number of nothing"),
        pytest.param(b"\x01" + slice_1_1(ID_INDEX | LAST, b"\x01", text("s")), "index 1", id="a type id of nothing"),
        pytest.param(b"\x01" + slice_1_1(ID_INDEX | LAST, b"\x00", text("s")), "index 0", id="a type id 0"),
        pytest.param(b"\x01" + _of_shape(Circle, ID_STRING | LAST), "::Sample::Shape is missing", id="a missing slice"),
        pytest.param(
            b"\x01" + slice_1_1(ID_STRING | SIZE | LAST, "::Sample::Shape", text("s"), lie=1),
            "lies about its size",
            id="a size beyond the end",
        ),
        pytest.param(
            b"\x01" + slice_1_1(ID_STRING | SIZE | LAST, "::Sample::Shape", text("s"), lie=-1) + b"\x00" * 9,
            "longer than it says",
            id="a size too small",
        ),
        pytest.param(
            b"\x01" + slice_1_1(ID_STRING | SIZE | LAST, "::Sample::Shape", text("s"), lie=-3) + b"\x00" * 9,
            "lies about its size",
            id="a size smaller than itself",
        ),
        pytest.param(
            b"\x01" + slice_1_1(ID_STRING | SIZE | LAST, "::Sample::Shape", b"", lie=-8) + b"\x00" * 9,
            "lies about its size",
            id="a negative size",
        ),
        pytest.param(
            b"\x01"
            + slice_1_1(ID_STRING | SIZE, "::Sample::Circle", DOUBLE_1)
            + slice_1_1(ID_STRING | SIZE | LAST, "::Sample::Other", text("c")),
            "::Sample::Shape is missing",
            id="another base",
        ),
        pytest.param(
            b"\x01" + slice_1_1(ID_STRING, "::Sample::Shape", text("s")) + slice_1_1(ID_STRING | LAST, "::A", b""),
            "::A is not known and has no size",
            id="an unknown base without a size",
        ),
    ],
)
def test_what_is_malformed_is_refused(data: bytes, message: str) -> None:
    with pytest.raises(MarshalException, match=message):
        decoded(SHAPE, data)


NODE_ALONE = number(1) + b"\x00" + b"\x00" + b"\x00"


@pytest.mark.parametrize(
    ("members", "table", "message"),
    [
        (number(1) + b"\x02\x00\x00", b"\x01\x02", "entry 2 of an indirection table is missing"),
        (number(1) + b"\x01\x00\x00", b"\x00", "entry 1 of an indirection table is missing"),
        (number(1) + b"\x01\x00\x00", b"\x01\x00", "instance 0"),
        (number(1) + b"\x01\x00\x00", b"\x01\x09", "instance 9"),
        (number(1) + b"\x01\x00\x00", b"\xff\xff\xff\xff\x7f\x02", "cannot stand in the 1 bytes"),
        (number(1) + b"\x01\x00\x00", b"", "expected"),
    ],
)
def test_a_malformed_indirection_table_is_refused(members: bytes, table: bytes, message: str) -> None:
    data = b"\x01" + slice_1_1(ID_STRING | SIZE | TABLE | LAST, "::Sample::Node", members, table=table)
    with pytest.raises(MarshalException, match=message):
        decoded(NODE, data)


def test_another_class_than_the_one_that_should_be_there_is_refused() -> None:
    with pytest.raises(MarshalException, match="::Sample::Shape came where ::Sample::Node should be"):
        decoded(NODE, encoded(SHAPE, Shape("s")))
    with pytest.raises(MarshalException, match="Shape is not a Node"):
        encoded(NODE, Shape("s"))
    with pytest.raises(MarshalException, match="::Sample::Shape came where ::omero::RType should be"):
        decoded(RTYPE, encoded(SHAPE, Shape("s")))


def test_an_unknown_class_in_the_compact_format_is_named() -> None:
    with unknown(Circle), pytest.raises(NoValueFactoryException, match="::Sample::Circle") as info:
        decoded(SHAPE, encoded(SHAPE, Circle("c", 1.0)))
    assert info.value.type_id == "::Sample::Circle"


def test_a_numeric_type_id_is_an_unknown_class() -> None:
    data = b"\x01" + slice_1_1(ID_COMPACT | LAST, b"\x2a", text("s"))
    with pytest.raises(NoValueFactoryException) as info:
        decoded(SHAPE, data)
    assert info.value.type_id == "42"


@pytest.mark.parametrize("sliced", [False, True], ids=["compact", "sliced"])
def test_instances_nested_as_deep_as_may_be(sliced: bool) -> None:
    data = encoded(NODE, _chain(CLASS_GRAPH_DEPTH_MAX), sliced=sliced)
    returned: Node | None = decoded(NODE, data)
    for index in range(CLASS_GRAPH_DEPTH_MAX):
        assert returned is not None
        assert returned.number == index
        returned = returned.next
    assert returned is None


@pytest.mark.parametrize("sliced", [False, True], ids=["compact", "sliced"])
def test_instances_nested_deeper_are_refused(sliced: bool) -> None:
    data = encoded(NODE, _chain(CLASS_GRAPH_DEPTH_MAX + 1), sliced=sliced)
    with pytest.raises(MarshalException, match=f"nested deeper than {CLASS_GRAPH_DEPTH_MAX}"):
        decoded(NODE, data)


def test_collections_nested_without_end_are_refused_while_they_are_read() -> None:
    # each list holds the next one: far deeper than Python's own stack
    one = slice_1_1(ID_STRING, "::omero::RList", b"")
    again = slice_1_1(ID_INDEX, b"\x01", b"")
    rcollection = slice_1_1(0, b"", b"\x01")
    data = b"\x01" + one + rcollection + (b"\x01" + again + rcollection) * 100_000
    with pytest.raises(MarshalException, match="nested deeper"):
        decoded(RTYPE, data)


def test_many_instances_side_by_side_are_not_deep() -> None:
    values: list[RType | None] = [RLong(number) for number in range(10 * CLASS_GRAPH_DEPTH_MAX)]
    assert decoded(RTYPE, encoded(RTYPE, RList(values))) == RList(values)


def _chain(length: int) -> Node:
    last: Any = None
    for index in reversed(range(length)):
        last = Node(index, last)
    node: Node = last
    return node
