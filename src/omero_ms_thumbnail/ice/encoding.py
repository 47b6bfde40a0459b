"""Class instances and user exceptions in encoding 1.1.

Both are cut into slices, most derived first. An instance stands where it is first met; a later reference to it is its
index. In the compact format slices have no sizes, so an unknown type is an error; in the sliced format an unknown slice
is passed over, and members refer to a table of instances that follows their slice. So a reader may have to hand an
instance over later than its reference: that is what the `put` of every reader is for.
Source: "Data Encoding for Classes", "… for Exceptions", ZeroC Ice manual 3.7; checked against recorded traffic of Ice
3.6.5 and 3.7.8.

Encoding 1.0, which writes instances otherwise, is not understood: an Ice server answers in the encoding of the request,
here always 1.1, which every Ice since 3.5 has.

A stream and what reads or writes its instances know each other. Whoever began with it parts them at the end: a circle
of references for each message would leave it to the garbage collector, whose pauses of some 10 ms were the slowest
answers (measured).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Generic, TypeVar

from .errors import MarshalException, UnsupportedEncodingException
from .instance_reader import InstanceReader
from .instance_writer import InstanceWriter
from .streams import ENCODING_1_1, InputStream, OutputStream
from .types import SliceType, UserException, Value

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
        return _reader(inp).read_alike(count, self._class)


def write_exception(out: OutputStream, exception: UserException) -> None:
    """Append `exception` in the stream's format."""
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
        out.instances = InstanceWriter(out)
    writer: InstanceWriter = out.instances
    return writer


def _reader(inp: InputStream) -> InstanceReader:
    if inp.instances is None:
        inp.instances = InstanceReader(inp)
    reader: InstanceReader = inp.instances
    return reader


def expect_encoding_1_1(inp: InputStream, what: str) -> None:
    """Raise UnsupportedEncodingException unless `inp`, the content of `what`, is in encoding 1.1."""
    if inp.encoding != ENCODING_1_1:
        raise UnsupportedEncodingException(
            f"{what} came in Ice encoding {inp.encoding}, and only {ENCODING_1_1} is spoken here"
        )
