"""What `check` advises about PostgreSQL, followed to the letter: afterwards the look-up works."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import quote

import asyncpg
import pytest

from omero_ms_thumbnail.check.diagnosis import Diagnosis
from omero_ms_thumbnail.check.finding import Outcome, Trouble
from omero_ms_thumbnail.check.names import SESSIONS
from omero_ms_thumbnail.check.session_diagnoses import (
    NOT_POSTGRES,
    POSTGRES_FULL,
    POSTGRES_NOT_LET_IN,
    POSTGRES_POOLER,
    POSTGRES_WITHOUT_TLS,
    STORE_CERTIFICATE,
    STORE_DATABASE,
    STORE_PASSWORD,
    STORE_PERMISSION,
    STORE_UNREACHABLE,
)
from omero_ms_thumbnail.check.sessions import StoreSteps
from omero_ms_thumbnail.config import SessionStoreSettings, Settings
from tests.support.parts import ROOT
from tests.unit.websession.postgres_server import PASSWORD, PostgresServer
from tests.unit.websession.tcp_server import serving
from tests.unit.websession.test_postgres_store import TABLE, opened, save, sql

pytestmark = pytest.mark.long

ROLE, ROLE_PASSWORD = "thumbnails", "p/w?#@%"
SCHEMA = "omeroweb"


@pytest.fixture
def server() -> Iterator[PostgresServer]:
    server = PostgresServer()
    try:
        server.start()
        yield server
    finally:
        server.remove()


@asynccontextmanager
async def reading(uri: str) -> AsyncIterator[StoreSteps]:
    store = SessionStoreSettings(type="postgres", uri=uri)
    steps = StoreSteps(Settings(session_stores=(store,)), store)
    try:
        yield steps
    finally:
        await steps.close()


async def diagnosis(uri: str) -> Diagnosis | None:
    """What `check` says of the store, None where nothing is wrong with it."""
    async with reading(uri) as steps:
        try:
            await steps.ping()
        except Trouble as error:
            trouble = error
        else:
            return None
    assert ROLE_PASSWORD not in str(trouble)
    return trouble.diagnosis


def quoted(advice: Diagnosis, begins: str, **values: object) -> list[str]:
    """What stands in backquotes in an advice and begins so, with what its reader fills in."""
    found = [text for text in re.findall(r"`([^`]+)`", advice.change) if text.startswith(begins)]
    assert found, f"{begins} is not advised"
    for name, value in values.items():
        found = [text.replace(f"<{name}>", str(value)) for text in found]
    assert not any("<" in text for text in found)
    return found


async def follow(server: PostgresServer, advice: Diagnosis, begins: str, **values: object) -> None:
    for statement in quoted(advice, begins, **values):
        await sql(server, statement)


def uri_of(server: PostgresServer, parameters: str = "", password: str = ROLE_PASSWORD) -> str:
    given = f"?{parameters}" if parameters else ""
    return f"postgresql://{ROLE}:{quote(password, safe='')}@127.0.0.1:{server.port}/postgres{given}"


async def with_a_role(server: PostgresServer, table: str = "django_session") -> None:
    """A role that may do nothing, beside a table of sessions with one in it; nobody may do anything by default."""
    await sql(server, TABLE.format("django_session", "timestamptz"))
    await save(server)
    if table != "django_session":
        await sql(server, f"CREATE SCHEMA {SCHEMA}")
        await sql(server, f"ALTER TABLE django_session SET SCHEMA {SCHEMA}")
    await sql(server, f"CREATE ROLE {ROLE} LOGIN PASSWORD '{ROLE_PASSWORD}'")
    await sql(server, "REVOKE ALL ON DATABASE postgres FROM PUBLIC")
    await sql(server, "REVOKE ALL ON SCHEMA public FROM PUBLIC")


async def test_rights(server: PostgresServer) -> None:
    await with_a_role(server)
    await sql(server, f"GRANT USAGE ON SCHEMA public TO {ROLE}")
    uri = uri_of(server)
    assert await diagnosis(uri) is STORE_PERMISSION
    await follow(server, STORE_PERMISSION, "GRANT CONNECT", database="postgres", user=ROLE)
    assert await diagnosis(uri) is STORE_PERMISSION
    await follow(server, STORE_PERMISSION, "GRANT SELECT", user=ROLE)
    assert await diagnosis(uri) is None
    # and these are all that the service needs: it reads the session, and its role may not change it
    async with opened(uri) as store:
        assert await store.get("abcdefgh01234567") is not None
    async with reading(uri) as steps:
        (counted,) = [finding async for finding in steps.look_around()]
    assert (counted.step, counted.outcome) == (SESSIONS, Outcome.OK)
    connection = await asyncpg.connect(uri)
    try:
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await connection.execute("DELETE FROM django_session")
    finally:
        await connection.close()


async def test_the_role_of_the_documentation(server: PostgresServer) -> None:
    await sql(server, TABLE.format("django_session", "timestamptz"))
    await save(server)
    await sql(server, "REVOKE ALL ON DATABASE postgres FROM PUBLIC")
    await sql(server, "REVOKE ALL ON SCHEMA public FROM PUBLIC")
    document = (ROOT / "docs" / "sessions.md").read_text()
    statements = re.findall(r"^ {4}((?:CREATE|GRANT|ALTER) .*);$", document, re.MULTILINE)
    assert len(statements) == 4
    values = {"user": ROLE, "password": ROLE_PASSWORD, "database": "postgres"}
    for statement in statements:
        await sql(server, re.sub(r"<(\w+)>", lambda match: values[match[1]], statement))
    async with opened(uri_of(server)) as store:
        assert await store.get("abcdefgh01234567") is not None


async def test_a_schema_of_its_own(server: PostgresServer) -> None:
    await with_a_role(server, f"{SCHEMA}.django_session")
    await follow(server, STORE_PERMISSION, "GRANT CONNECT", database="postgres", user=ROLE)
    assert await diagnosis(uri_of(server)) is STORE_DATABASE
    (parameter,) = quoted(STORE_DATABASE, "currentSchema=", schema=SCHEMA)
    uri = uri_of(server, parameter)
    # PostgreSQL does not say so of a schema that its user may not look into
    assert await diagnosis(uri) is STORE_DATABASE
    await follow(server, STORE_DATABASE, "GRANT USAGE", schema=SCHEMA, user=ROLE)
    assert await diagnosis(uri) is STORE_PERMISSION
    await sql(server, f"ALTER ROLE {ROLE} SET search_path = {SCHEMA}")
    for statement in quoted(STORE_PERMISSION, "GRANT SELECT", user=ROLE):
        await sql(server, statement.replace("django_session", f"{SCHEMA}.django_session"))
    assert await diagnosis(uri) is None
    assert quoted(STORE_PERMISSION, "GRANT USAGE", schema=SCHEMA, user=ROLE) == quoted(
        STORE_DATABASE, "GRANT USAGE", schema=SCHEMA, user=ROLE
    )


async def test_characters_of_a_password(server: PostgresServer) -> None:
    await with_a_role(server)
    for begins, advice in (("GRANT CONNECT", STORE_PERMISSION), ("GRANT SELECT", STORE_PERMISSION)):
        await follow(server, advice, begins, database="postgres", user=ROLE)
    await sql(server, f"GRANT USAGE ON SCHEMA public TO {ROLE}")
    advised = re.search(r"write (.+) in it as (.+)\.", STORE_PASSWORD.change)
    assert advised is not None
    written = ROLE_PASSWORD
    for character, code in sorted(
        zip(advised[1].split(), advised[2].split(), strict=True), key=lambda pair: pair[0] != "%"
    ):
        written = written.replace(character, code)
    address = f"127.0.0.1:{server.port}/postgres"
    assert await diagnosis(f"postgresql://{ROLE}:{written}@{address}") is None
    assert await diagnosis(f"jdbc:postgresql://{address}?user={ROLE}&password={written}") is None
    assert await diagnosis(f"postgresql://{ROLE}:x{written}@{address}") is STORE_PASSWORD


async def test_pg_hba(server: PostgresServer) -> None:
    await with_a_role(server)
    for begins in ("GRANT CONNECT", "GRANT SELECT"):
        await follow(server, STORE_PERMISSION, begins, database="postgres", user=ROLE)
    await sql(server, f"GRANT USAGE ON SCHEMA public TO {ROLE}")
    uri = uri_of(server)
    hba = server.data / "pg_hba.conf"
    others = "host all omero all scram-sha-256\n"
    hba.write_text(others)
    await reloaded(server)
    assert await diagnosis(uri) is POSTGRES_NOT_LET_IN
    (line,) = quoted(POSTGRES_NOT_LET_IN, "host ", database="postgres", user=ROLE, address="127.0.0.1")
    hba.write_text(f"{others}{line}\n")
    (reload,) = quoted(POSTGRES_NOT_LET_IN, "SELECT pg_reload_conf()")
    assert reload == "SELECT pg_reload_conf()"
    await reloaded(server)
    assert await diagnosis(uri) is None
    await sql(server, f"ALTER ROLE {ROLE} NOLOGIN")
    assert await diagnosis(uri) is POSTGRES_NOT_LET_IN
    await follow(server, POSTGRES_NOT_LET_IN, "ALTER ROLE", user=ROLE)
    assert await diagnosis(uri) is None


async def reloaded(server: PostgresServer) -> None:
    """Let it read its files again, until it has."""
    connection = await asyncpg.connect(
        host="127.0.0.1", port=server.port, user="omero", password=PASSWORD, database="postgres"
    )
    try:
        before = await connection.fetchval("SELECT pg_conf_load_time()")
        await connection.execute("SELECT pg_reload_conf()")
        async with asyncio.timeout(30):
            while await connection.fetchval("SELECT pg_conf_load_time()") == before:
                await asyncio.sleep(0.01)
    finally:
        await connection.close()


async def test_tls_that_is_not_there(server: PostgresServer, tmp_path: Path) -> None:
    await sql(server, TABLE.format("django_session", "timestamptz"))
    for wanted in ("&sslmode=require", "&sslmode=verify-full", "&ssl=true"):
        assert await diagnosis(server.uri(parameters=wanted)) is POSTGRES_WITHOUT_TLS
    (parameter,) = quoted(POSTGRES_WITHOUT_TLS, "sslmode=prefer")
    assert await diagnosis(server.uri(parameters=f"&{parameter}")) is None
    (option,) = quoted(POSTGRES_WITHOUT_TLS, "ssl = on")
    server.certify(tmp_path)
    server.kill()
    server.options = (option,)
    server.start()
    assert await diagnosis(server.uri(parameters="&sslmode=require")) is None


async def test_a_certificate_that_is_not_accepted(
    server: PostgresServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await sql(server, TABLE.format("django_session", "timestamptz"))
    certificate = server.certify(tmp_path)
    server.kill()
    server.options = ("ssl = on",)
    server.start()
    assert await diagnosis(server.uri(parameters="&sslmode=verify-full")) is STORE_CERTIFICATE
    assert await diagnosis(server.uri(parameters="&sslmode=verify-ca")) is STORE_CERTIFICATE
    (authority,) = quoted(STORE_CERTIFICATE, "sslrootcert=", file=certificate)
    # the authority is known then, and the name is still another's
    assert await diagnosis(server.uri(parameters=f"&sslmode=verify-full&{authority}")) is STORE_CERTIFICATE
    (less,) = quoted(STORE_CERTIFICATE, "sslmode=verify-ca")
    assert await diagnosis(server.uri(parameters=f"&{less}&{authority}")) is None
    (least,) = quoted(STORE_CERTIFICATE, "sslmode=require")
    assert await diagnosis(server.uri(parameters=f"&{least}")) is None
    assert "SSL_CERT_FILE" in STORE_CERTIFICATE.change
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    assert await diagnosis(server.uri(parameters="&sslmode=verify-ca")) is None


async def test_tls_only(server: PostgresServer, tmp_path: Path) -> None:
    await sql(server, TABLE.format("django_session", "timestamptz"))
    server.certify(tmp_path)
    (server.data / "pg_hba.conf").write_text("hostssl all all all scram-sha-256\n")
    server.kill()
    server.options = ("ssl = on",)
    server.start()
    assert await diagnosis(server.uri(parameters="&sslmode=disable")) is POSTGRES_NOT_LET_IN
    (parameter,) = quoted(POSTGRES_NOT_LET_IN, "sslmode=")
    assert await diagnosis(server.uri(parameters=f"&{parameter}")) is None


async def test_no_connection_left(server: PostgresServer) -> None:
    await sql(server, TABLE.format("django_session", "timestamptz"))
    server.kill()
    server.options = ("max_connections = 3", "superuser_reserved_connections = 0", "max_wal_senders = 0")
    server.start()
    others = [
        await asyncpg.connect(host="127.0.0.1", port=server.port, user="omero", password=PASSWORD, database="postgres")
        for _ in range(3)
    ]
    try:
        assert await diagnosis(server.uri()) is POSTGRES_FULL
    finally:
        for connection in others:
            await connection.close()
    assert quoted(POSTGRES_FULL, "max_connections") == ["max_connections"]
    server.kill()
    server.options = ("max_connections = 6",)
    server.start()
    await with_a_role(server)
    for begins in ("GRANT CONNECT", "GRANT SELECT"):
        await follow(server, STORE_PERMISSION, begins, database="postgres", user=ROLE)
    await sql(server, f"GRANT USAGE ON SCHEMA public TO {ROLE}")
    await sql(server, f"ALTER ROLE {ROLE} CONNECTION LIMIT 0")
    assert await diagnosis(uri_of(server)) is POSTGRES_FULL
    await follow(server, POSTGRES_FULL, "ALTER ROLE", user=ROLE)
    assert await diagnosis(uri_of(server)) is None


async def test_a_pooler(server: PostgresServer) -> None:
    await sql(server, TABLE.format("django_session", "timestamptz"))
    (parameter,) = quoted(POSTGRES_POOLER, "prepareThreshold=")
    for parameters, expected in (("", POSTGRES_POOLER), (f"&{parameter}", None)):
        async with reading(server.uri(parameters=parameters)) as steps:
            await steps.ping()
            pool = steps._store._pool  # type: ignore[union-attr]
            async with pool.acquire() as connection:
                # as one that hands on another's connection
                await connection.execute("DEALLOCATE ALL")
            if expected is None:
                assert (await steps.ping()).outcome is Outcome.OK
            else:
                with pytest.raises(Trouble) as raised:
                    await steps.ping()
                assert raised.value.diagnosis is expected


async def test_something_else_on_the_port() -> None:
    async def answer(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"-ERR unknown command\r\n")
        await writer.drain()

    async with serving(answer) as port:
        assert await diagnosis(f"postgresql://omero@127.0.0.1:{port}/postgres") is NOT_POSTGRES
    assert await diagnosis(f"postgresql://omero@127.0.0.1:{port}/postgres") is STORE_UNREACHABLE
