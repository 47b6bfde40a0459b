"""A Redis in a `VirtualLoop`, as far as pictures and sessions need one: its words, its times to live, its memory.

What a key takes is about what ``MEMORY USAGE`` of Redis 7.0 says of hashes of 100 to 5,000 pictures. Where all take
more than `maxmemory`, keys go as with ``allkeys-random``, and `evicted` says which.
"""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

from tests.support.simulated.loop import VirtualLoop

Value = bytes | dict[bytes, bytes]
Reply = bytes | int | list[bytes | None] | None

PORT = 6379

_WRONG_TYPE = b"-WRONGTYPE Operation against a key holding the wrong kind of value\r\n"


@dataclass
class SimulatedRedis:
    """`delay` is how many seconds a question takes, at most. `watch` is called behind each command."""

    loop: VirtualLoop
    maxmemory: int = 1 << 40
    delay: float = 0.0
    seed: int = 1
    keys: dict[bytes, Value] = field(default_factory=dict)
    ends: dict[bytes, float] = field(default_factory=dict)
    evicted: list[bytes] = field(default_factory=list)
    used: int = 0
    watch: Callable[[], None] = lambda: None

    def __post_init__(self) -> None:
        self._random = random.Random(self.seed)
        self._sizes: Counter[bytes] = Counter()
        self.loop.network.listen(lambda: _Connection(self), PORT)

    def forget(self, key: bytes) -> bool:
        self.ends.pop(key, None)
        self.used -= self._sizes.pop(key, 0)
        return self.keys.pop(key, None) is not None

    def _grow(self, key: bytes, size: int) -> None:
        self._sizes[key] += size
        self.used += size

    def pause(self) -> float:
        return self._random.random() * self.delay

    def run(self, name: bytes, *words: bytes) -> bytes:
        """A command, and its reply as it is on the wire."""
        for key in [key for key, end in self.ends.items() if end <= self.loop.time()]:
            self.forget(key)
        command = _COMMANDS.get(name.upper())
        if command is None:
            return b"-ERR unknown command\r\n"
        try:
            reply = command(self, *words)
        except (TypeError, AttributeError):
            return _WRONG_TYPE
        while self.keys and self.used > self.maxmemory:
            self.evicted.append(self._random.choice(sorted(self.keys)))
            self.forget(self.evicted[-1])
        self.watch()
        return _packed(reply) if reply != b"OK" else b"+OK\r\n"

    # the commands

    def _get(self, key: bytes) -> Reply:
        value = self.keys.get(key)
        return None if value is None else bytes(value)  # type: ignore[arg-type]

    def set(self, key: bytes, value: bytes, *options: bytes) -> Reply:
        given = [option.upper() for option in options]
        if b"NX" in given and key in self.keys:
            return None
        self.forget(key)
        self.keys[key] = value
        self._grow(key, allocated(len(key) + 10) + allocated(len(value) + 10) + 80)
        if b"PX" in given:
            self._pexpire(key, options[given.index(b"PX") + 1])
        return b"OK"

    def _hash(self, key: bytes) -> dict[bytes, bytes]:
        value = self.keys.get(key)
        if value is None:
            value = self.keys[key] = {}
            self._grow(key, 250)
        if isinstance(value, bytes):
            raise TypeError
        return value

    def _hset(self, key: bytes, *given: bytes) -> Reply:
        there = self._hash(key)
        before = len(there)
        for name, value in zip(given[::2], given[1::2], strict=True):
            if name in there:
                self._grow(key, -allocated(len(there[name]) + 9) - 80)
            there[name] = value
            self._grow(key, allocated(len(value) + 9) + 80)
        return len(there) - before

    def _hincrby(self, key: bytes, name: bytes, by: bytes) -> Reply:
        total = int(self._hash(key).get(name, b"0")) + int(by)
        self._hset(key, name, b"%d" % total)
        return total

    def _hmget(self, key: bytes, *names: bytes) -> Reply:
        there = self.keys.get(key, {})
        return [there.get(name) for name in names]  # type: ignore[union-attr]

    def _pttl(self, key: bytes) -> Reply:
        if key not in self.keys:
            return -2
        return int((self.ends[key] - self.loop.time()) * 1000) if key in self.ends else -1

    def _pexpire(self, key: bytes, milliseconds: bytes) -> Reply:
        if key not in self.keys:
            return 0
        self.ends[key] = self.loop.time() + int(milliseconds) / 1000
        return 1

    def _unlink(self, *keys: bytes) -> Reply:
        return sum([self.forget(key) for key in keys])


_COMMANDS: dict[bytes, Callable[..., Reply]] = {
    b"GET": SimulatedRedis._get,
    b"SET": SimulatedRedis.set,
    b"HSET": SimulatedRedis._hset,
    b"HINCRBY": SimulatedRedis._hincrby,
    b"HMGET": SimulatedRedis._hmget,
    b"PTTL": SimulatedRedis._pttl,
    b"PEXPIRE": SimulatedRedis._pexpire,
    b"UNLINK": SimulatedRedis._unlink,
}


def allocated(size: int) -> int:
    """What jemalloc takes: see `thumbnails.redis_cache`, whose own sum this must not be."""
    step = 8
    while step * 8 < size:
        step *= 2
    return -(-size // step) * step


def _packed(reply: Reply) -> bytes:
    if reply is None:
        return b"$-1\r\n"
    if isinstance(reply, int):
        return b":%d\r\n" % reply
    if isinstance(reply, bytes):
        return b"$%d\r\n%s\r\n" % (len(reply), reply)
    return b"*%d\r\n%s" % (len(reply), b"".join(map(_packed, reply)))


class _Connection(asyncio.Protocol):
    """Takes commands apart, and answers them one after the other."""

    def __init__(self, redis: SimulatedRedis) -> None:
        self._redis = redis
        self._buffer = b""
        self._waiting: list[list[bytes]] = []
        self._is_answering = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        while (words := self._command()) is not None:
            self._waiting.append(words)
        self._answer_later()

    def _command(self) -> list[bytes] | None:
        head, found, rest = self._buffer.partition(b"\r\n")
        if not found:
            return None
        words = []
        for _ in range(int(head[1:])):
            length, found, rest = rest.partition(b"\r\n")
            size = int(length[1:]) if found else 0
            if not found or len(rest) < size + 2:
                return None
            words.append(rest[:size])
            rest = rest[size + 2 :]
        self._buffer = rest
        return words

    def _answer_later(self) -> None:
        if self._waiting and not self._is_answering:
            self._is_answering = True
            self._redis.loop.call_later(self._redis.pause(), self._answer)

    def _answer(self) -> None:
        # what was sent stays sent: it is run even where nobody reads the reply any more
        self._is_answering = False
        self._transport.write(self._redis.run(*self._waiting.pop(0)))
        self._answer_later()
