"""OMERO's RTypes: values that can be null, as Slice classes. Source: ``omero/RTypes.ice`` of omero-blitz."""

from __future__ import annotations

from collections.abc import Sequence as AbstractSequence
from dataclasses import dataclass, field
from typing import ClassVar, Final

from ..ice.encoding import ClassType
from ..ice.errors import MarshalException
from ..ice.types import BOOL, DOUBLE, FLOAT, INT, LONG, STRING, Dictionary, Members, Sequence, Value


@dataclass
class RType(Value):
    """Base of all RTypes."""

    ICE_ID = "::omero::RType"


RTYPE: Final = ClassType(RType)


@dataclass
class RBool(RType):
    """A bool or null."""

    ICE_ID = "::omero::RBool"
    MEMBERS: ClassVar[Members] = (("val", BOOL),)
    val: bool = False


@dataclass
class RInt(RType):
    """A 32-bit integer or null."""

    ICE_ID = "::omero::RInt"
    MEMBERS: ClassVar[Members] = (("val", INT),)
    val: int = 0


@dataclass
class RLong(RType):
    """A 64-bit integer or null."""

    ICE_ID = "::omero::RLong"
    MEMBERS: ClassVar[Members] = (("val", LONG),)
    val: int = 0


@dataclass
class RFloat(RType):
    """A single precision number or null."""

    ICE_ID = "::omero::RFloat"
    MEMBERS: ClassVar[Members] = (("val", FLOAT),)
    val: float = 0.0


@dataclass
class RDouble(RType):
    """A double precision number or null."""

    ICE_ID = "::omero::RDouble"
    MEMBERS: ClassVar[Members] = (("val", DOUBLE),)
    val: float = 0.0


@dataclass
class RString(RType):
    """A string or null."""

    ICE_ID = "::omero::RString"
    MEMBERS: ClassVar[Members] = (("val", STRING),)
    val: str = ""


@dataclass
class RClass(RString):
    """The name of a class."""

    ICE_ID = "::omero::RClass"
    MEMBERS: ClassVar[Members] = ()


@dataclass
class RTime(RType):
    """Milliseconds since the epoch, or null."""

    ICE_ID = "::omero::RTime"
    MEMBERS: ClassVar[Members] = (("val", LONG),)
    val: int = 0


@dataclass
class RCollection(RType):
    """Base of the RTypes that hold a sequence of RTypes."""

    ICE_ID = "::omero::RCollection"
    MEMBERS: ClassVar[Members] = (("val", Sequence(RTYPE)),)
    val: list[RType | None] = field(default_factory=list)


@dataclass
class RList(RCollection):
    """A list."""

    ICE_ID = "::omero::RList"
    MEMBERS: ClassVar[Members] = ()


@dataclass
class RArray(RCollection):
    """An array."""

    ICE_ID = "::omero::RArray"
    MEMBERS: ClassVar[Members] = ()


@dataclass
class RSet(RCollection):
    """A set, in the order in which it was sent."""

    ICE_ID = "::omero::RSet"
    MEMBERS: ClassVar[Members] = ()


@dataclass
class RMap(RType):
    """A map from strings to RTypes."""

    ICE_ID = "::omero::RMap"
    MEMBERS: ClassVar[Members] = (("val", Dictionary(STRING, RTYPE)),)
    val: dict[str, RType | None] = field(default_factory=dict)


Unwrapped = bool | int | float | str | None

#: those that hold one plain value; by exact type, since a query's answer has thousands of them
_PLAIN: Final = frozenset({RBool, RInt, RLong, RFloat, RDouble, RString, RClass, RTime})


def unwrap(value: RType | None) -> Unwrapped:
    """The plain Python value of an RType that holds one. Raises MarshalException for any other.

    Collections are refused: one that contains itself, or another many times over, would be more than memory holds.
    """
    if value is None:
        return None
    if type(value) in _PLAIN:
        plain: Unwrapped = value.val  # type: ignore[attr-defined]
        return plain
    raise MarshalException(f"{value.ICE_ID} has no plain value")


def rlong_list(values: AbstractSequence[int]) -> RList:
    """An RList of RLongs, as a query's parameter ``:ids`` wants it."""
    return RList([RLong(value) for value in values])
