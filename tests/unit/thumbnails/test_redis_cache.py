"""Pictures shared through a real Redis: who gets what, what is believed, what it takes, and what happens without it."""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Protocol

import pytest
import redis.asyncio

from omero_ms_thumbnail.check.cache_diagnoses import CACHE_REFUSES
from omero_ms_thumbnail.thumbnails.redis_cache import SEGMENTS, RedisCache
from omero_ms_thumbnail.websession.redis_store import redis_or_cluster_client
from tests.unit.websession.redis_cluster import cluster
from tests.unit.websession.redis_server import RedisServer

KEY = b"5a1b6d1e-uuid:drawn:17:17-20240101:31-20240102:96::"
JPEG = b"\xff\xd8jpeg"
SECRET = b"what all the replicas know"


@pytest.fixture
def server(tmp_path: Path) -> Iterator[RedisServer]:
    made = RedisServer(tmp_path)
    made.start()
    yield made
    made.kill()


@pytest.fixture
async def client(server: RedisServer) -> AsyncIterator[redis.asyncio.Redis]:
    async with redis.asyncio.Redis(port=server.port) as one:
        yield one


class Make(Protocol):
    """Another worker's view on the Redis."""

    def __call__(
        self, *, realm: str = ..., life: float = ..., bytes_max: int = ..., secret: bytes | None = ...
    ) -> RedisCache: ...


@pytest.fixture
async def make(server: RedisServer) -> AsyncIterator[Make]:
    made = []

    def one(
        *, realm: str = "omero:4064", life: float = 60.0, bytes_max: int = 1 << 20, secret: bytes | None = SECRET
    ) -> RedisCache:
        client = redis_or_cluster_client(f"redis://127.0.0.1:{server.port}", timeout=30)
        made.append(RedisCache(client, realm=realm, life=life, bytes_max=bytes_max, secret=secret, timeout=30))
        return made[-1]

    yield one
    for cache in made:
        await cache.close()


async def _put_until_there(cache: RedisCache, user: int, pictures: dict[bytes, bytes]) -> None:
    """Put what somebody else may be in the way of."""
    async with asyncio.timeout(30):
        while len(await cache.get_all(user, list(pictures))) < len(pictures):
            await cache.put_all(user, pictures)


async def _hashes(client: redis.asyncio.Redis) -> list[bytes]:
    return [name async for name in client.scan_iter("omero-ms-thumbnail:*", _type="HASH")]


async def test_with_a_secret_a_picture_is_every_users(make: Make) -> None:
    first, second = make(), make()
    await first.put_all(2, {KEY: JPEG})
    assert first.is_shared
    assert await second.get_all(3, [KEY, b"another"]) == {KEY: JPEG}


async def test_without_a_secret_a_picture_is_its_users_alone(make: Make) -> None:
    cache = make(secret=None)
    await cache.put_all(2, {KEY: JPEG})
    assert not cache.is_shared
    assert await cache.get_all(2, [KEY]) == {KEY: JPEG}
    assert await cache.get_all(22, [KEY]) == {}


@pytest.mark.parametrize("other", [{"realm": "other:4064"}, {"secret": b"another one"}, {"secret": None}])
async def test_who_has_another_omero_or_another_secret_finds_nothing(
    make: Make, other: dict[str, str | bytes | None]
) -> None:
    cache = make()
    await cache.put_all(2, {KEY: JPEG})
    elsewhere = make(**other)  # type: ignore[arg-type]
    assert await elsewhere.get_all(2, [KEY]) == {}
    assert elsewhere.forged == 0


async def test_nothing_in_redis_says_what_it_is_about(make: Make, client: redis.asyncio.Redis) -> None:
    for secret in (SECRET, None):
        cache = make(secret=secret)
        await cache.put_all(2, {KEY: JPEG})
    (segment,) = await _hashes(client)
    there = [segment, *await client.hkeys(segment)]
    assert all(b"uuid" not in name and b"omero:4064" not in name and len(name) < 40 for name in there)
    # every key goes by itself
    assert all([await client.pttl(name) > 0 for name in await client.keys("*")])


async def test_what_somebody_else_wrote_into_that_redis_is_not_shown(
    make: Make, client: redis.asyncio.Redis, caplog: pytest.LogCaptureFixture
) -> None:
    cache = make()
    await cache.put_all(2, {KEY: JPEG, b"other": b"\xff\xd8other"})
    (segment,) = await _hashes(client)
    names = [name for name in await client.hkeys(segment) if name]
    first, second = [await client.hget(segment, name) for name in names]
    with caplog.at_level(logging.WARNING):
        for value in (b"", JPEG, b"<script>alert(1)</script>", first[:-1] + b"?", b"?" + first[1:], bytes(16) + JPEG):
            await client.hset(segment, names[0], value)
            assert len(await cache.get_all(2, [KEY, b"other"])) == 1
        # nor one that was written for another key
        await client.hset(segment, mapping={names[0]: second, names[1]: first})
        assert await cache.get_all(2, [KEY, b"other"]) == {}
    assert cache.forged == 8
    (line,) = caplog.messages
    assert "cache.redis-uri" in line


async def test_without_a_secret_a_damaged_picture_is_not_shown(make: Make, client: redis.asyncio.Redis) -> None:
    cache = make(secret=None)
    await cache.put_all(2, {KEY: JPEG})
    (segment,) = await _hashes(client)
    (name,) = [name for name in await client.hkeys(segment) if name]
    await client.hset(segment, name, await client.hget(segment, name) + b"more")
    assert await cache.get_all(2, [KEY]) == {}


@pytest.mark.long
@pytest.mark.parametrize("size", [300, 2_500, 3_500, 9_000, 40_000])
async def test_what_is_counted_is_no_less_than_what_redis_takes(
    make: Make, client: redis.asyncio.Redis, size: int
) -> None:
    bytes_max = max(1 << 20, 150 * size)
    cache = make(bytes_max=bytes_max)
    most = 0
    for turn in range(2 * bytes_max // size // 50):
        jpegs = {b"%d:%d" % (turn, number): b"\xff\xd8" + bytes(size + 17 * number) for number in range(50)}
        await cache.put_all(2, jpegs)
        # sharing goes on, whatever there was before
        assert await cache.get_all(3, list(jpegs)) == jpegs
        names = await client.keys("*")
        most = max(most, sum([await client.memory_usage(name, samples=0) for name in names]))
    assert len(await _hashes(client)) == SEGMENTS
    assert 0.8 * bytes_max < most <= bytes_max


async def test_the_oldest_go_first(make: Make) -> None:
    cache = make(bytes_max=100_000)
    keys = [b"%d" % number for number in range(100)]
    for key in keys:
        await cache.put_all(2, {key: b"\xff\xd8" + bytes(2_000)})
    found = await cache.get_all(2, keys)
    assert list(found) == keys[-len(found) :]
    assert 30 < len(found) < 48


async def test_a_picture_that_is_larger_than_all_there_is_room_for_is_not_shared(make: Make) -> None:
    cache = make(bytes_max=40_000)
    await cache.put_all(2, {KEY: b"\xff\xd8" + bytes(12_000), b"small": JPEG})
    assert await cache.get_all(2, [KEY, b"small"]) == {b"small": JPEG}


async def test_pictures_go_by_themselves(make: Make, client: redis.asyncio.Redis) -> None:
    cache = make(life=0.2)
    await cache.put_all(2, {KEY: JPEG})
    async with asyncio.timeout(10):
        while await client.dbsize():
            await cache.get_all(2, [KEY])
    assert await cache.get_all(2, [KEY]) == {}
    # and others come
    await _put_until_there(cache, 2, {KEY: JPEG})


async def test_a_hash_that_redis_gave_up_is_begun_anew(make: Make, client: redis.asyncio.Redis) -> None:
    cache = make(bytes_max=100_000)
    await cache.put_all(2, {KEY: b"\xff\xd8" + bytes(20_000)})
    (segment,) = await _hashes(client)
    await client.delete(segment)
    await cache.put_all(2, {KEY: b"\xff\xd8" + bytes(20_000)})
    assert await _hashes(client) == [segment]
    assert 0 < await client.pttl(segment) <= 60_000
    for name in await client.keys("*head"):
        await client.set(name, "99")
    await _put_until_there(cache, 2, {b"other": JPEG})


async def test_a_worker_that_died_making_room_is_in_nobodys_way_for_long(
    make: Make, client: redis.asyncio.Redis
) -> None:
    cache = make()
    await cache.put_all(2, {KEY: JPEG})
    (head,) = await client.keys("*head")
    await client.delete(head)
    await client.set(head.replace(b"head", b"opening"), b"", px=300)
    await cache.put_all(2, {b"other": JPEG})
    assert await cache.get_all(2, [b"other"]) == {}
    await _put_until_there(cache, 2, {b"other": JPEG})


async def test_nobody_who_begins_at_the_same_time_goes_without(make: Make) -> None:
    caches = [make() for _ in range(8)]
    pictures = {b"%d" % number: JPEG for number in range(len(caches))}
    await asyncio.gather(*(one.put_all(2, {key: JPEG}) for one, key in zip(caches, pictures, strict=True)))
    assert await caches[0].get_all(2, list(pictures)) == pictures


@pytest.mark.long
async def test_many_who_put_at_once_make_room_once(make: Make, client: redis.asyncio.Redis) -> None:
    caches = [make(bytes_max=200_000) for _ in range(8)]
    numbers = iter(range(10_000))

    async def put(cache: RedisCache) -> None:
        for _ in range(20):
            await cache.put_all(2, {b"%d" % next(numbers): b"\xff\xd8" + bytes(1_500) for _ in range(5)})
            names = await client.keys("*")
            assert sum([await client.memory_usage(name, samples=0) or 0 for name in names]) <= 200_000

    await asyncio.gather(*map(put, caches))
    last = [b"%d" % number for number in range(next(numbers))]
    found = await caches[0].get_all(2, last)
    assert 1_502 * len(found) > 0.6 * 200_000
    assert all(cache.failures == 0 for cache in caches)


async def test_a_redis_that_takes_nothing_more_is_still_read(make: Make, client: redis.asyncio.Redis) -> None:
    cache = make()
    await cache.put_all(2, {KEY: JPEG})
    await client.config_set("maxmemory", 1)
    await cache.put_all(2, {b"other": JPEG})
    assert cache.failures == 1
    assert await cache.get_all(2, [KEY, b"other"]) == {KEY: JPEG}


async def test_a_redis_that_is_gone_is_left_alone_for_a_while(
    server: RedisServer, make: Make, caplog: pytest.LogCaptureFixture
) -> None:
    cache = make()
    await cache.put_all(2, {KEY: JPEG})
    server.kill()
    for _ in range(3):
        assert await cache.get_all(2, [KEY]) == {}
        await cache.put_all(2, {KEY: JPEG})
    assert cache.failures == 1
    (line,) = caplog.messages
    assert "left alone for 5 s" in line


@pytest.mark.long
async def test_a_cluster_shares_as_one_redis_does(tmp_path: Path) -> None:
    with cluster(tmp_path, "S3cret") as nodes:
        client = redis_or_cluster_client(f"redis-cluster://:S3cret@127.0.0.1:{nodes[0].port}", timeout=30)
        cache = RedisCache(client, realm="omero:4064", life=60, bytes_max=100_000, secret=SECRET, timeout=30)
        jpegs = {b"%d" % number: b"\xff\xd8%d" % number + bytes(1_000) for number in range(10)}
        async with asyncio.timeout(30):
            # the first command finds the nodes, which may take longer than a cache is waited for
            while len(await cache.get_all(2, list(jpegs))) < len(jpegs):
                cache._resting_until = 0.0
                await cache.put_all(2, jpegs)
        assert await cache.get_all(3, list(jpegs)) == jpegs
        # all the way round the ring
        for turn in range(30):
            more = {b"%d:%d" % (turn, number): b"\xff\xd8" + bytes(1_000) for number in range(10)}
            await cache.put_all(2, more)
            assert await cache.get_all(2, list(more)) == more
        for node in nodes:
            node.kill()
        failures = cache.failures
        assert await cache.get_all(2, list(jpegs)) == {}
        assert cache.failures == failures + 1
        await cache.close()


async def test_the_user_that_we_advise_for_a_cluster(tmp_path: Path) -> None:
    rules = " ".join(re.findall(r"`(?:ACL SETUSER <user> )?(\+[^`]+)`", CACHE_REFUSES.change)).split()
    assert "+cluster|slots" in rules
    with cluster(tmp_path, "S3cret") as nodes:
        for node in nodes:
            async with redis.asyncio.Redis(port=node.port, password="S3cret") as client:
                await client.execute_command("ACL", "SETUSER", "sharer", "on", ">pw", "-@all", *rules)
        client = redis_or_cluster_client(f"redis-cluster://sharer:pw@127.0.0.1:{nodes[0].port}", timeout=30)
        cache = RedisCache(client, realm="omero:4064", life=60, secret=SECRET, timeout=30)
        assert await cache.try_out()
        await cache.close()


async def test_a_shared_cache_is_closed_behind_what_is_asked_of_it(make: Make) -> None:
    cache = make()
    await cache.put_all(2, {b"before": JPEG})
    putting = [asyncio.create_task(cache.put_all(2, {KEY: JPEG})) for _ in range(3)]
    await asyncio.sleep(0)
    await cache.close()
    assert all(one.done() for one in putting)
    assert cache.failures == 0
    # nor is a connection opened again
    assert await cache.get_all(2, [KEY]) == {}
    other = make()
    assert await other.get_all(2, [KEY]) == {KEY: JPEG}
