"""The least that a service has to do, for comparison: ``PORT FILE`` serves thumbnails on the same HTTP server.

It knows beforehand whose cookie is whose, has joined them all and made their ThumbnailStores, needs no facts of images,
keeps no limits, metrics, logs and time-outs, and asks for whatever has come while the last call was on its way. What it
does not reach, no service reaches that is written in Python on this HTTP server and this Ice client. FILE has
``{"host", "port", "keys": {cookie: session key}, "group", "pixels"}``; an image's Pixels have its id and `pixels`.
"""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path
from typing import Any

from granian.constants import Interfaces, Loops
from granian.server import Server

from omero_ms_thumbnail.ice.tls import client_context
from omero_ms_thumbnail.omero.session import GROUP, JoinedSession, OmeroServer
from omero_ms_thumbnail.omero.stores import ThumbnailStore, create_thumbnail_store
from omero_ms_thumbnail.runtime.process import collect_garbage_less_often

_SIZE = 96


class _User:
    def __init__(self, session: JoinedSession, store: ThumbnailStore, group: int) -> None:
        self._session = session
        self._store = store
        self._context = {GROUP: str(group)}
        self._wanted: dict[int, list[asyncio.Future[bytes]]] = {}
        self._asking: asyncio.Task[None] | None = None

    async def leave(self) -> None:
        await self._store.close()
        await self._session.leave(5)

    def ask(self, pixels_id: int) -> asyncio.Future[bytes]:
        future: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
        self._wanted.setdefault(pixels_id, []).append(future)
        if self._asking is None:
            self._asking = asyncio.create_task(self._ask())
        return future

    async def _ask(self) -> None:
        while self._wanted:
            wanted, self._wanted = self._wanted, {}
            found = await self._store.get_thumbnail_by_longest_side_set(_SIZE, list(wanted), self._context)
            for pixels_id, futures in wanted.items():
                for future in futures:
                    future.set_result(found[pixels_id])
        self._asking = None


class Least:
    """One worker."""

    def __init__(self, file: Path) -> None:
        self._known = json.loads(file.read_text())
        self._users: dict[str, _User] = {}

    def __rsgi_init__(self, loop: asyncio.AbstractEventLoop) -> None:
        loop.run_until_complete(self._join())

    async def _join(self) -> None:
        server = OmeroServer(self._known["host"], self._known["port"], client_context())
        for cookie, key in self._known["keys"].items():
            session = await JoinedSession.join(server, key)
            store = ThumbnailStore(session.calls, await create_thumbnail_store(session.calls))
            self._users[cookie] = _User(session, store, self._known["group"])
        collect_garbage_less_often()

    def __rsgi_del__(self, loop: asyncio.AbstractEventLoop) -> None:
        loop.run_until_complete(asyncio.gather(*(user.leave() for user in self._users.values())))

    async def __rsgi__(self, scope: Any, protocol: Any) -> None:
        cookie = scope.headers.get("cookie")
        if cookie is None:
            protocol.response_empty(200, [])
            return
        image = int(scope.path.split("/")[3])
        jpeg = await self._users[cookie].ask(image + self._known["pixels"])
        protocol.response_bytes(200, [("content-type", "image/jpeg"), ("content-length", str(len(jpeg)))], jpeg)


def main() -> None:
    """Serve until ended."""
    port, file = int(sys.argv[1]), Path(sys.argv[2])
    Server(
        "bench", address="127.0.0.1", port=port, interface=Interfaces.RSGI, loop=Loops.uvloop, log_enabled=False
    ).serve(target_loader=lambda: Least(file), wrap_loader=False)


if __name__ == "__main__":
    main()
