"""Sizes: one byte below 255, five from there on. Source: "Sizes" in the manual's Data Encoding."""

from __future__ import annotations

import pytest

from omero_ms_thumbnail.ice.errors import MarshalException
from omero_ms_thumbnail.ice.streams import InputStream, OutputStream

SIZES = {
    0: "00",
    1: "01",
    254: "fe",
    255: "ffff000000",
    256: "ff00010000",
    2**31 - 1: "ffffffff7f",
}


@pytest.mark.parametrize(("size", "hexadecimal"), SIZES.items())
def test_written_and_read(size: int, hexadecimal: str) -> None:
    out = OutputStream()
    out.write_size(size)
    assert out.buffer.hex() == hexadecimal
    inp = InputStream(bytes(out.buffer))
    assert inp.read_size() == size
    assert inp.remaining == 0


def test_the_long_form_of_a_small_size_is_taken() -> None:
    # Ice never writes it, and never refuses it
    assert InputStream(bytes.fromhex("ff05000000")).read_size() == 5


@pytest.mark.parametrize("size", [-1, 2**31])
def test_what_is_no_size_cannot_be_written(size: int) -> None:
    with pytest.raises(MarshalException):
        OutputStream().write_size(size)


@pytest.mark.parametrize("hexadecimal", ["ffffffffff", "ff00000080"])
def test_a_negative_size_is_refused(hexadecimal: str) -> None:
    with pytest.raises(MarshalException, match="negative"):
        InputStream(bytes.fromhex(hexadecimal)).read_size()


@pytest.mark.parametrize("hexadecimal", ["", "ff", "ff000000"])
def test_a_truncated_size_is_refused(hexadecimal: str) -> None:
    with pytest.raises(MarshalException, match="expected"):
        InputStream(bytes.fromhex(hexadecimal)).read_size()
