"""Faults of the machine that the service runs on: its processes, memory, disk, clock and names."""

from __future__ import annotations

import asyncio
import os
import resource
import signal
from pathlib import Path

from tests.hard.faults.load import Load
from tests.hard.faults.site import site
from tests.hard.faults.striking import Seen, Strike


async def worker_killed(folder: Path) -> Seen:
    async with site(folder, workers=2, behind_nginx=True) as at:

        async def kill() -> None:
            os.kill(at.workers[0], signal.SIGKILL)

        async def replaced() -> None:
            await at.load.until(lambda: len(at.workers) == 2)

        strike = Strike(
            at,
            "one of two workers killed (SIGKILL), behind nginx",
            "503 at worst: nginx asks the other once more for what it had open; a new one comes within 2 s",
            frozenset({503}),
            may_restart=True,
        )
        return await strike(kill, replaced, lasting=0.5)


async def log_disk_full(folder: Path) -> Seen:
    """No file may grow any more, as on a full disk: writing fails with EFBIG instead of ENOSPC."""
    log = folder / "logs" / "service.log"
    async with site(folder, **{"logging": {"file": str(log)}, "access-log": True}) as at:

        def limit(size: int) -> None:
            for pid in at.workers:
                _, hard = resource.prlimit(pid, resource.RLIMIT_FSIZE)
                resource.prlimit(pid, resource.RLIMIT_FSIZE, (size, hard))

        async def fill() -> None:
            limit(log.stat().st_size)

        async def empty() -> None:
            limit(resource.RLIM_INFINITY)

        strike = Strike(
            at, "no room for the log file", "no user notices; the log goes on when there is room", frozenset()
        )
        seen = await strike(fill, empty)
        written = log.read_text()
        if f"version={at.load._count}" in written or not written:
            seen.broken.append("the log has a query, or nothing")
        size = log.stat().st_size
        async with at.load.running():
            await at.load.until(lambda: log.stat().st_size > size)
        return seen


async def memory_limit(folder: Path) -> Seen:
    """The cache is as large as it may be, and everything is asked for anew."""
    async with site(folder, cache={"life": 600, "memory": "1 MiB"}, rate=400.0) as at:
        strike = Strike(
            at,
            "the cache full (cache.memory: 1 MiB)",
            "no user notices, memory stays within the limit",
            frozenset(),
        )
        return await strike(_nothing, _nothing, lasting=6.0)


async def address_space_limit(folder: Path) -> Seen:
    """The process may not have more memory than it has: the system gives none."""
    async with site(folder, behind_nginx=True) as at:

        def limit(more: int | None) -> None:
            for pid in at.workers:
                size = int(Path(f"/proc/{pid}/statm").read_text().split()[0]) * resource.getpagesize()
                _, hard = resource.prlimit(pid, resource.RLIMIT_AS)
                resource.prlimit(pid, resource.RLIMIT_AS, (hard if more is None else size + more, hard))

        crowd = Load(at.load.port, at.load.visitors, at.load.images, rate=400, connections=400)
        crowd.expected = at.load.expected

        async def short() -> None:
            limit(0)
            await crowding.__aenter__()

        async def plenty() -> None:
            limit(None)
            await crowding.__aexit__(None, None, None)

        crowding = crowd.running()

        strike = Strike(
            at,
            "no more memory from the system (RLIMIT_AS at what the process has), and 400 more connections, "
            "behind nginx",
            "503 or 504 at worst; a worker that the system kills is replaced within 2 s",
            frozenset({503, 504}),
            may_restart=True,
        )
        return await strike(short, plenty)


async def clock_jumps(folder: Path) -> Seen:
    """`time.time` of every process of the service is a day ahead, then a day behind, then right."""
    clock = folder / "clock"
    clock.write_text("0")
    async with site(folder, environment={"FAULTS_CLOCK": str(clock)}, cache={"life": 1}) as at:

        def jump(seconds: int) -> None:
            other = clock.with_name("clock.new")
            other.write_text(str(seconds))
            other.replace(clock)

        async def ahead_and_back() -> None:
            jump(86_400)
            await asyncio.sleep(1)
            jump(-86_400)

        async def right() -> None:
            jump(0)

        strike = Strike(at, "the clock a day ahead, then a day behind, then right", "no user notices", frozenset())
        return await strike(ahead_and_back, right)


async def name_gone(folder: Path) -> Seen:
    """The name of OMERO's host does not resolve, and every connection to it breaks as when it moves elsewhere."""
    names = folder / "names"
    names.write_text("omero.example localhost")
    patched = {"FAULTS_NAMES": str(names)}
    async with site(folder, relayed=True, environment=patched, omero={"host": "omero.example"}) as at:
        relay = at.relay
        assert relay is not None

        async def lose() -> None:
            names.write_text("localhost")
            relay.cut()

        async def find() -> None:
            names.write_text("omero.example localhost")

        return await Strike(at, "the name of OMERO's host does not resolve any more")(lose, find)


async def _nothing() -> None:
    """The load is the fault."""


ALL = (
    worker_killed,
    log_disk_full,
    memory_limit,
    address_space_limit,
    clock_jumps,
    name_gone,
)
