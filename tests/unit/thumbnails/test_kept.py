"""The caches before and behind a real conversation with the embedded OMERO, and a real Redis that workers share."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import redis.asyncio

from omero_embedded.embedded_omero import EmbeddedOmero
from omero_embedded.images.samples import sample_collection
from omero_embedded.sample_world import sample_world
from omero_embedded.world import Image, ImageState
from omero_ms_thumbnail.omero.pool import SessionPool
from omero_ms_thumbnail.omero.session import JoinedSession, OmeroServer
from omero_ms_thumbnail.thumbnails.caches import Caches
from omero_ms_thumbnail.thumbnails.memory_cache import MemoryCache
from omero_ms_thumbnail.thumbnails.model import ImageUnavailable, NotModified, Thumbnail, ThumbnailRequest
from omero_ms_thumbnail.thumbnails.redis_cache import RedisCache
from omero_ms_thumbnail.thumbnails.service import Thumbnails
from tests.unit.websession.redis_server import RedisServer


class Worker:
    """What one worker process has: a pool, caches, thumbnails."""

    def __init__(self, omero: EmbeddedOmero, caches: Caches) -> None:
        server = OmeroServer(omero.host, omero.tcp_port, None)

        async def join(key: str) -> JoinedSession:
            return await JoinedSession.join(server, key)

        self.pool = SessionPool(join, idle_timeout=60)
        self.caches = caches
        self.thumbnails = Thumbnails(self.pool, timeout=15, stores=4, caches=caches)

    async def get(self, key: str, *image_ids: int, version: str = "") -> list[Thumbnail]:
        requests = [ThumbnailRequest(image_id, 96, version=version) for image_id in image_ids]
        outcomes = await self.thumbnails.get_all(key, requests)
        assert all(isinstance(outcome, Thumbnail) for outcome in outcomes), outcomes
        return [outcome for outcome in outcomes if isinstance(outcome, Thumbnail)]

    async def until_kept(self, count: int) -> None:
        """Keeping happens behind the answer."""
        assert self.caches.memory is not None
        async with asyncio.timeout(10):
            while len(self.caches.memory) < count:
                await asyncio.sleep(0)


@pytest.fixture
async def omero() -> AsyncIterator[EmbeddedOmero]:
    embedded = EmbeddedOmero(sample_world(sample_collection()))
    await embedded.start()
    yield embedded
    await embedded.close()


def _memory() -> MemoryCache:
    return MemoryCache(bytes_max=1 << 20, life=3600)


def _key(omero: EmbeddedOmero, name: str) -> str:
    user = omero.world.user_named(name)
    assert user is not None
    return omero.sessions.keep(user).key


def _thumbnail_calls(omero: EmbeddedOmero) -> int:
    return sum(count for name, count in omero.workload.calls.items() if name.startswith("getThumbnail"))


def _images(omero: EmbeddedOmero, state: ImageState = ImageState.READY) -> list[Image]:
    researcher = omero.world.user_named("researcher")
    assert researcher is not None
    return [
        image
        for image in omero.world.images.values()
        if image.state is state and omero.world.may_read(researcher, image)
    ]


async def test_a_second_look_costs_omero_nothing(omero: EmbeddedOmero) -> None:
    worker = Worker(omero, Caches(_memory(), facts_life=60))
    key = _key(omero, "researcher")
    ids = [image.id for image in _images(omero)[:20]]
    await worker.get(key, *ids)
    # the first look has made settings of some
    first = await worker.get(key, *ids)
    await worker.until_kept(20)
    before = dict(omero.workload.calls)
    second = await worker.get(key, *ids)
    assert [one.jpeg for one in first] == [one.jpeg for one in second]
    assert omero.workload.calls == before
    await worker.pool.close(5)


async def test_without_belief_omero_is_asked_one_query_for_a_page_and_for_no_picture(omero: EmbeddedOmero) -> None:
    worker = Worker(omero, Caches(_memory(), facts_life=0))
    key = _key(omero, "researcher")
    ids = [image.id for image in _images(omero)[:20]]
    await worker.get(key, *ids)
    # the first look has made settings of some
    first = await worker.get(key, *ids)
    await worker.until_kept(20)
    before = Counter(omero.workload.calls)
    second = await worker.get(key, *ids)
    assert [one.jpeg for one in first] == [one.jpeg for one in second]
    assert Counter(omero.workload.calls) - before == {"projection": 1}
    await worker.pool.close(5)


async def test_another_user_is_not_shown_what_was_drawn_for_the_first(omero: EmbeddedOmero) -> None:
    worker = Worker(omero, Caches(_memory()))
    pathologist, colleague = _key(omero, "pathologist"), _key(omero, "colleague")
    theirs = next(image for image in omero.world.images.values() if image.owner_id == 4)
    await worker.get(pathologist, theirs.id)
    await worker.until_kept(1)
    (outcome,) = await worker.thumbnails.get_all(colleague, [ThumbnailRequest(theirs.id, 96)])
    assert isinstance(outcome, ImageUnavailable)
    await worker.pool.close(5)


async def test_another_session_is_given_what_was_drawn_for_the_first_once_omero_says_that_it_is_what_it_sees(
    omero: EmbeddedOmero,
) -> None:
    worker = Worker(omero, Caches(_memory()))
    first, second = _key(omero, "researcher"), _key(omero, "researcher")
    image_id = _images(omero)[0].id
    (given,) = await worker.get(first, image_id)
    await worker.until_kept(1)
    before, asked = _thumbnail_calls(omero), omero.workload.calls["projection"]
    # joins, and asks what it may see
    (again,) = await worker.get(second, image_id)
    assert again is given
    assert _thumbnail_calls(omero) == before
    assert omero.workload.calls["projection"] == asked + 1
    await worker.pool.close(5)


async def test_a_session_that_is_not_joined_is_joined_before_anything_is_shown(omero: EmbeddedOmero) -> None:
    worker = Worker(omero, Caches(_memory(), facts_life=60))
    key = _key(omero, "researcher")
    image_id = _images(omero)[0].id
    await worker.get(key, image_id)
    await worker.until_kept(1)
    session = worker.pool.joined(key)
    assert session is not None
    worker.pool.drop(key, session)
    omero.sessions.end(key)
    with pytest.raises(Exception, match="does not know this session"):
        await worker.get(key, image_id)
    await worker.pool.close(5)


async def test_a_clock_that_came_in_a_set_is_not_kept(omero: EmbeddedOmero) -> None:
    worker = Worker(omero, Caches(_memory()))
    key = _key(omero, "researcher")
    (importing,) = _images(omero, ImageState.IN_PROGRESS)
    ready = _images(omero)[0]
    clock, _ = await worker.get(key, importing.id, ready.id)
    await worker.until_kept(1)
    importing.state = ImageState.READY
    (picture,) = await worker.get(key, importing.id, version="1")
    assert picture.jpeg != clock.jpeg
    await worker.pool.close(5)


async def test_sections_named_settings_and_other_sizes_are_kept_too(omero: EmbeddedOmero) -> None:
    worker = Worker(omero, Caches(_memory()))
    key = _key(omero, "researcher")
    researcher = omero.world.user_named("researcher")
    assert researcher is not None
    image = next(image for image in _images(omero) if image.picture.size_z > 1)
    settings = omero.world.settings_for(researcher, image)
    assert settings is not None
    requests = [
        ThumbnailRequest(image.id, 64, stored=False),
        ThumbnailRequest(image.id, 64, 32, stored=False),
        ThumbnailRequest(image.id, 64, z=0, t=0, stored=False),
        ThumbnailRequest(image.id, 64, rendering_def_id=settings.id, z=1, stored=False),
    ]
    first = await worker.thumbnails.get_all(key, requests)
    await worker.until_kept(len(requests))
    before = _thumbnail_calls(omero)
    second = await worker.thumbnails.get_all(key, requests)
    assert second == first
    assert _thumbnail_calls(omero) == before
    await worker.pool.close(5)


async def test_a_cache_buster_asks_omero_what_is_seen_and_draws_nothing(omero: EmbeddedOmero) -> None:
    worker = Worker(omero, Caches(_memory(), facts_life=60))
    key = _key(omero, "researcher")
    image_id = _images(omero)[0].id
    (first,) = await worker.get(key, image_id)
    await worker.until_kept(1)
    drawn, asked = _thumbnail_calls(omero), omero.workload.calls["projection"]
    for number in ("2", "2", "3"):
        assert await worker.get(key, image_id, version=number) == [first]
    assert _thumbnail_calls(omero) == drawn
    assert omero.workload.calls["projection"] == asked + 3
    await worker.pool.close(5)


async def test_whoever_has_the_picture_is_told_so_without_its_bytes(omero: EmbeddedOmero) -> None:
    worker = Worker(omero, Caches(_memory(), facts_life=0))
    key = _key(omero, "researcher")
    request = ThumbnailRequest(_images(omero)[0].id, 96)
    await worker.thumbnails.get(key, request)
    await worker.until_kept(1)
    kept = await worker.thumbnails.get(key, request)
    assert kept.tag
    elsewhere = Worker(omero, Caches(None, facts_life=0))
    before = _thumbnail_calls(omero)
    assert await elsewhere.thumbnails.get_all(key, [request], frozenset({kept.tag, "x"})) == [NotModified(kept.tag)]
    assert _thumbnail_calls(omero) == before
    assert isinstance((await elsewhere.thumbnails.get_all(key, [request], frozenset({"x"})))[0], Thumbnail)
    for one in (worker, elsewhere):
        await one.pool.close(5)


async def test_the_way_back_keeps_nothing_and_asks_omero_for_each(omero: EmbeddedOmero) -> None:
    worker = Worker(omero, Caches(_memory(), facts_life=60, by_content=False))
    key = _key(omero, "researcher")
    image_id = _images(omero)[0].id
    for _ in range(3):
        await worker.get(key, image_id)
    assert _thumbnail_calls(omero) == 3
    assert "getDatabaseUuid" not in omero.workload.calls
    assert worker.caches.memory is not None
    assert len(worker.caches.memory) == 0
    await worker.pool.close(5)


@pytest.fixture
def shared_redis(tmp_path: Path) -> Iterator[RedisServer]:
    server = RedisServer(tmp_path)
    server.start()
    yield server
    server.kill()


def _shared(server: RedisServer) -> RedisCache:
    client = redis.asyncio.Redis(port=server.port)
    return RedisCache(client, realm="omero:4064", life=60, bytes_max=1 << 20, secret=b"a secret of all replicas")


async def test_workers_share_through_redis_what_any_user_has_seen(
    omero: EmbeddedOmero, shared_redis: RedisServer
) -> None:
    researcher, colleague = (omero.world.user_named(name) for name in ("researcher", "colleague"))
    assert researcher is not None
    assert colleague is not None
    # those that both see by the settings of the same
    seen = [
        (image, [omero.world.settings_for(one, image) for one in (researcher, colleague)]) for image in _images(omero)
    ]
    ids = [image.id for image, (own, theirs) in seen if own is not None and own == theirs][:10]
    first = Worker(omero, Caches(_memory(), _shared(shared_redis)))
    given = await first.get(_key(omero, "researcher"), *ids)
    assert first.caches.memory is not None
    drawn = -1
    while drawn != _thumbnail_calls(omero):
        # until every one is kept as the last look saw it
        drawn = _thumbnail_calls(omero)
        await first.get(_key(omero, "researcher"), *ids)
        await asyncio.sleep(0.1)
    assert first.caches.shared is not None
    kept = list(first.caches.memory._entries)
    async with asyncio.timeout(10):
        while len(await first.caches.shared.get_all(0, kept)) < len(ids):
            await asyncio.sleep(0)
    before = _thumbnail_calls(omero)
    second = Worker(omero, Caches(_memory(), _shared(shared_redis)))
    again = await second.get(_key(omero, "colleague"), *ids)
    assert [one.jpeg for one in again] == [one.jpeg for one in given]
    assert _thumbnail_calls(omero) == before
    # and what Redis gave is remembered
    assert second.caches.memory is not None
    assert len(second.caches.memory) == len(ids)
    for worker in (first, second):
        await worker.pool.close(5)
        assert worker.caches.shared is not None
        await worker.caches.shared.close()


async def test_a_redis_that_is_gone_costs_its_hits_and_nothing_else(
    omero: EmbeddedOmero, shared_redis: RedisServer
) -> None:
    worker = Worker(omero, Caches(None, _shared(shared_redis)))
    shared_redis.kill()
    key = _key(omero, "researcher")
    for _ in range(2):
        await worker.get(key, _images(omero)[0].id)
    assert worker.caches.shared is not None
    assert worker.caches.shared.failures >= 1
    await worker.pool.close(5)
    await worker.caches.shared.close()


async def test_what_comes_while_omero_works_is_one_question(omero: EmbeddedOmero) -> None:
    worker = Worker(omero, Caches(_memory()))
    key = _key(omero, "researcher")
    ids = [image.id for image in _images(omero)[:20]]
    await worker.get(key, *ids)
    before = omero.workload.calls["projection"]
    await asyncio.gather(*(worker.get(key, image_id, version="1") for image_id in ids))
    await worker.until_kept(len(ids))
    # one for all, which also says of what was had before that it is still so, and one for the rest
    assert omero.workload.calls["projection"] <= before + 2
    await worker.pool.close(5)
