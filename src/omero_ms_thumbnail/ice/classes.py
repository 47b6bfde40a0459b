"""Class types as parameters and members, and user exceptions, whatever the encoding of the stream.

A stream and its reader or writer of instances know each other. They are parted at the end: a circle of references for
each message would leave it to the garbage collector, whose pauses of some 10 ms were the slowest answers (measured).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Generic, TypeVar

from .encoding_1_0 import Reader10, Writer10
from .encoding_1_1 import Reader11, Writer11
from .errors import MarshalException
from .instances import InstanceReader, InstanceWriter
from .streams import ENCODING_1_0, InputStream, OutputStream
from .types import SliceType
from .values import UserException, Value

ValueT = TypeVar("ValueT", bound=Value)


class ClassType(SliceType["ValueT | None"], Generic[ValueT]):
    """A parameter or member of a Slice class type: null, an instance of that class or of one derived from it."""

    uses_classes = True

    def __init__(self, value_class: type[ValueT]) -> None:
        self._class = value_class

    def write(self, out: OutputStream, value: ValueT | None) -> None:
        if value is not None and not isinstance(value, self._class):
            raise MarshalException(f"{type(value).__name__} is not a {self._class.__name__}")
        _writer(out).write(value)

    def read(self, inp: InputStream) -> ValueT | None:
        raise MarshalException("a class instance is read with read_into")

    def read_into(self, inp: InputStream, put: Callable[[Any], None]) -> None:
        def put_checked(value: Value | None) -> None:
            if value is not None and not isinstance(value, self._class):
                raise MarshalException(f"{value.ICE_ID} came where {self._class.ICE_ID} should be")
            put(value)

        _reader(inp).read(put_checked)

    def read_at_once(self, inp: InputStream, count: int) -> list[Any]:
        return _reader(inp).read_numbers(count, self._class)


def finish_writing(out: OutputStream) -> None:
    """Write what encoding 1.0 keeps for the end. To be called behind arguments or results that use classes."""
    _writer(out).finish()
    out.instances = None


def finish_reading(inp: InputStream) -> None:
    """Read what encoding 1.0 keeps for the end. To be called behind arguments or results that use classes."""
    _reader(inp).finish()


def write_exception(out: OutputStream, exception: UserException) -> None:
    """Append `exception` in the stream's encoding and format."""
    _writer(out).write_exception(exception)
    out.instances = None


def read_exception(inp: InputStream) -> UserException:
    """Read a user exception, sliced to the most derived type that is known here.

    Raises UnknownUserException if none of its types is known, or the format does not allow slicing.
    """
    exception = _reader(inp).read_exception()
    inp.instances = None
    return exception


def _writer(out: OutputStream) -> InstanceWriter:
    if out.instances is None:
        out.instances = Writer10(out) if out.encoding == ENCODING_1_0 else Writer11(out)
    return out.instances


def _reader(inp: InputStream) -> InstanceReader:
    if inp.instances is None:
        inp.instances = Reader10(inp) if inp.encoding == ENCODING_1_0 else Reader11(inp)
    return inp.instances
