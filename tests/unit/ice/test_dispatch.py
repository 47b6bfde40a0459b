"""What the server makes of requests: refusals, failures of servants, oneway, both encodings. To a raw client."""

from __future__ import annotations

import asyncio
import gc
import logging
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any, ClassVar

import pytest

from omero_embedded.ice_server import Current
from omero_ms_thumbnail.ice.connection import proxy_for
from omero_ms_thumbnail.ice.errors import (
    FacetNotExistException,
    IceException,
    InvocationTimeoutException,
    MemoryLimitException,
    ObjectNotExistException,
    OperationNotExistException,
    UnknownException,
    UnknownLocalException,
    UnknownUserException,
)
from omero_ms_thumbnail.ice.messages import (
    OperationMode,
    Reply,
    ReplyStatus,
    encode_request,
)
from omero_ms_thumbnail.ice.operations import OBJECT_OPERATIONS, Operation
from omero_ms_thumbnail.ice.references import FACET, IDENTITY, Identity
from omero_ms_thumbnail.ice.streams import ENCODING_1_0, ENCODING_1_1, OutputStream
from omero_ms_thumbnail.ice.tls import anonymous_server_context, client_context
from omero_ms_thumbnail.ice.types import BYTE_SEQ, CONTEXT, INT, STRING, VOID, UserException
from tests.unit.ice.sample import NODE, PEER, DetailedFailure, Failure, a_ring
from tests.unit.ice.serving import PeerServant, connected, listening
from tests.unit.ice.wire import Wire, header, raw_client, request_bytes, validated_client

TWICE = PEER["twice"]


class Unheard(UserException):
    """Declared by no operation."""

    ICE_ID = "::Sample::Unheard"


class Failing(PeerServant):
    """Raises what it is told to, where `fail` and `note` are called, or what `check` should say."""

    def __init__(self, error: BaseException | None = None, *, at_check: bool = False) -> None:
        super().__init__()
        self._error = error
        self._at_check = at_check

    def check(self, current: Current) -> None:
        if self._at_check and self._error:
            raise self._error

    async def fail(self, _current: Current, _kind: str) -> None:
        if self._error:
            raise self._error

    async def note(self, current: Current, text: str) -> None:
        await super().note(current, text)
        if self._error:
            raise self._error


@asynccontextmanager
async def _wire(servant: PeerServant) -> AsyncIterator[Wire]:
    async with listening(servant) as server, validated_client(server.port) as wire:
        yield wire


async def _refused(wire: Wire, operation: Operation[Any], *arguments: Any, **how: Any) -> Exception:
    """What a call raises; the connection must be as good as before."""
    wire.send(request_bytes(1, operation, *arguments, **how))
    reply = await wire.reply()
    assert reply.request_id == 1
    wire.send(request_bytes(2, OBJECT_OPERATIONS["ice_id"]))
    assert (await wire.reply()).status in {ReplyStatus.OK, ReplyStatus.UNKNOWN_USER_EXCEPTION}
    with pytest.raises(Exception) as info:  # noqa: PT011 - whatever it is, the caller looks
        operation.decode_reply(reply)
    return info.value


@pytest.mark.parametrize(
    ("declared", "sent", "refused"),
    [
        ("twice", OperationMode.IDEMPOTENT, False),
        ("twice", OperationMode.NONMUTATING, False),
        ("twice", OperationMode.NORMAL, True),
        ("note", OperationMode.NORMAL, False),
        ("note", OperationMode.IDEMPOTENT, True),
        ("note", OperationMode.NONMUTATING, True),
    ],
)
async def test_operation_modes(declared: str, sent: OperationMode, refused: bool) -> None:
    operation, argument = PEER[declared], 1 if declared == "twice" else "text"
    servant = PeerServant()
    async with _wire(servant) as wire:
        if refused:
            error = await _refused(wire, operation, argument, mode=sent)
            assert type(error) is UnknownLocalException
            expected = f"expected {operation.mode.name}, received {int(sent)}"
            assert str(error) == f"MarshalException: unexpected operation mode: {expected}"
            assert servant.notes.empty()
        else:
            wire.send(request_bytes(1, operation, argument, mode=sent))
            assert (await wire.reply()).status is ReplyStatus.OK


async def test_a_mode_that_ice_does_not_have_is_refused() -> None:
    parameters = TWICE.encode_arguments((1,))
    async with _wire(PeerServant()) as wire:
        mode: Any = 7
        wire.send(encode_request(1, Identity("peer"), "twice", mode, {}, parameters, ENCODING_1_1))
        reply = await wire.reply()
    assert reply.status is ReplyStatus.UNKNOWN_LOCAL_EXCEPTION
    assert "received 7" in str(reply.failure)


async def test_no_such_object() -> None:
    async with _wire(PeerServant()) as wire:
        error = await _refused(wire, TWICE, 1, identity="nobody")
    assert isinstance(error, ObjectNotExistException)
    assert (error.identity, error.operation) == ("/nobody", "twice")


async def test_no_such_operation() -> None:
    async with _wire(PeerServant()) as wire:
        error = await _refused(wire, Operation("nothing", OperationMode.NORMAL, (), VOID))
    assert isinstance(error, OperationNotExistException)
    assert error.operation == "nothing"


async def test_a_method_that_is_no_operation_cannot_be_called() -> None:
    async with _wire(PeerServant()) as wire:
        for name in ("check", "_echo", "__init__"):
            error = await _refused(wire, Operation(name, OperationMode.NORMAL, (), VOID))
            assert isinstance(error, OperationNotExistException)


async def test_no_such_facet() -> None:
    out = OutputStream()
    out.write_int(1)
    IDENTITY.write(out, Identity("peer"))
    FACET.write(out, "side")
    out.write_string("ice_ping")
    out.write_byte(OperationMode.NONMUTATING)
    CONTEXT.write(out, {})
    out.write_encapsulation(b"", ENCODING_1_1)
    async with _wire(PeerServant()) as wire:
        wire.send(header(0, 14 + len(out.buffer)) + bytes(out.buffer))
        failure = (await wire.reply()).failure
    assert isinstance(failure, FacetNotExistException)
    assert failure.facet == "side"


async def test_a_question_in_another_encoding_is_refused_in_words() -> None:
    async with _wire(PeerServant()) as wire:
        wire.send(request_bytes(1, TWICE, 1, encoding=ENCODING_1_0))
        reply = await wire.reply()
        assert reply.status is ReplyStatus.UNKNOWN_LOCAL_EXCEPTION
        expected = "a call of twice came in Ice encoding 1.0, and only 1.1 is spoken here"
        assert str(reply.failure) == f"UnsupportedEncodingException: {expected}"


async def test_the_answer_has_the_encoding_of_the_question() -> None:
    async with _wire(PeerServant()) as wire:
        wire.send(request_bytes(1, PEER["echoNode"], a_ring()))
        reply = await wire.reply()
        assert reply.content is not None
        assert reply.content.encoding == ENCODING_1_1
        ring = PEER["echoNode"].decode_reply(reply)
        assert ring.next.next.next is ring
        wire.send(request_bytes(2, PEER["fail"], "detailed"))
        reply = await wire.reply()
        assert reply.content is not None
        assert reply.content.encoding == ENCODING_1_1
        # what it was sent may stand in what it throws: its members are for whoever asks for them
        with pytest.raises(DetailedFailure, match=r"^Sample\.DetailedFailure$") as raised:
            PEER["fail"].decode_reply(reply)
        assert raised.value.reason == "detailed"


@pytest.mark.parametrize("at_check", [False, True], ids=["in the operation", "in check"])
@pytest.mark.parametrize(
    ("error", "kind", "text"),
    [
        (Failure(reason="declared"), Failure, "Sample.Failure"),
        (Unheard(), UnknownUserException, "::Sample::Unheard"),
        (Failure(), UnknownLocalException, "MarshalException: a string holds what UTF-8 cannot encode"),
        (InvocationTimeoutException("too slow"), UnknownLocalException, "InvocationTimeoutException: too slow"),
        (ObjectNotExistException("other", "", "other"), ObjectNotExistException, "on calling 'other'"),
        (ValueError("password"), UnknownException, "ValueError"),
    ],
    ids=["declared", "undeclared", "declared and incomplete", "of Ice", "of Ice, not exist", "of Python"],
)
async def test_what_a_servant_raises(
    error: Exception, kind: type[Exception], text: str, at_check: bool, caplog: pytest.LogCaptureFixture
) -> None:
    async with _wire(Failing(error, at_check=at_check)) as wire:
        wire.send(request_bytes(1, PEER["fail"], "kind"))
        reply: Reply = await wire.reply()
        with pytest.raises(kind) as info:
            PEER["fail"].decode_reply(reply)
    assert type(info.value) is kind
    assert text in str(info.value)
    # what only Python knows goes into the server's log, not to the client
    assert "password" not in str(info.value)
    logged = [record.getMessage() for record in caplog.records if record.levelno >= logging.ERROR]
    assert logged == (["fail failed"] if isinstance(error, ValueError) else [])


async def test_a_result_of_another_type_is_the_servant_s_failure() -> None:
    class Wrong(PeerServant):
        async def twice(self, _current: Current, value: int) -> Any:
            return "four"

    async with _wire(Wrong()) as wire:
        error = await _refused(wire, TWICE, 2)
    assert type(error) is UnknownLocalException
    assert "MarshalException: 'four' is not a Slice int" in str(error)


@pytest.mark.parametrize("content", [b"", b"\x01\x00\x00", b"\x01\x00\x00\x00\x01"])
async def test_arguments_that_do_not_fit(content: bytes) -> None:
    async with _wire(PeerServant()) as wire:
        wire.send(encode_request(1, Identity("peer"), "twice", TWICE.mode, {}, content, ENCODING_1_1))
        failure = (await wire.reply()).failure
    assert type(failure) is UnknownLocalException
    assert str(failure).startswith("MarshalException: ")


async def test_an_instance_of_another_class() -> None:
    as_node = Operation("echoNode", OperationMode.NORMAL, (("value", NODE),), NODE)
    as_shape = Operation("echoShape", OperationMode.NORMAL, (("value", NODE),), NODE)
    async with _wire(PeerServant()) as wire:
        error = await _refused(wire, as_shape, a_ring())
        assert "::Sample::Node came where ::Sample::Shape should be" in str(error)
        wire.send(request_bytes(3, as_node, a_ring()))
        assert (await wire.reply()).status is ReplyStatus.OK


@pytest.mark.parametrize(
    "error", [None, Failure(reason="r"), IceException("broken"), ObjectNotExistException("", "", "")]
)
async def test_a_oneway_request_is_never_answered(error: Exception | None) -> None:
    servant = Failing(error)
    async with _wire(servant) as wire:
        wire.send(request_bytes(0, PEER["note"], "text"))
        wire.send(request_bytes(0, TWICE, 1, identity="nobody"))
        wire.send(request_bytes(0, TWICE, 1, mode=OperationMode.NORMAL))
        wire.send(request_bytes(5, TWICE, 2))
        assert (await wire.reply()).request_id == 5
        assert await servant.notes.get() == "text"


async def test_requests_are_worked_on_side_by_side() -> None:
    class Meeting(PeerServant):
        OPERATIONS: ClassVar[Mapping[str, Operation[Any]]] = PEER

        def __init__(self) -> None:
            super().__init__()
            self.barrier = asyncio.Barrier(5)

        async def twice(self, current: Current, value: int) -> int:
            await self.barrier.wait()
            return await super().twice(current, value)

    async with _wire(Meeting()) as wire:
        wire.send(*(request_bytes(number, TWICE, number) for number in range(1, 6)))
        replies = [await wire.reply() for _ in range(5)]
    assert {reply.request_id: TWICE.decode_reply(reply) for reply in replies} == {n: 2 * n for n in range(1, 6)}


async def test_a_servant_sees_the_call() -> None:
    seen: list[Current] = []

    class Looking(PeerServant):
        def check(self, current: Current) -> None:
            seen.append(current)

    async with _wire(Looking()) as wire:
        parameters = PEER["context"].encode_arguments(("omero.group",))
        context = {"omero.group": "key-1"}
        wire.send(
            encode_request(
                1, Identity("peer", "category"), "context", OperationMode.NORMAL, context, parameters, ENCODING_1_1
            )
        )
        assert PEER["context"].decode_reply(await wire.reply()) == "key-1"
    (current,) = seen
    assert (current.identity, current.operation) == (Identity("peer", "category"), "context")
    assert "key-1" not in repr(current)


async def test_bytes_of_any_kind_come_back() -> None:
    class Bytes(PeerServant):
        OPERATIONS: ClassVar[Mapping[str, Operation[Any]]] = {
            "jpeg": Operation("jpeg", OperationMode.IDEMPOTENT, (("size", INT), ("name", STRING)), BYTE_SEQ)
        }

        async def jpeg(self, _current: Current, size: int, _name: str) -> bytes:
            return bytes(size)

    jpeg = Bytes.OPERATIONS["jpeg"]
    async with _wire(Bytes()) as wire:
        for size in (0, 254, 255, 300_000):
            wire.send(request_bytes(1, jpeg, size, "name"))
            assert jpeg.decode_reply(await wire.reply()) == bytes(size)


@pytest.mark.parametrize(
    "sent",
    [
        b"GET / HTTP/1.1\r\nHost: omero\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(20),
        header(1, 18) + bytes(4),
        header(0, 14),
        header(2, 2**31 - 1),
        header(3, 14, compression=2),
    ],
    ids=["HTTP", "TLS", "batch", "a request of nothing", "larger than may be", "compressed"],
)
async def test_a_client_that_breaks_the_protocol_is_let_go_and_the_server_goes_on(sent: bytes) -> None:
    async with listening(PeerServant()) as server:
        async with validated_client(server.port) as wire:
            wire.send(sent)
            assert await wire.ended() == b""
        async with validated_client(server.port) as wire:
            wire.send(request_bytes(1, TWICE, 2))
            assert TWICE.decode_reply(await wire.reply()) == 4


async def test_a_request_larger_than_message_size_max_closes_its_connection() -> None:
    async with listening(PeerServant(), message_size_max=200) as server, validated_client(server.port) as wire:
        wire.send(request_bytes(1, TWICE, 2))
        await wire.reply()
        wire.send(request_bytes(2, PEER["note"], "a" * 200))
        assert await wire.ended() == b""
        (connection,) = server.locator.seen
        assert await server.locator.gone.get() is connection
        with pytest.raises(IceException, match="MessageSizeMax is 200") as info:
            connection.send(proxy_for("client"), TWICE, (1,), {})
    assert type(info.value) is MemoryLimitException


async def test_a_client_that_never_finishes_its_tls_handshake_leaves_nothing_behind() -> None:
    async with listening(PeerServant(), tls=anonymous_server_context()) as server:
        async with raw_client(server.port) as wire:
            wire.send(b"no TLS at all, and more than a record's header")
            await wire.ended()
        async with connected(server.port, client_context()) as connection:
            assert await connection.call(proxy_for("peer"), TWICE, 2) == 4
            gc.collect()
            assert set(server.adapter._connections) == set(server.locator.seen)
