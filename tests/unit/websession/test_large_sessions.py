"""A megabyte of plain data is a session like any other, whichever serializer wrote it, and takes a bounded memory."""

from __future__ import annotations

import base64
import json
import pickle
from collections.abc import Callable, Iterator

import msgpack
import pytest

from omero_ms_thumbnail.websession.decode_error import SessionDecodeError
from omero_ms_thumbnail.websession.limits import Limits
from omero_ms_thumbnail.websession.payload import decode_payload
from omero_ms_thumbnail.websession.signed_text import SigningKeys, decode_text, sign
from omero_ms_thumbnail.websession.web_session import web_session
from tests.unit.websession.large_sessions import CONTENTS, KEY, PICKLED, SERIALIZERS, can_be_written, megabyte, session
from tests.unit.websession.measuring import Cost, measuring

pytestmark = pytest.mark.long

LIMITS = Limits()
BYTES = 32_000_000


@pytest.fixture(scope="module")
def cost() -> Iterator[Callable[[bytes], Cost]]:
    with measuring() as one:
        yield one


#: of which msgpack writes so many into a megabyte that the values take too much memory
DENSE = {"small objects"}
#: of which only so many are kept as can be found quickly whatever the numbers are
BY_NUMBER = {
    *("one set of numbers", "numbers by number", "objects by number"),
    *("one set of random numbers", "random numbers by number", "numbers by pair"),
}
#: the kinds of data that serializers that wrap another one's are tried with
WRAPPED = {"objects", "short texts", "one long text"}
#: pickles of protocol 5 are those of protocol 4 but for bytearrays, which these are not
PROTOCOLS = {"ids of a deletion", "objects", "pairs"}


def megabytes() -> Iterator[tuple[str, str]]:
    for content in {**CONTENTS, **PICKLED}:
        for serializer in SERIALIZERS:
            some = {"compressed": WRAPPED, "pickle 5": PROTOCOLS}.get(serializer)
            if can_be_written(content, serializer) and (some is None or content in some):
                yield content, serializer


@pytest.mark.parametrize(("content", "serializer"), list(megabytes()))
def test_a_megabyte(content: str, serializer: str) -> None:
    value = megabyte({**CONTENTS, **PICKLED}[content], SERIALIZERS[serializer])
    payload = SERIALIZERS[serializer](value)
    assert serializer == "compressed" or len(payload) > 800_000
    if serializer == "msgpack" and content in DENSE:
        with pytest.raises(SessionDecodeError, match="memory"):
            decode_payload(payload, LIMITS)
        return
    read = decode_payload(payload, LIMITS)
    if content in BY_NUMBER:
        assert isinstance(read, dict)
        assert read["connector"] == value["connector"]
        left, there = read["callback"], value["callback"]
        assert left <= there if isinstance(left, set) else left.items() <= there.items()  # type: ignore[operator, union-attr]
    elif serializer in ("json", "msgpack"):
        assert json.dumps(read, default=repr) == json.dumps(value, default=repr)
    else:
        assert read == value


@pytest.mark.parametrize("serializer", ["pickle 2", "pickle 4", "json"])
@pytest.mark.parametrize("content", ["small objects", "objects by text", "nested lists", "short texts"])
def test_memory_for_a_megabyte(content: str, serializer: str, cost: Callable[[bytes], Cost]) -> None:
    read = cost(SERIALIZERS[serializer](megabyte(CONTENTS[content], SERIALIZERS[serializer])))
    assert not read.refused
    assert read.bytes < BYTES


def test_ids_of_30_500_images_in_one_deletion() -> None:
    value = session({"job": {"dreport": [str(1_234_567 + n) for n in range(30_500)]}})
    payload = pickle.dumps(value, 4)
    assert len(payload) > 305_000
    found = web_session(decode_payload(payload, LIMITS))
    assert found is not None
    assert found.omero_session_key == KEY


def test_a_megabyte_as_text_in_a_database() -> None:
    value = session([str(1_000_000 + n) for n in range(99_000)])
    payload = pickle.dumps(value, 5)
    assert len(payload) > 970_000
    assert decode_text(sign(payload, "secret", "1x"), LIMITS, SigningKeys(("secret",))) == value
    assert decode_text(base64.b64encode(b"00" * 20 + b":" + payload), LIMITS, SigningKeys()) == value


@pytest.mark.parametrize(
    "program",
    [
        b"]" * 900_000,
        b"}\x94" * 500_000,
        b"](K\x01K\x02e" * 300_000,
        b"}(\x8c\x01aK\x01u" * 200_000,
        b"(\x8c\x02abt" * 290_000,
        b"(\x8c\x02ab\x91" * 290_000,
        b"\x8c\x02ab\x94" * 419_000,
        b"M\xff\xff" * 698_000,
        b"G\x00\x00\x00\x00\x00\x00\x00\x01" * 232_000,
        b"X\x01\x00\x00\x00\xe9" * 300_000,
        b"ca\nb\n)\x81" * 250_000,
        b"".join(b"r" + (n * 7).to_bytes(4, "little") for n in range(1, 400_000)),
        b"]\x94(" + b"h\x00" * 500_000 + b"e",
        b"\x8c\xff" + b"\xf0\x9f\x98\x80" * 63 + b"xxx\x94",
    ],
    ids=lambda program: repr(bytes(program[:12])),
)
def test_memory_is_bounded_whatever_the_values(program: bytes, cost: Callable[[bytes], Cost]) -> None:
    payload = b"\x80\x05(N" + program
    read = cost(payload[: LIMITS.decoded_bytes - 1] + b".")
    assert read.refused
    assert read.bytes < BYTES + 4_000_000


@pytest.mark.parametrize("length", [0, 1, 2, 10, 91, 255])
@pytest.mark.parametrize("count", [1, 2, 1000, 1001, 2003])
def test_runs_of_texts_and_numbers_are_read_as_one_by_one(length: int, count: int) -> None:
    texts = [f"{n:0>{length}}"[-length:] if length else "" for n in range(count)]
    texts[-1] = "é" * (length // 2) + "x" * (length % 2)
    numbers = [n * 97 - 5000 if length % 2 else n * 70 for n in range(count)]
    value = {
        "a": texts,
        "b": texts[::-1],
        "c": numbers,
        "d": dict(zip(texts, numbers, strict=True)),
    }
    for protocol in range(6):
        assert decode_payload(pickle.dumps(value, protocol), LIMITS) == value
    assert decode_payload(msgpack.packb(value), LIMITS) == value


@pytest.mark.parametrize(
    "payload",
    [
        b"K\x01K",
        b"M\x01",
        b"K\x01K\x02K",
        b"\x8c",
        b"\x8c\x05ab",
        b"\x8c\x02ab",
        b"\x8c\x02ab\x94\x8c",
        b"X\x02",
        b"X\x02\x00\x00\x00ab",
        b"q",
        b"h",
    ],
)
def test_cut_off_in_what_is_read_at_once(payload: bytes) -> None:
    with pytest.raises(SessionDecodeError) as raised:
        decode_payload(b"\x80\x04" + payload, LIMITS)
    assert raised.value.reason == "pickle"
