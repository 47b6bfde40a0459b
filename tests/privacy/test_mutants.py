"""That the watch sees: each way of mixing up users, images or times, built in on purpose, is caught soon."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from omero_ms_thumbnail.omero.pool import SessionPool
from omero_ms_thumbnail.omero.stores import ThumbnailStore
from omero_ms_thumbnail.thumbnails import keeping
from omero_ms_thumbnail.thumbnails.memory_cache import MemoryCache
from omero_ms_thumbnail.thumbnails.model import ThumbnailRequest
from omero_ms_thumbnail.thumbnails.service import Thumbnails
from omero_ms_thumbnail.web import parsing
from omero_ms_thumbnail.websession import CachedSessionStore
from tests.privacy.test_privacy import LIFE, SEED
from tests.privacy.town import busy_while
from tests.privacy.watching import Wrong

Break = Callable[[pytest.MonkeyPatch], None]


def _wrap(kind: Any, name: str, mutant: Callable[..., Any]) -> Break:
    """`mutant` gets what it replaces first."""
    original = getattr(kind, name)
    return lambda patch: patch.setattr(kind, name, lambda *given, **named: mutant(original, *given, **named))


def memory_without_user(patch: pytest.MonkeyPatch) -> None:
    _wrap(MemoryCache, "get", lambda get, self, _user, request: get(self, 0, request))(patch)
    _wrap(MemoryCache, "put", lambda put, self, _user, *given, **named: put(self, 0, *given, **named))(patch)


def memory_for_ever(patch: pytest.MonkeyPatch) -> None:
    _wrap(MemoryCache, "put", lambda put, self, *given, age=0.0: put(self, *given, age=age - 1e6))(patch)


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


def requests_without_settings(patch: pytest.MonkeyPatch) -> None:
    def same(one: ThumbnailRequest) -> tuple[object, ...]:
        return one.image_id, one.width, one.height, one.z, one.t, one.version

    patch.setattr(ThumbnailRequest, "__eq__", lambda one, other: same(one) == same(other))
    patch.setattr(ThumbnailRequest, "__hash__", lambda one: hash(same(one)))


MUTANTS: dict[str, Break] = {
    "the memory cache forgets for whom": memory_without_user,
    "the memory cache forgets nothing": memory_for_ever,
    "the shared cache forgets for whom": _wrap(keeping, "_shared_key", lambda key, _user, one: key(0, one)),
    "the shared cache forgets the size": _wrap(
        keeping, "_shared_key", lambda key, user, one: key(user, replace(one, width=96))
    ),
    "single flight and batches forget for whom": one_work_for_all_sessions,
    "single flight forgets the rendering settings": requests_without_settings,
    "the pool forgets whose session": one_session_for_all_keys,
    "a set's pictures are mixed up": rotated_set,
    "the sessions' cache forgets the cookie": one_cookie_for_all,
    "cache busters are dropped": lambda patch: patch.setattr(parsing, "_version", lambda _query: ""),
}


#: those that show only in what is kept for much longer than a call takes, be the machine as busy as it may
SHOWN_BY_LONG_LIFE = {"single flight forgets the rendering settings", "cache busters are dropped"}


@pytest.mark.parametrize("name", MUTANTS)
def test_a_mix_up_is_caught(name: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, redis_port: int) -> None:
    MUTANTS[name](monkeypatch)
    life = 60.0 if name in SHOWN_BY_LONG_LIFE else LIFE
    with pytest.raises(Wrong) as caught:
        busy_while(tmp_path, redis_port, SEED, answers=20_000, seconds=60, life=life)
    print(caught.value)
