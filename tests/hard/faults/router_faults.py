"""Faults of the real glacier2router, and of the OMERO behind it: the stand-in on omero-py's own stubs."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from tests.hard.faults.load import Visitor
from tests.hard.faults.relay import PlainRelay
from tests.hard.faults.site import Site, by_key, service_at
from tests.hard.faults.striking import Seen, Strike
from tests.real.conformance.glacier2 import Router
from tests.real.conformance.harness import ALICE_KEY, BOB_KEY, ROOT_KEY, WORLD
from tests.real.conformance.processes import Child
from tests.support.parts import ROOT, require

#: images of the stand-in that nothing is odd about, and one that is not everybody's; none with two settings, of which a
#: stored thumbnail of the owner's hides the other as soon as it is newer
IMAGES = [12, 13, 22, *range(1000, 1040)]

_USERS = {ALICE_KEY: "alice", BOB_KEY: "bob", ROOT_KEY: "root"}


class StandIn:
    """The stand-in in a process of its own, which comes back with its sessions. Its methods block."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._port = 0
        self.port = 0
        self.registry: PlainRelay | None = None
        self.start()

    def start(self) -> None:
        command = [require("omero-py (Python 3.10)"), "-m", "tests.real.conformance.standin"]
        self._child = Child(command, self._folder / "standin.log", cwd=ROOT)
        self._child.write_line(json.dumps(WORLD))
        self.port = json.loads(self._child.read_line())["port"]
        if self.registry is not None:
            self.registry.target = self.port

    def kill(self) -> None:
        self._child.kill()
        self._child.end()

    def freeze(self) -> None:
        self._child.freeze()

    def stop(self) -> None:
        self._child.end()


@asynccontextmanager
async def with_router(folder: Path) -> AsyncIterator[tuple[Site, Router, StandIn]]:
    """A site whose OMERO is the stand-in behind a real router, which finds it where it is, as through IceGrid."""
    standin = await asyncio.to_thread(StandIn, folder)
    registry = PlainRelay(standin.port)
    standin.registry = registry
    finding = registry.running()
    await finding.__aenter__()
    router = Router("plain", folder, require("glacier2router"), registry.port)
    try:
        await asyncio.to_thread(router.start)
        async with service_at(folder, router.port, visitors(), images=IMAGES, rate=150.0) as at:
            await at.load.learn()
            pictures = {seen for (user, _), (status, seen) in at.load.expected.items() if status == 200}
            assert len(pictures) > 1, at.load.expected
            yield at, router, standin
    finally:
        await asyncio.to_thread(router.stop)
        await finding.__aexit__(None, None, None)
        await asyncio.to_thread(standin.stop)


def visitors() -> list[Visitor]:
    return by_key(_USERS)


async def router_killed(folder: Path) -> Seen:
    async with with_router(folder) as (at, router, _):
        strike = Strike(at, "glacier2router killed (SIGKILL), started again after 1.5 s")
        return await strike(lambda: asyncio.to_thread(router.kill), lambda: asyncio.to_thread(router.restart))


async def router_frozen(folder: Path) -> Seen:
    async with with_router(folder) as (at, router, _):
        strike = Strike(at, "glacier2router frozen (SIGSTOP) for 3 s, resumed")

        async def resume() -> None:
            router.resume()

        return await strike(lambda: asyncio.to_thread(router.pause), resume, lasting=3.0)


async def omero_behind_router_killed(folder: Path) -> Seen:
    """Both come back, as by `omero admin restart`."""
    async with with_router(folder) as (at, router, standin):
        strike = Strike(at, "OMERO behind its router killed, both started again after 1.5 s")

        def back() -> None:
            standin.start()
            router.restart()

        return await strike(lambda: asyncio.to_thread(standin.kill), lambda: asyncio.to_thread(back))


async def omero_behind_router_replaced(folder: Path) -> Seen:
    """The router goes on with sessions of an OMERO that is no more, as when IceGrid starts a crashed one again."""
    async with with_router(folder) as (at, _, standin):
        strike = Strike(at, "OMERO behind its router killed and started again after 1.5 s, the router goes on")
        return await strike(lambda: asyncio.to_thread(standin.kill), lambda: asyncio.to_thread(standin.start))


ALL = (router_killed, router_frozen, omero_behind_router_killed, omero_behind_router_replaced)
