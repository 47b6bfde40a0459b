"""Plain values of RTypes, and what has none."""

from __future__ import annotations

import pytest

from omero_ms_thumbnail.ice.errors import MarshalException
from omero_ms_thumbnail.omero.rtypes import (
    RBool,
    RDouble,
    RFloat,
    RInt,
    RList,
    RLong,
    RMap,
    RString,
    RTime,
    RType,
    unwrap,
)


@pytest.mark.parametrize(
    ("value", "plain"),
    [
        (None, None),
        (RBool(True), True),
        (RInt(-1), -1),
        (RLong(2**40), 2**40),
        (RFloat(0.5), 0.5),
        (RDouble(0.25), 0.25),
        (RString("µ"), "µ"),
        (RTime(7), 7),
    ],
)
def test_plain_values(value: RType | None, plain: object) -> None:
    assert unwrap(value) == plain


@pytest.mark.parametrize("value", [RType(), RList([RLong(1)]), RMap({"a": RLong(1)})], ids=lambda v: type(v).__name__)
def test_what_has_none_is_refused(value: RType) -> None:
    with pytest.raises(MarshalException, match="has no plain value"):
        unwrap(value)


def test_a_list_of_itself_is_not_followed() -> None:
    itself = RList()
    itself.val = [itself] * 1_000
    with pytest.raises(MarshalException):
        unwrap(itself)
