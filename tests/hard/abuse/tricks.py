"""What a hostile OMERO could send: framing that lies, replies to nobody, values that are bombs.

Each is a table of tricks, by name. A trick that ends the connection, or that is refused as soon as it has come, costs a
browser a 503; one that merely never answers costs it a 504.
"""

from __future__ import annotations

import asyncio
import struct
from collections.abc import Callable, Iterator

from omero_ms_thumbnail.ice.messages import (
    CLOSE_CONNECTION_BYTES,
    HEADER,
    VALIDATE_CONNECTION_BYTES,
    OperationMode,
    Request,
    encode_request,
    encode_unknown,
)
from omero_ms_thumbnail.ice.messages import ReplyStatus as Status
from omero_ms_thumbnail.ice.references import Identity
from omero_ms_thumbnail.ice.streams import ENCODING_1_0, ENCODING_1_1, EncodingVersion
from tests.hard.abuse.hostile_omero import Play, Trick, encapsulation, honest_reply
from tests.unit.ice.instance_bytes import ID_INDEX, ID_STRING, LAST, SIZE, TABLE, number, slice_1_0, slice_1_1, text
from tests.unit.ice.wire import Wire, header

REQUEST, BATCH, REPLY, VALIDATE, CLOSE = range(5)

#: a size of 2^31 - 1
BILLIONS = b"\xff\xff\xff\xff\x7f"
MEGABYTE = 1 << 20

#: all calls to OMERO of a session that plays these end when the service gives up
TIMED_OUT = (504,)
#: OMERO has answered that it cannot, or that there is no such image
_NO_IMAGE = (404,)


def sends(make: Callable[[Request], bytes]) -> Play:
    """Play by sending what `make` makes of the request."""

    async def play(wire: Wire, request: Request) -> None:
        wire.send(make(request))
        await wire.writer.drain()

    return play


def message(kind: int, body: bytes) -> bytes:
    return header(kind, HEADER.size + len(body)) + body


def reply(request_id: int, status: int, rest: bytes) -> bytes:
    return message(REPLY, number(request_id) + bytes([status]) + rest)


def result(content: bytes, encoding: EncodingVersion = ENCODING_1_1, lie: int = 0) -> Play:
    return sends(lambda request: reply(request.request_id, Status.OK, encapsulation(content, encoding, lie)))


def exception(content: bytes, encoding: EncodingVersion = ENCODING_1_1) -> Play:
    return sends(lambda request: reply(request.request_id, Status.USER_EXCEPTION, encapsulation(content, encoding)))


def size(value: int) -> bytes:
    return bytes([value]) if value < 255 else b"\xff" + number(value)


def _packed(one: str, values: range) -> bytes:
    """All of them, each as `struct` has `one`; millions of them, every time that this is imported."""
    return struct.pack("<" + one * len(values), *values)


# framing


def _framing() -> Iterator[tuple[str, bytes]]:
    yield "bad magic", header(REPLY, 14, magic=b"HTTP")
    yield "protocol 2.0", header(REPLY, 14, protocol=(2, 0))
    yield "protocol 0.0", header(REPLY, 14, protocol=(0, 0))
    yield "encoding 9.9 of the message", header(REPLY, 14, encoding=(9, 9))
    yield "message type 9", header(9, 14)
    yield "batch request", message(BATCH, number(0))
    yield "size 0", header(REPLY, 0)
    yield "size 13", header(REPLY, 13)
    yield "size -1", header(REPLY, -1)
    yield "size 2^31-1", header(REPLY, 2**31 - 1)
    yield "compressed", header(REPLY, 14, compression=2)
    yield "validate with a body", message(VALIDATE, b"x")
    yield "close with a body", message(CLOSE, b"x")
    yield "empty reply", message(REPLY, b"")
    yield "empty request", message(REQUEST, b"")
    yield "close connection", CLOSE_CONNECTION_BYTES
    yield "noise", bytes(range(256)) * 64


FRAMING = [Trick(name, sends(lambda _, data=data: data)) for name, data in _framing()]  # type: ignore[misc]


async def _close_in_the_middle(wire: Wire, request: Request) -> None:
    wire.send(honest_reply(request)[:-7])
    await wire.writer.drain()
    wire.writer.close()


async def _reset(wire: Wire, request: Request) -> None:
    wire.send(honest_reply(request)[:20])
    wire.reset()


async def _trickle(wire: Wire, request: Request) -> None:
    """So slowly that each byte is sign of life, and that it never ends."""
    for byte in honest_reply(request)[:-1] + bytes(10_000):
        wire.send(bytes([byte]))
        await wire.writer.drain()
        await asyncio.sleep(0.05)


async def _never(_wire: Wire, _request: Request) -> None:
    """Not a byte."""


async def _validate_flood(wire: Wire, _request: Request) -> None:
    for _ in range(60):
        wire.send(VALIDATE_CONNECTION_BYTES * 1_000)
        await wire.writer.drain()


async def _requests_whose_answers_nobody_reads(wire: Wire, _request: Request) -> None:
    # what a client answers to a callback names the operation
    callback = encode_request(7, Identity("x"), "o" * 30_000, OperationMode.NORMAL, {}, b"", ENCODING_1_1)
    wire.writer.transport.pause_reading()
    for _ in range(5_000):
        wire.send(callback)
        await wire.writer.drain()
    await asyncio.Event().wait()


def _a_message_that_never_ends(wire: Wire, _request: Request) -> asyncio.Future[None]:
    """As large as is taken, but for its last byte."""

    async def play() -> None:
        wire.send(header(REPLY, 16 * MEGABYTE))
        for _ in range(15):
            wire.send(bytes(MEGABYTE))
            await wire.writer.drain()

    return asyncio.ensure_future(play())


STREAMS = [
    Trick("close in the middle of a reply", _close_in_the_middle),
    Trick("reset in the middle of a reply", _reset),
    Trick("a byte now and then", _trickle, statuses=TIMED_OUT),
    Trick("no answer", _never, statuses=TIMED_OUT),
    Trick("no answer to a set", _never, "getThumbnailByLongestSideSet", statuses=TIMED_OUT),
    Trick("no answer to createThumbnailStore", _never, "createThumbnailStore", statuses=TIMED_OUT),
    Trick("no answer to createSession", _never, "createSession", statuses=TIMED_OUT),
    Trick("a byte now and then to createSession", _trickle, "createSession", statuses=TIMED_OUT),
    Trick("validate flood", _validate_flood, statuses=TIMED_OUT),
    Trick("callbacks whose answers nobody reads", _requests_whose_answers_nobody_reads, statuses=(503, 504)),
    Trick("15 MB of a message that never ends", _a_message_that_never_ends, statuses=TIMED_OUT),
]


# replies


def _unknown_ids(request: Request) -> bytes:
    """Of requests that nobody made, and then the right one."""
    strangers = b"".join(reply(stranger, Status.OK, encapsulation(b"")) for stranger in (0, -1, 2**31 - 1, 77_777))
    return strangers * 100 + honest_reply(request)


def _twice(request: Request) -> bytes:
    return honest_reply(request) * 2


def _in_encoding_1_0(request: Request) -> bytes:
    """The right answer, the same bytes in either encoding, in the one that was not asked for."""
    honest = bytearray(honest_reply(request))
    # behind the header: the request's id, a status, the size of the encapsulation, and its encoding
    version = slice(HEADER.size + 4 + 1 + 4, HEADER.size + 4 + 1 + 4 + 2)
    assert bytes(honest[version]) == bytes(ENCODING_1_1)
    honest[version] = bytes(ENCODING_1_0)
    return bytes(honest)


def _of_each_other(request: Request) -> bytes:
    """To the requests before this one, all answered long ago, and to the one to come."""
    return b"".join(reply(other, Status.OK, encapsulation(b"\x01")) for other in range(1, request.request_id))


REPLIES = [
    Trick("replies to nobody, then the right one", sends(_unknown_ids), statuses=(200,)),
    Trick("the same reply twice", sends(_twice), statuses=(200,)),
    Trick("replies to what was answered already", sends(_of_each_other), statuses=TIMED_OUT),
    *(
        Trick(f"status {status}", sends(lambda r, s=status: reply(r.request_id, s, encapsulation(b""))))  # type: ignore[misc]
        for status in (8, 255)
    ),
    Trick("an encapsulation that is longer than the message", result(b"\x00", lie=1)),
    Trick("an encapsulation of 2^31-1 bytes", result(b"\x00", lie=2**31 - 1 - 7)),
    Trick("an encapsulation of -1 bytes", result(b"\x00", lie=-8)),
    Trick("encoding 1.2", result(b"\x00", EncodingVersion(1, 2))),
    Trick("encoding 9.9", result(b"\x00", EncodingVersion(9, 9))),
    *(
        Trick(f"{operation} rightly answered in 1.0", sends(_in_encoding_1_0), operation)
        for operation in ("createSession", "detachOnDestroy", "getThumbnailByLongestSideSet")
    ),
    Trick("nothing in it", result(b"")),
    Trick("something left over", result(b"\x00\x01\x02\x03\x05\x80")),
    Trick("something left over in 1.0", result(b"\x00\x00\x00\x01\x02\x03", ENCODING_1_0)),
    Trick(
        "an unknown exception whose reason is megabytes of forged log",
        sends(
            lambda r: encode_unknown(
                r.request_id, Status.UNKNOWN_EXCEPTION, "2026-01-01 ERROR forged\n\x1b[31m\u2028" * 100_000
            )
        ),
        statuses=_NO_IMAGE,
    ),
    Trick(
        "a local exception whose reason is megabytes",
        sends(lambda r: encode_unknown(r.request_id, Status.UNKNOWN_LOCAL_EXCEPTION, "reason\n" * 500_000)),
    ),
    Trick(
        "an object that does not exist, with an operation of megabytes",
        sends(
            lambda r: reply(
                r.request_id, Status.OBJECT_NOT_EXIST, text("n") + text("c") + b"\x00" + text("o\n" * 500_000)
            )
        ),
    ),
    Trick(
        "an exception that nobody knows",
        exception(slice_1_1(LAST, "::omero::Nonsense" * 50_000, b"")),
        statuses=_NO_IMAGE,
    ),
    Trick("an exception that ends at once", exception(b"")),
    Trick("an exception of slices without end", exception(slice_1_1(SIZE, "::a::B", b"") * 10_000)),
    Trick(
        "an exception of slices without end in 1.0",
        exception(b"\x01" + slice_1_0("::a::B", b"") * 10_000, ENCODING_1_0),
    ),
]


# values


def _row(*columns: bytes) -> bytes:
    return b"\x01" + size(len(columns)) + b"".join(columns)


def _instance(type_id: str, members: bytes, slices: int = 1) -> bytes:
    """An instance in the compact format of 1.1; of several slices the second has all the members."""
    if slices == 1:
        return b"\x01" + slice_1_1(ID_STRING | LAST, type_id, members)
    return b"\x01" + slice_1_1(ID_STRING, type_id, b"") + b"\x00" + members + bytes([LAST]) * (slices - 2)


def rlist(elements: bytes, *, named: bool) -> bytes:
    """An RList; `named` for the first one of a message, and by its number after that."""
    first = slice_1_1(ID_STRING, "::omero::RList", b"") if named else bytes([ID_INDEX, 1])
    return b"\x01" + first + b"\x00" + elements + bytes([LAST])


def _in_itself(times: int) -> bytes:
    """An RList that contains itself that often."""
    return rlist(size(times) + b"\x02" * times, named=True)


def _laughs(levels: int, times: int) -> bytes:
    """An RList that contains another, `times` times, and that one another, …: `times ** levels` leaves."""
    inner = b"\x00"
    data = b""
    for level in range(levels):
        # the first reference is the instance itself; the others its number, known from its place in the nesting
        index = 2 + level + 1
        elements = size(times) + b"%b" + (size(index) * (times - 1))
        wrapped = rlist(elements, named=level == 0)
        data = wrapped if not data else data.replace(b"%b", wrapped, 1)
    return data.replace(b"%b", rlist(inner, named=False), 1)


def _nested(depth: int) -> bytes:
    data = b"\x00"
    opening = rlist(b"\x01", named=False)[:-1]
    return rlist(b"\x01", named=True)[:-1] + opening * depth + data + bytes([LAST]) * (depth + 1)


#: an instance of an unknown class, up to the size of its first slice
_SLICED = b"\x01" + bytes([ID_STRING | SIZE]) + text("::x::Y")


def _instances_1_0(*instances: bytes) -> bytes:
    return size(len(instances)) + b"".join(instances) + b"\x00"


VALUES = [
    Trick("billions of rows", result(BILLIONS)),
    Trick("a row of billions", result(b"\x01" + BILLIONS)),
    Trick("billions of rows in 1.0", result(BILLIONS, ENCODING_1_0)),
    Trick("billions of instances in 1.0", result(_row(number(-1)) + BILLIONS, ENCODING_1_0)),
    Trick("a type id of billions", result(_row(b"\x01" + bytes([ID_STRING | LAST]) + BILLIONS))),
    Trick(
        "a slice of billions", result(_row(b"\x01" + bytes([ID_STRING | SIZE]) + text("::x::Y") + number(2**31 - 1)))
    ),
    Trick("a slice of -5 bytes", result(_row(b"\x01" + bytes([ID_STRING | SIZE]) + text("::x::Y") + number(-5)))),
    Trick("a table of billions", result(_row(b"\x01" + slice_1_1(ID_STRING | SIZE | TABLE, "::x::Y", b"") + BILLIONS))),
    Trick("an instance that was never sent", result(_row(b"\x09"))),
    Trick("an instance that never comes in 1.0", result(_row(number(-9)) + b"\x00", ENCODING_1_0)),
    Trick("a positive reference in 1.0", result(_row(number(9)) + b"\x00", ENCODING_1_0)),
    Trick(
        "an instance of an unknown class in 1.0",
        result(_row(number(-1)) + _instances_1_0(number(1) + slice_1_0("::x::Y", b"")), ENCODING_1_0),
    ),
    Trick("a type id that was never sent", result(_row(b"\x01" + bytes([ID_INDEX | LAST]) + b"\x07"))),
    Trick("a class that nobody knows", result(_row(_instance("::evil::Class" * 20_000, b"")))),
    Trick("a base where the class should be", result(_row(_instance("::omero::RType", b"")))),
    Trick("another class than the one that should be", result(_row(_instance("::omero::sys::Filter", bytes(7))))),
    Trick("too few columns", result(_row(b"\x00"))),
    Trick("too many columns", result(_row(*[b"\x00"] * 40))),
    Trick("as many nulls as there are columns", result(_row(*[b"\x00"] * 10))),
    Trick("no columns", result(b"\x01\x00")),
    Trick("a list that contains itself", result(_row(_in_itself(1)))),
    Trick("a list that contains itself 200 times", result(_row(_in_itself(200)))),
    Trick("a billion laughs", result(_row(_laughs(18, 10)))),
    Trick("instances nested 20,000 deep", result(_row(_nested(20_000)))),
    Trick("15 MB of empty rows", result(size(15 * MEGABYTE) + bytes(15 * MEGABYTE))),
    Trick("a row of 15 MB of nulls", result(b"\x01" + size(15 * MEGABYTE) + bytes(15 * MEGABYTE))),
    Trick(
        "15 MB of instances",
        result(
            b"\x01"
            + size(1 + 5 * MEGABYTE)
            + b"\x01"
            + slice_1_1(ID_STRING | LAST, "::omero::RType", b"")
            + (b"\x01" + bytes([ID_INDEX | LAST]) + b"\x01") * (5 * MEGABYTE)
        ),
    ),
    Trick(
        "15 MB of references that never come in 1.0",
        result(
            b"\x01" + size(4 * MEGABYTE - 100) + _packed("i", range(-1, 99 - 4 * MEGABYTE, -1)) + b"\x00",
            ENCODING_1_0,
        ),
    ),
    Trick(
        "15 MB of text that takes four times as much",
        result(
            _row(
                _instance("::omero::RString", b"", 2)[:-2] + text("a" * (15 * MEGABYTE) + "\U0001f52c") + bytes([LAST])
            )
        ),
    ),
]

# thumbnails

_SET = "getThumbnailByLongestSideSet"

THUMBNAILS = [
    Trick("billions of thumbnails", result(BILLIONS), _SET),
    Trick("a thumbnail of billions", result(b"\x01" + bytes(8) + BILLIONS), _SET),
    Trick("thumbnails that nobody asked for", result(b"\x01" + bytes(8) + text("jpeg")), _SET, (200,)),
    Trick(
        "15 MB for one thumbnail", result(b"\x01" + bytes(8) + size(15 * MEGABYTE) + bytes(15 * MEGABYTE)), _SET, (200,)
    ),
    Trick(
        "15 MB of empty thumbnails",
        result(size(1_700_000) + _packed("qx", range(1_700_000))),
        _SET,
    ),
]

# joining

JOINING = [
    Trick("a session without a session", result(bytes(2)), "createSession"),
    Trick("a session with billions of endpoints", result(text("s") + text("c") + bytes(7) + BILLIONS), "createSession"),
    Trick("a session that is garbage", result(b"\xfe" * 40), "createSession"),
    Trick("detachOnDestroy fails", exception(slice_1_1(LAST, "::x::Y", b"")), "detachOnDestroy", (403, 404, 503)),
    Trick("a service that is null", result(bytes(2)), "getQueryService"),
    Trick("billions of proxies", result(BILLIONS), "addProxies", (200, 503)),
    Trick("an event context that is null", result(b"\x00"), "getEventContext", (200, 503)),
]

TRICKS = {trick.name: trick for table in (FRAMING, STREAMS, REPLIES, VALUES, THUMBNAILS, JOINING) for trick in table}
