"""Instances and exceptions whose most derived type only the sender knows, in the formats that can be sliced."""

from __future__ import annotations

import pytest

from omero_ms_thumbnail.ice.errors import MarshalException, NoValueFactoryException, UnknownUserException
from omero_ms_thumbnail.ice.types import Sequence
from tests.unit.ice.coding import (
    decoded,
    decoded_exception,
    encoded,
    encoded_exception,
    in_every_format,
)
from tests.unit.ice.instance_bytes import (
    ID_COMPACT,
    ID_INDEX,
    ID_STRING,
    LAST,
    SIZE,
    TABLE,
    number,
    slice_1_1,
    text,
)
from tests.unit.ice.sample import SHAPE, Circle, DetailedFailure, Failure, Shape, Sphere, unknown

SHAPES = Sequence(SHAPE)


def _detailed() -> DetailedFailure:
    return DetailedFailure(reason="r", code=1, culprit=Sphere("s", 1.0, "red", Circle("c", 2.0)))


def test_an_instance_becomes_one_of_its_nearest_known_base() -> None:
    data = encoded(SHAPE, Sphere("s", 1.0, "red"), sliced=True)
    with unknown(Sphere):
        assert decoded(SHAPE, data) == Circle("s", 1.0)
    with unknown(Sphere, Circle):
        assert decoded(SHAPE, data) == Shape("s")
    assert decoded(SHAPE, data) == Sphere("s", 1.0, "red")


def test_what_a_sliced_off_member_leads_to_can_still_be_referred_to() -> None:
    inner = Circle("inner", 2.0)
    data = encoded(SHAPES, [Sphere("outer", 1.0, "red", inner), inner], sliced=True)
    with unknown(Sphere):
        assert decoded(SHAPES, data) == [Circle("outer", 1.0), inner]


def test_a_cycle_through_a_sliced_off_member() -> None:
    sphere = Sphere("s", 1.0, "red")
    sphere.inner = sphere
    data = encoded(SHAPES, [sphere, sphere], sliced=True)
    with unknown(Sphere):
        first, second = decoded(SHAPES, data)
    assert type(first) is Circle
    assert first is second


def test_a_known_instance_in_a_sliced_off_member_can_lead_back() -> None:
    # New holds a Sphere that holds the New: the Sphere is read before anybody knows what New will be sliced to
    sphere = (
        slice_1_1(ID_STRING | SIZE | TABLE, "::Sample::Sphere", text("red") + b"\x01", table=b"\x01\x02")
        + slice_1_1(ID_STRING | SIZE, "::Sample::Circle", bytes(8))
        + slice_1_1(ID_STRING | SIZE | LAST, "::Sample::Shape", text("sphere"))
    )
    new = (
        b"\x01"
        + slice_1_1(ID_STRING | SIZE | TABLE, "::Sample::New", b"\x01", table=b"\x01" + b"\x01" + sphere)
        + slice_1_1(ID_INDEX | SIZE | LAST, b"\x04", text("new"))
    )
    first, second = decoded(SHAPES, b"\x02" + new + b"\x03")
    assert first == Shape("new")
    assert second == Sphere("sphere", 0.0, "red", first)
    assert second.inner is first


def test_an_instance_without_a_known_base_is_named() -> None:
    data = encoded(SHAPE, Circle("c", 1.0), sliced=True)
    with unknown(Circle, Shape), pytest.raises(NoValueFactoryException, match="::Sample::Circle") as info:
        decoded(SHAPE, data)
    assert info.value.type_id == "::Sample::Circle"


def test_a_slice_with_a_numeric_type_id_is_passed_over() -> None:
    data = (
        b"\x01"
        + slice_1_1(ID_COMPACT | SIZE, b"\x2a", b"whatever")
        + slice_1_1(ID_STRING | SIZE | LAST, "::Sample::Shape", text("s"))
    )
    assert decoded(SHAPE, data) == Shape("s")


def test_a_base_that_only_the_sender_knows_is_passed_over() -> None:
    data = (
        b"\x01"
        + slice_1_1(ID_STRING | SIZE, "::Sample::Shape", text("s"))
        + slice_1_1(ID_STRING | SIZE | TABLE | LAST, "::Sample::Thing", b"\x01", table=b"\x01\x02")
    )
    assert decoded(SHAPE, data) == Shape("s")


@pytest.mark.parametrize("lie", [20, -4, -9])
def test_a_lying_size_of_an_unknown_slice_is_refused(lie: int) -> None:
    data = b"\x01" + slice_1_1(ID_STRING | SIZE, "::Sample::New", b"members", lie=lie - 7 * (lie < 0))
    with pytest.raises(MarshalException, match="lies about its size"):
        decoded(SHAPE, data)


def test_an_unknown_slice_that_leads_to_an_unknown_instance_is_passed_over() -> None:
    # the sender's newer class holds an instance of a class that is all new; nothing that is known refers to it
    stranger = b"\x01" + slice_1_1(ID_STRING | SIZE | LAST, "::Sample::Stranger", b"members")
    data = (
        b"\x01"
        + slice_1_1(ID_STRING | SIZE | TABLE, "::Sample::New", b"\x01", table=b"\x01" + stranger)
        + slice_1_1(ID_STRING | SIZE | LAST, "::Sample::Shape", text("s"))
    )
    assert decoded(SHAPE, data) == Shape("s")
    # one that refers to it cannot be read
    with pytest.raises(NoValueFactoryException, match="::Sample::Stranger"):
        decoded(SHAPES, b"\x02" + data + b"\x03")


@in_every_format
def test_an_exception_keeps_its_type_and_its_members(sliced: bool) -> None:
    returned = decoded_exception(encoded_exception(_detailed(), sliced=sliced))
    assert type(returned) is DetailedFailure
    assert (returned.reason, returned.code, returned.culprit) == ("r", 1, _detailed().culprit)


def test_an_exception_becomes_one_of_its_nearest_known_base() -> None:
    data = encoded_exception(_detailed(), sliced=True)
    with unknown(DetailedFailure):
        returned = decoded_exception(data)
    assert type(returned) is Failure
    assert returned.reason == "r"


@in_every_format
def test_an_exception_without_a_known_base_is_named(sliced: bool) -> None:
    data = encoded_exception(_detailed(), sliced=sliced)
    with (
        unknown(DetailedFailure, Failure),
        pytest.raises(UnknownUserException, match="::Sample::DetailedFailure, which is not known here"),
    ):
        decoded_exception(data)


def test_an_exception_in_the_compact_format_cannot_be_sliced() -> None:
    data = encoded_exception(_detailed())
    with unknown(DetailedFailure), pytest.raises(UnknownUserException, match="::Sample::DetailedFailure"):
        decoded_exception(data)


def test_an_instance_in_an_exception_can_be_sliced_too() -> None:
    data = encoded_exception(_detailed(), sliced=True)
    with unknown(Sphere):
        returned = decoded_exception(data)
    assert isinstance(returned, DetailedFailure)
    assert returned.culprit == Circle("s", 1.0)


def test_a_missing_slice_of_an_exception_is_refused() -> None:
    code = number(1)
    data = slice_1_1(0, "::Sample::DetailedFailure", code + b"\x00")
    data += slice_1_1(LAST, "::Sample::Other", text("r"))
    with pytest.raises(MarshalException, match="::Sample::Failure is missing"):
        decoded_exception(data)
