"""The store against a real PostgreSQL: what it finds, and what it says when PostgreSQL does not answer."""

from __future__ import annotations

import asyncio
import json
import socket
import traceback
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import quote

import asyncpg
import pytest

from omero_ms_thumbnail.websession import PostgresSessionStore, SessionStoreUnavailable, SigningKeys, WebSession
from omero_ms_thumbnail.websession.signed_text import sign
from tests.unit.websession.postgres_server import PASSWORD, PostgresServer
from tests.unit.websession.redis_server import free_port

ID = "abcdefgh01234567"
TABLE = """\
CREATE TABLE IF NOT EXISTS {} (
    session_key varchar(40) NOT NULL PRIMARY KEY, session_data text NOT NULL, expire_date {} NOT NULL)"""


def text(key: str = "key") -> str:
    return sign(json.dumps({"connector": {"omero_session_key": key, "user_id": 7}}).encode(), "secret", "0").decode()


async def sql(server: PostgresServer, query: str, *arguments: object) -> None:
    connection = await asyncpg.connect(
        host="127.0.0.1", port=server.port, user="omero", password=PASSWORD, database="postgres"
    )
    try:
        if arguments:
            await connection.execute(query, *arguments)
        else:
            await connection.execute(query)
    finally:
        await connection.close()


async def save(server: PostgresServer, *, left: float = 3600.0, value: str | None = None) -> None:
    ends = datetime.now(UTC) + timedelta(seconds=left)
    await sql(
        server,
        "INSERT INTO django_session VALUES ($1, $2, $3) "
        "ON CONFLICT (session_key) DO UPDATE SET session_data = $2, expire_date = $3",
        ID,
        value if value is not None else text(),
        ends,
    )


@asynccontextmanager
async def opened(uri: str, **options: object) -> AsyncIterator[PostgresSessionStore]:
    store = PostgresSessionStore(uri, **{"timeout": 30, **options})  # type: ignore[arg-type]
    try:
        yield store
    finally:
        await store.close()


@pytest.fixture
async def table(postgres_server: PostgresServer) -> PostgresServer:
    await sql(postgres_server, TABLE.format("django_session", "timestamptz"))
    await sql(postgres_server, "DELETE FROM django_session")
    return postgres_server


@pytest.fixture
async def store(table: PostgresServer) -> AsyncIterator[PostgresSessionStore]:
    async with opened(table.uri()) as store:
        yield store


@pytest.fixture
def own_server() -> Iterator[PostgresServer]:
    server = PostgresServer()
    try:
        yield server
    finally:
        server.remove()


async def test_session(store: PostgresSessionStore, table: PostgresServer) -> None:
    assert await store.get(ID) is None
    await save(table, left=1000)
    found = await store.get(ID)
    assert found == WebSession("key", 7)
    assert found is not None
    assert found.expires == pytest.approx(datetime.now(UTC).timestamp() + 1000, abs=60)
    await store.ping()


async def test_native_uri(table: PostgresServer) -> None:
    await save(table)
    password = quote(PASSWORD, safe="")
    async with opened(f"postgresql://omero:{password}@127.0.0.1:{table.port}/postgres?sslmode=prefer") as store:
        assert await store.get(ID) is not None
        assert PASSWORD not in store.describe() + repr(store)


async def test_first_host_that_answers(table: PostgresServer) -> None:
    await save(table)
    uri = table.uri().replace("127.0.0.1:", f"127.0.0.1:{free_port()},127.0.0.1:")
    async with opened(uri) as store:
        assert await store.get(ID) is not None


@pytest.mark.parametrize("left", [-1.0, -3600.0, -0.001])
async def test_expired_session(store: PostgresSessionStore, table: PostgresServer, left: float) -> None:
    await save(table, left=left)
    assert await store.get(ID) is None


@pytest.mark.parametrize(("left", "known"), [(600.0, True), (-600.0, False)])
async def test_dates_without_a_zone_are_in_utc(table: PostgresServer, left: float, known: bool) -> None:
    await sql(table, "CREATE SCHEMA IF NOT EXISTS web")
    await sql(table, TABLE.format("web.django_session", "timestamp"))
    naive = (datetime.now(UTC) + timedelta(seconds=left)).replace(tzinfo=None)
    await sql(table, "DELETE FROM web.django_session")
    await sql(table, "INSERT INTO web.django_session VALUES ($1, $2, $3)", ID, text(), naive)
    async with opened(table.uri(parameters="&currentSchema=web")) as store:
        assert (await store.get(ID) is not None) is known


@pytest.mark.parametrize("session_id", ["", "' OR 1=1 --", "ABCDEFGH", "abcdefgh\0"])
async def test_malformed_id_is_nobody_and_is_not_asked_for(session_id: str) -> None:
    async with opened(f"postgresql://u@127.0.0.1:{free_port()}/d") as store:
        assert await store.get(session_id) is None


async def test_signature(table: PostgresServer) -> None:
    await save(table)
    for key, known in (("secret", True), ("other", False)):
        async with opened(table.uri(), keys=SigningKeys((key,))) as store:
            assert (await store.get(ID) is not None) is known


async def test_unreadable_session_is_nobody(store: PostgresSessionStore, table: PostgresServer) -> None:
    for value in ("", "nonsense", "x" * 5_000_000):
        await save(table, value=value)
        assert await store.get(ID) is None
    assert store.unreadable["too-large"] == 1


async def test_statement_is_prepared_once_for_each_connection(
    store: PostgresSessionStore, table: PostgresServer
) -> None:
    await save(table)
    for _ in range(5):
        await store.get(ID)
    pool = store._pool
    assert pool is not None
    async with pool.acquire() as connection:
        prepared = await connection.fetchval(
            "SELECT count(*) FROM pg_prepared_statements WHERE statement LIKE 'SELECT left%'"
        )
    assert prepared == 1


async def test_pooler_that_forgets_prepared_statements(table: PostgresServer) -> None:
    await save(table)
    async with opened(table.uri(parameters="&prepareThreshold=0")) as store:
        assert await store.get(ID) is not None
        pool = store._pool
        assert pool is not None
        async with pool.acquire() as connection:
            await connection.execute("DEALLOCATE ALL")
        assert await store.get(ID) is not None
    async with opened(table.uri()) as store:
        assert await store.get(ID) is not None
        pool = store._pool
        assert pool is not None
        async with pool.acquire() as connection:
            await connection.execute("DEALLOCATE ALL")
        with pytest.raises(SessionStoreUnavailable, match="prepareThreshold=0"):
            await store.get(ID)


async def test_few_connections_for_many_who_ask(store: PostgresSessionStore, table: PostgresServer) -> None:
    await save(table)
    found = await asyncio.gather(*(store.get(ID) for _ in range(100)))
    assert None not in found
    pool = store._pool
    assert pool is not None
    assert pool.get_size() <= 4


async def test_whoever_goes_away_takes_no_connection_along(store: PostgresSessionStore, table: PostgresServer) -> None:
    await save(table)
    for turns in range(30):
        asked = [asyncio.ensure_future(store.get(ID)) for _ in range(8)]
        for _ in range(turns):
            await asyncio.sleep(0)
        for one in asked:
            one.cancel()
        await asyncio.gather(*asked, return_exceptions=True)
    found = await asyncio.gather(*(store.get(ID) for _ in range(8)))
    assert None not in found


async def test_killed_and_back_on_the_same_port(own_server: PostgresServer) -> None:
    own_server.start()
    await sql(own_server, TABLE.format("django_session", "timestamptz"))
    await save(own_server)
    async with opened(own_server.uri()) as store:
        assert None not in await asyncio.gather(*(store.get(ID) for _ in range(8)))
        own_server.kill()
        for ask in (store.get(ID), store.ping()):
            with pytest.raises(SessionStoreUnavailable) as raised:
                await ask
            assert f"127.0.0.1:{own_server.port}, database postgres cannot be reached; check that it runs" in str(
                raised.value
            )
            assert PASSWORD not in "".join(traceback.format_exception(raised.value))
        own_server.start()
        assert None not in await asyncio.gather(*(store.get(ID) for _ in range(8)))
        # Connections that were good before the restart are not a failure either.
        own_server.kill()
        own_server.start()
        assert None not in await asyncio.gather(*(store.get(ID) for _ in range(8)))


async def test_wrong_password_user_and_database(table: PostgresServer) -> None:
    for uri, sentence in (
        (table.uri().replace(PASSWORD, "wrong"), "refuses the user name or the password"),
        (table.uri().replace("omero", "nobody"), "refuses the user name or the password"),
        (table.uri("elsewhere"), "does not have that database"),
    ):
        async with opened(uri) as store:
            with pytest.raises(SessionStoreUnavailable, match=sentence) as raised:
                await store.get(ID)
            assert "wrong" not in str(raised.value)


async def test_no_table_and_no_permission(table: PostgresServer) -> None:
    async with opened(table.uri("template1")) as store:
        for ask in (store.get(ID), store.ping()):
            with pytest.raises(SessionStoreUnavailable, match="no table django_session as Django makes it"):
                await ask
    await sql(table, "DROP ROLE IF EXISTS thumbs")
    await sql(table, "CREATE ROLE thumbs LOGIN PASSWORD 'pw'")
    async with opened(f"postgresql://thumbs:pw@127.0.0.1:{table.port}/postgres") as store:
        with pytest.raises(SessionStoreUnavailable, match="SELECT ON django_session"):
            await store.get(ID)
        await sql(table, "GRANT SELECT ON django_session TO thumbs")
        assert await store.get(ID) is None
    await sql(table, "DROP OWNED BY thumbs")


async def test_silent_server() -> None:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        async with opened(f"postgresql://u@127.0.0.1:{listener.getsockname()[1]}/d", timeout=0.1) as store:
            with pytest.raises(SessionStoreUnavailable, match=r"did not answer within 0\.1 s"):
                await store.get(ID)


async def test_tls(own_server: PostgresServer, tmp_path: Path) -> None:
    own_server.make()
    certificate = own_server.certify(tmp_path)
    own_server.options = ("ssl = on",)
    (own_server.data / "pg_hba.conf").write_text("hostssl all all all scram-sha-256\n")
    own_server.start()
    for mode, sentence in (
        ("prefer", "no table"),
        ("require", "no table"),
        ("disable", "only one with TLS"),
        ("verify-full", "certificate that is not trusted"),
        (f"verify-ca&sslrootcert={certificate}", "no table"),
        (f"verify-full&sslrootcert={certificate}", "certificate that is not trusted"),
    ):
        async with opened(own_server.uri(parameters=f"&sslmode={mode}")) as store:
            with pytest.raises(SessionStoreUnavailable, match=sentence):
                await store.get(ID)
