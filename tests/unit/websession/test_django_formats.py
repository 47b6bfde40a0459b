"""Sessions that a real Django saved, through every cache, serializer and compression it can be configured with."""

from __future__ import annotations

import pytest
import redis

from omero_ms_thumbnail.websession import RedisSessionStore, WebSession
from tests.unit.websession import django_site

EXPECTED = WebSession(
    omero_session_key=django_site.OMERO_SESSION_KEY,
    user_id=django_site.USER_ID,
    thumb_default_size=django_site.THUMB_DEFAULT_SIZE,
)


@pytest.mark.parametrize("cache", django_site.NAMES)
async def test_session_of(cache: str, django_sessions: dict[str, str], store: RedisSessionStore) -> None:
    assert await store.get(django_sessions[cache]) == EXPECTED


def test_the_caches_differ_in_what_they_store(django_sessions: dict[str, str], redis_client: redis.Redis) -> None:
    first_bytes = {
        name: redis_client.getrange(f":1:django.contrib.sessions.cache{session_id}", 0, 3)
        for name, session_id in django_sessions.items()
    }
    assert first_bytes["django"] == b"\x80\x05\x95" + first_bytes["django"][3:]
    assert first_bytes["django-redis pickle protocol 0"].startswith(b"(d")
    assert first_bytes["django-redis pickle protocol 2"].startswith(b"\x80\x02")
    assert first_bytes["django-redis json plain"].startswith(b'{"')
    assert first_bytes["django-redis msgpack plain"].startswith(b"\x87")
    assert first_bytes["django-redis pickle zlib"].startswith(b"\x78\x9c")
    assert first_bytes["django-redis json gzip"].startswith(b"\x1f\x8b")
    assert first_bytes["django-redis json lzma"].startswith(b"\xfd7zX")
    assert first_bytes["django-redis msgpack zstd"].startswith(b"\x28\xb5\x2f\xfd")
    assert first_bytes["django-redis pickle lz4"].startswith(b"\x04\x22\x4d\x18")
