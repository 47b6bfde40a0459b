"""How long the embedded OMERO takes, and how much it does at once: settable, so that load can be studied."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, fields
from typing import Any


@dataclass(frozen=True, slots=True)
class Latency:
    """Milliseconds that OMERO takes on top of the work itself, and the calls that it works on at once.

    The names are kinds of `Work`.
    """

    join: float = 0.0
    query: float = 0.0
    store: float = 0.0
    load: float = 0.0
    thumbnail: float = 0.0
    #: default settings are computed; never in no time, or two first looks at once would not meet
    settings: float = 2.0
    at_once: int = 16

    def of(self, kind: str) -> float:
        """The milliseconds for one kind of `Work` of the model."""
        milliseconds: float = getattr(self, kind, 0.0)
        return milliseconds


#: a busy server in the same building
REALISTIC = Latency(join=60.0, query=4.0, store=10.0, thumbnail=8.0, at_once=4)


def parse_latency(text: str) -> Latency:
    """``REALISTIC``, ``none``, or ``key=ms,…`` with the names of `Latency`.

    Raises ValueError with a sentence.
    """
    if text.upper() == "REALISTIC":
        return REALISTIC
    if text.lower() == "none":
        return Latency()
    names = [one.name for one in fields(Latency)]
    given: dict[str, Any] = {}
    for part in text.split(","):
        name, separator, value = part.strip().partition("=")
        if not separator or name not in names:
            raise ValueError(
                f"{part.strip()!r} is not a latency: say REALISTIC, none, or key=ms with a key of {', '.join(names)}"
            )
        try:
            number = int(value) if name == "at_once" else float(value)
        except ValueError:
            raise ValueError(f"{name}={value}: {value!r} is not a number") from None
        least = 1 if name == "at_once" else 0
        if not least <= number <= 600_000:
            raise ValueError(f"{name}={value}: between {least} and 600000, please")
        given[name] = number
    return Latency(**given)


class Workload:
    """Takes the time that `latency` says, for as many calls at once as it says."""

    def __init__(self, latency: Latency) -> None:
        self.latency = latency
        self._at_once = asyncio.Semaphore(latency.at_once)
        #: calls that have been worked on, by operation
        self.calls: dict[str, int] = {}
        self.most_at_once = 0
        self._now = 0

    @asynccontextmanager
    async def call(self, operation: str, milliseconds: float = 0.0) -> AsyncIterator[None]:
        """Work on one call, after waiting for its turn."""
        self.calls[operation] = self.calls.get(operation, 0) + 1
        async with self._at_once:
            self._now += 1
            self.most_at_once = max(self.most_at_once, self._now)
            try:
                await self.take(milliseconds)
                yield
            finally:
                self._now -= 1

    async def take(self, milliseconds: float) -> None:
        """Let time pass within a call."""
        if milliseconds > 0:
            await asyncio.sleep(milliseconds / 1000)
