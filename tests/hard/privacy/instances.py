"""Instances of the service as its composition root makes them, several in one process, called as Granian calls them.

Each has joined sessions, a memory cache and a view on OMERO.web's sessions of its own; they share OMERO and a Redis.
"""

from __future__ import annotations

import asyncio
import contextlib
import pickle
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import redis

from omero_embedded.embedded_omero import EmbeddedOmero
from omero_ms_thumbnail.config import Settings, load_settings
from omero_ms_thumbnail.server import Service
from tests.unit.web.requests import Headers, Scope, ask

COOKIE = "sessionid"


def settings_for(folder: Path, omero_port: int, redis_port: int, life: float, secret: str | None) -> Settings:
    """Settings as an administrator writes them, where sessions believe for shorter than one may say.

    `secret` is that of the shared cache.
    """
    file = folder / "config.yaml"
    file.write_text(
        f"""
access-log: false
omero: {{host: 127.0.0.1, port: {omero_port}, secure: false}}
omero.web: {{session_cookie_name: {COOKIE}}}
session-store: {{type: redis, uri: "redis://127.0.0.1:{redis_port}/1"}}
cache: {{redis-uri: "redis://127.0.0.1:{redis_port}/2"}}
"""
    )
    settings = load_settings(file, {})
    return replace(settings, cache=replace(settings.cache, life=life, secret=secret))


@contextlib.contextmanager
def instances(settings: Settings, count: int, loop: asyncio.AbstractEventLoop) -> Iterator[list[Service]]:
    """They, started, and stopped in the end."""
    started: list[Service] = []
    try:
        for _ in range(count):
            service = Service(settings)
            loop.run_until_complete(service.start())
            started.append(service)
        yield started
    finally:
        for service in started:
            loop.run_until_complete(service.stop())


class Cookies:
    """OMERO.web's sessions in Redis, one for each OMERO session."""

    def __init__(self, redis_port: int) -> None:
        self._client = redis.Redis(port=redis_port, db=1)
        # whatever another run has left
        self._client.flushall()
        self._written = 0

    def write(self, user: int, session_key: str) -> str:
        """Log a user in; the value of the cookie."""
        self._written += 1
        value = f"session{self._written:09}"
        session = {"connector": {"server_id": 1, "omero_session_key": session_key, "user_id": user}}
        self._client.set(f":1:django.contrib.sessions.cache{value}", pickle.dumps(session), ex=3600)
        return value

    def close(self) -> None:
        self._client.close()


async def get(service: Service, path: str, query: str, headers: list[tuple[str, str]]) -> tuple[int, bytes, str]:
    """Status, body and ETag of an answer."""
    answer = await ask(service, Scope(path, query_string=query, headers=Headers(*headers)))
    return answer.status, answer.body or b"", dict(answer.headers).get("etag", "")


@contextlib.contextmanager
def listening(omero: EmbeddedOmero, loop: asyncio.AbstractEventLoop) -> Iterator[None]:
    """OMERO, started, and closed in the end."""
    loop.run_until_complete(omero.start())
    try:
        yield
    finally:
        loop.run_until_complete(omero.close())
