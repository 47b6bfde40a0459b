"""A session with a Glacier2 router: proxies are added before their first call, and again once it dropped them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any, ClassVar

import pytest

from omero_embedded.ice_server import Current, ObjectAdapter, Servant
from omero_ms_thumbnail.ice.connection import Connection, proxy_for
from omero_ms_thumbnail.ice.errors import (
    ConnectionLostException,
    InvocationTimeoutException,
    MarshalException,
    ObjectNotExistException,
    UnknownException,
)
from omero_ms_thumbnail.ice.glacier2 import (
    ADD_PROXIES,
    CREATE_SESSION,
    GET_ACM_TIMEOUT,
    ICE_ADD_PROXY,
    ROUTER_OPERATIONS,
    CannotCreateSessionException,
    PermissionDeniedException,
    RouterSession,
    SessionNotExistException,
)
from omero_ms_thumbnail.ice.messages import (
    CLOSE_CONNECTION_BYTES,
    ReplyStatus,
    Request,
    encode_reply,
    encode_request_failed,
)
from omero_ms_thumbnail.ice.operations import Operation
from omero_ms_thumbnail.ice.references import Identity, ObjectPrx
from omero_ms_thumbnail.ice.streams import ENCODING_1_1
from tests.unit.ice.sample import PEER
from tests.unit.ice.serving import PeerServant, connected
from tests.unit.ice.wire import DEADLINE, HOST, Wire, ice_speaking_server, result_bytes

TWICE = PEER["twice"]
CONTEXT = PEER["context"]
ROUTER = Identity("router", "Glacier2")
SESSION = ObjectPrx(Identity("session", "key-1"), adapter_id="sessions")
KEY = {"omero.client.uuid": "uuid"}


class Router(Servant):
    """Keeps a routing table of at most `size_max` proxies, as Glacier2 does, and forwards to what stands in it."""

    OPERATIONS: ClassVar[Mapping[str, Operation[Any]]] = ROUTER_OPERATIONS

    def __init__(self, size_max: int = 1000) -> None:
        self.table: list[ObjectPrx] = []
        self.log: list[str] = []
        self.size_max = size_max
        self.refusal: Exception | None = None
        self.destroyed = asyncio.Event()
        self.behind = PeerServant()
        self._session: ObjectPrx | None = SESSION

    async def createSession(self, current: Current, user: str, password: str) -> ObjectPrx | None:  # noqa: N802
        self.log.append(f"createSession({user}, {password}) {dict(current.context)}")
        if self.refusal:
            raise self.refusal
        return None if user == "nobody" else SESSION

    async def addProxies(  # noqa: N802
        self, _current: Current, proxies: list[ObjectPrx]
    ) -> list[ObjectPrx | None]:
        if self.refusal:
            raise self.refusal
        self.log += [f"add {proxy.identity.name}" for proxy in proxies]
        self.table = [proxy for proxy in self.table if proxy not in proxies] + proxies
        evicted, self.table = self.table[: -self.size_max], self.table[-self.size_max :]
        return [*evicted]

    async def getACMTimeout(self, _current: Current) -> int:  # noqa: N802
        return 60

    async def destroySession(self, _current: Current) -> None:  # noqa: N802
        self.destroyed.set()
        if self.refusal:
            raise self.refusal

    # the locator's part

    def locate(self, request: Request, _connection: Connection) -> Servant:
        if request.identity == ROUTER:
            return self
        if request.identity.name == "gone":
            raise ObjectNotExistException("gone", "", request.operation)
        self.log.append(f"call {request.identity.name}")
        if request.identity not in [proxy.identity for proxy in self.table]:
            raise ObjectNotExistException(request.identity.name, "", ICE_ADD_PROXY)
        return self.behind

    def connection_closed(self, connection: Connection) -> None:
        pass


@asynccontextmanager
async def _connected(router: Router) -> AsyncIterator[Connection]:
    adapter = ObjectAdapter(router)
    port = await adapter.listen(HOST, 0)
    try:
        async with connected(port) as connection:
            yield connection
    finally:
        await adapter.close(0.5)


async def _create(connection: Connection, user: str = "key-1") -> RouterSession:
    return await RouterSession.create(connection, user, "key-1", router=ROUTER, context=KEY, timeout=DEADLINE)


@asynccontextmanager
async def _session(router: Router) -> AsyncIterator[RouterSession]:
    async with _connected(router) as connection:
        yield await _create(connection)


async def test_creating_a_session() -> None:
    router = Router()
    async with _session(router) as session:
        assert session.session == SESSION
        assert session.is_active
        assert router.log == ["createSession(key-1, key-1) {'omero.client.uuid': 'uuid'}"]


@pytest.mark.parametrize(
    ("refusal", "shown"),
    [
        (PermissionDeniedException(reason="Password check failed for 'key-1': []"), "verifies users and passwords"),
        (PermissionDeniedException(reason="permission denied"), "gives no reason"),
        (PermissionDeniedException(reason="internal server error"), "cannot ask what lets users in"),
        (CannotCreateSessionException(reason="no room for key-1"), "no session could be made"),
        (CannotCreateSessionException(reason="router is shutting down"), "is shutting down"),
        (CannotCreateSessionException(reason="session exists"), "has a session already"),
    ],
)
async def test_a_refused_session(refusal: PermissionDeniedException | CannotCreateSessionException, shown: str) -> None:
    router = Router()
    router.refusal = refusal
    async with _connected(router) as connection:
        with pytest.raises(type(refusal), match=shown) as raised:
            await _create(connection)
        # the reason tells what it means, and may quote the user: it is not shown
        assert isinstance(raised.value, type(refusal))
        assert raised.value.reason == refusal.reason
        assert "key-1" not in f"{raised.value} {raised.value!r}"
        # whether to try again on it is the caller's decision
        assert connection.is_active


async def test_a_session_without_an_object_is_refused() -> None:
    async with _connected(Router()) as connection:
        with pytest.raises(MarshalException, match="without a session object"):
            await _create(connection, "nobody")


async def test_a_proxy_and_its_first_call_go_out_in_one_flight() -> None:
    async def answer_when_both_are_there(wire: Wire) -> None:
        create = await wire.request()
        wire.send(result_bytes(create.request_id, CREATE_SESSION, SESSION))
        adding, call = await wire.request(), await wire.request()
        assert (adding.identity, adding.operation, call.operation) == (ROUTER, "addProxies", "twice")
        assert ADD_PROXIES.decode_arguments(adding.parameters) == [[SESSION]]
        assert adding.context == call.context == KEY
        # and even the answers may come the other way round
        wire.send(result_bytes(call.request_id, TWICE, 4), result_bytes(adding.request_id, ADD_PROXIES, []))
        again = await wire.request()
        assert again.operation == "twice"
        wire.send(result_bytes(again.request_id, TWICE, 6))
        await wire.ended()

    async with ice_speaking_server(answer_when_both_are_there) as port, connected(port) as connection:
        session = await _create(connection)
        assert await session.call(session.session, TWICE, 2) == 4
        assert await session.call(session.session, TWICE, 3) == 6


async def test_a_proxy_is_added_once() -> None:
    router = Router()
    async with _session(router) as session:
        router.log.clear()
        assert await asyncio.gather(*(session.call(SESSION, TWICE, value) for value in range(4))) == [0, 2, 4, 6]
        assert router.log == ["add session", *["call session"] * 4]


async def test_a_proxy_that_the_router_dropped_is_added_again_without_a_failing_call() -> None:
    router = Router(size_max=2)
    proxies = [proxy_for(name) for name in "abc"]
    async with _session(router) as session:
        router.log.clear()
        for proxy in proxies:
            assert await session.call(proxy, TWICE, 1) == 2
        router.log.clear()
        # the router said that it dropped a for c
        assert await session.call(proxies[0], TWICE, 1) == 2
        assert router.log == ["add a", "call a"]
        router.log.clear()
        assert await session.call(proxies[2], TWICE, 1) == 2
        assert router.log == ["call c"]


async def test_a_proxy_that_the_router_lost_is_added_again_and_called_again() -> None:
    router = Router()
    async with _session(router) as session:
        assert await session.call(SESSION, TWICE, 1) == 2
        router.table.clear()
        router.log.clear()
        assert await session.call(SESSION, TWICE, 2) == 4
        assert router.log == ["call session", "add session", "call session"]


async def test_what_is_dropped_for_a_proxy_that_was_lost_is_added_again_too() -> None:
    router = Router(size_max=2)
    first, second, third = (proxy_for(name) for name in "abc")
    async with _session(router) as session:
        for proxy in (first, second):
            await session.call(proxy, TWICE, 1)
        # unknown to the session: another proxy took the place of the first, and then of the second
        router.table = [third, second]
        assert await session.call(first, TWICE, 1) == 2
        assert router.table == [second, first]
        router.table = [second, third]
        router.log.clear()
        assert await session.call(first, TWICE, 1) == 2
        assert await session.call(second, TWICE, 1) == 2
        assert router.log == ["call a", "add a", "call a", "add b", "call b"]


async def test_it_is_tried_again_once_only() -> None:
    router = Router(size_max=2)
    async with _session(router) as session:
        await session.call(SESSION, TWICE, 1)
        router.log.clear()
        router.size_max = -1000
        router.table.clear()
        with pytest.raises(ObjectNotExistException) as info:
            await session.call(SESSION, TWICE, 1)
        assert info.value.operation == ICE_ADD_PROXY
        assert router.log == ["call session", "add session", "call session"]


async def test_an_object_that_is_gone_is_not_asked_again() -> None:
    router = Router()
    async with _session(router) as session:
        router.log.clear()
        with pytest.raises(ObjectNotExistException, match="'twice'"):
            await session.call(proxy_for("gone"), TWICE, 1)
        assert router.log == ["add gone"]


async def test_a_router_that_does_not_add_says_why() -> None:
    router = Router()
    async with _session(router) as session:
        router.refusal = ValueError("routing table is broken")
        with pytest.raises(UnknownException, match="ValueError"):
            await session.call(SESSION, TWICE, 1)


async def test_whoever_gives_up_on_a_call_gives_up_on_its_reply() -> None:
    async with _session(Router()) as session:
        await session.call(SESSION, TWICE, 1)
        pending = session._connection._pending
        reply = session.send(SESSION, TWICE, (2,), None)
        assert len(pending) == 1
        reply.cancel()
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert pending == {}


async def test_whoever_gives_up_while_a_proxy_is_added_again_is_not_called_for() -> None:
    async def drop_and_wait(wire: Wire) -> None:
        wire.send(result_bytes((await wire.request()).request_id, CREATE_SESSION, SESSION))
        adding, call = await wire.request(), await wire.request()
        wire.send(result_bytes(adding.request_id, ADD_PROXIES, []))
        wire.send(
            encode_request_failed(call.request_id, ReplyStatus.OBJECT_NOT_EXIST, SESSION.identity, "", ICE_ADD_PROXY)
        )
        again = await wire.request()
        assert again.operation == "addProxies"
        added_again.set()
        await given_up.wait()
        wire.send(result_bytes(again.request_id, ADD_PROXIES, []))
        after = await wire.request()
        assert (after.operation, CONTEXT.decode_arguments(after.parameters)) == ("context", ["omero.group"])
        wire.send(result_bytes(after.request_id, CONTEXT, "-1"))
        await wire.ended()

    added_again, given_up = asyncio.Event(), asyncio.Event()
    async with ice_speaking_server(drop_and_wait) as port, connected(port) as connection:
        session = await _create(connection)
        calling = asyncio.create_task(session.call(SESSION, TWICE, 2))
        await added_again.wait()
        calling.cancel()
        with pytest.raises(asyncio.CancelledError):
            await calling
        given_up.set()
        while connection._pending:
            await asyncio.sleep(0.001)
        assert await session.call(SESSION, CONTEXT, "omero.group") == "-1"


async def test_a_call_has_the_session_s_context_and_its_own_on_top() -> None:
    async with _session(Router()) as session:
        assert await session.call(SESSION, CONTEXT, "omero.client.uuid") == "uuid"
        own = {"omero.group": "-1"}
        assert await session.call(SESSION, CONTEXT, "omero.group", context=own) == "-1"
        assert await session.call(SESSION, CONTEXT, "omero.client.uuid", context=own) == "uuid"
        assert await session.call(SESSION, CONTEXT, "omero.client.uuid", context={"omero.client.uuid": "u"}) == "u"
        # the next one is without it again
        assert await session.call(SESSION, CONTEXT, "omero.group") == ""


async def test_a_forgotten_proxy_is_added_before_it_is_called_again() -> None:
    router = Router()
    async with _session(router) as session:
        await session.call(SESSION, TWICE, 1)
        session.forget(SESSION)
        router.log.clear()
        await session.call(SESSION, TWICE, 1)
        assert router.log == ["add session", "call session"]


async def test_a_time_out_names_the_operation() -> None:
    async def create_only(wire: Wire) -> None:
        wire.send(result_bytes((await wire.request()).request_id, CREATE_SESSION, SESSION))
        await wire.ended()

    async with ice_speaking_server(create_only) as port, connected(port) as connection:
        session = await _create(connection)
        with pytest.raises(InvocationTimeoutException, match=f"{port} did not answer twice within 0.01 s"):
            await session.call(SESSION, TWICE, 1, timeout=0.01)


async def test_a_lost_connection_fails_the_call_and_what_was_to_be_added() -> None:
    async def leave(wire: Wire) -> None:
        wire.send(result_bytes((await wire.request()).request_id, CREATE_SESSION, SESSION))
        await wire.request()

    async with ice_speaking_server(leave) as port, connected(port) as connection:
        session = await _create(connection)
        with pytest.raises(ConnectionLostException):
            await session.call(SESSION, TWICE, 1)
        await session.wait_closed()
        assert not session.is_active


async def test_an_answer_to_add_proxies_that_cannot_be_read_leaves_the_call_alone() -> None:
    async def answer(wire: Wire) -> None:
        wire.send(result_bytes((await wire.request()).request_id, CREATE_SESSION, SESSION))
        adding, call = await wire.request(), await wire.request()
        wire.send(encode_reply(adding.request_id, ReplyStatus.OK, b"\xff", ENCODING_1_1))
        wire.send(result_bytes(call.request_id, TWICE, 4))
        await wire.ended()

    async with ice_speaking_server(answer) as port, connected(port) as connection:
        session = await _create(connection)
        assert await session.call(SESSION, TWICE, 2) == 4


@pytest.mark.parametrize(("acm", "interval"), [(600, 30.0), (60, 30.0), (5, 2.5), (0, 30.0)])
async def test_heartbeats_come_twice_as_often_as_the_router_wants_them_and_every_30_s(
    acm: int, interval: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def answer(wire: Wire) -> None:
        wire.send(result_bytes((await wire.request()).request_id, CREATE_SESSION, SESSION))
        asked = await wire.request()
        assert (asked.identity, asked.operation, dict(asked.context)) == (ROUTER, "getACMTimeout", KEY)
        wire.send(result_bytes(asked.request_id, GET_ACM_TIMEOUT, acm))
        await wire.ended()

    async with ice_speaking_server(answer) as port, connected(port) as connection:
        session = await _create(connection)
        intervals: list[float] = []
        monkeypatch.setattr(connection, "keep_alive", intervals.append)
        await session.keep_alive(DEADLINE)
        assert intervals == [interval]


async def test_a_router_of_ice_3_5_cannot_be_asked_how_long_it_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    async def answer(wire: Wire) -> None:
        wire.send(result_bytes((await wire.request()).request_id, CREATE_SESSION, SESSION))
        asked = await wire.request()
        wire.send(encode_request_failed(asked.request_id, ReplyStatus.OPERATION_NOT_EXIST, ROUTER, "", asked.operation))
        await wire.ended()

    async with ice_speaking_server(answer) as port, connected(port) as connection:
        session = await _create(connection)
        intervals: list[float] = []
        monkeypatch.setattr(connection, "keep_alive", intervals.append)
        await session.keep_alive(DEADLINE)
        assert intervals == [30.0]


async def test_leaving_ends_the_session_and_closes_the_connection() -> None:
    router = Router()
    async with _session(router) as session:
        await session.destroy(DEADLINE)
        assert router.destroyed.is_set()
        assert not session.is_active


@pytest.mark.parametrize("refusal", [SessionNotExistException(), PermissionDeniedException(reason="r"), KeyError("k")])
async def test_leaving_a_session_that_is_gone(refusal: Exception) -> None:
    router = Router()
    async with _session(router) as session:
        router.refusal = refusal
        await session.destroy(DEADLINE)
        assert router.destroyed.is_set()
        assert not session.is_active


async def _leave_at_once(wire: Wire) -> None:
    await wire.request()


async def _say_goodbye(wire: Wire) -> None:
    await wire.request()
    wire.send(CLOSE_CONNECTION_BYTES)
    await wire.ended()


async def _never_answer(wire: Wire) -> None:
    await wire.request()
    assert (await wire.ended()).endswith(CLOSE_CONNECTION_BYTES)


async def _answer_garbage(wire: Wire) -> None:
    request = await wire.request()
    wire.send(encode_reply(request.request_id, ReplyStatus.USER_EXCEPTION, b"\xff\xff", ENCODING_1_1))
    await wire.ended()


async def _know_nothing(wire: Wire) -> None:
    request = await wire.request()
    wire.send(encode_request_failed(request.request_id, ReplyStatus.OBJECT_NOT_EXIST, ROUTER, "", request.operation))
    await wire.ended()


@pytest.mark.parametrize("answer", [_leave_at_once, _say_goodbye, _never_answer, _answer_garbage, _know_nothing])
async def test_leaving_never_raises(answer: Any) -> None:
    async with ice_speaking_server(answer) as port, connected(port) as connection:
        session = RouterSession(connection, proxy_for("router", "Glacier2"), SESSION, KEY)
        await session.destroy(0.05)
        assert not session.is_active
        # nor does leaving again
        await session.destroy(0.05)
