"""`official/sample.ice` as this project declares it: classes, exceptions and operations for all tests of this folder.

Disc, Novel and Strange are left out: only the peer knows them. Sphere is known only here.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, ClassVar

from omero_ms_thumbnail.ice.encoding import ClassType
from omero_ms_thumbnail.ice.messages import OperationMode
from omero_ms_thumbnail.ice.operations import Operation
from omero_ms_thumbnail.ice.references import PROXY
from omero_ms_thumbnail.ice.types import (
    BOOL,
    BYTE,
    BYTE_SEQ,
    DOUBLE,
    FLOAT,
    INT,
    LONG,
    SHORT,
    STRING,
    STRING_SEQ,
    VOID,
    Dictionary,
    Members,
    Sequence,
    Sliced,
    SliceType,
    UserException,
    Value,
)


@dataclass
class Everything(Value):
    ICE_ID = "::Sample::Everything"
    MEMBERS: ClassVar[Members] = (
        ("flag", BOOL),
        ("octet", BYTE),
        ("small", SHORT),
        ("medium", INT),
        ("large", LONG),
        ("single", FLOAT),
        ("precise", DOUBLE),
        ("text", STRING),
        ("blob", BYTE_SEQ),
        ("numbers", Sequence(INT)),
        ("rows", Sequence(Sequence(INT))),
        ("strings", Dictionary(LONG, STRING_SEQ)),
    )
    flag: bool = False
    octet: int = 0
    small: int = 0
    medium: int = 0
    large: int = 0
    single: float = 0.0
    precise: float = 0.0
    text: str = ""
    blob: bytes = b""
    numbers: list[int] = field(default_factory=list)
    rows: list[list[int]] = field(default_factory=list)
    strings: dict[int, list[str]] = field(default_factory=dict)


@dataclass(eq=False, repr=False)
class Node(Value):
    """Can lead back to itself, so it is compared by identity and does not print what it leads to."""

    ICE_ID = "::Sample::Node"
    MEMBERS: ClassVar[Members]
    number: int = 0
    next: Node | None = None
    others: list[Node | None] = field(default_factory=list)
    named: dict[str, Node | None] = field(default_factory=dict)


NODE = ClassType(Node)
Node.MEMBERS = (
    ("number", INT),
    ("next", NODE),
    ("others", Sequence(NODE)),
    ("named", Dictionary(STRING, NODE)),
)


@dataclass
class Shape(Value):
    ICE_ID = "::Sample::Shape"
    MEMBERS: ClassVar[Members] = (("name", STRING),)
    name: str = ""


@dataclass
class Circle(Shape):
    ICE_ID = "::Sample::Circle"
    MEMBERS: ClassVar[Members] = (("radius", DOUBLE),)
    radius: float = 0.0


SHAPE = ClassType(Shape)


@dataclass
class Sphere(Circle):
    ICE_ID = "::Sample::Sphere"
    MEMBERS: ClassVar[Members] = (("colour", STRING), ("inner", SHAPE))
    colour: str = ""
    inner: Shape | None = None


@dataclass
class Tagged(Value):
    """Its optional members are not declared: they are passed over."""

    ICE_ID = "::Sample::Tagged"
    MEMBERS: ClassVar[Members] = (("before", INT),)
    before: int = 0


@dataclass
class TaggedFurther(Tagged):
    ICE_ID = "::Sample::TaggedFurther"
    MEMBERS: ClassVar[Members] = (("after", INT),)
    after: int = 0


class Failure(UserException):
    ICE_ID = "::Sample::Failure"
    MEMBERS: ClassVar[Members] = (("reason", STRING),)
    reason: str


class DetailedFailure(Failure):
    ICE_ID = "::Sample::DetailedFailure"
    MEMBERS: ClassVar[Members] = (("code", INT), ("culprit", SHAPE))
    code: int
    culprit: Shape | None


EVERYTHING = ClassType(Everything)
TAGGED = ClassType(Tagged)


def _both(name: str, parameters: tuple[SliceType[Any], ...], result: SliceType[Any]) -> Iterator[Operation[Any]]:
    members = tuple((f"p{index}", kind) for index, kind in enumerate(parameters))
    yield Operation(name, OperationMode.NORMAL, members, result, (Failure,))
    yield Operation(f"{name}Sliced", OperationMode.NORMAL, members, result, (Failure,), sliced=True)


#: the operations of ``Sample::Peer``
PEER: dict[str, Operation[Any]] = {
    operation.name: operation
    for operation in (
        *_both("echoEverything", (EVERYTHING,), EVERYTHING),
        *_both("echoNode", (NODE,), NODE),
        *_both("seen", (NODE,), STRING),
        *_both("echoShape", (SHAPE,), SHAPE),
        *_both("makeShape", (STRING,), SHAPE),
        *_both("makeTagged", (), TAGGED),
        *_both("fail", (STRING,), VOID),
        Operation("withOptional", OperationMode.NORMAL, (("value", INT),), INT),
        Operation("echoProxies", OperationMode.NORMAL, (("value", Sequence(PROXY)),), Sequence(PROXY)),
        Operation("twice", OperationMode.IDEMPOTENT, (("value", INT),), INT),
        Operation("note", OperationMode.NORMAL, (("text", STRING),), VOID),
        Operation("context", OperationMode.NORMAL, (("key", STRING),), STRING),
    )
}

CLASSES: dict[str, type[Value]] = {
    kind.__name__: kind for kind in (Everything, Node, Shape, Circle, Sphere, Tagged, TaggedFurther)
}


@contextmanager
def unknown(*kinds: type[Sliced]) -> Iterator[None]:
    """Within it, none of `kinds` is known to a reader; a writer can still write them."""
    for kind in kinds:
        del kind.known[kind.ICE_ID]
    try:
        yield
    finally:
        for kind in kinds:
            kind.known[kind.ICE_ID] = kind


def a_ring() -> Node:
    """Three nodes that lead to one another in a circle, to themselves, and twice to the same one."""
    first, second, third = Node(1), Node(2), Node(3)
    first.next, second.next, third.next = second, third, first
    first.others = [second, None, first, second]
    third.named = {"first": first, "none": None, "self": third}
    return first
