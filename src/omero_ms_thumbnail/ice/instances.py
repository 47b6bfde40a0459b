"""Writing and reading the class instances of one encapsulation: what both encodings have in common.

Classes and exceptions are cut into slices, most derived first. Encoding 1.0 writes instances behind all other data,
each slice with its size; encoding 1.1 writes an instance where it is first met. So a reader may have to hand an
instance over later than its reference: that is what the `put` of every reader is for.
Source: "Data Encoding for Classes", "… for Exceptions", ZeroC Ice manual 3.7.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any, Final

from .errors import MarshalException
from .streams import InputStream, OutputStream
from .values import Sliced, UserException, Value

#: memory that they take while a message is read, in bytes: an instance with its number, and a reference that waits
INSTANCE_BYTES: Final = 256
_WAITING_BYTES: Final = 768

#: how deep instances may be nested in one another before a message is refused
CLASS_GRAPH_DEPTH_MAX: Final = 100

ICE_OBJECT: Final = "::Ice::Object"


class InstanceWriter(ABC):
    """Writes the class instances of one encapsulation."""

    def __init__(self, out: OutputStream) -> None:
        self._out = out
        self._type_ids: dict[str, int] = {}
        self._ids: dict[int, int] = {}
        # ids are by object identity, so every instance must live as long as the writer
        self._alive: list[Value] = []

    @abstractmethod
    def write(self, value: Value | None) -> None:
        """Write a reference to `value`, and `value` itself where the encoding wants it."""

    @abstractmethod
    def finish(self) -> None:
        """Write what belongs behind all other data."""

    @abstractmethod
    def write_exception(self, exception: UserException) -> None:
        """Write a user exception."""

    def _new_id(self, value: Value, first: int) -> int:
        self._alive.append(value)
        return self._ids.setdefault(id(value), len(self._ids) + first)


class InstanceReader(ABC):
    """Reads the class instances of one encapsulation."""

    def __init__(self, inp: InputStream) -> None:
        self._inp = inp
        self._type_ids: list[str] = []
        self._instances: dict[int, Value] = {}
        self._depth = 0

    @abstractmethod
    def read(self, put: Callable[[Value | None], None]) -> None:
        """Read a reference; `put` gets the instance, now or in `finish`."""

    def read_numbers(self, most: int, value_class: type[Value]) -> list[Value]:
        """Instances of one class, derived from `value_class`, that hold a number each: those here that look alike.

        Up to `most` at once; fewer, or none, where others follow, which are to be read one by one.
        """
        return []

    @abstractmethod
    def finish(self) -> None:
        """Read what stands behind all other data."""

    @abstractmethod
    def read_exception(self) -> UserException:
        """Read a user exception."""

    def _type_id(self, index: int) -> str:
        if not 1 <= index <= len(self._type_ids):
            raise MarshalException(f"type id index {index} was never defined")
        return self._type_ids[index - 1]

    def _new_type_id(self) -> str:
        self._type_ids.append(self._inp.read_string())
        return self._type_ids[-1]

    def _charge_instance(self) -> None:
        self._inp.charge(INSTANCE_BYTES)

    def _charge_waiting(self) -> None:
        self._inp.charge(_WAITING_BYTES)

    def _enter(self) -> None:
        self._depth += 1
        if self._depth > CLASS_GRAPH_DEPTH_MAX:
            raise MarshalException(f"class instances are nested deeper than {CLASS_GRAPH_DEPTH_MAX}")

    def _read_members(self, slice_class: type[Sliced], instance: object) -> None:
        for name, kind in slice_class.MEMBERS:
            if kind.uses_classes:
                kind.read_into(self._inp, attribute_setter(instance, name))
            else:
                setattr(instance, name, kind.read(self._inp))


def attribute_setter(instance: object, name: str) -> Callable[[Any], None]:
    """A `put` that sets an attribute."""

    def put(value: object) -> None:
        setattr(instance, name, value)

    return put


def write_members(out: OutputStream, slice_class: type[Sliced], instance: object) -> None:
    """Append the members that `slice_class` adds to its base's."""
    for name, kind in slice_class.MEMBERS:
        kind.write(out, getattr(instance, name))


def new_instance(value_class: type[Sliced]) -> Value:
    """An instance without members yet: it must exist before them, since a cycle may lead back to it."""
    instance = value_class.__new__(value_class)
    assert isinstance(instance, Value)  # noqa: S101 - only Value classes are in Value's registry
    return instance
