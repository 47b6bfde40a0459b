"""Who is answered by one query and asks again at once is asked about in the next, in virtual time."""

from __future__ import annotations

import asyncio

from omero_ms_thumbnail.omero.pool import SessionPool
from omero_ms_thumbnail.thumbnails.caches import Caches
from omero_ms_thumbnail.thumbnails.memory_cache import MemoryCache
from omero_ms_thumbnail.thumbnails.model import ThumbnailRequest
from omero_ms_thumbnail.thumbnails.service import Thumbnails
from tests.support.simulated.loop import VirtualLoop, end
from tests.support.simulated.omero import SimulatedOmero
from tests.unit.omero.small_omero import LEAVE_WITHIN

QUERY = 0.02
IMAGES = range(101, 107)
TIMES = 4


def queries_of_two_groups_that_ask_again_at_once(pause: float) -> int:
    """Half of those who ask begin while the other half waits for OMERO; each asks again `pause` after its answer."""
    loop = VirtualLoop()
    omero = SimulatedOmero(loop)
    pool = loop.do(lambda: SessionPool(omero.join, idle_timeout=600, join_timeout=600))
    caches = Caches(MemoryCache(bytes_max=1 << 20, life=86_400, clock=loop.time), facts_life=0.0)
    thumbnails = loop.do(lambda: Thumbnails(pool, timeout=60, stores=2, caches=caches))
    key = omero.keys["researcher"]
    requests = [ThumbnailRequest(image, 48) for image in IMAGES]
    loop.run_until_complete(thumbnails.get_all(key, requests))
    # they are kept behind the answer
    loop.pass_time(1)
    omero.take(query=QUERY * 1000)
    before = omero.omero.workload.calls["projection"]

    async def ask(request: ThumbnailRequest, late: float) -> None:
        await asyncio.sleep(late)
        for _ in range(TIMES):
            await thumbnails.get(key, request)
            await asyncio.sleep(pause)

    async def all_ask() -> None:
        await asyncio.gather(*(ask(one, number % 2 * QUERY / 2) for number, one in enumerate(requests)))

    loop.run_until_complete(all_ask())
    asked: int = omero.omero.workload.calls["projection"] - before
    loop.run_until_complete(pool.close(LEAVE_WITHIN))
    end(loop)
    return asked


def test_those_who_ask_again_at_once_come_into_one_query() -> None:
    # the first has one half, the last what is left of the other
    assert queries_of_two_groups_that_ask_again_at_once(0.001) == TIMES + 1


def test_nobody_waits_for_those_who_do_not() -> None:
    assert queries_of_two_groups_that_ask_again_at_once(QUERY / 2) == 2 * TIMES
