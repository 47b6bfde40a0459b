"""The memory cache: what a picture shows, how long it is kept, and how much of it all."""

from __future__ import annotations

from omero_ms_thumbnail.thumbnails.facts_cache import ENTRY_BYTES
from omero_ms_thumbnail.thumbnails.memory_cache import MemoryCache
from omero_ms_thumbnail.thumbnails.model import Thumbnail


class _Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def _key(number: int = 1) -> bytes:
    return b"database/drawn/%d" % number


def test_a_picture_is_kept_for_its_life_and_not_longer() -> None:
    clock = _Clock()
    cache = MemoryCache(bytes_max=1 << 20, life=60, clock=clock)
    cache.put(_key(), Thumbnail(b"jpeg"))
    clock.now += 59.9
    assert cache.get(_key()) is not None
    assert cache.get(_key(2)) is None
    clock.now += 0.2
    assert cache.get(_key()) is None
    assert cache.bytes == 0
    assert len(cache) == 0


def test_clocks_are_not_kept_and_nothing_where_a_life_is_none() -> None:
    cache = MemoryCache(bytes_max=1 << 20, life=60)
    cache.put(_key(), Thumbnail(b"clock", in_progress=True))
    assert cache.get(_key()) is None
    cache = MemoryCache(bytes_max=1 << 20, life=0)
    cache.put(_key(), Thumbnail(b"jpeg"))
    assert cache.get(_key()) is None


def test_the_least_recently_used_go_first_and_bytes_are_bounded() -> None:
    cache = MemoryCache(bytes_max=10 * 4_000, life=60)
    for number in range(10):
        cache.put(_key(number), Thumbnail(bytes(3_000)))
    assert len(cache) == 10
    cache.get(_key(0))
    cache.put(_key(10), Thumbnail(bytes(3_900)))
    cache.put(_key(11), Thumbnail(bytes(3_900)))
    assert cache.bytes <= 40_000
    assert cache.get(_key(0)) is not None
    assert cache.get(_key(1)) is None


def test_what_sessions_remember_takes_room_from_pictures() -> None:
    cache = MemoryCache(bytes_max=10 * 4_000, life=60)
    for number in range(10):
        cache.put(_key(number), Thumbnail(bytes(3_000)))
    cache.count_facts(20)
    assert cache.facts == 20
    assert cache.bytes <= 40_000
    assert len(cache) == (40_000 - 20 * ENTRY_BYTES) // 3_700
    cache.count_facts(-20)
    assert cache.bytes == len(cache) * 3_700


def test_one_larger_than_the_cache_is_not_kept_and_throws_nothing_out() -> None:
    cache = MemoryCache(bytes_max=10_000, life=60)
    cache.put(_key(1), Thumbnail(b"small"))
    cache.put(_key(2), Thumbnail(bytes(20_000)))
    assert cache.get(_key(1)) is not None
    assert cache.get(_key(2)) is None


def test_putting_again_replaces() -> None:
    cache = MemoryCache(bytes_max=10_000, life=60)
    cache.put(_key(), Thumbnail(b"old"))
    before = cache.bytes
    cache.put(_key(), Thumbnail(b"new"))
    found = cache.get(_key())
    assert found is not None
    assert found.jpeg == b"new"
    assert cache.bytes == before
