"""A steady load of several users on a running service, every answer checked against what it has to be."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json
import random
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field

#: seconds that a client waits for an answer before it counts as hanging
PATIENCE = 20.0

IMAGES_ON_A_PAGE = 5


@dataclass(frozen=True)
class Visitor:
    """Somebody with a browser: a user, and the header that says so."""

    user: str
    name: str
    header: str


@dataclass(frozen=True)
class Answer:
    """One answer. `status` is 0 where the connection broke, -1 where nothing came in time."""

    visitor: Visitor
    status: int
    asked: float
    answered: float
    #: as it has to be
    right: bool
    #: a picture other than the one asked for, or one for somebody who may not see it
    wrong: bool = False

    @property
    def seconds(self) -> float:
        return self.answered - self.asked


#: what each user has to get for each image: the status, and a digest of the picture
Expected = Mapping[tuple[str, int], tuple[int, str]]


def digest(content: bytes) -> str:
    return hashlib.blake2b(content, digest_size=8).hexdigest()


class Browser:
    """One connection that is kept open, and opened again when it breaks."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._reader: asyncio.StreamReader | None = None
        self._writer: asyncio.StreamWriter | None = None

    async def open(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        if self._reader is None or self._writer is None:
            self._reader, self._writer = await asyncio.open_connection("127.0.0.1", self._port)
        return self._reader, self._writer

    async def get(self, path: str, header: str) -> tuple[int, bytes]:
        """Status and body. 0 for a connection that breaks, -1 for an answer that does not come."""
        try:
            async with asyncio.timeout(PATIENCE):
                reader, writer = await self.open()
                writer.write(f"GET {path} HTTP/1.1\r\nHost: x\r\n{header}\r\n\r\n".encode())
                head = (await reader.readuntil(b"\r\n\r\n")).lower()
                length = head.partition(b"content-length:")[2].partition(b"\r\n")[0]
                return int(head.split()[1]), await reader.readexactly(int(length or 0))
        except TimeoutError:
            self.close()
            return -1, b""
        except (OSError, EOFError):
            self.close()
            return 0, b""
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        if self._writer is not None:
            self._writer.close()
        self._reader = self._writer = None


@dataclass
class Load:
    """`rate` requests a second over `connections`, of each of `visitors` for each of `images` in turn by chance."""

    port: int
    visitors: list[Visitor]
    images: list[int]
    rate: float = 200.0
    connections: int = 40
    #: whether every fifth request is for a page of several
    pages: bool = True
    answers: list[Answer] = field(default_factory=list)
    expected: dict[tuple[str, int], tuple[int, str]] = field(default_factory=dict)
    _random: random.Random = field(default_factory=lambda: random.Random(1))
    _count: int = 0

    async def learn(self) -> None:
        """What everybody has to get, asked for while all is well."""
        browser = Browser(self.port)
        by_user = {visitor.user: visitor for visitor in self.visitors}
        for user, visitor in by_user.items():
            for image in self.images:
                status, content = await browser.get(self._path(image), visitor.header)
                self.expected[user, image] = status, digest(content) if status == 200 else ""
        browser.close()

    @asynccontextmanager
    async def running(self) -> AsyncIterator[Load]:
        clients = [asyncio.create_task(self._client(number)) for number in range(self.connections)]
        try:
            yield self
            died = [client for client in clients if client.done()]
            if died:
                await died[0]
        finally:
            for client in clients:
                client.cancel()
            await asyncio.gather(*clients, return_exceptions=True)

    async def seconds(self, seconds: float) -> None:
        """Let the load go on for so long."""
        await asyncio.sleep(seconds)

    async def until(self, condition: Callable[[], bool], within: float = 30.0) -> None:
        async with asyncio.timeout(within):
            while not condition():
                await asyncio.sleep(0.01)

    def between(self, begin: float, end: float = float("inf")) -> list[Answer]:
        """Answers to what was asked in that time."""
        return [answer for answer in self.answers if begin <= answer.asked < end]

    def recovery(self, returned: float) -> float:
        """Seconds from `returned` until the last request was made that was not answered as it has to be."""
        return max((answer.asked - returned for answer in self.between(returned) if not answer.right), default=0.0)

    async def _client(self, number: int) -> None:
        browser = Browser(self.port)
        with suppress(OSError):
            await browser.open()
        every = self.connections / self.rate
        due = time.monotonic() + every * number / self.connections
        try:
            while True:
                await asyncio.sleep(max(0.0, due - time.monotonic()))
                # whoever waited does not hurry afterwards
                due = max(due + every, time.monotonic())
                self.answers.append(await self._ask(browser))
        finally:
            browser.close()

    async def _ask(self, browser: Browser) -> Answer:
        visitor = self._random.choice(self.visitors)
        asked = time.monotonic()
        if self.pages and self._count % 5 == 4:
            images = self._random.sample(self.images, IMAGES_ON_A_PAGE)
            status, content = await browser.get(self._page(images), visitor.header)
            right, wrong = self._check_page(visitor, images, status, content)
        else:
            image = self._random.choice(self.images)
            status, content = await browser.get(self._path(image), visitor.header)
            right, wrong = self._check(visitor, image, status, content)
        return Answer(visitor, status, asked, time.monotonic(), right, wrong)

    def _path(self, image: int) -> str:
        self._count += 1
        return f"/webgateway/render_thumbnail/{image}/96/?version={self._count}"

    def _page(self, images: Iterable[int]) -> str:
        self._count += 1
        ids = "&".join(f"id={image}" for image in images)
        return f"/webgateway/get_thumbnails/96/?{ids}&version={self._count}"

    def _check(self, visitor: Visitor, image: int, status: int, content: bytes) -> tuple[bool, bool]:
        expected = self.expected.get((visitor.user, image))
        if expected is None:
            return True, False
        right = (status, digest(content) if status == 200 else "") == expected
        return right, status == 200 and not right

    def _check_page(self, visitor: Visitor, images: list[int], status: int, content: bytes) -> tuple[bool, bool]:
        if status != 200:
            return False, False
        right, wrong = True, False
        for image, uri in json.loads(content).items():
            expected_status, expected = self.expected[visitor.user, int(image)]
            if uri is None:
                right = right and expected_status != 200
            elif digest(base64.b64decode(uri.partition(",")[2])) != expected:
                right, wrong = False, True
        return right, wrong


def statuses(answers: Iterable[Answer]) -> dict[int, int]:
    return dict(sorted(Counter(answer.status for answer in answers).items()))


def percentile(answers: Iterable[Answer], of: float) -> float:
    """In seconds."""
    times = sorted(answer.seconds for answer in answers)
    return times[min(int(len(times) * of), len(times) - 1)] if times else 0.0
