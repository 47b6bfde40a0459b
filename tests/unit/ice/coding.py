"""Values to bytes and back in one line, as an encapsulation's content, with all that classes need behind it."""

from __future__ import annotations

from typing import Any

import pytest

from omero_ms_thumbnail.ice.encoding import read_exception, write_exception
from omero_ms_thumbnail.ice.streams import InputStream, OutputStream
from omero_ms_thumbnail.ice.types import SliceType, UserException

#: both ways of writing class instances
in_every_format = pytest.mark.parametrize("sliced", [False, True], ids=["compact", "sliced"])


def encoded(kind: SliceType[Any], value: Any, *, sliced: bool = False) -> bytes:
    out = OutputStream(sliced=sliced)
    kind.write(out, value)
    return bytes(out.buffer)


def decoded(kind: SliceType[Any], data: bytes) -> Any:
    """The one value in `data`, which must be read to its end."""
    inp = InputStream(data)
    values: list[Any] = []
    kind.read_into(inp, values.append)
    assert inp.remaining == 0
    (value,) = values
    return value


def encoded_exception(exception: UserException, *, sliced: bool = False) -> bytes:
    out = OutputStream(sliced=sliced)
    write_exception(out, exception)
    return bytes(out.buffer)


def decoded_exception(data: bytes) -> UserException:
    inp = InputStream(data)
    exception = read_exception(inp)
    assert inp.remaining == 0
    return exception
