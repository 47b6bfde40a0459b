"""Sessions that real OMERO.webs saved, each read by ours: one `Cell` for each engine, serializer and state.

Run as a program it writes the table in docs/sessions.md anew.
"""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import asyncpg
import redis

from omero_ms_thumbnail.websession import (
    FileSessionStore,
    PostgresSessionStore,
    RedisSessionStore,
    SessionStore,
    SessionStoreChain,
    SigningKeys,
    WebSession,
)
from tests.support.parts import require
from tests.unit.websession import django_site, document
from tests.unit.websession.postgres_server import PASSWORD, PostgresServer
from tests.unit.websession.redis_server import RedisServer

SECRET = "the-secret-key-of-this-OMERO.web"
STATES = ("live", "expired", "deleted", "tampered")
EXPECTED = WebSession(django_site.OMERO_SESSION_KEY, django_site.USER_ID, django_site.THUMB_DEFAULT_SIZE)

_SITE = Path(__file__).with_name("omeroweb_site.py")
_REDIS_PREFIX = {"cache": ":1:django.contrib.sessions.cache", "cached_db": ":1:django.contrib.sessions.cached_db"}


async def fetch(server: PostgresServer, query: str, *arguments: object) -> object:
    """The first value of the first row, None without one."""
    connection = await asyncpg.connect(
        host="127.0.0.1", port=server.port, user="omero", password=PASSWORD, database="postgres"
    )
    try:
        return await connection.fetchval(query, *arguments)
    finally:
        await connection.close()


@dataclass(frozen=True)
class Cell:
    """One session: what it was saved through, what became of it, and what was read."""

    versions: str
    engine: str
    serializer: str
    state: str
    stored_as: str
    found: WebSession | None

    @property
    def passes(self) -> bool:
        return self.found == (EXPECTED if self.state == "live" else None)


@dataclass
class Site:
    """The stores of an OMERO.web that has saved its sessions, and ours beside them."""

    redis: RedisServer
    postgres: PostgresServer
    files: Path

    def write(self, python: Path) -> tuple[str, list[dict[str, str]]]:
        where = {
            "redis": self.redis.port,
            "postgres": self.postgres.port,
            "password": PASSWORD,
            "files": str(self.files),
            "secret": SECRET,
        }
        written = subprocess.run(
            [str(python), "-W", "ignore", str(_SITE)],
            input=json.dumps(where),
            capture_output=True,
            text=True,
            check=False,
        )
        assert written.returncode == 0, written.stderr
        answer = json.loads(written.stdout)
        return ", ".join(f"{name} {version}" for name, version in answer["versions"].items()), answer["sessions"]

    def store(self, engine: str) -> SessionStore:
        # A fallback verifies, as after a change of the key.
        keys = SigningKeys(("a newer key", SECRET))
        cache = RedisSessionStore(f"redis://127.0.0.1:{self.redis.port}/1", timeout=30)
        database = PostgresSessionStore(self.postgres.uri(), keys=keys, timeout=30)
        match engine:
            case "cache":
                return cache
            case "cached_db":
                return SessionStoreChain([cache, database])
            case "db":
                return database
            case _:
                return FileSessionStore(self.files, keys=keys, timeout=30)

    async def stored(self, engine: str, session_id: str) -> list[bytes]:
        """What is stored, in the order in which it is looked for."""
        found: list[bytes | None] = []
        if engine in _REDIS_PREFIX:
            with redis.Redis(port=self.redis.port, db=1) as client:
                found.append(client.get(_REDIS_PREFIX[engine] + session_id))
        if engine in ("db", "cached_db"):
            text = await self.sql("SELECT session_data FROM django_session WHERE session_key = $1", session_id)
            found.append(text.encode() if text else None)
        file = self.files / f"sessionid{session_id}"
        if file.exists():
            found.append(file.read_bytes())
        return [value for value in found if value is not None]

    async def tamper(self, engine: str, session_id: str) -> None:
        """Change one character of what is stored where there is a signature, and cut an end off where there is none."""
        if engine in _REDIS_PREFIX:
            with redis.Redis(port=self.redis.port, db=1) as client:
                key = _REDIS_PREFIX[engine] + session_id
                client.set(key, client.get(key)[:-1])
        if engine in ("db", "cached_db"):
            text = await self.sql("SELECT session_data FROM django_session WHERE session_key = $1", session_id)
            change = "UPDATE django_session SET session_data = $2 WHERE session_key = $1"
            await self.sql(change, session_id, _changed(text))
        file = self.files / f"sessionid{session_id}"
        if file.exists():
            file.write_text(_changed(file.read_text()))

    async def sql(self, query: str, *arguments: object) -> str:
        return str(await fetch(self.postgres, query, *arguments) or "")

    async def cells(self, python: Path) -> list[Cell]:
        versions, sessions = await asyncio.to_thread(self.write, python)
        cells = []
        for saved in sessions:
            engine = saved["engine"].rpartition(".")[2]
            if saved["state"] == "tampered":
                await self.tamper(engine, saved["id"])
            stored = await self.stored(engine, saved["id"])
            store = self.store(engine)
            try:
                found = await store.get(saved["id"])
            finally:
                await store.close()
            stored_as = " and ".join(map(_form, stored))
            cells.append(Cell(versions, saved["engine"], saved["serializer"], saved["state"], stored_as, found))
            if engine == "cached_db" and saved["state"] == "live":
                with redis.Redis(port=self.redis.port, db=1) as client:
                    client.delete(_REDIS_PREFIX[engine] + saved["id"])
                cells.append(await self._after_eviction(versions, saved))
        return cells

    async def _after_eviction(self, versions: str, saved: dict[str, str]) -> Cell:
        store = self.store("cached_db")
        try:
            found = await store.get(saved["id"])
        finally:
            await store.close()
        stored_as = " and ".join(map(_form, await self.stored("cached_db", saved["id"])))
        return Cell(versions, saved["engine"], f"{saved['serializer']}, evicted from Redis", "live", stored_as, found)


def _changed(text: str) -> str:
    middle = len(text) // 2
    return text[:middle] + ("A" if text[middle] != "A" else "B") + text[middle + 1 :]


def _form(stored: bytes) -> str:
    if stored.startswith(b"{"):
        return "JSON"
    if stored.startswith(b"\x80"):
        return f"pickle, protocol {stored[1]}"
    if 0x81 <= stored[0] <= 0x8F:
        return "msgpack"
    if stored.count(b":") >= 2:
        return "signed text, compressed" if stored.startswith(b".") else "signed text"
    return "hashed text"


@contextmanager
def site() -> Iterator[Site]:
    with tempfile.TemporaryDirectory(prefix="sessions-") as folder:
        files = Path(folder) / "files"
        files.mkdir()
        stores = Site(RedisServer(Path(folder) / "redis"), PostgresServer(), files)
        try:
            stores.redis.start()
            stores.postgres.start()
            yield stores
        finally:
            stores.redis.kill()
            stores.postgres.remove()


def table(cells: list[Cell]) -> str:
    """The cells as Markdown, a line for each engine and serializer."""
    lines = [
        "| OMERO.web | engine | serializer | stored as | live | expired | deleted | tampered with |",
        "|" + " --- |" * 8,
    ]
    rows: dict[tuple[str, str, str], dict[str, Cell]] = {}
    for cell in cells:
        rows.setdefault((cell.versions, cell.engine, cell.serializer), {})[cell.state] = cell
    for (versions, engine, serializer), row in rows.items():
        told = [_told(row[state]) if state in row else "–" for state in STATES]
        lines.append(f"| {versions} | `{engine}` | {serializer} | {row['live'].stored_as} | {' | '.join(told)} |")
    return "\n".join(lines) + "\n"


def _told(cell: Cell) -> str:
    if not cell.passes:
        return "**wrong**"
    return "read" if cell.state == "live" else "refused"


def main() -> int:
    with site() as stores:
        cells = [cell for which in ("new", "old") for cell in asyncio.run(stores.cells(require(f"OMERO.web {which}")))]
    document.write("table", table(cells))
    wrong = [cell for cell in cells if not cell.passes]
    print(f"{len(cells)} cells, {len(wrong)} wrong", *wrong, sep="\n")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
