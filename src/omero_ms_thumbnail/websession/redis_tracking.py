"""News of changed sessions from Redis: ``CLIENT TRACKING`` in broadcasting mode, on a connection of its own.

Redis >= 6 tells such a connection of every key with a prefix that is written, deleted or expired by it ("Client-side
caching in Redis"). It tells them in order, so that the answer to a PING proves that all before it have been told: a
lease is given from when each PING was sent. A connection that dies without a word therefore costs no more than a lease.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import deque
from typing import TYPE_CHECKING, Final

from omero_ms_thumbnail.websession.resp3 import NotResp3, Push, Refusal, command, read_reply

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

logger = logging.getLogger(__name__)

LEASE: Final = 0.8
"""Seconds after a PING was sent in which a session may be believed that no news came of."""

_PING_EVERY: Final = 0.2
_CONNECT_TIMEOUT: Final = 2.0
_TRY_AGAIN: Final = (0.1, 0.2, 0.4, 0.8, 1.6)
"""Seconds; the last one again and again. A store that is back is read from at once, only without being remembered."""


class CannotTrack(Exception):
    """This Redis has no tracking, or does not permit it."""


class RedisTracking:
    """`Invalidations` of one Redis.

    connect opens a connection to it, hello are the words of its HELLO after the protocol's version, key_prefix is what
    the keys of all sessions begin with, and prefixes are those, of which each session's id follows one.
    """

    def __init__(
        self,
        connect: Callable[[], Awaitable[tuple[asyncio.StreamReader, asyncio.StreamWriter]]],
        *,
        hello: Sequence[str],
        key_prefix: str,
        prefixes: Sequence[str],
        name: str,
    ) -> None:
        self.lease_until = 0.0
        self._connect = connect
        self._hello = tuple(word.encode() for word in hello)
        self._key_prefix = key_prefix.encode()
        self._prefixes = tuple(prefix.encode() for prefix in prefixes)
        self._name = name
        self._task: asyncio.Task[None] | None = None

    def start(self, forget: Callable[[str | None], None]) -> None:
        """Begin to listen, where it has not begun; see `Invalidations`."""
        if self._task is None:
            self._task = asyncio.create_task(self._run(forget))

    async def close(self) -> None:
        """Listen no more."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _run(self, forget: Callable[[str | None], None]) -> None:
        failures = 0
        while True:
            try:
                await self._listen(forget)
            except CannotTrack as error:
                logger.info("The %s %s; sessions are looked up again after half a second.", self._name, error)
                return
            except (OSError, EOFError, NotResp3) as error:
                # What is wrong with Redis is said by the look-ups, which ask it themselves.
                logger.debug("The %s tells of no changes for a while: %s", self._name, type(error).__name__)
                failures = 0 if self.lease_until else failures + 1
            except Exception:
                # Discovery by sentinels has errors of its own.
                logger.debug("The %s cannot be listened to for a while", self._name, exc_info=True)
                failures += 1
            finally:
                self.lease_until = 0.0
                forget(None)
            await asyncio.sleep(_TRY_AGAIN[min(failures, len(_TRY_AGAIN) - 1)])

    async def _listen(self, forget: Callable[[str | None], None]) -> None:
        async with asyncio.timeout(_CONNECT_TIMEOUT):
            reader, writer = await self._connect()
        pinging: asyncio.Task[None] | None = None
        try:
            async with asyncio.timeout(_CONNECT_TIMEOUT):
                await self._ask(reader, writer, b"HELLO", b"3", *self._hello)
                await self._ask(reader, writer, b"CLIENT", b"TRACKING", b"ON", b"BCAST", b"PREFIX", self._key_prefix)
            # Of what was read before now there has been no news.
            forget(None)
            sent: deque[float] = deque()
            pinging = asyncio.create_task(_ping(writer, sent))
            while True:
                reply = await read_reply(reader)
                if isinstance(reply, Push):
                    self._tell(reply, forget)
                elif sent:
                    self.lease_until = sent.popleft() + LEASE
        finally:
            if pinging is not None:
                pinging.cancel()
            writer.close()

    async def _ask(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *words: bytes) -> None:
        writer.write(command(*words))
        await writer.drain()
        reply = await read_reply(reader)
        if isinstance(reply, Refusal):
            if reply.code in ("LOADING", "BUSY", "MASTERDOWN"):
                raise ConnectionError(reply.code)
            raise CannotTrack(f"refuses {words[0].decode()} ({reply.code}), so that it does not tell of changes")

    def _tell(self, push: Push, forget: Callable[[str | None], None]) -> None:
        if len(push.items) != 2 or push.items[0] != b"invalidate":
            return
        keys = push.items[1]
        if not isinstance(keys, list):
            # Redis was emptied.
            forget(None)
            return
        for key in keys:
            for prefix in self._prefixes:
                if isinstance(key, bytes) and key.startswith(prefix):
                    forget(key[len(prefix) :].decode("ascii", "replace"))


async def _ping(writer: asyncio.StreamWriter, sent: deque[float]) -> None:
    while True:
        sent.append(time.monotonic())
        writer.write(command(b"PING"))
        await asyncio.sleep(_PING_EVERY)
