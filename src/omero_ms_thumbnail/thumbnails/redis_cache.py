"""Pictures that workers and machines share through Redis, by what they show: bounded over all who share them.

Only a help: a Redis that is down, slow or full costs its hits and nothing else. It may be the one that people's
sessions are in, so what is in it is bounded in bytes, whoever put it there, and goes by itself.

Pictures lie in a ring of `SEGMENTS` hashes. One of them, the head, is written to; each counts its own bytes, in a field
of its own, and who puts something counts before writing. The hash that is full, or has been the head for its part of
the life, is followed by the next of the ring, which is emptied for that: the oldest pictures go, and the ring is never
larger than its hashes may be. There is nothing to be kept in step: a hash that Redis itself gives up takes its count
along, and a head that is gone is chosen anew. No script is run and nothing is asked of two keys at once, so it is the
same in a Redis Cluster, and where commands are few. Times are Redis's own: clocks of machines differ.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import logging
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any, Final

import redis.asyncio
from redis.asyncio.cluster import RedisCluster
from redis.exceptions import RedisClusterException, RedisError, ResponseError

log: Final = logging.getLogger(__name__)

#: hashes in the ring: a full cache is between three and four quarters full; each look-up asks all of them
SEGMENTS: Final = 4

#: a cache that takes longer than this, in seconds, is no help
_TIMEOUT: Final = 0.25

#: seconds for which a Redis that failed is left alone
_REST: Final = 5.0

#: milliseconds after which an emptying of the next hash that has not ended is taken for one that never will
_OPENING: Final = 1_000

#: seconds until somebody else who makes room is taken to have, and how often that is looked at, within `_TIMEOUT`
_MAKING_ROOM: Final = 0.01
_TRIES: Final = 10

#: pictures that are put at once, in bytes of Redis
_PUT_BYTES: Final = 256 << 10

#: what a picture takes in its hash besides its value, and a hash besides its pictures, at most (``MEMORY USAGE`` and
#: ``used_memory`` of Redis 7.0, with 100 to 5,000 pictures, say 55 to 81, and 192)
_ENTRY_BYTES: Final = 100
_SEGMENT_BYTES: Final = 512
#: in front of a string and behind it
_STRING_BYTES: Final = 10

#: the field with a hash's bytes; names of pictures are longer
_COUNT: Final = b""
_NAME_BYTES: Final = 16
_MAC_BYTES: Final = 16

_JPEG_START: Final = b"\xff\xd8"

#: seconds between lines about pictures that somebody else wrote
_SAY_AGAIN: Final = 60.0

_FAILURES: Final = (RedisError, RedisClusterException, OSError)


class RedisCache:
    """`realm` tells the OMERO.servers that share a Redis apart; `life` is in seconds, no picture stays longer.

    `bytes_max` bounds what all who share have in Redis together. With a `secret`, which they share too, pictures are
    every user's; without, each is kept for the user that OMERO gave it to, since whoever may write there could pass
    off any picture as any other. Redis has `timeout` seconds for each question.
    """

    def __init__(
        self,
        client: redis.asyncio.Redis | RedisCluster,
        *,
        realm: str,
        life: float,
        bytes_max: int = 256 << 20,
        secret: bytes | None = None,
        timeout: float = _TIMEOUT,
    ) -> None:
        # redis-py's types promise what only one of its two kinds of clients does
        self._client: Any = client
        self._seal = _Seal(realm, secret)
        prefix = f"omero-ms-thumbnail:{hashlib.blake2b(realm.encode(), digest_size=8).hexdigest()}"
        self._segments = tuple(f"{prefix}:{number}" for number in range(SEGMENTS))
        self._head = f"{prefix}:head"
        self._opening = f"{prefix}:opening"
        self._segment_max = bytes_max // SEGMENTS - _SEGMENT_BYTES
        self._life_ms = max(1, int(life * 1000))
        self.life = life
        self._timeout = timeout
        self._resting_until = 0.0
        self._not_putting_until = 0.0
        self._say_again_at = 0.0
        self._under_way = 0
        self._idle = asyncio.Event()
        self._closing = False
        self.failures = 0
        #: values that nobody with the secret wrote
        self.forged = 0

    @property
    def is_shared(self) -> bool:
        """Whether what one user was given is there for all: whether there is a secret."""
        return self._seal.is_keyed

    async def get_all(self, user: int, keys: Sequence[bytes]) -> dict[bytes, bytes]:
        """The JPEGs of those of `keys` that are there; `user` counts where there is no secret."""
        if not keys or self._closing or self._now() < self._resting_until:
            return {}
        names = [self._seal.name(user, key) for key in keys]
        try:
            async with self._asking():
                answers = await self._ask(names)
        except _FAILURES as error:
            self._rest(error)
            return {}
        found = {}
        for key, *values in zip(keys, *answers, strict=True):
            for value in values:
                if value is not None and (jpeg := self._read(user, key, value)) is not None:
                    found[key] = jpeg
                    break
        return found

    async def put_all(self, user: int, pictures: Mapping[bytes, bytes]) -> None:
        """Share JPEGs. Some may stay unshared, such as where whoever makes room has died of it."""
        for values, size in self._portions(user, pictures):
            if self._closing or self._now() < max(self._resting_until, self._not_putting_until):
                return
            try:
                async with self._asking():
                    await self._put(values, size)
            except _FAILURES as error:
                self._rest(error)

    async def try_out(self) -> bool:
        """Put a picture and get it, for `check`: whether it came. Raises what Redis says, RedisError and OSError."""
        name = self._seal.name(0, b"")
        async with self._asking():
            await self._put({name: _JPEG_START}, _ENTRY_BYTES)
            return any(_JPEG_START in values for values in await self._ask([name]))

    async def used(self) -> int:
        """The bytes of Redis that pictures take. Raises what Redis says, RedisError and OSError."""
        async with self._asking():
            return sum(int(value or 0) for (value,) in await self._ask([_COUNT]))

    async def close(self) -> None:
        """Close every connection, once what is asked now is answered or out of time; nothing is asked after that."""
        self._closing = True
        while self._under_way:
            self._idle.clear()
            await self._idle.wait()
        await self._client.aclose()

    # the ring

    async def _ask(self, names: Sequence[bytes]) -> list[list[bytes | None]]:
        """Of each hash what it has under these names."""
        async with self._client.pipeline(transaction=False) as pipeline:
            for segment in self._segments:
                pipeline.hmget(segment, names)
            answers: list[list[bytes | None]] = await pipeline.execute()
        return answers

    async def _put(self, values: Mapping[bytes, bytes], size: int) -> None:
        head = await self._with_room(size)
        if head is None:
            return
        segment = self._segments[head]
        async with self._client.pipeline(transaction=False) as pipeline:
            pipeline.hset(segment, mapping=values)
            pipeline.pttl(segment)
            _, left = await pipeline.execute()
        if left < 0:
            # Redis gave it up between the two, or before: what is written to has a life whatever happens
            await self._client.pexpire(segment, self._life_ms)
        elif left < self._life_ms * (1 - 1 / SEGMENTS):
            await self._open(head)

    async def _with_room(self, size: int) -> int | None:
        """The hash in which so many bytes have room, which are counted as put then; None if there is none for now."""
        for _ in range(_TRIES):
            head = _segment_number(await self._client.get(self._head))
            if head is not None and await self._has_room(head, size):
                return head
            head = await self._open(head)
            if head is not None:
                return head if await self._has_room(head, size) else None
            # those who begin together, or fill it together: somebody else makes room, which is a few questions
            await asyncio.sleep(_MAKING_ROOM)
        return None

    async def _has_room(self, head: int, size: int) -> bool:
        """Whether so many bytes more fit there, which are counted as put then. One that is full stays so."""
        counted: int = await self._client.hincrby(self._segments[head], _COUNT, size)
        return counted <= self._segment_max

    async def _open(self, full: int | None) -> int | None:
        """Empty the hash behind the one that is full, and make it the head. None where somebody else is about it."""
        if not await self._client.set(self._opening, b"", nx=True, px=_OPENING):
            return None
        head = _segment_number(await self._client.get(self._head))
        if head != full:
            # somebody else was faster
            await self._client.unlink(self._opening)
            return head
        following = 0 if full is None else (full + 1) % SEGMENTS
        segment = self._segments[following]
        async with self._client.pipeline(transaction=False) as pipeline:
            # without waiting for its memory to be freed; as words, since a cluster's pipeline has another `unlink`
            pipeline.execute_command("UNLINK", segment)
            pipeline.hset(segment, _COUNT, 0)
            pipeline.pexpire(segment, self._life_ms)
            pipeline.set(self._head, following, px=self._life_ms)
            pipeline.execute_command("UNLINK", self._opening)
            await pipeline.execute()
        return following

    def _portions(self, user: int, pictures: Mapping[bytes, bytes]) -> Iterator[tuple[dict[bytes, bytes], int]]:
        """What is put at once: values by name, and what they take in Redis."""
        values: dict[bytes, bytes] = {}
        total = 0
        # what is left of a hash is too little for a portion now and then: a small part of it
        portion_max = min(_PUT_BYTES, self._segment_max // 16)
        for key, jpeg in pictures.items():
            value = self._seal.mac(user, key, jpeg) + jpeg
            size = _allocated(len(value) + _STRING_BYTES) + _ENTRY_BYTES
            if size > self._segment_max:
                continue
            if values and total + size > portion_max:
                yield values, total
                values, total = {}, 0
            values[self._seal.name(user, key)] = value
            total += size
        if values:
            yield values, total

    def _read(self, user: int, key: bytes, value: bytes) -> bytes | None:
        """The JPEG; None for what nobody wrote who has the secret."""
        mac, jpeg = value[:_MAC_BYTES], value[_MAC_BYTES:]
        if jpeg.startswith(_JPEG_START) and hmac.compare_digest(mac, self._seal.mac(user, key, jpeg)):
            return jpeg
        self.forged += 1
        if self._now() >= self._say_again_at:
            self._say_again_at = self._now() + _SAY_AGAIN
            log.warning(
                "a picture in the shared cache is not as this service wrote it, and is not shown (%d so far): who else"
                " may write to the Redis of cache.redis-uri? docs/security.md says how to purge it",
                self.forged,
            )
        return None

    # what is only a help

    @asynccontextmanager
    async def _asking(self) -> AsyncIterator[None]:
        # a connection that is closed under a question is opened again for it, and then nobody closes it
        self._under_way += 1
        try:
            async with asyncio.timeout(self._timeout):
                yield
        finally:
            self._under_way -= 1
            self._idle.set()

    def _now(self) -> float:
        return asyncio.get_running_loop().time()

    def _rest(self, error: Exception) -> None:
        self.failures += 1
        until = self._now() + _REST
        if isinstance(error, ResponseError):
            # Redis answers, and takes nothing more: full, or a replica of one that is gone. It may still be read
            self._not_putting_until = until
        else:
            self._resting_until = until
        log.warning("the shared cache is left alone for %g s: %s", _REST, error or "it did not answer in time")


class _Seal:
    """What tells whoever has the secret that a value was written by one who has it, for that very key.

    Without a secret anybody could make the same; it tells a damaged value then.
    """

    def __init__(self, realm: str, secret: bytes | None) -> None:
        self.is_keyed = secret is not None
        # of any length to BLAKE2's 64 bytes
        key = b"" if secret is None else hashlib.blake2b(secret, person=b"secret").digest()
        self._names = hashlib.blake2b(_counted(realm.encode()), digest_size=_NAME_BYTES, key=key, person=b"name")
        self._macs = hashlib.blake2b(_counted(realm.encode()), digest_size=_MAC_BYTES, key=key, person=b"mac")

    def name(self, user: int, key: bytes) -> bytes:
        """How `key` is called in Redis: nothing of it can be read there."""
        hashed = self._names.copy()
        hashed.update(self._whose(user) + _counted(key))
        return hashed.digest()

    def mac(self, user: int, key: bytes, jpeg: bytes) -> bytes:
        """What only who has the secret can say of that picture."""
        hashed = self._macs.copy()
        hashed.update(self._whose(user) + _counted(key))
        hashed.update(jpeg)
        return hashed.digest()

    def _whose(self, user: int) -> bytes:
        return _counted(b"" if self.is_keyed else b"%d" % user)


def _counted(part: bytes) -> bytes:
    """With its length, so that no two lists of parts are the same bytes."""
    return len(part).to_bytes(8, "big") + part


def _segment_number(value: bytes | None) -> int | None:
    """Which hash is the head; None where there is none, or what stands there cannot be one."""
    return int(value) if value is not None and value.isdigit() and int(value) < SEGMENTS else None


def _allocated(size: int) -> int:
    """What jemalloc, which Redis is built with, takes for `size` bytes: four steps between powers of two.

    Source: "SIZE CLASSES" of jemalloc(3).
    """
    step = max(8, 1 << ((size - 1).bit_length() - 3))
    return -(-size // step) * step
