"""The memory cache: whose a thumbnail is, how long, and how much of it all."""

from __future__ import annotations

from omero_ms_thumbnail.thumbnails.memory_cache import MemoryCache
from omero_ms_thumbnail.thumbnails.model import Thumbnail, ThumbnailRequest


class _Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def _request(image_id: int = 1, **asked: object) -> ThumbnailRequest:
    return ThumbnailRequest(image_id, 96, **asked)  # type: ignore[arg-type]


def test_a_thumbnail_is_its_users_alone() -> None:
    cache = MemoryCache(bytes_max=1 << 20, life=60)
    cache.put(2, _request(), Thumbnail(b"jpeg"))
    assert cache.get(2, _request()) is not None
    assert cache.get(3, _request()) is None


def test_everything_that_was_asked_for_tells_requests_apart() -> None:
    cache = MemoryCache(bytes_max=1 << 20, life=60)
    cache.put(2, _request(), Thumbnail(b"jpeg"))
    others = [
        _request(2),
        ThumbnailRequest(1, 97),
        _request(height=96),
        _request(rendering_def_id=5),
        _request(z=0),
        _request(t=0),
        _request(version="1"),
    ]
    assert all(cache.get(2, other) is None for other in others)


def test_a_thumbnail_is_kept_for_its_life_and_not_longer() -> None:
    clock = _Clock()
    cache = MemoryCache(bytes_max=1 << 20, life=60, clock=clock)
    cache.put(2, _request(1), Thumbnail(b"jpeg"))
    cache.put(2, _request(2), Thumbnail(b"jpeg"), age=50)
    cache.put(2, _request(3), Thumbnail(b"jpeg"), age=60)
    clock.now += 9.9
    assert [cache.get(2, _request(number)) is not None for number in (1, 2, 3)] == [True, True, False]
    clock.now += 0.2
    assert cache.get(2, _request(2)) is None
    clock.now += 49.9
    assert cache.get(2, _request(1)) is None
    assert cache.bytes == 0
    assert len(cache) == 0


def test_clocks_are_not_kept() -> None:
    cache = MemoryCache(bytes_max=1 << 20, life=60)
    cache.put(2, _request(), Thumbnail(b"clock", in_progress=True))
    assert cache.get(2, _request()) is None


def test_the_least_recently_used_go_first_and_bytes_are_bounded() -> None:
    cache = MemoryCache(bytes_max=10 * 4_000, life=60)
    for number in range(10):
        cache.put(2, _request(number), Thumbnail(bytes(3_000)))
    kept = len(cache)
    assert kept == 10
    cache.get(2, _request(0))
    cache.put(2, _request(10), Thumbnail(bytes(3_900)))
    cache.put(2, _request(11), Thumbnail(bytes(3_900)))
    assert cache.bytes <= 40_000
    assert cache.get(2, _request(0)) is not None
    assert cache.get(2, _request(1)) is None


def test_one_larger_than_the_cache_is_not_kept_and_throws_nothing_out() -> None:
    cache = MemoryCache(bytes_max=10_000, life=60)
    cache.put(2, _request(1), Thumbnail(b"small"))
    cache.put(2, _request(2), Thumbnail(bytes(20_000)))
    assert cache.get(2, _request(1)) is not None
    assert cache.get(2, _request(2)) is None


def test_putting_again_replaces() -> None:
    cache = MemoryCache(bytes_max=10_000, life=60)
    cache.put(2, _request(), Thumbnail(b"old"))
    before = cache.bytes
    cache.put(2, _request(), Thumbnail(b"new"))
    found = cache.get(2, _request())
    assert found is not None
    assert found.jpeg == b"new"
    assert cache.bytes == before
