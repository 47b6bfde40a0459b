"""The service, a real store and an embedded OMERO under a steady load, while somebody logs out or the store goes."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import asyncpg
import pytest
import redis.asyncio

from omero_ms_thumbnail.websession.signed_text import sign
from tests.support.embedded_thread import EmbeddedThread
from tests.support.service_process import ServiceProcess, start
from tests.unit.websession.postgres_server import PASSWORD, PostgresServer
from tests.unit.websession.redis_server import RedisServer

pytestmark = pytest.mark.long

REQUESTS_A_SECOND = 500
CONNECTIONS = 20
#: from one second after a log-out, not one thumbnail
LOG_OUT_SECONDS = 1.0
RECOVERY_SECONDS = 2.0


@dataclass(frozen=True)
class User:
    name: str
    session_id: str
    image: int
    """An image that this one may read and the other may not."""


@dataclass(frozen=True)
class Answer:
    user: User
    image: int
    status: int
    asked: float
    answered: float


class Store:
    """Where the sessions are; `put`, `remove` as OMERO.web, `kill` and `restart` as an administrator."""

    configuration: str

    async def put(self, session_id: str, session: bytes) -> None:
        raise NotImplementedError

    async def remove(self, session_id: str) -> None:
        raise NotImplementedError

    def kill(self) -> None:
        raise NotImplementedError

    def restart(self) -> None:
        raise NotImplementedError


class InRedis(Store):
    def __init__(self, directory: Path) -> None:
        self.server = RedisServer(directory, keeps=True)
        self.server.start()
        self.configuration = f"{{type: redis, uri: 'redis://127.0.0.1:{self.server.port}/1'}}"

    async def put(self, session_id: str, session: bytes) -> None:
        async with redis.asyncio.Redis(port=self.server.port, db=1) as client:
            await client.set(f":1:django.contrib.sessions.cache{session_id}", session, ex=3600)

    async def remove(self, session_id: str) -> None:
        async with redis.asyncio.Redis(port=self.server.port, db=1) as client:
            await client.delete(f":1:django.contrib.sessions.cache{session_id}")

    def kill(self) -> None:
        self.server.kill()

    def restart(self) -> None:
        self.server.start()


class InPostgres(Store):
    def __init__(self) -> None:
        self.server = PostgresServer()
        self.server.start()
        self.configuration = f"{{type: postgres, uri: '{self.server.uri()}'}}"

    async def _run(self, query: str, *arguments: object) -> None:
        connection = await asyncpg.connect(
            host="127.0.0.1", port=self.server.port, user="omero", password=PASSWORD, database="postgres"
        )
        try:
            await connection.execute(query, *arguments)
        finally:
            await connection.close()

    async def put(self, session_id: str, session: bytes) -> None:
        await self._run(
            "CREATE TABLE IF NOT EXISTS django_session "
            "(session_key varchar(40) PRIMARY KEY, session_data text, expire_date timestamptz)"
        )
        insert = "INSERT INTO django_session VALUES ($1, $2, now() + interval '1 hour')"
        await self._run(insert, session_id, sign(session, "secret", "0").decode())

    async def remove(self, session_id: str) -> None:
        await self._run("DELETE FROM django_session WHERE session_key = $1", session_id)

    def kill(self) -> None:
        self.server.kill()

    def restart(self) -> None:
        self.server.start()


class InFiles(Store):
    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.directory.mkdir()
        self.configuration = f"{{type: files, directory: '{directory}'}}"

    async def put(self, session_id: str, session: bytes) -> None:
        (self.directory / f"sessionid{session_id}").write_bytes(sign(session, "secret", "0"))

    async def remove(self, session_id: str) -> None:
        (self.directory / f"sessionid{session_id}").unlink()


@dataclass
class Load:
    """So many requests a second, of each user for each image, until it is stopped."""

    service: ServiceProcess
    users: list[User]
    answers: list[Answer] = field(default_factory=list)
    _count: int = 0

    async def _ask(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asking = self.users[self._count % 2]
        image = self.users[self._count // 2 % 2].image
        self._count += 1
        asked = time.monotonic()
        cookie = f"sessionid={asking.session_id}"
        writer.write(
            f"GET /webgateway/render_thumbnail/{image}/96/ HTTP/1.1\r\nHost: x\r\nCookie: {cookie}\r\n\r\n".encode()
        )
        head = (await reader.readuntil(b"\r\n\r\n")).lower()
        length = int(head.partition(b"content-length:")[2].partition(b"\r\n")[0])
        await reader.readexactly(length)
        self.answers.append(Answer(asking, image, int(head.split()[1]), asked, time.monotonic()))

    async def _client(self, number: int) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", self.service.port)
        every = CONNECTIONS / REQUESTS_A_SECOND
        due = time.monotonic() + every * number / CONNECTIONS
        try:
            while True:
                await asyncio.sleep(max(0.0, due - time.monotonic()))
                due += every
                await self._ask(reader, writer)
        finally:
            writer.close()

    @asynccontextmanager
    async def running(self) -> AsyncIterator[Load]:
        clients = [asyncio.create_task(self._client(number)) for number in range(CONNECTIONS)]
        try:
            yield self
            assert not [client for client in clients if client.done()]
        finally:
            for client in clients:
                client.cancel()
            await asyncio.gather(*clients, return_exceptions=True)

    async def until(self, condition: Callable[[], bool]) -> None:
        async with asyncio.timeout(60):
            while not condition():
                await asyncio.sleep(0.01)

    async def seconds(self, seconds: float) -> None:
        end = time.monotonic() + seconds
        await self.until(lambda: time.monotonic() > end)

    def since(self, when: float) -> list[Answer]:
        return [answer for answer in self.answers if answer.asked >= when]

    def wrong(self, allowed: set[int]) -> list[Answer]:
        """Whoever got another one's image, or was answered for his own as nobody should be."""
        return [
            answer
            for answer in self.answers
            if answer.status not in (allowed if answer.image == answer.user.image else (allowed - {200}) | {404})
        ]


@pytest.fixture(scope="module")
def omero() -> Iterator[EmbeddedThread]:
    embedded = EmbeddedThread()
    yield embedded
    embedded.stop()


def users(omero: EmbeddedThread) -> list[User]:
    names = [user.name for user in omero.omero.world.users.values()]
    for one in names:
        for other in names:
            of_one, of_other = set(omero.readable(one)), set(omero.readable(other))
            if of_one - of_other and of_other - of_one:
                return [
                    User(one, "loggingout0000001", min(of_one - of_other)),
                    User(other, "stayinghere000002", min(of_other - of_one)),
                ]
    raise AssertionError("no two users of the embedded OMERO have an image each to themselves")


@asynccontextmanager
async def under_load(store: Store, omero: EmbeddedThread, folder: Path) -> AsyncIterator[Load]:
    both = users(omero)
    for user in both:
        key = await asyncio.to_thread(omero.session_key, user.name)
        await store.put(user.session_id, json.dumps({"connector": {"omero_session_key": key}}).encode())
    configuration = folder / "config.yaml"
    configuration.write_text(
        f"omero: {{host: 127.0.0.1, port: {omero.omero.ssl_port}}}\nsession-store: {store.configuration}\n"
    )
    started = start("serve", "--config", str(configuration))
    service = await asyncio.to_thread(started.__enter__)
    try:
        async with Load(service, both).running() as load:
            await load.until(lambda: [a.status for a in load.answers[-100:]].count(200) == 50)
            yield load
    finally:
        await asyncio.to_thread(started.__exit__, None, None, None)


@pytest.fixture(params=["redis", "postgres", "files"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    yield from _store(request.param, tmp_path)


@pytest.fixture(params=["redis", "postgres"])
def server(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    yield from _store(request.param, tmp_path)


def _store(kind: str, folder: Path) -> Iterator[Store]:
    store: Store
    if kind == "files":
        yield InFiles(folder / "sessions")
    elif kind == "redis":
        store = InRedis(folder / "redis")
        yield store
        store.kill()
    else:
        store = InPostgres()
        yield store
        store.server.remove()


async def test_log_out(store: Store, omero: EmbeddedThread, tmp_path: Path) -> None:
    async with under_load(store, omero, tmp_path) as load:
        leaving, staying = load.users
        began = time.monotonic()
        await store.remove(leaving.session_id)
        logged_out = time.monotonic()
        await load.seconds(LOG_OUT_SECONDS + 0.7)
    late = [a for a in load.answers if a.user == leaving and a.answered > logged_out + LOG_OUT_SECONDS]
    assert len(late) > 100
    assert {answer.status for answer in late} == {403}
    own = [a for a in load.since(began) if a.user == staying and a.image == staying.image]
    assert {answer.status for answer in own} == {200}
    assert load.wrong({200, 403}) == []


async def test_store_that_goes_and_comes_back(server: Store, omero: EmbeddedThread, tmp_path: Path) -> None:
    async with under_load(server, omero, tmp_path) as load:
        await asyncio.to_thread(server.kill)
        killed = time.monotonic()
        await load.until(lambda: 503 in [answer.status for answer in load.since(killed)])
        await load.seconds(0.7)
        await asyncio.to_thread(server.restart)
        back = time.monotonic()
        await load.seconds(RECOVERY_SECONDS + 0.5)
    assert load.wrong({200, 503}) == []
    later = load.since(back + RECOVERY_SECONDS)
    assert len(later) > 100
    assert 503 not in {answer.status for answer in later}
    assert {answer.status for answer in later if answer.image == answer.user.image} == {200}
