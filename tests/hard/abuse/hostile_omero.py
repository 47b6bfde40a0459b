"""An OMERO that means harm: answers as one should until the operation at which a session plays its trick.

The trick is told by the session key, so that one server serves all tests: a session whose key no trick has is answered
honestly, and so is one whose trick was called off.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import threading
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

from omero_ms_thumbnail.ice.glacier2 import ADD_PROXIES, CREATE_SESSION, DESTROY_SESSION, GET_ACM_TIMEOUT
from omero_ms_thumbnail.ice.messages import VALIDATE_CONNECTION_BYTES, Request
from omero_ms_thumbnail.ice.operations import OBJECT_OPERATIONS, Operation
from omero_ms_thumbnail.ice.references import Identity, ObjectPrx
from omero_ms_thumbnail.ice.streams import ENCODING_1_0, EncodingVersion
from omero_ms_thumbnail.omero.rtypes import RString, RType
from omero_ms_thumbnail.omero.services import IADMIN, ICONFIG, IQUERY, SERVICE_FACTORY, THUMBNAIL_STORE
from omero_ms_thumbnail.omero.system import EventContext
from tests.unit.ice.wire import HOST, Wire, result_bytes

#: what an honest session answers for every image
JPEG = b"\xff\xd8\xff\xe0 not quite a picture \xff\xd9"

Play = Callable[[Wire, Request], Awaitable[None]]

PROXY_OF_A_SERVICE = ObjectPrx(Identity("service", "category"), adapter_id="adapter")


@dataclass(frozen=True)
class Trick:
    """What is done instead of answering `operation`, and the statuses that a browser may see then."""

    name: str
    play: Play = field(repr=False)
    operation: str = "projection"
    statuses: tuple[int, ...] = (503,)


_EVENTS = itertools.count(8)


def _facts(request: Request) -> list[list[RType]]:
    (_, parameters) = IQUERY["projection"].decode_arguments(request.parameters)
    ids = parameters.map["ids"].val
    # group, owner, permissions, place; width and height; the event of the Pixels, and its time
    same = "3/2/-56/0/256/192/5/20261130110000000000"
    # settings of the user's and the owner's; stored thumbnails of theirs
    # each time another: else one session is given what another has drawn
    settings, row = "20261130120000000000.6.7.1.1", f"20261130120001000000.{next(_EVENTS)}.9.0.96.72.1"
    return [[RString(f"{1_000 + wanted.val}/{wanted.val}/{same}/{settings}/{settings}/{row}/{row}")] for wanted in ids]


def _set(request: Request) -> dict[int, bytes]:
    (_, pixels_ids) = THUMBNAIL_STORE["getThumbnailByLongestSideSet"].decode_arguments(request.parameters)
    return dict.fromkeys(pixels_ids, JPEG)


#: operation -> how it is described, and what an honest OMERO returns
_HONEST: dict[str, tuple[Operation[Any], Callable[[Request], Any]]] = {
    operation.name: (operation, answer)
    for operation, answer in (
        (CREATE_SESSION, lambda _: PROXY_OF_A_SERVICE),
        (DESTROY_SESSION, lambda _: None),
        (GET_ACM_TIMEOUT, lambda _: 60),
        (ADD_PROXIES, lambda _: []),
        (SERVICE_FACTORY["detachOnDestroy"], lambda _: None),
        (SERVICE_FACTORY["getQueryService"], lambda _: PROXY_OF_A_SERVICE),
        (SERVICE_FACTORY["getAdminService"], lambda _: PROXY_OF_A_SERVICE),
        (SERVICE_FACTORY["getConfigService"], lambda _: PROXY_OF_A_SERVICE),
        (SERVICE_FACTORY["createThumbnailStore"], lambda _: PROXY_OF_A_SERVICE),
        (ICONFIG["getDatabaseUuid"], lambda _: "b7c5f9f2-7d3c-4b8e-9a52-0c7b8ad5c0de"),
        (ICONFIG["getVersion"], lambda _: "5.6.12"),
        (IADMIN["getEventContext"], lambda _: EventContext(userId=2, userName="u", memberOfGroups=[3])),
        (IQUERY["projection"], _facts),
        (THUMBNAIL_STORE["getThumbnailByLongestSideSet"], _set),
        (THUMBNAIL_STORE["setPixelsId"], lambda _: True),
        (THUMBNAIL_STORE["getThumbnailByLongestSide"], lambda _: JPEG),
        (THUMBNAIL_STORE["isInProgress"], lambda _: False),
        (THUMBNAIL_STORE["close"], lambda _: None),
        (OBJECT_OPERATIONS["ice_ping"], lambda _: None),
    )
}


def honest_reply(request: Request) -> bytes:
    """What an OMERO should answer."""
    operation, answer = _HONEST[request.operation]
    return result_bytes(request.request_id, operation, answer(request))


async def serve_connection(wire: Wire, trick_of: Callable[[str], Trick | None]) -> None:
    """Answer one client until it goes; `trick_of` says what a session key plays."""
    wire.send(VALIDATE_CONNECTION_BYTES)
    trick: Trick | None = None
    while True:
        message = await wire.message()
        if not isinstance(message, Request):
            continue
        if message.operation == CREATE_SESSION.name:
            parameters = message.parameters
            trick = trick_of(parameters.read_string())
            parameters.read_string()
        if trick is not None and trick_of(trick.name) is not None and message.operation == trick.operation:
            await trick.play(wire, message)
        else:
            wire.send(honest_reply(message))
            await wire.writer.drain()


class HostileOmero:
    """It, listening on `port` in a thread of its own; tricks are played by sessions whose key is a trick's name."""

    def __init__(self, tricks: dict[str, Trick]) -> None:
        self._tricks = dict(tricks)
        self._connections: set[asyncio.Task[None]] = set()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self._server = asyncio.run_coroutine_threadsafe(
            asyncio.start_server(self._accepted, HOST, 0, limit=1 << 16), self._loop
        ).result(10)
        self.port: int = self._server.sockets[0].getsockname()[1]

    def call_off(self, name: str) -> None:
        """From now on the sessions of that trick are answered honestly."""
        self._tricks.pop(name)

    def _accepted(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.ensure_future(self._serve(Wire(reader, writer)))
        self._connections.add(task)
        task.add_done_callback(self._connections.discard)

    async def _serve(self, wire: Wire) -> None:
        # a client that goes, or that this one has thrown out, is how every connection here ends
        try:
            with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
                await serve_connection(wire, self._tricks.get)
        finally:
            wire.reset()

    def hang_up(self) -> None:
        """Close every connection."""
        asyncio.run_coroutine_threadsafe(self._close(), self._loop).result(10)

    def stop(self) -> None:
        """Close the port too."""
        self._loop.call_soon_threadsafe(self._server.close)
        self.hang_up()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()

    async def _close(self) -> None:
        for task in tuple(self._connections):
            task.cancel()
        await asyncio.gather(*self._connections, return_exceptions=True)
        # what was reset is closed in the loop's next turn
        await asyncio.sleep(0)


def encapsulation(content: bytes, encoding: EncodingVersion = ENCODING_1_0, lie: int = 0) -> bytes:
    """An encapsulation that says it is `lie` bytes longer than it is."""
    return (6 + len(content) + lie).to_bytes(4, "little", signed=True) + bytes(encoding) + content
