"""What is wrong with a Redis is said as it is, however redis-py wraps it; and what we advise works."""

from __future__ import annotations

import json
import re
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis.asyncio

from omero_ms_thumbnail.check.diagnosis import Diagnosis
from omero_ms_thumbnail.check.finding import Finding, Outcome, Trouble
from omero_ms_thumbnail.check.names import CLOCK, SESSIONS
from omero_ms_thumbnail.check.session_diagnoses import (
    LOOKING_NOT_ALLOWED,
    NOT_REDIS,
    SESSION_FORMAT,
    STORE_CERTIFICATE,
    STORE_PASSWORD,
    STORE_PERMISSION,
    STORE_REFUSES,
    STORE_SOCKET,
)
from omero_ms_thumbnail.check.sessions import StoreSteps
from omero_ms_thumbnail.config import SessionStoreSettings, Settings
from omero_ms_thumbnail.websession import RedisSessionStore, SessionStoreUnavailable
from tests.support.parts import ROOT
from tests.unit.websession.redis_server import RedisServer
from tests.unit.websession.tls import make_certificate, tls_in_front_of

SESSION_ID = "abcdefgh01234567"
KEY = f":1:django.contrib.sessions.cache{SESSION_ID}"
SESSION = json.dumps({"connector": {"omero_session_key": "0b9d4d6c-6ac1"}})
RENAMED = tuple(f'rename-command {name} ""' for name in ("CLIENT", "HELLO", "SCAN", "INFO", "TIME"))


def server(folder: Path, *options: str) -> Iterator[RedisServer]:
    one = RedisServer(folder / "redis", options=options)
    one.start()
    try:
        yield one
    finally:
        one.kill()


@pytest.fixture
def plain(tmp_path: Path) -> Iterator[RedisServer]:
    yield from server(tmp_path)


@pytest.fixture
def locked(tmp_path: Path) -> Iterator[RedisServer]:
    yield from server(tmp_path, "requirepass s3cret")


@pytest.fixture
def managed(tmp_path: Path) -> Iterator[RedisServer]:
    yield from server(tmp_path, *RENAMED)


async def sentence(uri: str) -> str:
    store = RedisSessionStore(uri)
    try:
        with pytest.raises(SessionStoreUnavailable) as raised:
            await store.get(SESSION_ID)
    finally:
        await store.close()
    return str(raised.value)


async def diagnosis(uri: str) -> Diagnosis:
    steps = StoreSteps(Settings(), SessionStoreSettings(uri=uri))
    try:
        with pytest.raises(Trouble) as raised:
            await steps.ping()
    finally:
        await steps.close()
    return raised.value.diagnosis


async def answers(uri: str) -> None:
    """Return if `check` finds nothing wrong."""
    steps = StoreSteps(Settings(), SessionStoreSettings(uri=uri))
    try:
        assert (await steps.ping()).outcome is Outcome.OK
    finally:
        await steps.close()


async def look_around(uri: str) -> dict[str, Finding]:
    steps = StoreSteps(Settings(), SessionStoreSettings(uri=uri))
    try:
        await steps.ping()
        return {finding.step: finding async for finding in steps.look_around()}
    finally:
        await steps.close()


async def put(redis_server: RedisServer, database: int, values: dict[str, str]) -> None:
    async with redis.asyncio.Redis(port=redis_server.port, db=database, protocol=2) as client:
        for key, value in values.items():
            await client.set(key, value)


@pytest.mark.parametrize("password", ["wrong@", ""])
async def test_wrong_password(locked: RedisServer, password: str) -> None:
    credentials = f":{password}" if password else ""
    for uri in (
        f"redis://{credentials}127.0.0.1:{locked.port}/1",
        f"redis-socket://{credentials}{locked.socket_path}?database=1",
    ):
        assert "refuses the user name or the password" in await sentence(uri)
        assert await diagnosis(uri) is STORE_PASSWORD


async def test_no_socket(tmp_path: Path) -> None:
    uri = f"unix://{tmp_path}/none.sock"
    said = await sentence(uri)
    assert "has no socket there" in said
    assert await diagnosis(uri) is STORE_SOCKET
    (tmp_path / "old.sock").write_bytes(b"")
    other = await sentence(f"unix://{tmp_path}/old.sock")
    assert "socket" in other
    for text in (said, other, STORE_SOCKET.likely, STORE_SOCKET.change):
        assert "host and port" not in text
        assert "firewall" not in text


async def test_tls_to_a_plain_port(plain: RedisServer) -> None:
    # neither says anything to the other
    uri = f"rediss://127.0.0.1:{plain.port}/1?verifyPeer=NONE&timeout=200ms"
    assert "redis:// is for one that does not" in await sentence(uri)
    assert await diagnosis(uri) is NOT_REDIS


async def test_plain_to_a_tls_port(plain: RedisServer, tmp_path: Path) -> None:
    async with tls_in_front_of(plain.port, *make_certificate(tmp_path, "localhost")) as port:
        assert await diagnosis(f"redis://127.0.0.1:{port}/1") is NOT_REDIS
    assert "rediss://" in NOT_REDIS.likely


@pytest.mark.parametrize("database", [0, 1])
async def test_the_acl_that_we_advise(plain: RedisServer, database: int) -> None:
    advised = re.search(r"`ACL SETUSER <user> ([^`]+)`", STORE_PERMISSION.change)
    assert advised is not None
    await put(plain, database, {KEY: SESSION})
    async with redis.asyncio.Redis(port=plain.port) as client:
        rules = ("on", ">pw", "resetchannels", "-@all", *advised[1].split())
        await client.execute_command("ACL", "SETUSER", "thumbnails", *rules)
    uri = f"redis://thumbnails:pw@127.0.0.1:{plain.port}/{database}"
    store = RedisSessionStore(uri)
    try:
        found = await store.get(SESSION_ID)
        await store.ping()
    finally:
        await store.close()
    assert found is not None
    findings = await look_around(uri)
    assert findings[SESSIONS].diagnosis is LOOKING_NOT_ALLOWED
    assert all(finding.outcome is not Outcome.FAILED for finding in findings.values())


@pytest.mark.parametrize("database", [0, 1])
async def test_the_user_of_the_documentation(plain: RedisServer, database: int) -> None:
    document = (ROOT / "docs" / "sessions.md").read_text()
    advised = re.search(r"^ {4}ACL SETUSER <user> (.*)$", document, re.MULTILINE)
    assert advised is not None
    async with redis.asyncio.Redis(port=plain.port, db=database) as client:
        await client.set(f":1:django.contrib.sessions.cache{SESSION_ID}", SESSION)
        rules = advised[1].replace("<password>", "pw").split()
        await client.execute_command("ACL", "SETUSER", "thumbnails", *rules)
        store = RedisSessionStore(f"redis://thumbnails:pw@127.0.0.1:{plain.port}/{database}")
        try:
            await store.ping()
            assert await store.get(SESSION_ID) is not None
            await client.delete(KEY)
            assert await store.get(SESSION_ID) is None
        finally:
            await store.close()


@pytest.mark.parametrize("character", "/?#@%")
async def test_characters_of_a_password(tmp_path: Path, character: str) -> None:
    advised = re.search(r"write (.+) in it as (.+)\.", STORE_PASSWORD.change)
    assert advised is not None
    code = dict(zip(advised[1].split(), advised[2].split(), strict=True))[character]
    for locked in server(tmp_path, f'requirepass "s3{character}cret"'):
        store = RedisSessionStore(f"redis://:s3{code}cret@127.0.0.1:{locked.port}/1")
        try:
            await store.ping()
        finally:
            await store.close()


async def test_a_certificate_that_is_not_accepted(
    plain: RedisServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    certificate, key = make_certificate(tmp_path, "localhost")
    async with tls_in_front_of(plain.port, certificate, key) as port:
        uri = f"rediss://localhost:{port}/1"
        assert await diagnosis(uri) is STORE_CERTIFICATE
        assert "`verifyPeer=NONE`" in STORE_CERTIFICATE.change
        await answers(f"{uri}?verifyPeer=NONE")
        assert "SSL_CERT_FILE" in STORE_CERTIFICATE.change
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
        await answers(uri)


async def test_a_socket_for_a_group(tmp_path: Path) -> None:
    advised = re.search(r"`(unixsocketperm \d+)`", STORE_SOCKET.change)
    assert advised is not None
    for one in server(tmp_path, advised[1]):
        assert stat.S_IMODE(one.socket_path.stat().st_mode) == 0o770
        await answers(f"redis-socket://{one.socket_path}?database=1")


async def test_a_database_that_is_not_there(tmp_path: Path) -> None:
    for one in server(tmp_path, "databases 2"):
        assert await diagnosis(f"redis://127.0.0.1:{one.port}/2") is STORE_REFUSES
        assert "`databases`" in STORE_REFUSES.likely
        await answers(f"redis://127.0.0.1:{one.port}/1")


@pytest.mark.parametrize("database", [0, 1])
async def test_a_managed_redis_without_many_commands(managed: RedisServer, database: int) -> None:
    await put(managed, database, {KEY: SESSION})
    uri = f"redis://127.0.0.1:{managed.port}/{database}"
    store = RedisSessionStore(uri)
    try:
        assert await store.get(SESSION_ID) is not None
    finally:
        await store.close()
    findings = await look_around(uri)
    assert findings[CLOCK].outcome is Outcome.SKIPPED
    assert findings[SESSIONS].outcome is Outcome.WARNING


async def test_one_unreadable_session_of_eighty(plain: RedisServer) -> None:
    ids = [f":1:django.contrib.sessions.cacheabcdefgh{number:08}" for number in range(80)]
    await put(plain, 1, {**dict.fromkeys(ids, SESSION), ids[17]: "damaged"})
    found = (await look_around(f"redis://127.0.0.1:{plain.port}/1"))[SESSIONS]
    assert (found.outcome, found.diagnosis) == (Outcome.WARNING, SESSION_FORMAT)
    assert "1 of 80" in found.found
    await put(plain, 2, dict.fromkeys(ids, "damaged"))
    with pytest.raises(Trouble) as raised:
        await look_around(f"redis://127.0.0.1:{plain.port}/2")
    assert raised.value.diagnosis is SESSION_FORMAT
