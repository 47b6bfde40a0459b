"""Sessions as a site on OMERO.web 5.4 saves them, read through our stores.

They are of Python 2.7, Django 1.8 and django-redis 4.8; what lay in its stores is in data/omeroweb-5.4-site.json.
"""

from __future__ import annotations

import asyncio
import base64
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import asyncpg
import pytest
import redis

from omero_ms_thumbnail.websession import (
    FileSessionStore,
    PostgresSessionStore,
    RedisSessionStore,
    SigningKeys,
    WebSession,
)
from tests.unit.websession.postgres_server import PASSWORD, PostgresServer
from tests.unit.websession.redis_server import RedisServer

SITE: dict[str, Any] = json.loads((Path(__file__).parent / "data" / "omeroweb-5.4-site.json").read_text())
EXPECTED = WebSession("0b9d4d6c-6ac1-4f2a-9b6c-7e7c1f1d3a55", 52, 96)
#: its own, and one that it has never had
KEYS = [
    (SigningKeys(("a newer key", SITE["secret"])), EXPECTED),
    (SigningKeys(), EXPECTED),
    (SigningKeys(("x",)), None),
]
TABLE = """\
CREATE TABLE IF NOT EXISTS django_session (
    session_key varchar(40) NOT NULL PRIMARY KEY, session_data text NOT NULL, expire_date timestamptz NOT NULL)"""


def saved(place: str) -> list[Any]:
    rows = [
        row for row in SITE["sessions"] if place in row or (place == "table" and "key" not in row.keys() | {"file"})
    ]
    return [pytest.param(row, id=f"{row['engine']} {row['options']}".strip()) for row in rows]


def stored(row: dict[str, str]) -> bytes:
    return base64.b64decode(row["stored"])


def test_the_site_is_of_that_time() -> None:
    assert SITE["versions"] == {"python": "2.7.18", "django": "1.8.19"}
    assert {row["engine"] for row in SITE["sessions"]} == {"cache", "cached_db", "db", "file"}


@pytest.mark.parametrize("row", saved("key"))
async def test_in_redis(row: dict[str, str], redis_server: RedisServer) -> None:
    with redis.Redis(port=redis_server.port, db=3) as client:
        client.set(row["key"], stored(row))
    store = RedisSessionStore(f"redis://127.0.0.1:{redis_server.port}/3", timeout=30)
    try:
        assert await store.get(row["id"]) == EXPECTED
    finally:
        await store.close()


@pytest.mark.parametrize("row", saved("file"))
@pytest.mark.parametrize(("keys", "expected"), KEYS, ids=["its secret", "no secret", "another secret"])
async def test_in_a_file(row: dict[str, str], keys: SigningKeys, expected: object, tmp_path: Path) -> None:
    assert row["file"] == "sessionid" + row["id"]
    await asyncio.to_thread((tmp_path / row["file"]).write_bytes, stored(row))
    store = FileSessionStore(tmp_path, keys=keys, timeout=30)
    try:
        assert await store.get(row["id"]) == expected
    finally:
        await store.close()


@pytest.mark.parametrize("row", saved("table"))
@pytest.mark.parametrize(("keys", "expected"), KEYS, ids=["its secret", "no secret", "another secret"])
async def test_in_the_database(
    row: dict[str, str], keys: SigningKeys, expected: object, postgres_server: PostgresServer
) -> None:
    connection = await asyncpg.connect(
        host="127.0.0.1", port=postgres_server.port, user="omero", password=PASSWORD, database="postgres"
    )
    try:
        await connection.execute(TABLE)
        await connection.execute(
            "INSERT INTO django_session VALUES ($1, $2, $3) ON CONFLICT DO NOTHING",
            row["id"],
            stored(row).decode("ascii"),
            datetime.now(UTC) + timedelta(days=1),
        )
    finally:
        await connection.close()
    store = PostgresSessionStore(postgres_server.uri(), keys=keys, timeout=30)
    try:
        assert await store.get(row["id"]) == expected
    finally:
        await store.close()
