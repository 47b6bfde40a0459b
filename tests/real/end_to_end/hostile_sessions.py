"""Every hostile payload as a session of the running service: what it answers, how soon, and for how much memory.

Run as a program it writes the figures into docs/sessions.md.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import pickle
import platform
import sys
import tempfile
import time
import zlib
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import ExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from unittest import mock

import asyncpg
import httpx
import redis.asyncio

from tests.support.embedded_thread import EmbeddedThread
from tests.support.parts import require
from tests.support.service_process import DEADLINE, ServiceProcess, start
from tests.unit.websession import document, hostile
from tests.unit.websession.django_text import compressed_text, hashed_text
from tests.unit.websession.postgres_server import PASSWORD, PostgresServer
from tests.unit.websession.redis_server import RedisServer

SENTENCE = "log in to OMERO.web again: the session cannot be read"
ATTEMPTS = 12
#: seconds; what was answered sooner is not asked for again
QUICK = 0.05
#: seconds from one look at a process to the next, and what part of them one that is at rest may take
_LOOK_EVERY, _AT_REST = 0.5, 0.05
SOUND_ID = "soundandvalid000"
LARGE_ID = "largeandvalid000"
COLUMNS = (
    "`session-store`",
    "payloads",
    "answered 403",
    "of them ran",
    "slowest answer",
    "most processor time",
    "most memory for one",
    "for all",
)

_PATH = "/webgateway/render_thumbnail/{}/96/"


@dataclass(frozen=True)
class Kind:
    """What `session-store` is, and how a payload is put into it."""

    name: str
    stores: tuple[str, ...]
    cached: Callable[[bytes], bytes] = bytes
    text: Callable[[bytes], bytes] = compressed_text

    def __str__(self) -> str:
        return self.name


#: every one that takes what is written into it from outside; the demo's memory takes nothing from anybody
KINDS = (
    Kind("`redis`", ("redis",)),
    Kind("`redis`, compressed", ("redis",), cached=zlib.compress),
    Kind("`postgres`", ("postgres",)),
    Kind("`files`", ("files",)),
    Kind("`files`, the older form", ("files",), text=hashed_text),
    Kind("`redis`, then `postgres`", ("redis", "postgres")),
)


class Places:
    """A Redis, a PostgreSQL and a folder that sessions can be put into."""

    def __init__(self, folder: Path) -> None:
        self.files = folder / "sessions"
        self.files.mkdir()
        self._redis = RedisServer(folder / "redis")
        self._postgres = PostgresServer()

    async def start(self) -> None:
        self._redis.start()
        self._postgres.start()
        async with self._database() as connection:
            await connection.execute(
                "CREATE TABLE django_session (session_key varchar(40) PRIMARY KEY, session_data text NOT NULL, "
                "expire_date timestamptz NOT NULL)"
            )

    def stop(self) -> None:
        self._redis.kill()
        self._postgres.remove()

    def configuration(self, kind: Kind) -> str:
        blocks = {
            "redis": f"{{type: redis, uri: 'redis://127.0.0.1:{self._redis.port}/1'}}",
            "postgres": f"{{type: postgres, uri: '{self._postgres.uri()}'}}",
            "files": f"{{type: files, directory: '{self.files}'}}",
        }
        return f"[{', '.join(blocks[store] for store in kind.stores)}]"

    async def put(self, kind: Kind, payloads: Mapping[str, bytes]) -> None:
        """Put payloads, by session id, into each of the stores."""
        if "redis" in kind.stores:
            async with redis.asyncio.Redis(port=self._redis.port, db=1) as client:
                for session_id, payload in payloads.items():
                    await client.set(f":1:django.contrib.sessions.cache{session_id}", kind.cached(payload))
        if "postgres" in kind.stores:
            rows = [(session_id, kind.text(payload).decode()) for session_id, payload in payloads.items()]
            async with self._database() as connection:
                await connection.execute("DELETE FROM django_session")
                insert = "INSERT INTO django_session VALUES ($1, $2, now() + interval '1 hour')"
                await connection.executemany(insert, rows)
        if "files" in kind.stores:
            for session_id, payload in payloads.items():
                (self.files / f"sessionid{session_id}").write_bytes(kind.text(payload))

    @asynccontextmanager
    async def _database(self) -> AsyncIterator[asyncpg.Connection]:
        connection = await asyncpg.connect(
            host="127.0.0.1", port=self._postgres.port, user="omero", password=PASSWORD, database="postgres"
        )
        try:
            yield connection
        finally:
            await connection.close()


@dataclass(frozen=True)
class Refusal:
    """What the service answered for one payload."""

    name: str
    status: int
    body: str
    seconds: float
    processor_seconds: float
    """Of the worker, all its threads together."""
    mebibytes: float
    """By which the worker's resident memory was at most above what it was before."""


@dataclass(frozen=True)
class Run:
    """What the service answered for all payloads in one kind of store."""

    kind: Kind
    refusals: tuple[Refusal, ...]
    ran: tuple[Path, ...]
    mebibytes: float
    """By which the worker's resident memory has grown."""
    sound_before: int
    sound_after: int
    output: str


class Site:
    """An OMERO, the stores, and the attacks, whose canaries are in `folder`."""

    def __init__(self, folder: Path, omero: EmbeddedThread, places: Places) -> None:
        self._folder = folder
        self._omero = omero
        self._places = places
        # Where the service would find the module that an attack wants imported.
        (folder / "canaries").mkdir()
        self.canaries = folder / "canaries"

    async def run(self, kind: Kind, attempts: int = 1) -> Run:
        """Start the service on that kind of store and ask it for a thumbnail with each payload for a session.

        Of several attempts the quickest counts, where a machine has other things to do as well.
        """
        attacks = {name: payload for name, (payload, _) in hostile.live(self.canaries).items()}
        payloads = {**attacks, **hostile.bombs()}
        ids = {name: f"hostile{number:09}" for number, name in enumerate(payloads)}
        key = await asyncio.to_thread(self._omero.session_key, "researcher")
        sound = json.dumps({"connector": {"omero_session_key": key}}).encode()
        stored = {session_id: payloads[name] for name, session_id in ids.items()}
        # after which everything is there that large sessions are read by, such as its compiled patterns
        large = pickle.dumps({"connector": {"omero_session_key": key}, "callback": [str(n) for n in range(9_000)]}, 4)
        await self._places.put(kind, {**stored, SOUND_ID: sound, LARGE_ID: large})
        with self._service(kind) as service:
            (worker,) = service.children()
            async with httpx.AsyncClient(base_url=service.address, timeout=DEADLINE) as client:
                path = _PATH.format(self._omero.readable("researcher")[0])
                before = await self._ask(client, worker, path, "the sound one", SOUND_ID)
                await self._ask(client, worker, path, "a large one", LARGE_ID)
                await _at_rest(worker)
                at_first = _resident(worker)
                refusals = []
                for name in payloads:
                    tried: list[Refusal] = []
                    while len(tried) < attempts and not any(refusal.seconds < QUICK for refusal in tried):
                        tried.append(await self._ask(client, worker, path, name, ids[name]))
                    refusals.append(min(tried, key=lambda refusal: refusal.seconds))
                grown = _resident(worker) - at_first
                after = await self._ask(client, worker, path, "the sound one", SOUND_ID)
            service.wait_for(rf"(?s)({path} 200.*){{3}}")
            output = service.output
        return Run(
            kind, tuple(refusals), tuple(hostile.canaries(self.canaries)), grown, before.status, after.status, output
        )

    @contextmanager
    def _service(self, kind: Kind) -> Iterator[ServiceProcess]:
        file = self._folder / "config.yaml"
        file.write_text(
            f"omero: {{host: 127.0.0.1, port: {self._omero.omero.ssl_port}}}\n"
            f"session-store: {self._places.configuration(kind)}\n"
        )
        with (
            mock.patch.dict(os.environ, {"PYTHONPATH": str(self.canaries)}),
            start("serve", "--config", str(file)) as service,
        ):
            yield service

    async def _ask(self, client: httpx.AsyncClient, worker: int, path: str, name: str, session_id: str) -> Refusal:
        _forget_the_highest(worker)
        resident = _resident(worker)
        processor = _processor_seconds(worker)
        began = time.monotonic()
        answer = await client.get(path, headers={"cookie": f"sessionid={session_id}"})
        seconds = time.monotonic() - began
        text = "" if answer.headers["content-type"].startswith("image/") else answer.text
        return Refusal(
            name,
            answer.status_code,
            text,
            seconds,
            _processor_seconds(worker) - processor,
            _resident(worker, "VmHWM") - resident,
        )


def _processor_seconds(process: int) -> float:
    nanoseconds = 0
    for thread in Path(f"/proc/{process}/task").iterdir():
        # a thread of a pool may end in between
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            # on a processor, in the first field
            nanoseconds += int((thread / "schedstat").read_text().split()[0])
    return nanoseconds / 1e9


def _forget_the_highest(process: int) -> None:
    # "5" puts VmHWM back to what is resident now (proc_pid_clear_refs(5)).
    Path(f"/proc/{process}/clear_refs").write_text("5")


async def _at_rest(process: int) -> None:
    """Return when the process does next to nothing: it compiles patterns in a thread behind its answer."""
    async with asyncio.timeout(DEADLINE):
        spent, before = _processor_seconds(process), 0.0
        while spent - before > _AT_REST * _LOOK_EVERY:
            await asyncio.sleep(_LOOK_EVERY)
            spent, before = _processor_seconds(process), spent


def _resident(process: int, what: str = "VmRSS") -> float:
    """Mebibytes; VmHWM is the most there were."""
    for line in Path(f"/proc/{process}/status").read_text().splitlines():
        if line.startswith(f"{what}:"):
            return int(line.split()[1]) / 1024
    raise AssertionError(f"process {process} has no {what}")


@contextmanager
def site(folder: Path) -> Iterator[Site]:
    """Real stores and an OMERO. folder is empty."""
    with ExitStack() as stack:
        omero = EmbeddedThread()
        stack.callback(omero.stop)
        places = Places(folder)
        stack.callback(places.stop)
        asyncio.run(places.start())
        yield Site(folder, omero, places)


def table(runs: list[Run]) -> str:
    """The runs as Markdown, and the machine that they were on."""
    lines = [f"| {' | '.join(COLUMNS)} |", "|" + " --- |" * len(COLUMNS)]
    for run in runs:
        refused = sum(refusal.status == 403 for refusal in run.refusals)
        slowest = max(run.refusals, key=lambda refusal: refusal.seconds)
        costliest = max(run.refusals, key=lambda refusal: refusal.processor_seconds)
        largest = max(run.refusals, key=lambda refusal: refusal.mebibytes)
        lines.append(
            f"| {run.kind} | {len(run.refusals)} | {refused} | {len(run.ran)} "
            f"| {slowest.seconds * 1000:.0f} ms ({slowest.name}) "
            f"| {costliest.processor_seconds * 1000:.0f} ms ({costliest.name}) "
            f"| {largest.mebibytes:.1f} MiB ({largest.name}) "
            f"| {run.mebibytes:.1f} MiB |"
        )
    load, cores = os.getloadavg()[1], os.cpu_count()
    machine = f"Python {platform.python_version()}, {cores} cores of {_processor()}"
    note = f"{machine}, under a load of {load:.0f}; the quickest of up to {ATTEMPTS} answers for each payload."
    return "\n".join([*lines, "", note]) + "\n"


def _processor() -> str:
    models = [line for line in Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("model name")]
    return models[0].partition(": ")[2] if models else platform.machine()


def main() -> int:
    require("postgres")
    require("redis-server")
    with tempfile.TemporaryDirectory(prefix="hostile-") as folder, site(Path(folder)) as here:
        runs = [asyncio.run(here.run(kind, ATTEMPTS)) for kind in KINDS]
    written = table(runs)
    document.write("hostile", written)
    print(written)
    return 0 if all(refusal.status == 403 for run in runs for refusal in run.refusals) else 1


if __name__ == "__main__":
    sys.exit(main())
