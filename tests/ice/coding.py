"""Values to bytes and back in one line, as an encapsulation's content, with all that classes need behind it."""

from __future__ import annotations

from typing import Any

import pytest

from omero_ms_thumbnail.ice.classes import finish_reading, finish_writing, read_exception, write_exception
from omero_ms_thumbnail.ice.streams import ENCODING_1_0, ENCODING_1_1, EncodingVersion, InputStream, OutputStream
from omero_ms_thumbnail.ice.types import SliceType
from omero_ms_thumbnail.ice.values import UserException

#: every way of writing class instances: encoding, and whether in the sliced format
FORMATS = [(ENCODING_1_0, False), (ENCODING_1_1, False), (ENCODING_1_1, True)]
in_every_format = pytest.mark.parametrize(("encoding", "sliced"), FORMATS, ids=["1.0", "1.1 compact", "1.1 sliced"])
#: the formats in which an unknown slice can be passed over
in_sliced_formats = pytest.mark.parametrize(("encoding", "sliced"), FORMATS[::2], ids=["1.0", "1.1 sliced"])
in_both_encodings = pytest.mark.parametrize("encoding", [ENCODING_1_0, ENCODING_1_1], ids=str)


def encoded(
    kind: SliceType[Any], value: Any, encoding: EncodingVersion = ENCODING_1_1, *, sliced: bool = False
) -> bytes:
    out = OutputStream(encoding, sliced=sliced)
    kind.write(out, value)
    if kind.uses_classes:
        finish_writing(out)
    return bytes(out.buffer)


def decoded(kind: SliceType[Any], data: bytes, encoding: EncodingVersion = ENCODING_1_1) -> Any:
    """The one value in `data`, which must be read to its end."""
    inp = InputStream(data, encoding=encoding)
    values: list[Any] = []
    kind.read_into(inp, values.append)
    if kind.uses_classes:
        finish_reading(inp)
    assert inp.remaining == 0
    (value,) = values
    return value


def encoded_exception(
    exception: UserException, encoding: EncodingVersion = ENCODING_1_1, *, sliced: bool = False
) -> bytes:
    out = OutputStream(encoding, sliced=sliced)
    write_exception(out, exception)
    return bytes(out.buffer)


def decoded_exception(data: bytes, encoding: EncodingVersion = ENCODING_1_1) -> UserException:
    inp = InputStream(data, encoding=encoding)
    exception = read_exception(inp)
    assert inp.remaining == 0
    return exception
