"""Faults now and then: what happens, and for how long after it users were told that something is not there."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable
from dataclasses import dataclass

from omero_embedded.embedded_omero import EmbeddedOmero
from tests.unit.websession.redis_server import RedisServer

#: seconds
_OUTAGE = 2.0

#: seconds after a fault in which it may still be felt
_GRACE = 2.0


@dataclass
class Fault:
    """What happened from `began` to `ended`; `last_refusal` is when somebody last got 503 or 504 for it."""

    name: str
    began: float
    ended: float = float("inf")
    refusals: int = 0
    last_refusal: float = 0.0

    @property
    def recovery(self) -> float:
        """Seconds from the end of the fault to the last answer that it spoilt."""
        return max(0.0, self.last_refusal - self.ended)


class Faults:
    """Restarts OMERO and Redis in turn, about every `pause` seconds."""

    def __init__(self, omero: EmbeddedOmero, redis: RedisServer, pause: float, rng: random.Random) -> None:
        self._omero = omero
        self._redis = redis
        self._pause = pause
        self._rng = rng
        self.seen: list[Fault] = []
        #: answers with 503 or 504 for which there was no reason
        self.unexplained = 0

    async def happen(self, until: Callable[[], bool]) -> None:
        while True:
            for name, restart in (("OMERO restarted", self._restart_omero), ("Redis restarted", self._restart_redis)):
                await asyncio.sleep(self._pause * (0.5 + self._rng.random()))
                if until():
                    return
                fault = Fault(name, time.monotonic())
                self.seen.append(fault)
                await restart()
                fault.ended = time.monotonic()

    def refused(self, began: float) -> None:
        """Somebody who asked at `began` was answered 503 or 504 now."""
        fault = self._fault(began)
        if fault is None:
            self.unexplained += 1
        else:
            fault.refusals += 1
            fault.last_refusal = time.monotonic()

    def excuse(self, began: float) -> bool:
        """Whether something was not there for who asked at that moment."""
        return self._fault(began) is not None

    def _fault(self, began: float) -> Fault | None:
        return next((fault for fault in reversed(self.seen) if began <= fault.ended + _GRACE), None)

    async def _restart_omero(self) -> None:
        port = self._omero.tcp_port
        await self._omero.stop_router()
        await asyncio.sleep(_OUTAGE)
        await self._omero.start(tcp_port=port)

    async def _restart_redis(self) -> None:
        self._redis.kill()
        await asyncio.sleep(_OUTAGE)
        await asyncio.to_thread(self._redis.start)
