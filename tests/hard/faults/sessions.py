"""Where OMERO.web keeps the sessions of the users of a site that a fault can strike."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import asyncpg
import redis

from omero_ms_thumbnail.websession.signed_text import sign
from tests.hard.faults.load import Visitor
from tests.unit.websession.postgres_server import PASSWORD, PostgresServer
from tests.unit.websession.redis_server import RedisServer

_PREFIX = ":1:django.contrib.sessions.cache"


def _session_id(number: int) -> str:
    return f"session{number:025d}"


def _session(key: str) -> bytes:
    return json.dumps({"connector": {"omero_session_key": key}}).encode()


def by_cookie(keys: dict[str, str]) -> list[Visitor]:
    """Users who come with OMERO.web's cookie."""
    return [
        Visitor(name, key, f"Cookie: sessionid={_session_id(number)}")
        for number, (key, name) in enumerate(keys.items())
    ]


class RedisSessions:
    """A Redis with all sessions, which outlive it."""

    def __init__(self, folder: Path, *options: str) -> None:
        self.server = RedisServer(folder / "redis", options=options, keeps=True)
        self.server.start()

    @property
    def client(self) -> redis.Redis:
        return redis.Redis(port=self.server.port, db=1)

    def configuration(self, port: int | None = None) -> dict[str, str]:
        return {"type": "redis", "uri": f"redis://127.0.0.1:{port or self.server.port}/1"}

    def put(self, keys: dict[str, str]) -> None:
        with self.client as client:
            for number, key in enumerate(keys):
                client.set(_PREFIX + _session_id(number), _session(key), ex=3600)

    def configure(self, name: str, setting: str) -> None:
        with self.client as client:
            client.config_set(name, setting)

    def stop(self) -> None:
        self.server.kill()


class PostgresSessions:
    """A PostgreSQL with all sessions."""

    def __init__(self) -> None:
        self.server = PostgresServer()
        self.server.start()

    def configuration(self, port: int | None = None) -> dict[str, str]:
        return {
            "type": "postgres",
            "uri": self.server.uri().replace(str(self.server.port), str(port or self.server.port)),
        }

    async def connect(self) -> asyncpg.Connection:
        return await asyncpg.connect(
            host="127.0.0.1", port=self.server.port, user="omero", password=PASSWORD, database="postgres"
        )

    async def run(self, *queries: str) -> None:
        connection = await self.connect()
        try:
            for query in queries:
                await connection.execute(query)
        finally:
            await connection.close()

    async def put(self, keys: dict[str, str]) -> None:
        await self.run(
            "CREATE TABLE django_session "
            "(session_key varchar(40) PRIMARY KEY, session_data text, expire_date timestamptz)"
        )
        connection = await self.connect()
        try:
            for number, key in enumerate(keys):
                signed = sign(_session(key), "secret", "0").decode()
                insert = "INSERT INTO django_session VALUES ($1, $2, now() + interval '1 hour')"
                await connection.execute(insert, _session_id(number), signed)
        finally:
            await connection.close()

    def pids(self) -> list[int]:
        """The server and all its processes."""
        assert self.server.process is not None
        pid = self.server.process.pid
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        return [pid, *map(int, children)]

    async def stop(self) -> None:
        await asyncio.to_thread(self.server.remove)
