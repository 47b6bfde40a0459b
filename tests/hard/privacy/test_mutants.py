"""That the watch sees: each way of mixing up users, images or times, built in on purpose, is caught soon.

What a key is made of, and when a picture is kept, is broken in `test_small_town`; here what only the whole service has.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import redis.asyncio

from omero_ms_thumbnail.omero.pool import SessionPool
from omero_ms_thumbnail.omero.stores import ThumbnailStore
from omero_ms_thumbnail.thumbnails.memory_cache import MemoryCache
from omero_ms_thumbnail.thumbnails.redis_cache import RedisCache, _Seal
from omero_ms_thumbnail.thumbnails.service import Thumbnails
from omero_ms_thumbnail.websession import CachedSessionStore
from tests.hard.privacy.test_privacy import LIFE, SEED
from tests.hard.privacy.town import busy_while
from tests.hard.privacy.watching import Wrong

pytestmark = pytest.mark.long

Break = Callable[[pytest.MonkeyPatch], None]

JPEG = b"\xff\xd8 a picture \xff\xd9"


def _wrap(kind: Any, name: str, mutant: Callable[..., Any]) -> Break:
    """`mutant` gets what it replaces first."""
    original = getattr(kind, name)
    return lambda patch: patch.setattr(kind, name, lambda *given, **named: mutant(original, *given, **named))


def mixed_up_by_redis(patch: pytest.MonkeyPatch) -> None:
    """The picture of another key, as if there were no MAC."""
    # what memory has is not looked for there
    patch.setattr(MemoryCache, "get", lambda _self, _key: None)

    async def get_all(original: Any, self: Any, user: int, keys: Any) -> dict[bytes, bytes]:
        found = await original(self, user, keys)
        values = list(found.values())
        return dict(zip(found, values[1:] + values[:1], strict=True))

    _wrap(RedisCache, "get_all", get_all)(patch)


def one_work_for_all_sessions(patch: pytest.MonkeyPatch) -> None:
    def work_for(original: Any, self: Any, session: Any) -> Any:
        return next((work for one, work in self._work.items() if one.is_active), None) or original(self, session)

    _wrap(Thumbnails, "_work_for", work_for)(patch)


def one_session_for_all_keys(patch: pytest.MonkeyPatch) -> None:
    _wrap(SessionPool, "lend", lambda lend, self, key: lend(self, next(iter(self._members), key)))(patch)


def rotated_set(patch: pytest.MonkeyPatch) -> None:
    async def get(original: Any, *given: Any) -> dict[int, bytes]:
        pictures = await original(*given)
        values = list(pictures.values())
        return dict(zip(pictures, values[1:] + values[:1], strict=True))

    _wrap(ThumbnailStore, "get_thumbnail_by_longest_side_set", get)(patch)


def one_cookie_for_all(patch: pytest.MonkeyPatch) -> None:
    first: list[str] = []

    def get(original: Any, self: Any, session_id: str) -> Any:
        first.append(session_id)
        return original(self, first[0])

    _wrap(CachedSessionStore, "get", get)(patch)


MUTANTS: dict[str, Break] = {
    "what Redis gives is not what was asked for": mixed_up_by_redis,
    "single flight and batches forget for whom": one_work_for_all_sessions,
    "the pool forgets whose session": one_session_for_all_keys,
    "a set's pictures are mixed up": rotated_set,
    "the sessions' cache forgets the cookie": one_cookie_for_all,
}


@pytest.mark.parametrize("name", MUTANTS)
def test_a_mix_up_is_caught(name: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, redis_port: int) -> None:
    MUTANTS[name](monkeypatch)
    with pytest.raises(Wrong) as caught:
        busy_while(tmp_path, redis_port, SEED, answers=20_000, seconds=60, life=LIFE)
    print(caught.value)


class TestWithoutASecret:
    """Whoever may write to that Redis could pass off any picture as any other: each user has their own there."""

    async def test_a_user_is_given_nothing_of_another_s(self, redis_port: int) -> None:
        assert await _given_to_another(redis_port) == {}

    async def test_a_cache_that_forgets_for_whom_is_caught(
        self, redis_port: int, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        _wrap(_Seal, "_whose", lambda whose, self, _user: whose(self, 0))(monkeypatch)
        assert await _given_to_another(redis_port) == {b"key": JPEG}


async def _given_to_another(port: int) -> dict[bytes, bytes]:
    cache = RedisCache(redis.asyncio.Redis(port=port, db=3), realm="privacy", life=60, timeout=10)
    try:
        await cache.put_all(1, {b"key": JPEG})
        assert await cache.get_all(1, [b"key"]) == {b"key": JPEG}
        return await cache.get_all(2, [b"key"])
    finally:
        await cache.close()
