"""A busy while: many users ask many instances for everything while rights, renderings and sessions change."""

from __future__ import annotations

import asyncio
import contextlib
import random
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

import redis

from omero_embedded.embedded_omero import EmbeddedOmero
from omero_embedded.workload import Latency
from tests.hard.privacy.crowd import Changes, crowd
from tests.hard.privacy.history import RecordedWorld
from tests.hard.privacy.instances import COOKIE, Cookies, get, instances, listening, settings_for
from tests.hard.privacy.oracle import Oracle
from tests.hard.privacy.questions import Questions
from tests.hard.privacy.watching import Watch
from tests.support.labelled_pictures import TellingRenderer

#: asks instance number n of them; status, body and ETag
Ask = Callable[[int, str, str, list[tuple[str, str]]], Awaitable[tuple[int, bytes, str]]]

_ASKERS = 16
_INSTANCES = 3


@dataclass
class Town:
    """What a run has: how askers ask, whom, and who watches."""

    world: RecordedWorld
    changes: Changes
    watch: Watch
    cookies: Cookies
    ask: Ask
    rng: random.Random
    seconds_between_changes: float = 0.004
    #: questions that are asked in a second; None: the next as soon as the last is answered
    rate: float | None = None

    def __post_init__(self) -> None:
        self._questions = Questions(self.world, self.rng)
        self._cookie_of: dict[str, str] = {}
        #: what was given last for a path, to whomever, and its ETag
        self._given: dict[str, tuple[str, bytes]] = {}
        self._due = time.monotonic()
        self.asked = 0

    async def live(self, until: Callable[[], bool], askers: int = _ASKERS) -> None:
        """Ask and change until that is so. Raises Wrong."""
        async with asyncio.TaskGroup() as group:
            changing = group.create_task(self._change())
            asking = [group.create_task(self._asker(until)) for _ in range(askers)]
            await asyncio.wait(asking)
            changing.cancel()

    async def _change(self) -> None:
        while True:
            await asyncio.sleep(self.seconds_between_changes * 2 * self.rng.random())
            self.changes.change()

    async def _asker(self, until: Callable[[], bool]) -> None:
        while not until():
            await self._turn()
            one = self._one()
            if self.rng.random() < 0.97:
                await one
                continue
            # a browser that leaves before it has its answer
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(one, 0.01 * self.rng.random())

    async def _turn(self) -> None:
        self.asked += 1
        if self.rate is not None:
            now = time.monotonic()
            # what could not be asked in time is not made up for
            self._due = max(self._due, now - 1.0) + 1.0 / self.rate
            await asyncio.sleep(max(self._due - now, 0.0))

    async def _one(self) -> None:
        rng = self.rng
        user = rng.choice(list(self.changes.keys)[: rng.choice([10, 200])])
        keys = self.changes.keys[user]
        if not keys:
            self.changes.log_in(user)
        key = rng.choice(keys)
        if rng.random() < 0.1:
            # a page that was left open
            key = self.changes.ended.get(user, key)
        images = [self.changes.interesting(user) for _ in range(rng.choice([1, 3, 10]))]
        question = self._questions.one(images)
        headers, had = self._headers(user, key), b""
        if not question.is_json and rng.random() < 0.5 and question.path in self._given:
            etag, had = self._given[question.path]
            headers.append(("if-none-match", etag))
        began = self.watch.begin()
        try:
            status, body, etag = await self.ask(rng.randrange(1_000), question.path, question.query, headers)
        except asyncio.CancelledError:
            self.watch.gave_up(began)
            raise
        self.watch.end(began, user, key, question, status, body, had)
        if status == 200 and not question.is_json and etag:
            self._given[question.path] = etag, body

    def _headers(self, user: int, key: str) -> list[tuple[str, str]]:
        if self.rng.random() < 0.3:
            return [("x-omero-session-key", key)]
        if key not in self._cookie_of:
            try:
                self._cookie_of[key] = self.cookies.write(user, key)
            except redis.ConnectionError:
                # OMERO.web cannot log anybody in either
                return [("x-omero-session-key", key)]
        return [("cookie", f"{COOKIE}={self._cookie_of[key]}")]


def busy_while(
    folder: Path,
    redis_port: int,
    seed: int,
    *,
    answers: int,
    seconds: float,
    life: float,
    secret: str | None = "what instances share",
) -> Watch:
    """Instances in this process, until so many answers were judged or so many seconds are over. Raises Wrong."""
    rng = random.Random(seed)
    world = crowd(rng)
    omero = EmbeddedOmero(world, latency=Latency(join=3, query=1, store=1, thumbnail=0.2), time_to_idle=1e6)
    omero.omero.renderer = TellingRenderer()
    changes = Changes(world, omero.sessions, rng)
    watch = Watch(Oracle(world), life)
    cookies = Cookies(redis_port)
    loop = asyncio.new_event_loop()
    try:
        with listening(omero, loop):
            settings = settings_for(folder, omero.tcp_port, redis_port, life, secret)
            with instances(settings, _INSTANCES, loop) as services:

                def ask(number: int, path: str, query: str, headers: list[tuple[str, str]]) -> Awaitable[object]:
                    return get(services[number % len(services)], path, query, headers)

                town = Town(world, changes, watch, cookies, ask, rng)
                deadline = time.monotonic() + seconds
                with first_of_group():
                    loop.run_until_complete(town.live(lambda: watch.answers >= answers or time.monotonic() > deadline))
        assert omero.omero.stores_overlapping == 0
        return watch
    finally:
        cookies.close()
        loop.close()


@contextlib.contextmanager
def first_of_group() -> contextlib.AbstractContextManager[None]:
    """Raise what went wrong first in a group of tasks, not the group."""
    try:
        yield
    except BaseExceptionGroup as group:
        raise group.exceptions[0] from None
