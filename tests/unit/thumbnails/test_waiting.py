"""Requests that wait for OMERO: so many and no more, and none that nobody waits for any more reaches OMERO."""

from __future__ import annotations

import asyncio

import pytest

from omero_embedded.embedded_omero import EmbeddedOmero
from omero_embedded.workload import Latency
from omero_ms_thumbnail.thumbnails.model import Thumbnail, ThumbnailRequest, TooManyWaiting
from omero_ms_thumbnail.thumbnails.service import Thumbnails
from tests.unit.omero.small_omero import hold, key_of, pool_at, small_omero

ASKED_FOR_PICTURES = ("getThumbnailByLongestSideSet", "getThumbnail", "setPixelsId")


def pictures_asked(omero: EmbeddedOmero) -> int:
    return sum(omero.workload.calls.get(operation, 0) for operation in ASKED_FOR_PICTURES)


async def test_one_too_many_is_told_so_and_room_that_is_free_again_is_used() -> None:
    async with small_omero() as omero, pool_at(omero) as pool:
        thumbnails = Thumbnails(pool, timeout=10, stores=4, waiting_max=3)
        key = key_of(omero)
        held = hold(omero)
        waiting = [asyncio.create_task(thumbnails.get(key, ThumbnailRequest(image, 16))) for image in (101, 102, 103)]
        await held.drawing.wait()
        with pytest.raises(TooManyWaiting, match=r"3 thumbnails are waited for already \(max-waiting-thumbnails\)"):
            await thumbnails.get(key, ThumbnailRequest(104, 16))
        # a client that leaves makes room as one that is answered does
        waiting.pop().cancel()
        await asyncio.sleep(0)
        later = asyncio.create_task(thumbnails.get(key, ThumbnailRequest(104, 16)))
        held.release.set()
        assert all(isinstance(one, Thumbnail) for one in await asyncio.gather(*waiting, later))
        assert isinstance(await thumbnails.get(key, ThumbnailRequest(105, 16)), Thumbnail)


@pytest.mark.parametrize("more", [{}, {"height": 16}], ids=["in sets", "one by one"])
async def test_what_nobody_waits_for_any_more_is_not_asked_of_omero(more: dict[str, int]) -> None:
    async with small_omero() as omero, pool_at(omero, stores=1) as pool:
        thumbnails = Thumbnails(pool, timeout=10, stores=1)
        key = key_of(omero)
        # facts are known, so that all that is asked for now waits for the one ThumbnailStore
        await thumbnails.get_all(key, [ThumbnailRequest(image, 16) for image in range(101, 107)])
        held = hold(omero)
        first = asyncio.create_task(thumbnails.get(key, ThumbnailRequest(101, 17, **more)))
        await held.drawing.wait()
        before = pictures_asked(omero)
        leaving = [asyncio.create_task(thumbnails.get(key, ThumbnailRequest(101, 20 + n, **more))) for n in range(20)]
        await asyncio.sleep(0)
        for task in leaving:
            task.cancel()
        await asyncio.gather(*leaving, return_exceptions=True)
        held.release.set()
        await first
        # one that stays goes to OMERO after them, and alone
        await thumbnails.get(key, ThumbnailRequest(101, 18, **more))
        assert pictures_asked(omero) - before <= 2


async def test_neither_are_facts_that_nobody_waits_for_any_more() -> None:
    async with small_omero(Latency(query=300)) as omero, pool_at(omero) as pool:
        thumbnails = Thumbnails(pool, timeout=10, stores=4)
        key = key_of(omero)
        first = asyncio.create_task(thumbnails.get(key, ThumbnailRequest(101, 16)))
        while not omero.workload.calls.get("projection"):
            await asyncio.sleep(0.001)
        leaving = [asyncio.create_task(thumbnails.get(key, ThumbnailRequest(image, 16))) for image in range(102, 107)]
        await asyncio.sleep(0)
        for task in leaving:
            task.cancel()
        await first
        await asyncio.gather(*leaving, return_exceptions=True)
        assert omero.workload.calls["projection"] == 1
        # nothing is left of them
        assert isinstance(await thumbnails.get(key, ThumbnailRequest(102, 16)), Thumbnail)
