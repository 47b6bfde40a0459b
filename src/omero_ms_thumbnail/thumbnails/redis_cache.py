"""Thumbnails that workers and machines share through Redis: each for one user, each expiring by itself.

Only a help: a Redis that is down, slow or full costs its hits and nothing else. Every entry expires, and a worker has
no more in it than `bytes_max` at a time: the Redis may be the one that people's sessions are in.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
import struct
import time
from collections import deque
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any, Final, cast

import redis.asyncio
from redis.asyncio.cluster import RedisCluster
from redis.exceptions import RedisClusterException, RedisError

from .model import Thumbnail, ThumbnailRequest

log: Final = logging.getLogger(__name__)

#: when OMERO was asked for the thumbnail, in milliseconds since the epoch, then the JPEG
_VALUE: Final = struct.Struct(">Q")

#: a cache that takes longer than this, in seconds, is no help
_TIMEOUT: Final = 0.25

#: seconds for which a Redis that failed is left alone
_REST: Final = 5.0

_JPEG_START: Final = b"\xff\xd8"

_VERSION_HASH_BYTES: Final = 8

#: what an entry takes in Redis besides its JPEG, about (``MEMORY USAGE`` of Redis 7)
_ENTRY_BYTES: Final = 250

_FAILURES: Final = (RedisError, RedisClusterException, OSError)


class RedisCache:
    """`realm` tells the OMERO.servers that share a Redis apart; `life` is in seconds.

    `bytes_max` bounds what this worker has in Redis at a time; what does not fit is not shared.
    """

    def __init__(
        self,
        client: redis.asyncio.Redis | RedisCluster,
        *,
        realm: str,
        life: float,
        bytes_max: int = 64 << 20,
    ) -> None:
        self._client = client
        self._bytes_max = bytes_max
        # when Redis lets go of what was put, as the loop's time, and its bytes
        self._put: deque[tuple[float, int]] = deque()
        self._bytes = 0
        self._prefix = f"omero-ms-thumbnail:{realm}"
        self.life = life
        self._resting_until = 0.0
        self._under_way = 0
        self._idle = asyncio.Event()
        self._closing = False
        self.hits = 0
        self.misses = 0
        self.failures = 0

    async def get_all(
        self, user: int, requests: Sequence[ThumbnailRequest]
    ) -> dict[ThumbnailRequest, tuple[float, Thumbnail]]:
        """Those of `requests` that are there for `user`, with their age in seconds."""
        if not requests or self._is_resting():
            return {}
        keys = [self._key(user, request) for request in requests]
        try:
            async with self._asking():
                # a cluster's keys are in different places, and nothing here needs them to be read at one moment
                mget = self._client.mget_nonatomic if isinstance(self._client, RedisCluster) else self._client.mget
                values = cast("list[bytes | None]", await cast("Any", mget(keys)))
        except _FAILURES as error:
            self._rest(error)
            return {}
        found = {
            request: aged
            for request, value in zip(requests, values, strict=True)
            if value is not None and (aged := self._read(value)) is not None
        }
        self.hits += len(found)
        self.misses += len(requests) - len(found)
        return found

    async def put_all(self, user: int, thumbnails: Mapping[ThumbnailRequest, tuple[float, Thumbnail]]) -> None:
        """Share thumbnails, each with its age in seconds: not clocks, what is too old, or what there is no room for."""
        if self._is_resting():
            return
        now = time.time()
        fitting = [
            (self._key(user, request), _VALUE.pack(int((now - age) * 1000)) + thumbnail.jpeg, self.life - age)
            for request, (age, thumbnail) in thumbnails.items()
            if not thumbnail.in_progress and age < self.life and self._has_room(len(thumbnail.jpeg))
        ]
        if not fitting:
            return
        try:
            async with self._asking(), self._client.pipeline(transaction=False) as pipeline:
                for key, value, left in fitting:
                    pipeline.set(key, value, px=max(1, int(left * 1000)))
                await cast("Any", pipeline.execute())
        except _FAILURES as error:
            self._rest(error)

    async def close(self) -> None:
        """Close every connection, once what is asked now is answered or out of time; nothing is asked after that."""
        self._closing = True
        while self._under_way:
            self._idle.clear()
            await self._idle.wait()
        await self._client.aclose()

    @asynccontextmanager
    async def _asking(self) -> AsyncIterator[None]:
        # a connection that is closed under a question is opened again for it, and then nobody closes it
        self._under_way += 1
        try:
            async with asyncio.timeout(_TIMEOUT):
                yield
        finally:
            self._under_way -= 1
            self._idle.set()

    def _read(self, value: bytes) -> tuple[float, Thumbnail] | None:
        """Age and thumbnail; None for what cannot be one, since whoever writes to that Redis may have put it there."""
        if len(value) <= _VALUE.size or not value.startswith(_JPEG_START, _VALUE.size):
            return None
        (given,) = _VALUE.unpack_from(value)
        # clocks of machines differ: an entry from the future is new, and none is ever older than its life
        age = max(0.0, time.time() - given / 1000)
        return (age, Thumbnail(value[_VALUE.size :])) if age < self.life else None

    def _key(self, user: int, request: ThumbnailRequest) -> str:
        # the version comes from the client, so it is hashed: neither its length nor its characters reach the key
        version = hashlib.blake2b(request.version.encode(), digest_size=_VERSION_HASH_BYTES).hexdigest()
        asked = (request.image_id, request.width, request.height, request.rendering_def_id, request.z, request.t)
        return ":".join((self._prefix, str(user), *("" if one is None else str(one) for one in asked), version))

    def _has_room(self, jpeg_bytes: int) -> bool:
        """Whether one more fits, which is taken as put then."""
        now = asyncio.get_running_loop().time()
        while self._put and self._put[0][0] <= now:
            self._bytes -= self._put.popleft()[1]
        size = jpeg_bytes + _VALUE.size + _ENTRY_BYTES
        if self._bytes + size > self._bytes_max:
            return False
        self._put.append((now + self.life, size))
        self._bytes += size
        return True

    def _is_resting(self) -> bool:
        return self._closing or asyncio.get_running_loop().time() < self._resting_until

    def _rest(self, error: Exception) -> None:
        self.failures += 1
        self._resting_until = asyncio.get_running_loop().time() + _REST
        log.warning("the shared cache is left alone for %g s: %s", _REST, error or "it did not answer in time")
