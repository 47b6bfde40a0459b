"""A few connections to one Redis, each with one question at a time: the shortest way through redis-py.

redis-py's pool looks into a connection before it lends it out, and its pipelines are made for far more than two fixed
commands: together that is half of what a look-up costs. Here a connection that has gone bad is found by using it.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from redis import exceptions

from omero_ms_thumbnail.websession.resp3 import command

if TYPE_CHECKING:
    from redis.asyncio import ConnectionPool

_CONNECTIONS = 16
"""At most so many a process: a look-up takes well under a millisecond, so this many are not often in use at once."""


class RedisConnections:
    """Connections that pool makes: whatever it connects to, and logs in as."""

    def __init__(self, pool: ConnectionPool) -> None:
        # redis-py has no types for what its own clients make connections with.
        self._pool: Any = pool
        self._idle: list[Any] = []
        self._free = asyncio.Semaphore(_CONNECTIONS)

    async def ask(self, *commands: tuple[bytes, ...]) -> list[Any]:
        """The reply to each command, sent in one flight; raises redis-py's exceptions and OSError.

        Waits for a connection as long as it takes, and for Redis too. Whoever is cancelled takes the connection along.
        """
        packed = b"".join(command(*words) for words in commands)
        async with self._free:
            if self._idle:
                try:
                    return await self._exchange(self._idle.pop(), packed, len(commands))
                except (exceptions.ConnectionError, OSError):
                    # Redis was restarted meanwhile, or closes what is idle: all the others are as old.
                    await self.close()
            connection = self._pool.make_connection()
            try:
                await connection.connect()
            except BaseException:
                await _discard(connection)
                raise
            return await self._exchange(connection, packed, len(commands))

    async def close(self) -> None:
        """Close the connections that are not in use."""
        idle, self._idle = self._idle, []
        for connection in idle:
            await _discard(connection)

    async def _exchange(self, connection: Any, packed: bytes, replies: int) -> list[Any]:
        answers: list[Any] = []
        try:
            await connection.send_packed_command(packed)
            for _ in range(replies):
                try:
                    answers.append(await connection.read_response())
                except exceptions.ResponseError as error:
                    # The reply to the next command is still to come.
                    answers.append(error)
        except BaseException:
            await _discard(connection)
            raise
        self._idle.append(connection)
        for answer in answers:
            if isinstance(answer, exceptions.ResponseError):
                raise answer
        return answers


async def _discard(connection: Any) -> None:
    # Without waiting for Redis to close its end: it may be what does not answer.
    await connection.disconnect(nowait=True)
