"""Two days of a site whose workers share pictures through the Redis of its sessions, in virtual time."""

from __future__ import annotations

import asyncio
import bisect
import itertools
import random
from collections import Counter, OrderedDict
from dataclasses import dataclass, field

import pytest
import redis.asyncio
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from omero_ms_thumbnail.thumbnails.redis_cache import RedisCache
from tests.support.simulated.loop import VirtualLoop, simulate
from tests.support.simulated.redis import PORT, SimulatedRedis, allocated

pytestmark = pytest.mark.long

BYTES_MAX = 1 << 20
DAY = 86_400.0
WORKERS = 12
SESSIONS = 300
SESSION = b":1:django.contrib.sessions.cache%032d"
PICTURES = b"omero-ms-thumbnail:"

PAGE = 6
PAGES = 2_000
#: seconds between two pages while people work, and at night
BUSY, QUIET = 40.0, 1_200.0


def _jpeg(key: bytes) -> bytes:
    return b"\xff\xd8" + key + bytes(random.Random(key).randrange(1_500, 4_500))


class LeastRecentlyUsed:
    """What could be had at best of so many bytes: one that sees every look, and drops a picture at a time."""

    def __init__(self) -> None:
        self.hits = 0
        self._there: OrderedDict[bytes, int] = OrderedDict()
        self._bytes = 0

    def look(self, key: bytes, jpeg: bytes) -> None:
        if key in self._there:
            self.hits += 1
            self._there.move_to_end(key)
            return
        self._there[key] = size = allocated(len(jpeg) + 26) + 80
        self._bytes += size
        while self._bytes > BYTES_MAX:
            self._bytes -= self._there.popitem(last=False)[1]


@dataclass
class Site:
    """Workers on several machines: all they have in common is Redis, and it is not always there for them."""

    loop: VirtualLoop
    faults: bool
    most: int = 0
    hits: Counter[int] = field(default_factory=Counter)
    looks: Counter[int] = field(default_factory=Counter)
    lru: LeastRecentlyUsed = field(default_factory=LeastRecentlyUsed)
    pages: set[asyncio.Task[None]] = field(default_factory=set)

    def __post_init__(self) -> None:
        self._random = random.Random(7)
        self.redis = SimulatedRedis(self.loop, delay=0.002)
        for number in range(SESSIONS):
            self.redis.set(SESSION % number, bytes(1_000))
        self._before = self.redis.used
        # with what the cache may take it is as full as it may ever be
        self.redis.maxmemory = self._before + BYTES_MAX
        self.redis.watch = self._measure
        self.workers = [self._worker() for _ in range(WORKERS)]
        self._until = list(itertools.accumulate(1 / (rank + 1) for rank in range(PAGES)))

    def _measure(self) -> None:
        self.most = max(self.most, self.redis.used - self._before)

    def _worker(self) -> RedisCache:
        client = redis.asyncio.Redis(host="redis", port=PORT, retry=Retry(NoBackoff(), 0), protocol=2)
        return RedisCache(client, realm="omero:4064", life=DAY, bytes_max=BYTES_MAX, secret=b"one for all of them")

    async def live(self, seconds: float) -> None:
        loop, began = self.loop, self.loop.time()
        while loop.time() - began < seconds:
            hour = loop.time() % DAY / 3_600
            await asyncio.sleep(self._random.expovariate(1 / (BUSY if 8 <= hour < 18 else QUIET)))
            number = self._random.randrange(WORKERS)
            page = asyncio.create_task(self._open(self.workers[number]))
            self.pages.add(page)
            page.add_done_callback(self.pages.discard)
            if self.faults:
                await self._strike(page, number)
        while self.pages:
            await asyncio.wait(self.pages)

    async def _open(self, worker: RedisCache) -> None:
        page = bisect.bisect(self._until, self._random.random() * self._until[-1])
        keys = [b"%d" % (page * PAGE + place) for place in range(PAGE)]
        found = await worker.get_all(self._random.randrange(100), keys)
        hour = int(self.loop.time() // 3_600)
        self.looks[hour] += len(keys)
        self.hits[hour] += len(found)
        assert all(jpeg == _jpeg(key) for key, jpeg in found.items())
        for key in keys:
            self.lru.look(key, _jpeg(key))
        await worker.put_all(1, {key: _jpeg(key) for key in keys if key not in found})

    async def _strike(self, page: asyncio.Task[None], number: int) -> None:
        kind = self._random.random()
        if kind < 0.04:
            # a worker is killed, wherever it is
            await asyncio.sleep(self._random.random() * 0.03)
            page.cancel()
            await asyncio.wait([page])
            await self.workers[number].close()
            self.workers[number] = self._worker()
        elif kind < 0.06:
            self.loop.network.freeze()
            await asyncio.sleep(self._random.random())
            self.loop.network.thaw()
        elif kind < 0.08:
            await asyncio.sleep(self._random.random() * 0.03)
            for transport in tuple(self.loop.network.transports):
                transport.close()

    async def close(self) -> None:
        for worker in self.workers:
            await worker.close()


@pytest.mark.parametrize("faults", [False, True])
def test_two_days_of_a_site(faults: bool) -> None:
    loop = VirtualLoop(debug=False)
    site = Site(loop, faults)

    async def two_days() -> None:
        await site.live(2 * DAY)
        await site.close()

    simulate(loop, two_days())
    # it is full, and never too full; nobody was logged out for it
    assert 0.9 * BYTES_MAX < site.most <= BYTES_MAX
    assert site.redis.evicted == []
    assert sum(key.startswith(b":1:django") for key in site.redis.keys) == SESSIONS
    # every key goes by itself
    assert all(key in site.redis.ends for key in site.redis.keys if key.startswith(PICTURES))
    # sharing goes on, in every hour that people work
    busy = [hour for hour in site.looks if 9 <= hour % 24 < 18]
    assert len(busy) == 18
    share = {hour: site.hits[hour] / site.looks[hour] for hour in busy}
    assert min(share.values()) > 0.15, share
    # and gives most of what could be had of so many bytes: 82% in these two days
    assert site.hits.total() > 0.75 * site.lru.hits


def test_nothing_is_left_after_a_day_without_visitors() -> None:
    loop = VirtualLoop(debug=False)
    site = Site(loop, faults=True)

    async def a_day_and_a_quiet_one() -> None:
        await site.live(DAY / 2)
        await site.close()
        await asyncio.sleep(DAY)

    simulate(loop, a_day_and_a_quiet_one())
    assert site.redis.run(b"GET", b"anything") == b"$-1\r\n"
    assert len(site.redis.keys) == SESSIONS
