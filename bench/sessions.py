"""What it costs to find out who is asking: from memory, and from a real Redis. End to end: `bench.session_reads`.

    python -m bench.sessions

Prints processor time of this process, the best of a few rounds, and what is promised of it. The exit status is 0 if the
measurement was made, whatever it says: another machine is no failure.
"""

from __future__ import annotations

import asyncio
import os
import pickle
import platform
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import redis
import uvloop

from omero_ms_thumbnail.websession import CachedSessionStore, RedisSessionStore
from tests.unit.websession import django_site
from tests.unit.websession.redis_server import RedisServer

ID = "abcdefgh01234567"
ROUNDS = 7
CACHED_CALLS = 50_000
REDIS_CALLS = 2_000


def machine() -> str:
    """The processor, as the system names it, and what runs on it."""
    model = "unknown processor"
    for line in Path("/proc/cpuinfo").read_text().splitlines() if Path("/proc/cpuinfo").exists() else ():
        if line.startswith("model name"):
            model = line.partition(":")[2].strip()
            break
    implementation = f"{platform.python_implementation()} {platform.python_version()}"
    return f"{model}, {os.cpu_count()} cores, {platform.system()} {platform.release()}, {implementation}"


async def microseconds(ask: Callable[[], Awaitable[object]], calls: int) -> float:
    """Processor time of one call."""
    best = float("inf")
    for _ in range(ROUNDS):
        began = time.process_time()
        for _ in range(calls):
            if await ask() is None:
                raise RuntimeError("the session was not found, so that nothing was measured")
        best = min(best, time.process_time() - began)
    return best / calls * 1e6


async def measure(uri: str, *, with_cache: bool) -> float:
    store = RedisSessionStore(uri, timeout=30)
    cached = CachedSessionStore(store, max_age=3600.0)
    try:
        # The first one connects.
        await cached.get(ID)
        asked = cached if with_cache else store
        return await microseconds(lambda: asked.get(ID), CACHED_CALLS if with_cache else REDIS_CALLS)
    finally:
        await cached.close()


def main() -> int:
    value = pickle.dumps(django_site.session_items())
    with tempfile.TemporaryDirectory() as folder:
        server = RedisServer(Path(folder))
        server.start()
        try:
            with redis.Redis(port=server.port, db=1) as client:
                client.set(f":1:django.contrib.sessions.cache{ID}", value, ex=3600)
            uri = f"redis://127.0.0.1:{server.port}/1"
            print(machine())
            for loop, run in (("asyncio", asyncio.run), ("uvloop", uvloop.run)):
                cached = run(measure(uri, with_cache=True))
                read = run(measure(uri, with_cache=False))
                print(f"{loop:8} a cached session       {cached:7.2f} us of processor time (promised: below 5)")
                print(f"{loop:8} a session out of Redis {read:7.2f} us of processor time (promised: below 150)")
        finally:
            server.kill()
    return 0


if __name__ == "__main__":
    sys.exit(main())
