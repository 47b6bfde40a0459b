"""A whole site on loopback that a fault can strike: the service as a process, its OMERO and store, its users."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from tests.hard.faults.load import Browser, Load, Visitor
from tests.hard.faults.omero import FaultyOmero
from tests.hard.faults.relay import Relay
from tests.real.deploy.nginx_process import nginx
from tests.support.service_process import ServiceProcess, start
from tests.unit.omero.small_omero import small_world

#: milliseconds that OMERO has for a request in these runs
TIMEOUT = 2_000

#: the time that OMERO takes in these runs, in milliseconds
LATENCY = {"join": 20.0, "query": 2.0, "store": 5.0, "thumbnail": 2.0, "at_once": 8}

_PATCHES = Path(__file__).with_name("patches")


@dataclass(frozen=True)
class Figures:
    """What a service has of what it must not have ever more of, all workers together."""

    megabytes: float
    descriptors: int
    tasks: int
    #: attempts to join that have ended
    joins: int
    stores: int


@dataclass
class Site:
    """What a scenario strikes at."""

    folder: Path
    service: ServiceProcess
    load: Load
    omero: FaultyOmero | None = None
    relay: Relay | None = None

    @property
    def workers(self) -> list[int]:
        """Process ids of the processes that answer requests."""
        return [pid for pid in self.service.children() if "resource_tracker" not in _command(pid)]

    async def metrics(self) -> str:
        browser = Browser(self.service.port)
        status, content = await browser.get("/metrics", "Accept: text/plain")
        browser.close()
        return content.decode() if status == 200 else ""

    async def figures(self) -> Figures:
        said = await self.metrics()
        workers = self.workers
        return Figures(
            sum(_resident_megabytes(pid) for pid in workers),
            sum(map(_open_files, workers)),
            int(value(said, "tasks")),
            int(value(said, "omero_joins")),
            int(value(said, "thumbnail_stores")),
        )


def value(said: str, name: str) -> float:
    """The sum of a metric's samples."""
    found = re.findall(rf"^omero_ms_thumbnail_{name}(?:_total)?(?:\{{[^}}]*\}})? (\S+)$", said, re.MULTILINE)
    return sum(map(float, found))


def _resident_megabytes(pid: int) -> float:
    found = re.search(r"^VmRSS:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text(), re.MULTILINE)
    return int(found[1]) / 1024 if found else 0.0


def _open_files(pid: int) -> int:
    return sum(1 for _ in Path(f"/proc/{pid}/fd").iterdir())


def _command(pid: int) -> str:
    return Path(f"/proc/{pid}/cmdline").read_text()


def by_key(keys: dict[str, str]) -> list[Visitor]:
    """Users who name their OMERO session themselves."""
    return [Visitor(name, key, f"X-OMERO-Session-Key: {key}") for key, name in keys.items()]


IMAGES = sorted(small_world().images)


@asynccontextmanager
async def service_at(
    folder: Path,
    omero_port: int,
    visitors: list[Visitor],
    *,
    images: list[int] | None = None,
    rate: float = 200.0,
    connections: int = 40,
    environment: dict[str, str] | None = None,
    **configuration: Any,
) -> AsyncIterator[Site]:
    """The service with the OMERO at that port, and nothing known of what users have to get."""
    omero = {"host": "127.0.0.1", "port": omero_port, "secure": False, "connect_timeout": 2}
    whole = {
        "omero": {**omero, **configuration.pop("omero", {})},
        "event-bus-send-timeout": TIMEOUT,
        "cache": {"life": 0, "picture-life": 0},
        "access-log": False,
        "session-store": {"type": "memory"},
        **configuration,
    }
    file = folder / "config.yaml"
    file.write_text(yaml.safe_dump(whole))
    patched = {"PYTHONPATH": str(_PATCHES), **environment} if environment else None
    started = start("serve", "--config", str(file), environment=patched)
    service = await asyncio.to_thread(started.__enter__)
    try:
        yield Site(folder, service, Load(service.port, visitors, images or IMAGES, rate=rate, connections=connections))
    finally:
        await asyncio.to_thread(started.__exit__, None, None, None)


@asynccontextmanager
async def site(
    folder: Path,
    *,
    relayed: bool = False,
    behind_nginx: bool = False,
    sessions: int = 24,
    latency: dict[str, float] | None = None,
    **more: Any,
) -> AsyncIterator[Site]:
    """The service with an embedded OMERO, through a relay if it is to be so, and users who were all served once.

    Behind nginx with the shipped snippets, if they are to see what somebody with a browser does.
    """
    async with AsyncExitStack() as stack:
        omero = await asyncio.to_thread(
            lambda: FaultyOmero(folder, sessions=sessions, **{**LATENCY, **(latency or {})})
        )
        stack.push_async_callback(asyncio.to_thread, omero.stop)
        relay = await stack.enter_async_context(Relay(omero.port).running()) if relayed else None
        visitors = more.pop("visitors", None) or by_key(omero.keys)
        made = await stack.enter_async_context(
            service_at(folder, relay.port if relay else omero.port, visitors, **more)
        )
        made.omero, made.relay = omero, relay
        if behind_nginx:
            front = nginx(folder, "locations.conf", [made.service.port])
            address = await asyncio.to_thread(front.__enter__)
            stack.push_async_callback(asyncio.to_thread, front.__exit__, None, None, None)
            made.load.port = int(address.rpartition(":")[2])
        await made.load.learn()
        _check_learnt(made.load)
        yield made


def _check_learnt(load: Load) -> None:
    """What was learnt while all was well is what OMERO's rules say."""
    world = small_world()
    for (name, number), (status, _) in load.expected.items():
        user, image = world.user_named(name), world.images[number]
        assert user is not None
        if not world.may_read(user, image):
            assert status == 404, (name, number, status)
    for name in {name for name, _ in load.expected}:
        pictures = [seen for (user, _), (status, seen) in load.expected.items() if user == name and status == 200]
        # one picture in another's place would be seen
        assert len(set(pictures)) > min(5, len(load.images) // 2), (name, len(pictures))
