"""Puts sessions where OMERO.web would have put them, for the demo: nothing of the service itself writes one.

As OMERO.web 5.33 writes them: JSON, in Redis as django-redis stores it, in tables and files as Django's signed text.
"""

from __future__ import annotations

import asyncio
import json
import secrets
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import asyncpg
from redis.exceptions import RedisError

from omero_ms_thumbnail.addresses import parse_postgres_uri
from omero_ms_thumbnail.websession.postgres_store import connection_options
from omero_ms_thumbnail.websession.redis_store import redis_client
from omero_ms_thumbnail.websession.signed_text import sign

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Iterator, Mapping
    from pathlib import Path
    from typing import Any

    from omero_ms_thumbnail.websession.web_session import WebSession

    _PutAndRemove = tuple[
        Callable[[dict[str, bytes]], Coroutine[Any, Any, None]], Callable[[list[str]], Coroutine[Any, Any, None]]
    ]

_SESSION_LIFE = timedelta(days=1)
_TIMEOUT = 5.0

_TABLE = """\
CREATE TABLE IF NOT EXISTS django_session (
    session_key varchar(40) PRIMARY KEY, session_data text NOT NULL, expire_date timestamptz NOT NULL)"""


class CannotStore(Exception):
    """The sessions cannot be put into a store; the text says which, without any secret."""


@contextmanager
def stored(
    sessions: Mapping[str, WebSession], *, uri: str | None, directory: Path | None, cookie_name: str
) -> Iterator[None]:
    """Keep sessions, by session id, in a Redis, a PostgreSQL or a folder as long as the context lasts.

    Raises `CannotStore` where that cannot begin. A table that is not there is made, and left.
    """
    if directory is not None:
        put, remove = _in_files(directory, cookie_name)
    elif uri is not None and "postgres" in uri.partition("://")[0]:
        put, remove = _in_postgres(uri)
    else:
        put, remove = _in_redis(uri or "")
    try:
        asyncio.run(put({session_id: _session_dict(session) for session_id, session in sessions.items()}))
    except (RedisError, asyncpg.PostgresError, asyncpg.InterfaceError, OSError, ValueError) as error:
        raise CannotStore(
            f"the demo's sessions cannot be put into the store ({type(error).__name__}); check that it runs, "
            "its address, and that it may be written to"
        ) from error
    try:
        yield
    finally:
        asyncio.run(remove(list(sessions)))


def _session_dict(session: WebSession) -> bytes:
    connector = {
        "server_id": "1",
        "is_secure": True,
        "is_public": False,
        "omero_session_key": session.omero_session_key,
        "user_id": session.user_id,
    }
    return json.dumps({"connector": connector, "can_create": True, "shares": {}}).encode()


def _in_redis(
    uri: str,
) -> _PutAndRemove:
    def key(session_id: str) -> str:
        return f":1:django.contrib.sessions.cache{session_id}"

    async def put(sessions: dict[str, bytes]) -> None:
        async with redis_client(uri, timeout=_TIMEOUT) as client:
            for session_id, payload in sessions.items():
                await client.set(key(session_id), payload, ex=_SESSION_LIFE)

    async def remove(session_ids: list[str]) -> None:
        async with redis_client(uri, timeout=_TIMEOUT) as client:
            await client.delete(*map(key, session_ids))

    return put, remove


def _in_postgres(
    uri: str,
) -> _PutAndRemove:
    async def run(query: str, *arguments: tuple[object, ...]) -> None:
        connection = await asyncpg.connect(**connection_options(parse_postgres_uri(uri), _TIMEOUT))
        try:
            await connection.executemany(query, arguments)
        finally:
            await connection.close()

    async def put(sessions: dict[str, bytes]) -> None:
        expire_date = datetime.now(UTC) + _SESSION_LIFE
        await run(_TABLE, ())
        await run(
            "INSERT INTO django_session VALUES ($1, $2, $3)",
            *((session_id, _signed(payload).decode(), expire_date) for session_id, payload in sessions.items()),
        )

    async def remove(session_ids: list[str]) -> None:
        await run("DELETE FROM django_session WHERE session_key = $1", *((session_id,) for session_id in session_ids))

    return put, remove


def _in_files(directory: Path, cookie_name: str) -> _PutAndRemove:
    def write(sessions: dict[str, bytes]) -> None:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        for session_id, payload in sessions.items():
            file = directory / f"{cookie_name}{session_id}"
            file.touch(mode=0o600, exist_ok=False)
            file.write_bytes(_signed(payload))

    def unlink(session_ids: list[str]) -> None:
        for session_id in session_ids:
            (directory / f"{cookie_name}{session_id}").unlink(missing_ok=True)

    async def put(sessions: dict[str, bytes]) -> None:
        await asyncio.to_thread(write, sessions)

    async def remove(session_ids: list[str]) -> None:
        await asyncio.to_thread(unlink, session_ids)

    return put, remove


def _signed(payload: bytes) -> bytes:
    # Nobody knows the key, nor has to: the demo has no omero.web.secret_key to verify it with.
    return sign(payload, secrets.token_hex(), "0")
