"""Slice's types as Python values: each can write itself to an `OutputStream` and read itself from an `InputStream`.

An operation or a class is described once with these, and both sides of a call follow from it. A Slice class or user
exception is declared as a Python class with a Slice type id and the members that its own slice adds; its Python bases
are its Slice bases. Whoever reads a type id finds the class in `known`. The type of a member that holds an instance is
`encoding.ClassType`.
"""

from __future__ import annotations

import struct
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from collections.abc import Sequence as AbstractSequence
from typing import Any, ClassVar, Final, Generic, TypeVar

from .errors import MarshalException, shortened
from .streams import InputStream, OutputStream

#: memory that an entry of a dictionary takes beyond its key and value, in bytes
_ENTRY_BYTES: Final = 100

T = TypeVar("T")
K = TypeVar("K")
V = TypeVar("V")


class SliceType(ABC, Generic[T]):
    """One Slice type."""

    #: the least number of bytes a value takes; bounds what a lying length can make a reader allocate
    least_size: int = 1
    #: whether a value can hold class instances, which are known by their number in all of a message
    uses_classes: bool = False
    #: how a value stands on the wire, where that is a number of a fixed size
    number: struct.Struct | None = None

    @abstractmethod
    def write(self, out: OutputStream, value: T) -> None:
        """Append `value`; MarshalException if it is not one of this type."""

    @abstractmethod
    def read(self, inp: InputStream) -> T:
        """Read one value; MarshalException if the bytes are not one."""

    def read_into(self, inp: InputStream, put: Callable[[Any], None]) -> None:
        """Read one value and hand it to `put`, at once or, for class instances still to come, later."""
        put(self.read(inp))

    def read_at_once(self, inp: InputStream, count: int) -> list[Any]:
        """The first of `count` values, as many as can be read faster together than one by one."""
        return []


class _Basic(SliceType[T]):
    def __init__(
        self,
        least_size: int,
        write: Callable[[OutputStream, T], None],
        read: Callable[[InputStream], T],
        number: str | None = None,
    ) -> None:
        self.least_size = least_size
        self.number = struct.Struct(number) if number is not None else None
        # the stream's own methods in place of those below: messages are made of these, and each step between costs
        self.write = write  # type: ignore[method-assign, assignment]
        self.read = read  # type: ignore[method-assign, assignment]

    def write(self, out: OutputStream, value: T) -> None:
        raise NotImplementedError

    def read(self, inp: InputStream) -> T:
        raise NotImplementedError


BOOL: Final[SliceType[bool]] = _Basic(1, OutputStream.write_bool, InputStream.read_bool)
BYTE: Final[SliceType[int]] = _Basic(1, OutputStream.write_byte, InputStream.read_byte)
SHORT: Final[SliceType[int]] = _Basic(2, OutputStream.write_short, InputStream.read_short, "<h")
INT: Final[SliceType[int]] = _Basic(4, OutputStream.write_int, InputStream.read_int, "<i")
LONG: Final[SliceType[int]] = _Basic(8, OutputStream.write_long, InputStream.read_long, "<q")
FLOAT: Final[SliceType[float]] = _Basic(4, OutputStream.write_float, InputStream.read_float, "<f")
DOUBLE: Final[SliceType[float]] = _Basic(8, OutputStream.write_double, InputStream.read_double, "<d")
STRING: Final[SliceType[str]] = _Basic(1, OutputStream.write_string, InputStream.read_string)
BYTE_SEQ: Final[SliceType[bytes]] = _Basic(1, OutputStream.write_byte_seq, InputStream.read_byte_seq)


class Void(SliceType[None]):
    """What an operation without a result returns: nothing on the wire."""

    least_size = 0

    def write(self, out: OutputStream, value: None) -> None:
        """Write nothing."""

    def read(self, inp: InputStream) -> None:
        """Read nothing."""


VOID: Final = Void()


class Sequence(SliceType["AbstractSequence[T]"]):
    """``sequence<element>``: a size, then the elements."""

    def __init__(self, element: SliceType[T]) -> None:
        self._element = element
        self.uses_classes = element.uses_classes

    def write(self, out: OutputStream, value: AbstractSequence[T]) -> None:
        if not isinstance(value, AbstractSequence):
            raise MarshalException(f"a {type(value).__name__} is not a sequence")
        out.write_size(len(value))
        for element in value:
            self._element.write(out, element)

    def read(self, inp: InputStream) -> list[T]:
        element = self._element
        count = inp.read_count(max(element.least_size, 1))
        if not self.uses_classes:
            return [element.read(inp) for _ in range(count)]
        elements: list[Any] = element.read_at_once(inp, count)
        begin = len(elements)
        elements += [None] * (count - begin)
        for index in range(begin, count):
            element.read_into(inp, item_setter(elements, index))
        return elements


class Dictionary(SliceType["Mapping[K, V]"]):
    """``dictionary<key, value>``: a size, then key and value in turn."""

    def __init__(self, key: SliceType[K], value: SliceType[V]) -> None:
        self._key = key
        self._value = value
        self.uses_classes = value.uses_classes

    def write(self, out: OutputStream, value: Mapping[K, V]) -> None:
        if not isinstance(value, Mapping):
            raise MarshalException(f"a {type(value).__name__} is not a dictionary")
        out.write_size(len(value))
        for key, item in value.items():
            self._key.write(out, key)
            self._value.write(out, item)

    def read(self, inp: InputStream) -> dict[K, V]:
        count = inp.read_count(max(self._key.least_size + self._value.least_size, 1))
        inp.charge(count * _ENTRY_BYTES)
        items: dict[K, Any] = {}
        for _ in range(count):
            key = self._key.read(inp)
            items[key] = None
            self._value.read_into(inp, item_setter(items, key))
        return items


def item_setter(container: Any, key: Any) -> Callable[[Any], None]:
    """A `put` that sets an element of a list or a dictionary."""

    def put(value: Any) -> None:
        container[key] = value

    return put


#: what a class, an exception or an operation's arguments are made of: names and types in Slice's order
Members = tuple[tuple[str, SliceType[Any]], ...]

STRING_SEQ: Final = Sequence(STRING)
LONG_SEQ: Final = Sequence(LONG)
BOOL_SEQ: Final = Sequence(BOOL)
CONTEXT: Final = Dictionary(STRING, STRING)


class Sliced:
    """What Slice classes and exceptions have in common: a type id and the members that their own slice adds."""

    ICE_ID: ClassVar[str] = ""
    MEMBERS: ClassVar[Members] = ()
    slices: ClassVar[tuple[type[Sliced], ...]] = ()
    #: name and wire form of the only member, where that is a number in the class's own slice
    LONE_NUMBER: ClassVar[tuple[str, struct.Struct] | None] = None
    #: the name of the only member, where that is a text in the class's own slice
    LONE_TEXT: ClassVar[str | None] = None
    known: ClassVar[dict[str, type[Sliced]]]

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        if "ICE_ID" in cls.__dict__:
            # the Python base classes repeat the Slice ones, so their slices are found there
            cls.slices = tuple(base for base in cls.__mro__ if base.__dict__.get("ICE_ID"))
            cls.known[cls.ICE_ID] = cls
            own, *bases = cls.slices
            if len(own.MEMBERS) == 1 and not any(base.MEMBERS for base in bases):
                ((name, kind),) = own.MEMBERS
                cls.LONE_NUMBER = (name, kind.number) if kind.number is not None else None
                cls.LONE_TEXT = name if kind is STRING else None
            else:
                cls.LONE_NUMBER = cls.LONE_TEXT = None


class Value(Sliced):
    """Base of Slice classes. A subclass sets `ICE_ID` and the `MEMBERS` that it adds to its base's."""

    known: ClassVar[dict[str, type[Sliced]]] = {}


class UserException(Sliced, Exception):
    """Base of what operations throw. A subclass sets `ICE_ID` and the `MEMBERS` that it adds to its base's."""

    known: ClassVar[dict[str, type[Sliced]]] = {}

    def __init__(self, **members: object) -> None:
        super().__init__()
        for base in self.slices:
            for name, _ in base.MEMBERS:
                setattr(self, name, members.pop(name, None))
        if members:
            raise TypeError(f"{type(self).__name__} has no members {sorted(members)}")

    @property
    def sentence(self) -> str:
        """What a log may say of it beside its type: nothing unless a class says otherwise.

        Members are a peer's own words, which may quote what it was sent, a password or a session's key among it.
        """
        return ""

    def __str__(self) -> str:
        text = self.sentence
        return f"{self.ICE_ID.removeprefix('::').replace('::', '.')}{f': {shortened(text)}' if text else ''}"
