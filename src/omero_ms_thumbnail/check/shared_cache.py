"""The Redis that workers and machines share pictures through: whether it lets them, and leaves them room."""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator
from typing import Any, Final, cast

from redis.asyncio.cluster import RedisCluster
from redis.exceptions import OutOfMemoryError, RedisClusterException, RedisError, ResponseError

from ..config import Settings
from ..config.uris import redact_uri
from ..parts import caches
from ..thumbnails.redis_cache import RedisCache
from ..websession.redis_store import redis_or_cluster_client, told_by
from .cache_diagnoses import CACHE_FULL, CACHE_PER_USER, CACHE_REFUSES, CACHE_UNREACHABLE
from .diagnosis import Diagnosis
from .finding import Finding, Outcome, Stopwatch
from .names import SHARED_CACHE

#: seconds; the service itself waits less
_TIMEOUT: Final = 3.0
#: seconds after which what was tried is gone
_LIFE: Final = 5.0
_TRIED_MAX: Final = 1 << 20

_MIB: Final = 1 << 20


async def findings(settings: Settings) -> AsyncIterator[Finding]:
    """What there is to say of it; nothing where there is none. Thumbnails are shown without it: all are warnings."""
    uri = settings.cache.redis_uri
    if uri is None:
        return
    if not settings.cache.picture_life or not settings.cache.by_content:
        yield Finding(
            SHARED_CACHE, Outcome.SKIPPED, "not tried: cache.picture-life or cache.by-content keeps no pictures"
        )
        return
    watch = Stopwatch()
    where = redact_uri(uri)
    secret = settings.cache.secret.encode() if settings.cache.secret is not None else None
    client = redis_or_cluster_client(uri, timeout=_TIMEOUT)
    tried = RedisCache(
        client,
        realm=f"check {secrets.token_hex(8)}",
        life=_LIFE,
        bytes_max=_TRIED_MAX,
        secret=secret,
        timeout=_TIMEOUT,
    )
    try:
        came = await tried.try_out()
        short = None if isinstance(client, RedisCluster) else await _short_of_room(client, settings)
    except (RedisError, RedisClusterException, OSError) as error:
        reason = str(told_by(error)) or "it did not answer in time"
        yield _warning(f"{where}: {reason}", watch, _cause(error))
        return
    finally:
        await tried.close()
    if not came:
        yield _warning(f"{where} does not give back what it was given", watch, CACHE_REFUSES)
        return
    if short is not None:
        yield _warning(f"{where}: {short}", watch, CACHE_FULL)
    if secret is None:
        found = f"{where} works; there is no cache.secret, so each user has pictures apart in it"
        yield _warning(found, watch, CACHE_PER_USER)
    elif short is None:
        yield Finding(SHARED_CACHE, Outcome.OK, f"{where} takes pictures, signed, for all users", watch.seconds)


def _warning(found: str, watch: Stopwatch, diagnosis: Diagnosis) -> Finding:
    return Finding(SHARED_CACHE, Outcome.WARNING, found, watch.seconds, diagnosis)


def _cause(error: Exception) -> Diagnosis:
    if isinstance(error, OutOfMemoryError):
        return CACHE_FULL
    # what is wrong with who logs in is told as an error of the connection
    return CACHE_REFUSES if isinstance(error, ResponseError) else CACHE_UNREACHABLE


async def _short_of_room(client: Any, settings: Settings) -> str | None:
    """What is too little, if Redis says how much it has: its user need not be allowed to ask."""
    try:
        memory = cast("dict[str, Any]", await client.info("memory"))
    except ResponseError:
        return None
    most = int(memory.get("maxmemory", 0))
    if not most:
        return None
    ours = 0
    for server in settings.omero.all_servers:
        shared = caches(settings, server).shared
        if shared is not None:
            try:
                ours += await shared.used()
            finally:
                await shared.close()
    left = most - (int(memory.get("used_memory", 0)) - ours)
    wanted = settings.cache.redis_memory
    if left >= wanted:
        return None
    return (
        f"its maxmemory of {most / _MIB:.0f} MiB leaves {max(left, 0) / _MIB:.0f} MiB beside what else is in it, and"
        f" cache.redis-memory is {wanted / _MIB:.0f} MiB ({memory.get('maxmemory_policy', 'noeviction')})"
    )
