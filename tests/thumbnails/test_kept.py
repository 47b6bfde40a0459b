"""The caches before and behind a real conversation with the embedded OMERO, and a real Redis that workers share."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import redis.asyncio

from omero_ms_thumbnail.embedded.content import sample_world
from omero_ms_thumbnail.embedded.images.samples import sample_collection
from omero_ms_thumbnail.embedded.server import EmbeddedOmero
from omero_ms_thumbnail.embedded.world import Image, ImageState
from omero_ms_thumbnail.omero.pool import SessionPool
from omero_ms_thumbnail.omero.session import JoinedSession, OmeroServer
from omero_ms_thumbnail.thumbnails.caches import Caches
from omero_ms_thumbnail.thumbnails.memory_cache import MemoryCache
from omero_ms_thumbnail.thumbnails.model import ImageUnavailable, Thumbnail, ThumbnailRequest
from omero_ms_thumbnail.thumbnails.redis_cache import RedisCache
from omero_ms_thumbnail.thumbnails.service import Thumbnails
from omero_ms_thumbnail.websession.redis_store import redis_or_cluster_client
from tests.websession.redis_cluster import cluster
from tests.websession.redis_server import RedisServer


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
    return MemoryCache(bytes_max=1 << 20, life=60)


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
    worker = Worker(omero, Caches(_memory()))
    key = _key(omero, "researcher")
    ids = [image.id for image in _images(omero)[:20]]
    first = await worker.get(key, *ids)
    await worker.until_kept(20)
    before = dict(omero.workload.calls)
    second = await worker.get(key, *ids)
    assert [one.jpeg for one in first] == [one.jpeg for one in second]
    assert omero.workload.calls == before
    await worker.pool.close(5)


async def test_another_user_is_not_shown_what_is_kept_for_the_first(omero: EmbeddedOmero) -> None:
    worker = Worker(omero, Caches(_memory()))
    pathologist, colleague = _key(omero, "pathologist"), _key(omero, "colleague")
    theirs = next(image for image in omero.world.images.values() if image.owner_id == 4)
    await worker.get(pathologist, theirs.id)
    await worker.until_kept(1)
    (outcome,) = await worker.thumbnails.get_all(colleague, [ThumbnailRequest(theirs.id, 96)])
    assert isinstance(outcome, ImageUnavailable)
    await worker.pool.close(5)


async def test_another_session_of_the_same_user_shares_what_is_kept(omero: EmbeddedOmero) -> None:
    worker = Worker(omero, Caches(_memory()))
    first, second = _key(omero, "researcher"), _key(omero, "researcher")
    image_id, other_id = (image.id for image in _images(omero)[:2])
    await worker.get(first, image_id)
    await worker.until_kept(1)
    before = _thumbnail_calls(omero)
    # joins, and so says whose session it is
    await worker.get(second, image_id)
    assert _thumbnail_calls(omero) == before
    await worker.get(second, other_id)
    await worker.until_kept(2)
    before = _thumbnail_calls(omero)
    await worker.get(second, image_id)
    assert _thumbnail_calls(omero) == before
    await worker.pool.close(5)


async def test_a_session_that_is_not_joined_is_joined_before_anything_is_shown(omero: EmbeddedOmero) -> None:
    worker = Worker(omero, Caches(_memory()))
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
    (picture,) = await worker.get(key, importing.id)
    assert picture.jpeg != clock.jpeg
    await worker.pool.close(5)


async def test_a_section_is_not_kept(omero: EmbeddedOmero) -> None:
    worker = Worker(omero, Caches(_memory()))
    key = _key(omero, "researcher")
    image = next(image for image in _images(omero) if image.picture.size_z > 1)
    request = ThumbnailRequest(image.id, 96, z=0, t=0)
    await worker.thumbnails.get(key, request)
    before = _thumbnail_calls(omero)
    await worker.thumbnails.get(key, request)
    assert _thumbnail_calls(omero) == before + 1
    await worker.pool.close(5)


async def test_a_new_cache_buster_asks_omero_again(omero: EmbeddedOmero) -> None:
    worker = Worker(omero, Caches(_memory()))
    key = _key(omero, "researcher")
    image_id = _images(omero)[0].id
    await worker.get(key, image_id, version="1")
    await worker.until_kept(1)
    before = _thumbnail_calls(omero)
    await worker.get(key, image_id, version="2")
    assert _thumbnail_calls(omero) == before + 1
    await worker.pool.close(5)


@pytest.fixture
def shared_redis(tmp_path: Path) -> Iterator[RedisServer]:
    server = RedisServer(tmp_path)
    server.start()
    yield server
    server.kill()


def _shared(server: RedisServer) -> RedisCache:
    return RedisCache(redis.asyncio.Redis(port=server.port), realm="omero:4064", life=60)


async def test_workers_share_through_redis(omero: EmbeddedOmero, shared_redis: RedisServer) -> None:
    key = _key(omero, "researcher")
    ids = [image.id for image in _images(omero)[:10]]
    first = Worker(omero, Caches(_memory(), _shared(shared_redis)))
    given = await first.get(key, *ids)
    assert first.caches.shared is not None
    async with asyncio.timeout(10):
        while len(await first.caches.shared.get_all(2, [ThumbnailRequest(one, 96) for one in ids])) < len(ids):
            await asyncio.sleep(0)
    before = _thumbnail_calls(omero)
    second = Worker(omero, Caches(_memory(), _shared(shared_redis)))
    again = await second.get(key, *ids)
    assert [one.jpeg for one in again] == [one.jpeg for one in given]
    assert _thumbnail_calls(omero) == before
    # and what Redis gave is remembered
    assert second.caches.memory is not None
    assert len(second.caches.memory) == len(ids)
    for worker in (first, second):
        await worker.pool.close(5)
        assert worker.caches.shared is not None
        await worker.caches.shared.close()


async def test_a_shared_thumbnail_is_its_users_alone(shared_redis: RedisServer) -> None:
    cache = _shared(shared_redis)
    request = ThumbnailRequest(1, 96, version="a:b")
    await cache.put_all(2, {request: (0.0, Thumbnail(b"\xff\xd8jpeg"))})
    assert list(await cache.get_all(2, [request])) == [request]
    assert await cache.get_all(22, [request]) == {}
    assert await cache.get_all(2, [ThumbnailRequest(1, 96, version="a")]) == {}
    elsewhere = RedisCache(redis.asyncio.Redis(port=shared_redis.port), realm="other:4064", life=60)
    assert await elsewhere.get_all(2, [request]) == {}
    await cache.close()
    await elsewhere.close()


async def test_what_somebody_else_wrote_into_that_redis_is_not_shown(shared_redis: RedisServer) -> None:
    cache = _shared(shared_redis)
    request = ThumbnailRequest(1, 96)
    await cache.put_all(2, {request: (0.0, Thumbnail(b"\xff\xd8jpeg"))})
    client = redis.asyncio.Redis(port=shared_redis.port)
    (name,) = await client.keys("*")
    for value in (b"", b"\xff\xd8", b"<script>alert(1)</script>", b"12345678<svg>", bytes(8) + b"\xff\xd8old"):
        await client.set(name, value)
        assert await cache.get_all(2, [request]) == {}
    await client.aclose()
    await cache.close()


async def test_a_redis_that_is_gone_costs_its_hits_and_nothing_else(
    omero: EmbeddedOmero, shared_redis: RedisServer
) -> None:
    worker = Worker(omero, Caches(None, _shared(shared_redis)))
    shared_redis.kill()
    key = _key(omero, "researcher")
    await worker.get(key, _images(omero)[0].id)
    assert worker.caches.shared is not None
    assert worker.caches.shared.failures >= 1
    await worker.pool.close(5)
    await worker.caches.shared.close()


async def test_what_comes_while_omero_works_is_one_question(omero: EmbeddedOmero) -> None:
    worker = Worker(omero, Caches(_memory()))
    key = _key(omero, "researcher")
    ids = [image.id for image in _images(omero)[:40]]
    for image_id in ids:
        await worker.get(key, image_id)
    await worker.until_kept(len(ids))
    # facts of the images are queries too, and know the way of the ids after a few
    assert omero.workload.calls["projection"] < len(ids) / 2
    await worker.pool.close(5)


async def test_no_more_is_shared_than_there_is_room_for(shared_redis: RedisServer) -> None:
    client = redis.asyncio.Redis(port=shared_redis.port)
    cache = RedisCache(client, realm="omero:4064", life=60, bytes_max=10_000)
    requests = [ThumbnailRequest(image_id, 96) for image_id in range(10)]
    jpeg = Thumbnail(b"\xff\xd8" + bytes(2_000))
    await cache.put_all(2, dict.fromkeys(requests, (0.0, jpeg)))
    assert [*await cache.get_all(2, requests)] == requests[:4]
    # and no less than Redis says that it takes
    (name, *_) = await client.keys("*")
    assert await client.memory_usage(name) <= 10_000 / 4
    await cache.close()


async def test_there_is_room_again_when_what_was_put_has_expired(shared_redis: RedisServer) -> None:
    cache = RedisCache(redis.asyncio.Redis(port=shared_redis.port), realm="o:1", life=0.2, bytes_max=3_000)
    first, second = ThumbnailRequest(1, 96), ThumbnailRequest(2, 96)
    jpeg = Thumbnail(b"\xff\xd8" + bytes(2_000))
    await cache.put_all(2, {first: (0.0, jpeg)})
    async with asyncio.timeout(10):
        while not await cache.get_all(2, [second]):
            await cache.put_all(2, {second: (0.0, jpeg)})
    assert await cache.get_all(2, [first]) == {}
    await cache.close()


async def test_what_is_old_when_it_is_shared_does_not_live_longer_for_that(shared_redis: RedisServer) -> None:
    cache = _shared(shared_redis)
    old, older = ThumbnailRequest(1, 96), ThumbnailRequest(2, 96)
    jpeg = Thumbnail(b"\xff\xd8jpeg")
    await cache.put_all(2, {old: (50.0, jpeg), older: (60.0, jpeg)})
    found = await cache.get_all(2, [old, older])
    assert [*found] == [old]
    assert found[old][0] >= 49
    client = redis.asyncio.Redis(port=shared_redis.port)
    (name,) = await client.keys("*")
    assert await client.ttl(name) <= 10
    await client.aclose()
    await cache.close()


async def test_a_cluster_shares_as_one_redis_does(tmp_path: Path) -> None:
    with cluster(tmp_path, "S3cret") as nodes:
        client = redis_or_cluster_client(f"redis-cluster://:S3cret@127.0.0.1:{nodes[0].port}", timeout=30)
        cache = RedisCache(client, realm="omero:4064", life=60)
        requests = [ThumbnailRequest(image_id, 96) for image_id in range(40)]
        async with asyncio.timeout(30):
            # the first command finds the nodes, which may take longer than a cache is waited for
            while len(await cache.get_all(2, requests)) < len(requests):
                cache._resting_until = 0.0
                await cache.put_all(2, {one: (0.0, Thumbnail(b"\xff\xd8%d" % one.image_id)) for one in requests})
        found = await cache.get_all(2, requests)
        assert {one: thumbnail.jpeg for one, (_, thumbnail) in found.items()} == {
            one: b"\xff\xd8%d" % one.image_id for one in requests
        }
        assert await cache.get_all(3, requests) == {}
        for node in nodes:
            node.kill()
        failures = cache.failures
        assert await cache.get_all(2, requests) == {}
        assert cache.failures == failures + 1
        await cache.close()


async def test_a_shared_cache_is_closed_behind_what_is_asked_of_it(shared_redis: RedisServer) -> None:
    cache = _shared(shared_redis)
    request = ThumbnailRequest(1, 96)
    thumbnail = Thumbnail(b"\xff\xd8jpeg")
    putting = [asyncio.create_task(cache.put_all(2, {request: (0.0, thumbnail)})) for _ in range(3)]
    await asyncio.sleep(0)
    await cache.close()
    assert all(one.done() for one in putting)
    assert cache.failures == 0
    # nor is a connection opened again
    assert await cache.get_all(2, [request]) == {}
    other = _shared(shared_redis)
    assert set(await other.get_all(2, [request])) == {request}
    await other.close()
