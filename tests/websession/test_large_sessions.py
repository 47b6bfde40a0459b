"""A megabyte of plain data is a session like any other, whichever serializer wrote it, and takes a bounded memory."""

from __future__ import annotations

import base64
import json
import pickle
import zlib
from collections.abc import Callable, Iterator

import msgpack
import pytest

from omero_ms_thumbnail.websession.decode_error import SessionDecodeError
from omero_ms_thumbnail.websession.limits import Limits
from omero_ms_thumbnail.websession.payload import decode_payload
from omero_ms_thumbnail.websession.session import web_session
from omero_ms_thumbnail.websession.signed_text import SigningKeys, decode_text, sign
from tests.websession.measuring import Cost, measuring

LIMITS = Limits()
BYTES = 32_000_000
KEY = "0b9d4d6c-6ac1-4f2a-9b6c-7e7c1f1d3a55"

#: what a job in OMERO.web's `callback` looks like, for so many images
CONTENTS: dict[str, Callable[[int], object]] = {
    "ids of a deletion": lambda count: {
        "job": {"job_type": "delete", "dreport": [str(1_000_000 + n) for n in range(count)]}
    },
    "numbers": lambda count: [1_000_000 + n for n in range(count)],
    "numbers that grow": lambda count: list(range(count)),
    "small numbers": lambda count: [n % 200 for n in range(count)],
    "negative numbers": lambda count: [-n for n in range(count)],
    "short texts": lambda count: ["%02x" % (n % 256) for n in range(count)],
    "texts of many lengths": lambda count: ["é" * (n % 50) for n in range(count)],
    "numbers by text": lambda count: {str(n): n for n in range(count)},
    "objects": lambda count: [{"id": n, "name": f"image {n}.tiff", "done": True, "z": [1, 2]} for n in range(count)],
    "small objects": lambda count: [{"a": n} for n in range(count)],
    "objects by text": lambda count: {str(n): {"status": "done", "error": None, "n": n} for n in range(count)},
    "nested lists": lambda count: [[[n], [n, [n + 1]]] for n in range(count)],
    "rows": lambda count: [[n, n + 1, "x", 1.5] for n in range(count)],
    "yes and no": lambda count: [bool(n % 3) for n in range(count)],
    "one long text": lambda count: ["word " * (count // 5 or 1)],
    "large numbers": lambda count: [3_000_000_000 + n for n in range(count)],
    "numbers by number": lambda count: {n: n for n in range(count)},
    "pairs": lambda count: [(n, n + 1) for n in range(count)],
    "floats": lambda count: [n / 7 for n in range(count)],
}
SERIALIZERS: dict[str, Callable[[object], bytes]] = {
    **{f"pickle {protocol}": lambda value, protocol=protocol: pickle.dumps(value, protocol) for protocol in (2, 4, 5)},
    "json": lambda value: json.dumps(value).encode(),
    "msgpack": lambda value: msgpack.packb(value),
    "compressed": lambda value: zlib.compress(pickle.dumps(value, 5)),
}


@pytest.fixture(scope="module")
def cost() -> Iterator[Callable[[bytes], Cost]]:
    with measuring() as one:
        yield one


def session(content: object) -> dict[str, object]:
    return {"connector": {"omero_session_key": KEY, "user_id": 1}, "callback": content}


def megabyte(content: Callable[[int], object], dump: Callable[[object], bytes]) -> dict[str, object]:
    """The largest session of that content that is no longer than a million bytes, or nearly."""
    plain = dump if dump is not SERIALIZERS["compressed"] else SERIALIZERS["pickle 5"]
    few = len(plain(session(content(20_000)))) / 20_000
    count = int(970_000 / few)
    while len(plain(session(content(count)))) > 1_000_000:
        count = count * 9 // 10
    return session(content(count))


#: of which msgpack writes so many into a megabyte that the values take more than 32 MB
DENSE = {"small objects", "nested lists", "yes and no"}
#: what only pickles have as it is
PICKLED = {"numbers by number"}


@pytest.mark.parametrize(
    ("content", "serializer"),
    [
        (one, by)
        for one in CONTENTS
        for by in SERIALIZERS
        if (by != "msgpack" or one not in DENSE) and (by not in ("msgpack", "json") or one not in PICKLED)
    ],
)
def test_a_megabyte(content: str, serializer: str) -> None:
    value = megabyte(CONTENTS[content], SERIALIZERS[serializer])
    payload = SERIALIZERS[serializer](value)
    assert serializer == "compressed" or len(payload) > 800_000
    read = decode_payload(payload, LIMITS)
    if serializer in ("json", "msgpack") and content == "pairs":
        value["callback"] = [[*pair] for pair in value["callback"]]  # type: ignore[attr-defined]
    assert read == value


@pytest.mark.parametrize("serializer", ["pickle 2", "pickle 4", "json"])
@pytest.mark.parametrize(
    "content", ["ids of a deletion", "objects", "small objects", "objects by text", "nested lists"]
)
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
