"""Serializers and compressions: told apart, bounded, and damaged in every place."""

from __future__ import annotations

import gzip
import json
import lzma
import sys
import tracemalloc
import zlib
from collections.abc import Callable

import lz4.frame
import msgpack
import pytest
import pyzstd
from hypothesis import example, given, settings
from hypothesis import strategies as st

from omero_ms_thumbnail.websession import message_pack
from omero_ms_thumbnail.websession.decode_error import SessionDecodeError
from omero_ms_thumbnail.websession.limits import Limits
from omero_ms_thumbnail.websession.payload import decode_payload

LIMITS = Limits()
GENEROUS = Limits(memory=10**9)
MIB = 1024 * 1024
COMPRESSORS: dict[str, Callable[[bytes], bytes]] = {
    "zlib": zlib.compress,
    "zlib fastest": lambda data: zlib.compress(data, 1),
    "zlib best": lambda data: zlib.compress(data, 9),
    "gzip": gzip.compress,
    "lzma": lzma.compress,
    "zstd": pyzstd.compress,
    "lz4": lz4.frame.compress,
}
every_compression = pytest.mark.parametrize("compress", COMPRESSORS.values(), ids=COMPRESSORS)

scalars = (
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats(allow_nan=False)
    | st.text()
    | st.binary(max_size=300)
)
values = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=20) | st.dictionaries(st.text(), inner, max_size=20), max_leaves=40
)


def reason(value: bytes, limits: Limits = LIMITS) -> str:
    with pytest.raises(SessionDecodeError) as raised:
        decode_payload(value, limits)
    assert raised.value.__cause__ is None
    return raised.value.reason


@every_compression
def test_compression(compress: Callable[[bytes], bytes]) -> None:
    assert decode_payload(compress(b'{"a": [1]}'), LIMITS) == {"a": [1]}


@every_compression
def test_cut_off_compression(compress: Callable[[bytes], bytes]) -> None:
    value = compress(json.dumps({"a": list(range(100))}).encode())
    for length in range(len(value)):
        assert reason(value[:length]) in ("compression", "pickle")


@every_compression
def test_something_after_the_compression(compress: Callable[[bytes], bytes]) -> None:
    assert reason(compress(b"{}") + b"x") == "compression"


@every_compression
def test_compression_bomb_costs_no_more_than_the_bound(compress: Callable[[bytes], bytes]) -> None:
    bomb = compress(bytes(64 * MIB))
    assert len(bomb) < MIB
    tracemalloc.start()
    try:
        assert reason(bomb) == "too-large"
        assert tracemalloc.get_traced_memory()[1] < 40 * MIB
    finally:
        tracemalloc.stop()


@every_compression
def test_size_after_decompression_is_bounded_exactly(compress: Callable[[bytes], bytes]) -> None:
    document = b'{"a": "' + b"x" * 100 + b'"}'
    assert decode_payload(compress(document), Limits(decoded_bytes=len(document)))
    assert reason(compress(document), Limits(decoded_bytes=len(document) - 1)) == "too-large"


def test_window_that_would_take_more_memory_than_the_bound() -> None:
    huge_dictionary = lzma.compress(b"{}", filters=[{"id": lzma.FILTER_LZMA2, "dict_size": 32 * MIB}])
    assert reason(huge_dictionary) == "compression"


@pytest.mark.parametrize(("window_log", "readable"), [(20, True), (23, True), (24, False), (31, False)])
def test_zstd_window_is_bounded(window_log: int, readable: bool) -> None:
    # RFC 8878: a frame header with a window and no content size, then one raw block, the last, of two bytes.
    frame = b"\x28\xb5\x2f\xfd\x00" + bytes([(window_log - 10) << 3]) + b"\x11\x00\x00{}"
    if readable:
        assert decode_payload(frame, LIMITS) == {}
    else:
        assert reason(frame) == "compression"


@pytest.mark.parametrize(
    ("modules", "compress", "expected", "package"),
    [
        (("lz4.frame",), lz4.frame.compress, "lz4-not-installed", "pip install lz4"),
        (
            ("compression.zstd", "backports.zstd", "pyzstd"),
            pyzstd.compress,
            "zstd-not-installed",
            "pip install pyzstd",
        ),
    ],
)
def test_package_that_is_not_installed(
    modules: tuple[str, ...],
    compress: Callable[[bytes], bytes],
    expected: str,
    package: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for module in modules:
        monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(SessionDecodeError, match=package) as raised:
        decode_payload(compress(b"{}"), LIMITS)
    assert raised.value.reason == expected


def test_size_in_the_store_is_bounded() -> None:
    assert reason(b"{" + b" " * 2 * MIB) == "too-large"


@pytest.mark.parametrize("value", [b"0", b"42", b"-1", b"1" * 100_000, b"]\x94.", b"N.", msgpack.dumps(None)])
def test_value_that_is_no_session(value: bytes) -> None:
    assert reason(value) in ("not-a-session", "pickle")


@pytest.mark.parametrize("value", [b"", b"\n", b"null", b"hello", b"\xff\xfe", b"<html>", b"x", b"\x00" * 99])
def test_value_of_no_known_format(value: bytes) -> None:
    assert reason(value) == "pickle"


@pytest.mark.parametrize(
    "value", [b"{", b"{}x", b"{'a': 1}", b'{"a"}', b'{"a": "\xff"}', b'{"a": ' + b"1" * 5000 + b"}"]
)
def test_damaged_json(value: bytes) -> None:
    assert reason(value) == "json"


def test_json_that_is_too_deep() -> None:
    assert reason(b'{"a":' * 100_000 + b"1" + b"}" * 100_000) == "too-large"


def test_json_of_too_many_values() -> None:
    value = b'{"a": [' + b'{"b":1},' * 150_000 + b"1]}"
    assert reason(value) == "too-large"
    assert decode_payload(value, GENEROUS)["a"]
    assert reason(b'{"a": [' + b"1," * 650_000 + b"1]}") == "too-large"


@given(st.dictionaries(st.text(), values, max_size=20))
@example({str(number): number for number in range(15)})
@example({str(number): number for number in range(16)})
@example({str(number): number for number in range(65_536)})
@example({"": ["x" * length for length in (31, 32, 255, 256, 65_535, 65_536)]})
@example({"": [b"x" * length for length in (255, 256, 65_535, 65_536)]})
@example({"": [[0] * length for length in (15, 16, 65_535, 65_536)]})
@settings(deadline=None, max_examples=50)
def test_msgpack_as_the_package_writes_it(value: dict[str, object]) -> None:
    if value:
        assert decode_payload(msgpack.dumps(value), GENEROUS) == value
    assert decode_payload(msgpack.dumps(value, use_single_float=False), GENEROUS) == value


@pytest.mark.parametrize("edge", [*range(-33, 0), 127, 128, 255, 256, 65_535, 65_536, 2**32 - 1, 2**32, -129, -32_769])
def test_msgpack_integer(edge: int) -> None:
    assert decode_payload(msgpack.dumps({"n": edge}), LIMITS) == {"n": edge}


def test_cut_off_msgpack() -> None:
    value = msgpack.dumps({"a": [1, 1.5, "text", b"bytes", {"b": None}], "c": 2**40})
    for length in range(1, len(value)):
        assert reason(value[:length]) == "msgpack"
    assert reason(value + b"\xc0") == "msgpack"


@pytest.mark.parametrize(
    "value",
    [
        b"\x81\xa1a\xc1",
        b"\x81\xa1a\xd4\x01\x00",
        b"\x81\xa1a\xc7\xff\x00",
        b"\x81\x01\x01",
        b"\x81\x90\x01",
        b"\x81\xa1\xff\x01",
        b"\xdf\xff\xff\xff\xff",
        b"\x81\xa1a\xdd\xff\xff\xff\xff",
        b"\x81\xa1a\xdb\xff\xff\xff\xff",
    ],
)
def test_msgpack_that_no_session_has(value: bytes) -> None:
    assert reason(value) == "msgpack"


def test_msgpack_that_is_too_deep_or_too_much() -> None:
    assert reason(b"\x81\xa1a" + b"\x91" * 100_000 + b"\xc0") == "too-large"
    assert reason(b"\x81\xa1a\xdd\x00\x0f\x00\x00" + b"\x90" * 0x000F0000) == "too-large"


def test_nested_claims_of_msgpack_allocate_nothing() -> None:
    tracemalloc.start()
    try:
        assert reason(b"\x81\xa1a" + b"\xdd\x00\x0f\x00\x00" * 90) == "msgpack"
        assert tracemalloc.get_traced_memory()[1] < MIB
    finally:
        tracemalloc.stop()


@given(st.binary(max_size=200))
def test_any_bytes_after_the_first_byte_of_a_msgpack_map(rest: bytes) -> None:
    value = b"\x8f" + rest
    try:
        message_pack.loads(value, LIMITS)
    except SessionDecodeError:
        return
    msgpack.loads(value)


@given(st.binary(max_size=200))
def test_any_bytes_are_a_session_or_the_one_error(value: bytes) -> None:
    try:
        session = decode_payload(value, LIMITS)
    except SessionDecodeError:
        return
    assert isinstance(session, dict)
