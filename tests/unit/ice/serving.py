"""This project's own server with the servant of `sample.PEER` in it."""

from __future__ import annotations

import asyncio
import json
import ssl
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any, ClassVar

from omero_embedded.ice_server import Current, ObjectAdapter, Servant
from omero_ms_thumbnail.ice.connection import Connection, connect
from omero_ms_thumbnail.ice.errors import FacetNotExistException, ObjectNotExistException
from omero_ms_thumbnail.ice.messages import MESSAGE_SIZE_MAX, Request
from omero_ms_thumbnail.ice.operations import Operation
from omero_ms_thumbnail.ice.references import ObjectPrx
from tests.unit.ice.official.graphs import describe
from tests.unit.ice.sample import PEER, Circle, DetailedFailure, Failure, Node, Shape, Sphere
from tests.unit.ice.wire import DEADLINE, HOST


class PeerServant(Servant):
    ICE_IDS: ClassVar[tuple[str, ...]] = ("::Sample::Peer", "::Ice::Object")
    OPERATIONS: ClassVar[Mapping[str, Operation[Any]]] = PEER

    def __init__(self) -> None:
        self.received: list[Any] = []
        self.notes: asyncio.Queue[str] = asyncio.Queue()

    async def _echo(self, _current: Current, value: Any) -> Any:
        self.received.append(value)
        return value

    # Slice's names
    echoEverything = echoEverythingSliced = _echo  # noqa: N815
    echoNode = echoNodeSliced = _echo  # noqa: N815
    echoShape = echoShapeSliced = _echo  # noqa: N815
    echoProxies = _echo  # noqa: N815

    async def seen(self, _current: Current, value: Node | None) -> str:
        return json.dumps(describe(value))

    seenSliced = seen  # noqa: N815

    async def makeShape(self, _current: Current, name: str) -> Shape | None:  # noqa: N802
        made = {"circle": Circle("circle", 1.5), "sphere": Sphere("sphere", 2.0, "red", Circle("inner", 0.5))}
        return made.get(name)

    makeShapeSliced = makeShape  # noqa: N815

    async def fail(self, _current: Current, kind: str) -> None:
        raise {
            "failure": Failure(reason="plain"),
            "detailed": DetailedFailure(reason="detailed", code=7, culprit=Circle("culprit", 3.5)),
        }[kind]

    failSliced = fail  # noqa: N815

    async def twice(self, _current: Current, value: int) -> int:
        return 2 * value

    async def note(self, _current: Current, text: str) -> None:
        self.notes.put_nowait(text)

    async def context(self, current: Current, key: str) -> str:
        return current.context.get(key, "")


class Locator:
    """Servants by the name of their identity, each with the default facet only; remembers which connections went."""

    def __init__(self, servants: Mapping[str, Servant]) -> None:
        self.servants = dict(servants)
        self.gone: asyncio.Queue[Connection] = asyncio.Queue()
        #: of the connections that have sent a request
        self.seen: list[Connection] = []

    def locate(self, request: Request, connection: Connection) -> Servant:
        if connection not in self.seen:
            self.seen.append(connection)
        servant = self.servants.get(request.identity.name)
        if servant is None:
            raise ObjectNotExistException(request.identity.name, request.facet, request.operation)
        if request.facet:
            raise FacetNotExistException(request.identity.name, request.facet, request.operation)
        return servant

    def connection_closed(self, connection: Connection) -> None:
        self.gone.put_nowait(connection)


class Listening:
    """An adapter that listens, and how to reach it."""

    def __init__(self, adapter: ObjectAdapter, locator: Locator, port: int) -> None:
        self.adapter = adapter
        self.locator = locator
        self.port = port


@asynccontextmanager
async def listening(
    servant: Servant, *, tls: ssl.SSLContext | None = None, message_size_max: int = MESSAGE_SIZE_MAX
) -> AsyncIterator[Listening]:
    """Our server, with `servant` as the object "peer"."""
    locator = Locator({"peer": servant})
    adapter = ObjectAdapter(locator, message_size_max=message_size_max)
    port = await adapter.listen(HOST, 0, tls)
    try:
        async with asyncio.timeout(DEADLINE):
            yield Listening(adapter, locator, port)
    finally:
        await adapter.close(0.5)


@asynccontextmanager
async def connected(port: int, tls: ssl.SSLContext | None = None, **options: Any) -> AsyncIterator[Connection]:
    """Our client, connected to `port`."""
    connection = await connect(HOST, port, tls=tls, timeout=DEADLINE, **options)
    try:
        async with asyncio.timeout(DEADLINE):
            yield connection
    finally:
        await connection.close(0.1)


async def refused(proxy: ObjectPrx, connection: Connection, name: str, *arguments: Any) -> Exception:
    """What calling the operation `name` of `proxy` raises."""
    try:
        await connection.call(proxy, PEER[name], *arguments, timeout=DEADLINE)
    except Exception as error:
        return error
    raise AssertionError(f"{name} was answered")
