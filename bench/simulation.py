"""A public archive in small: the service's own parts before many OMEROs with the latencies of a busy one.

    python -m bench.simulation [--keep]

Workers (the real `Thumbnails`, `SessionPool`, caches, and Ice over TCP) stand in one process, the embedded OMEROs in
another, of one database, and a real Redis between the workers where there is one. OMERO has stored each thumbnail, and
its calls take what a real one's take (`costs`). Visitors arrive at random and open pages of 50 thumbnails, popular ones
more often, as the archive of docs/scaling.md has it: a 25th of its thumbnails a second, for a quarter of each time that
something is kept or believed, of a hundredth of its sessions, of its images, and of the bytes that pictures are kept
in. So as many requests come in the life of a picture, for each session and for each image, as there. What earlier
visitors left in the caches is put there before. ``--keep`` writes the table into docs/scaling.md.
"""

from __future__ import annotations

import argparse
import asyncio
import bisect
import itertools
import logging
import random
import statistics
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import redis.asyncio
import uvloop

from omero_ms_thumbnail.omero.pool import SessionPool
from omero_ms_thumbnail.omero.session import JoinedSession, OmeroServer
from omero_ms_thumbnail.thumbnails.caches import Caches, Unwatched
from omero_ms_thumbnail.thumbnails.memory_cache import MemoryCache
from omero_ms_thumbnail.thumbnails.model import Thumbnail, ThumbnailError, ThumbnailRequest
from omero_ms_thumbnail.thumbnails.redis_cache import RedisCache
from omero_ms_thumbnail.thumbnails.service import Thumbnails
from tests.unit.websession.redis_server import RedisServer

from .big_omero import PICTURE, stored_picture_key
from .costs import CONNECTIONS, COSTS
from .omeros import BigOmero, big_omero
from .processes import ROOT, BrokenMeasurement
from .report import between

DOCUMENT = ROOT / "docs" / "scaling.md"

#: of the archive: thumbnails a second, and for how long it believes and keeps what, in seconds
RATE = 400
LIFE = 86_400.0 / 4
BELIEF = 5.0 / 4
IDLE = 60.0 / 4
SESSIONS = 2_000
IMAGES = 1_000_000

PAGE = 50
SIZE = 96

#: how popular the n-th page is: 1 / n ** this
_POPULARITY = 1.0

_TIMEOUT = 15.0
_LEAVING = 1.0
#: of each worker, and of the Redis: of the archive's 1 GiB and 25 GiB
_MEMORY = 10 * 2**20
_SHARED = 256 * 2**20
_SECRET = bytes(32)
#: a Redis that waits for this machine's processors is not to be given up
_REDIS_TIMEOUT = 2.0

#: pages that were opened before, and how many of them, the latest, the Redis still has: it is between three and four
#: quarters full
_EARLIER = 4_000
_SHARED_PAGES = 1_200
_WARMING = 10.0


@dataclass(frozen=True)
class Scenario:
    """How an archive is run. `hashed`: nginx sends a session to one worker always, else to all of them in turn.

    `idle` is how often as long as by default a session stays joined that nobody asks for; with `own_users` every
    session is a user's own, else all are the archive's public user's.
    """

    name: str
    workers: int
    hashed: bool = True
    redis: bool = False
    idle: float = 1.0
    own_users: bool = False


SCENARIOS = (
    Scenario("one worker, one OMERO", 1),
    Scenario("4 workers, 4 OMEROs, in turn", 4, hashed=False),
    Scenario("the same, a session always to one worker", 4),
    Scenario("in turn, a Redis for thumbnails", 4, hashed=False, redis=True),
    Scenario("always to one worker, Redis", 4, redis=True),
    Scenario("the same, sessions joined 20 times as long", 4, redis=True, idle=20),
    Scenario("the same, each visitor a user of their own", 4, redis=True, idle=20, own_users=True),
)


@dataclass
class Seen(Unwatched):
    """What a scenario came to, since the last `clear`."""

    calls: Counter[str] = field(default_factory=Counter)
    pages: list[float] = field(default_factory=list)
    memory: int = 0
    shared: int = 0
    asked: int = 0
    given: int = 0
    ids: int = 0
    thumbnails: int = 0
    failed: int = 0
    joins: int = 0

    def clear(self) -> None:
        """Start over."""
        vars(self).update(vars(Seen()))

    def cache_used(self, memory: int, shared: int, asked: int) -> None:
        """As `Thumbnails` tells it."""
        self.memory += memory
        self.shared += shared
        self.asked += asked

    def facts_asked(self, seconds: float, ids: int) -> None:
        """As `Thumbnails` tells it."""
        self.ids += ids

    def batch(self, size: int) -> None:
        """As `Thumbnails` tells it."""
        self.given += size

    @contextmanager
    def call(self, operation: str) -> Iterator[None]:
        """As `OmeroServer` tells of each call."""
        self.calls[operation] += 1
        yield

    @property
    def omero_seconds(self) -> float:
        """How long OMERO has held connections to its database for what it was asked."""
        fixed = sum(COSTS[operation].fixed * count for operation, count in self.calls.items() if operation in COSTS)
        joins = COSTS["createSession"].fixed * self.joins
        query, a_set = COSTS["projection"].each["query"], COSTS["getThumbnailByLongestSideSet"].each["thumbnail"]
        return (fixed + joins + query * self.ids + a_set * self.given) / 1000


class Worker:
    """The parts of one worker of the service."""

    def __init__(self, scenario: Scenario, port: int, redis_port: int, seen: Seen) -> None:
        server = OmeroServer("127.0.0.1", port, None, call_timeout=_TIMEOUT, observe=seen.call)
        self.pool = SessionPool(
            partial(_join, server, seen),
            idle_timeout=IDLE * scenario.idle,
            join_timeout=_TIMEOUT,
            sessions_max=SESSIONS,
        )
        self._shared = _shared(redis_port) if scenario.redis else None
        self.memory = MemoryCache(bytes_max=_MEMORY, life=LIFE)
        self.thumbnails = Thumbnails(
            self.pool,
            timeout=_TIMEOUT,
            stores=server.thumbnail_stores,
            caches=Caches(self.memory, self._shared, facts_life=BELIEF, watcher=seen),
        )

    async def join(self, key: str) -> None:
        """Join a session that is found joined later, and its user known."""
        async with self.pool.lend(key) as session:
            await session.event_context()

    async def close(self) -> None:
        """Leave OMERO and Redis."""
        await self.pool.close(_LEAVING)
        if self._shared is not None:
            await self._shared.close()


def _shared(redis_port: int) -> RedisCache:
    client = redis.asyncio.Redis(port=redis_port)
    return RedisCache(client, realm="archive", life=LIFE, bytes_max=_SHARED, secret=_SECRET, timeout=_REDIS_TIMEOUT)


async def _join(server: OmeroServer, seen: Seen, key: str) -> JoinedSession:
    seen.joins += 1
    return await JoinedSession.join(server, key)


class Archive:
    """Which pages are asked for, and by whom; the same ones in every scenario."""

    def __init__(self, keys: Sequence[str], seed: int) -> None:
        self._random = random.Random(seed)
        self._keys = keys
        weights = ((rank + 1) ** -_POPULARITY for rank in range(IMAGES // PAGE))
        self._until = list(itertools.accumulate(weights))

    def next_page(self) -> tuple[float, int, str, list[int]]:
        """Seconds until it is asked for; the number of the visitor, and their session; the images on it."""
        pause = self._random.expovariate(RATE / PAGE)
        visitor = self._random.randrange(len(self._keys))
        page = bisect.bisect(self._until, self._random.random() * self._until[-1])
        return pause, visitor, self._keys[visitor], list(range(1 + page * PAGE, 1 + (page + 1) * PAGE))


async def _open(worker: Worker, key: str, images: Sequence[int], seen: Seen) -> None:
    requests = [ThumbnailRequest(image, SIZE) for image in images]
    began = time.perf_counter()
    try:
        answers = await worker.thumbnails.get_all(key, requests)
    except ThumbnailError:
        seen.failed += len(requests)
        return
    came = sum(isinstance(answer, Thumbnail) for answer in answers)
    seen.thumbnails += came
    seen.failed += len(requests) - came
    seen.pages.append(time.perf_counter() - began)


class Site:
    """The workers of a scenario, and the pages that are on their way."""

    def __init__(self, scenario: Scenario, omeros: BigOmero, redis_port: int) -> None:
        self.seen = Seen()
        self._hashed = scenario.hashed
        self._has_redis = scenario.redis
        self._idle = IDLE * scenario.idle
        self._workers = [Worker(scenario, port, redis_port, self.seen) for port in omeros.ports[: scenario.workers]]
        self._archive = Archive(omeros.keys, 1)
        self._before = Archive(omeros.keys, 2)
        self._turns = itertools.count()
        self._pages: set[asyncio.Task[None]] = set()

    @property
    def joined(self) -> int:
        """Sessions that are joined now."""
        return sum(len(worker.pool) for worker in self._workers)

    async def join_earlier_visitors(self) -> None:
        """Join the sessions of those who came a while ago, longer than the warming takes, and are still joined."""
        earlier = {}
        for _ in range(int(RATE / PAGE * max(self._idle - _WARMING, 0))):
            _, visitor, key, _ = self._before.next_page()
            earlier[key] = self._worker(visitor)
        await asyncio.gather(*(worker.join(key) for key, worker in earlier.items()))

    async def leave_earlier_pictures(self, redis_port: int) -> None:
        """Put into memory, and into Redis, what is there of pages that were opened before.

        Raises BrokenMeasurement where that is not what workers would have put there.
        """
        worker, key, images = self._workers[0], self._before.next_page()[2], list(range(1, PAGE + 1))
        await _open(worker, key, images, self.seen)
        async with asyncio.timeout(_TIMEOUT):
            # kept once OMERO has said the same again
            while len(worker.memory) < PAGE:  # noqa: ASYNC110 - it tells nobody
                await asyncio.sleep(0.01)
        if any(worker.memory.get(stored_picture_key(image)) is None for image in images):
            raise BrokenMeasurement("pictures have other keys than those that were put into the caches before")
        pages = [self._before.next_page()[1::2] for _ in range(_EARLIER)]
        for visitor, images in pages:
            memory = self._worker(visitor).memory
            for image in images:
                memory.put(stored_picture_key(image), Thumbnail(PICTURE))
        if not self._has_redis:
            return
        shared = _shared(redis_port)
        latest = list(dict.fromkeys(images[0] for _, images in reversed(pages)))[:_SHARED_PAGES]
        for first in reversed(latest):
            images = list(range(first, first + PAGE))
            await shared.put_all(0, {stored_picture_key(image): PICTURE for image in images})
        failures = shared.failures
        await shared.close()
        if failures:
            raise BrokenMeasurement("the Redis did not take what was put into it before")

    async def visit(self, seconds: float) -> None:
        """Let visitors come for so long; pages that are not there by then stay on their way."""
        loop = asyncio.get_running_loop()
        due = loop.time()
        until = due + seconds
        while True:
            pause, visitor, key, images = self._archive.next_page()
            due += pause
            if due >= until:
                break
            await asyncio.sleep(due - loop.time())
            page = asyncio.create_task(_open(self._worker(visitor), key, images, self.seen))
            self._pages.add(page)
            page.add_done_callback(self._pages.discard)
        await asyncio.sleep(until - loop.time())

    async def close(self) -> None:
        """Give up what is on its way, and leave."""
        for page in self._pages:
            page.cancel()
        await asyncio.gather(*self._pages, return_exceptions=True)
        await asyncio.gather(*(worker.close() for worker in self._workers))

    def _worker(self, visitor: int) -> Worker:
        return self._workers[(visitor if self._hashed else next(self._turns)) % len(self._workers)]


async def simulate(scenario: Scenario, omeros: BigOmero, redis_port: int, seconds: float) -> list[str]:
    """The cells of a row. Raises BrokenMeasurement where nothing came at all."""
    site = Site(scenario, omeros, redis_port)
    try:
        await site.join_earlier_visitors()
        await site.leave_earlier_pictures(redis_port)
        await site.visit(_WARMING)
        site.seen.clear()
        used = time.process_time()
        await site.visit(seconds)
        return _cells(scenario, site.seen, site.joined, seconds, time.process_time() - used)
    finally:
        await site.close()


def _cells(scenario: Scenario, seen: Seen, joined: int, seconds: float, used: float) -> list[str]:
    if len(seen.pages) < 2 or seen.asked + seen.memory + seen.shared == 0:
        raise BrokenMeasurement(f"{scenario.name}: no page was answered")
    asked = seen.memory + seen.shared + seen.asked
    capacity = CONNECTIONS * scenario.workers * seconds
    percentiles = statistics.quantiles(seen.pages, n=100)
    return [
        scenario.name,
        f"{seen.thumbnails / seconds:,.0f}",
        f"{seen.failed / seconds:,.0f}",
        f"{percentiles[49] * 1000:,.0f} / {percentiles[98] * 1000:,.0f}",
        f"{seen.memory / asked:.0%}",
        f"{seen.shared / asked:.0%}",
        f"{seen.given / seconds:,.0f}",
        f"{seen.calls['projection'] / len(seen.pages):.1f}",
        f"{seen.joins / seconds:.1f}",
        f"{joined:,}",
        f"{seen.omero_seconds / capacity:.1%}",
        f"{used / max(seen.thumbnails, 1) * 1e6:,.0f}",
    ]


_HEAD = (
    "run as",
    "thumbnails/s",
    "failed/s",
    "page p50 / p99, ms",
    "from memory",
    "from Redis",
    "from OMERO/s",
    "queries a page",
    "joins/s",
    "joined",
    "of OMERO's connections",
    "our us each",
)


def table(rows: Sequence[Sequence[str]]) -> str:
    """As Markdown."""
    ruler = ["---", *["---:"] * (len(_HEAD) - 1)]
    return "\n".join(f"| {' | '.join(row)} |" for row in (_HEAD, ruler, *rows))


def run(folder: Path, seconds: float) -> list[list[str]]:
    """Every scenario, each with OMEROs and a Redis of its own."""
    rows = []
    for number, scenario in enumerate(SCENARIOS):
        print(f"{time.strftime('%H:%M:%S')} {scenario.name}", file=sys.stderr, flush=True)
        with ExitStack() as ending:
            more = ("--sessions", str(SESSIONS), "--omeros", str(scenario.workers), "--stored", "--costs")
            omeros = ending.enter_context(big_omero(SESSIONS if scenario.own_users else 1, *more))
            server = RedisServer(folder / str(number))
            server.start()
            ending.callback(server.kill)
            rows.append(uvloop.run(simulate(scenario, omeros, server.port, seconds)))
    return rows


def main() -> int:
    """Simulate, print, keep."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=15.0, help="that each scenario is watched, once it is warm")
    parser.add_argument("--keep", action="store_true", help="write the table into docs/scaling.md")
    arguments = parser.parse_args()
    # where OMERO is asked for too much, as it is here, the service says so for each session; the table does as well
    logging.getLogger("omero_ms_thumbnail").setLevel(logging.ERROR)
    with tempfile.TemporaryDirectory() as folder:
        try:
            rows = run(Path(folder), arguments.seconds)
        except BrokenMeasurement as broken:
            print(f"broken measurement: {broken}", file=sys.stderr)
            return 1
    print(table(rows))
    if arguments.keep:
        DOCUMENT.write_text(between(DOCUMENT.read_text(), "simulation", table(rows)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
