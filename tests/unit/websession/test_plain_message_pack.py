"""What the msgpack package is given to read: what keeps the lengths that it claims, and does not cost too much."""

from __future__ import annotations

import tracemalloc

import msgpack
import pytest

from omero_ms_thumbnail.websession import message_pack, plain_message_pack
from omero_ms_thumbnail.websession.decode_error import SessionDecodeError
from omero_ms_thumbnail.websession.limits import Limits

LIMITS = Limits()
BYTES = 39_500_000
OBJECTS = {"jobs": [{"id": n, "name": f"é {n}", "z": [n, -n, n / 7], "b": b"x", "none": None} for n in range(2000)]}


def by_our_own(data: bytes, monkeypatch: pytest.MonkeyPatch) -> object:
    with monkeypatch.context() as patched:
        patched.setattr(plain_message_pack, "LARGE", 2**30)
        return message_pack.loads(data, LIMITS)


def test_both_read_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    data = msgpack.packb(OBJECTS)
    assert plain_message_pack.read(data, LIMITS) == OBJECTS
    assert by_our_own(data, monkeypatch) == OBJECTS


def test_without_its_compiled_part_ours_reads_all(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plain_message_pack, "Unpacker", None)
    assert message_pack.loads(msgpack.packb(OBJECTS), LIMITS) == OBJECTS


def test_a_time_is_a_number() -> None:
    assert plain_message_pack.read(msgpack.packb({"at": msgpack.Timestamp(5), "b": "x"}), LIMITS) == {"at": 5, "b": "x"}


@pytest.mark.parametrize(
    "data",
    [
        msgpack.packb(OBJECTS)[:-1],
        msgpack.packb(OBJECTS) + b"\xc0",
        msgpack.packb({1: 2, "a": "x" * 30_000}),
        msgpack.packb({"a": msgpack.ExtType(5, b"x"), "b": "x" * 30_000}),
        b"\x82\xa1a" + b"\xdd\x00\x0f\x00\x00" * 4_000,
        b"\x81\xa1a" + b"\xdf\x7f\xff\xff\xff" * 4_000,
        b"\x81\xa1a\xdc\xff\xff" + b"\xa1\xff" * 65_535,
    ],
    ids=[
        "cut off",
        "more behind it",
        "a number for a key",
        "extension",
        "claims",
        "claims of maps",
        "not UTF-8",
    ],
)
def test_what_is_damaged_is_left_to_ours_which_says_why(data: bytes) -> None:
    tracemalloc.start()
    try:
        assert plain_message_pack.read(data, LIMITS) is None
        assert tracemalloc.get_traced_memory()[1] < BYTES
    finally:
        tracemalloc.stop()
    with pytest.raises(SessionDecodeError):
        message_pack.loads(data, LIMITS)


@pytest.mark.long
@pytest.mark.parametrize(
    "unit", [b"\x80", b"\x90", b"\x81\xa1a\x01", b"\x91\x01", b"\xa1x", b"\xcd\xff\xff", b"\xc0"], ids=repr
)
def test_memory_of_the_worst_that_is_read(unit: bytes) -> None:
    low, high, best = 1, 2_000_000 // len(unit), b""
    while low <= high:
        count = (low + high) // 2
        data = b"\x81\xa1a\xdd" + count.to_bytes(4, "big") + unit * count
        if plain_message_pack._memory(data) <= LIMITS.plain_memory:
            low, best = count + 1, data
        else:
            high = count - 1
    tracemalloc.start()
    try:
        assert plain_message_pack.read(best, LIMITS) is not None
        assert tracemalloc.get_traced_memory()[1] < BYTES
    finally:
        tracemalloc.stop()


@pytest.mark.long
@pytest.mark.parametrize(
    "unit",
    [
        b"\x80",
        b"\x90",
        b"\x81\xa1a\xcd\xff\xff",
        b"\x91\xce\x00\xff\xff\xff",
        b"\xde\x00\x01\xa1a\xc0",
        b"\x81\xa1a\x90",
    ],
    ids=repr,
)
def test_memory_of_the_worst_whose_containers_are_counted(unit: bytes) -> None:
    def program(count: int) -> bytes:
        return b"\x81\xa1a\xdd" + count.to_bytes(4, "big") + unit * count

    low, high = 1, LIMITS.decoded_bytes // len(unit)
    while high - low > high // 50:
        count = (low + high) // 2
        try:
            high, low = (high, count) if plain_message_pack.read(program(count), LIMITS) is not None else (count, low)
        except SessionDecodeError:
            high = count
    data = program(low)
    assert plain_message_pack._memory(data) > LIMITS.plain_memory * 9 // 10
    tracemalloc.start()
    try:
        assert plain_message_pack.read(data, LIMITS) is not None
        assert tracemalloc.get_traced_memory()[1] < BYTES
        with pytest.raises(SessionDecodeError, match="memory"):
            message_pack.loads(program(high), LIMITS)
        assert tracemalloc.get_traced_memory()[1] < BYTES
    finally:
        tracemalloc.stop()


def test_containers_are_counted_where_bytes_only_look_like_them() -> None:
    # each byte behind the first of a number would begin a map
    value = {"a": [0x8181818181818181] * 60_000, "b": {f"{n:03}": {"ж": [n]} for n in range(1_000)}, "c": "x" * 70_000}
    data = msgpack.packb(value)
    assert plain_message_pack._memory(data) > LIMITS.plain_memory
    assert plain_message_pack.read(data, LIMITS) == value


@pytest.mark.parametrize(
    "data",
    [
        b"\xde\x00\x12" + b"".join(b"\xa2%02d\xc0" % n for n in range(18)),
        b"\x81\xa1a\xdf\x00\x00\x00\x02\xda\x00\x02xx\xc0\xdb\x00\x00\x00\x01y\xde\x00\x10" + b"\xa1z\xc0" * 16,
        b"\x93\xc5\x00\x03\xde\xff\xff\xd9\x03\xde\xff\xff\xde\x00\x12"
        + b"".join(b"\xa2%02d\xc0" % n for n in range(18)),
    ],
)
def test_pairs_of_maps_of_many(data: bytes) -> None:
    assert plain_message_pack._wide_pairs(data) == 18


def test_a_time_among_them_leaves_the_pairs_open() -> None:
    data = msgpack.packb([msgpack.Timestamp(5)])
    assert plain_message_pack._wide_pairs(data) == len(data)


def test_many_values_that_are_too_large_are_given_up_soon() -> None:
    data = msgpack.packb({"a": ["xy"] * 600_000})
    assert plain_message_pack.read(data, LIMITS) is None
    unpacker = message_pack._Unpacker(data, LIMITS, 100_000)
    with pytest.raises(SessionDecodeError) as raised:
        unpacker.value(0)
    assert unpacker.position < len(data) // 5
    with pytest.raises(SessionDecodeError, match="too many values"):
        message_pack.loads(data, LIMITS)
    assert raised.value.reason == "too-large"
