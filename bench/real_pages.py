"""Three people open pages that nobody has seen yet, on a real OMERO.server: what that does to everybody else.

    python -m bench.real_pages --omero host:port --root-password-file FILE --web http://host:port \\
        --database postgresql://… [--rounds 3] [--results FILE] --yes

The same through OMERO.web and through this service, in turn, each with images of its own: 48 of 1024 x 1024 for each
of three people. Meanwhile somebody logs in at OMERO again and again, a fourth person opens a page that is stored, and
OMERO's database is asked how many of its connections are busy. Not part of `make bench`: it needs an OMERO.server that
is meant for tests, and leaves the groups, people and images of `make omero-test` there.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import statistics
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import asyncpg
import httpx

from omero_ms_thumbnail.omero.session import JoinedSession
from tests.real.omero.all_drivers import driving
from tests.real.omero.command_driver import CommandDriver
from tests.real.omero.web_service import web_service

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping, Sequence

PEOPLE = ("owner", "member", "leader")
GROUP = "rwra--"
_OTHER_GROUP = "rwrw--"
_IMAGES, _SIDE = 48, 1024
#: what the fourth person looks at
_STORED = 24
_BETWEEN_LOG_INS, _BETWEEN_SAMPLES = 0.1, 0.02

#: asks as a person, whose session is of a group, for a path
Ask = Callable[[str, str, str], Awaitable[httpx.Response]]

_BUSY = """
select count(*) from pg_stat_activity
where datname = current_database() and pid <> pg_backend_pid() and state <> 'idle'"""


@dataclass
class Seen:
    """Of one system, over all rounds; seconds."""

    pages: list[float] = field(default_factory=list)
    log_ins: list[float] = field(default_factory=list)
    others: list[float] = field(default_factory=list)
    busy: list[int] = field(default_factory=list)
    failed: int = 0
    shown: int = 0

    def told(self) -> dict[str, Any]:
        return {
            "cold page, s": _spread(self.pages),
            "log-in, s": _spread(self.log_ins),
            "page of others, s": _spread(self.others),
            "busy connections, most": max(self.busy, default=None),
            "busy connections, mean": round(statistics.fmean(self.busy), 2) if self.busy else None,
            "thumbnails": self.shown,
            "not shown": self.failed,
        }


def _spread(values: Sequence[float]) -> dict[str, float]:
    ordered = sorted(values)
    return {
        "median": round(statistics.median(ordered), 3),
        "p90": round(ordered[int(len(ordered) * 0.9)], 3),
        "most": round(ordered[-1], 3),
        "count": len(ordered),
    }


def page_of(images: Sequence[int]) -> str:
    return "/webclient/get_thumbnails/?" + "&".join(f"id={image}" for image in images)


async def _timed(asked: Awaitable[httpx.Response]) -> tuple[float, httpx.Response]:
    began = time.monotonic()
    response = await asked
    return time.monotonic() - began, response


class Round:
    """One system, once."""

    def __init__(self, driver: CommandDriver, password: str, ask: Ask, seen: Seen, database: str | None) -> None:
        self._driver = driver
        self._password = password
        self._ask = ask
        self._seen = seen
        self._database = database

    async def play(self) -> None:
        cold = {who: [await self._image(GROUP, who) for _ in range(_IMAGES)] for who in PEOPLE}
        stored = [await self._image(_OTHER_GROUP, "owner", 256) for _ in range(_STORED)]
        (await self._ask("owner", _OTHER_GROUP, page_of(stored))).raise_for_status()
        # whatever a first request of a session does
        await asyncio.gather(*(self._ask(who, GROUP, page_of(stored[:1])) for who in PEOPLE))
        around = [asyncio.create_task(one) for one in (self._log_in(), self._others(stored), self._watch())]
        try:
            await asyncio.gather(*(self._open(who, cold[who]) for who in PEOPLE))
        finally:
            for task in around:
                task.cancel()
            ended = await asyncio.gather(*around, return_exceptions=True)
        for end in ended:
            if isinstance(end, Exception):
                raise end

    async def _image(self, group: str, who: str, side: int = _SIDE) -> int:
        return await self._driver.new_image_of(group, who, side, side)

    async def _open(self, who: str, images: Sequence[int]) -> None:
        seconds, response = await _timed(self._ask(who, GROUP, page_of(images)))
        pictures = response.json() if response.status_code == 200 else {}
        shown = sum(1 for one in pictures.values() if one)
        self._seen.pages.append(seconds)
        self._seen.shown += shown
        self._seen.failed += len(images) - shown

    async def _log_in(self) -> None:
        server = self._driver.server
        while True:
            began = time.monotonic()
            session = await JoinedSession.create(server, "root", self._password)
            self._seen.log_ins.append(time.monotonic() - began)
            await session.leave(5.0)
            await asyncio.sleep(_BETWEEN_LOG_INS)

    async def _others(self, stored: Sequence[int]) -> None:
        number = 0
        while True:
            number += 1
            seconds, response = await _timed(self._ask("owner", _OTHER_GROUP, f"{page_of(stored)}&version={number}"))
            response.raise_for_status()
            self._seen.others.append(seconds)
            await asyncio.sleep(_BETWEEN_LOG_INS)

    async def _watch(self) -> None:
        if self._database is None:
            return
        connection = await asyncpg.connect(self._database)
        try:
            while True:
                self._seen.busy.append(await connection.fetchval(_BUSY))
                await asyncio.sleep(_BETWEEN_SAMPLES)
        finally:
            await connection.close()


@asynccontextmanager
async def let_in(driver: CommandDriver, address: str) -> AsyncIterator[Mapping[tuple[str, str], httpx.AsyncClient]]:
    """Each person's client at OMERO.web for each group, let in by the key of their session."""
    async with AsyncExitStack() as stack:
        clients: dict[tuple[str, str], httpx.AsyncClient] = {}
        for who in PEOPLE:
            for group in (GROUP, _OTHER_GROUP):
                client = await stack.enter_async_context(
                    httpx.AsyncClient(base_url=address, timeout=120.0, trust_env=False)
                )
                key = driver.session_key(who, group)
                answer = await client.get("/webclient/userdata/", params={"server": "1", "bsession": key})
                if not client.cookies:
                    raise SystemExit(f"OMERO.web at {address} let nobody in: {answer.status_code}")
                clients[who, group] = client
        yield clients


async def _run(asked: argparse.Namespace) -> dict[str, Any]:
    password = asked.root_password_file.read_text(encoding="utf-8").strip()
    seen = {"OMERO.web": Seen(), "this service": Seen()}
    with tempfile.TemporaryDirectory() as folder:
        async with driving(asked.omero, Path(folder), asked.root_password_file) as driver:
            assert isinstance(driver, CommandDriver)
            for _ in range(asked.rounds):
                async with let_in(driver, asked.web) as clients:

                    async def ask(
                        who: str, group: str, path: str, clients: Mapping[tuple[str, str], httpx.AsyncClient] = clients
                    ) -> httpx.Response:
                        return await clients[who, group].get(path)

                    await Round(driver, password, ask, seen["OMERO.web"], asked.database).play()
                async with web_service(driver, Path(folder)) as service:

                    async def ask_ours(who: str, group: str, path: str) -> httpx.Response:
                        return await service.client.get(
                            path, headers={"Cookie": f"sessionid={service.cookies[who, group]}"}, timeout=120.0
                        )

                    await Round(driver, password, ask_ours, seen["this service"], asked.database).play()
    return {name: one.told() for name, one in seen.items()}


def options(description: str) -> argparse.ArgumentParser:
    """What every measurement on a real OMERO.server has to be told."""
    parser = argparse.ArgumentParser(description=f"{description} on a real OMERO.server that is meant for tests.")
    parser.add_argument("--omero", required=True, metavar="HOST:PORT")
    parser.add_argument("--root-password-file", required=True, type=Path, metavar="FILE")
    parser.add_argument("--web", required=True, metavar="URL", help="of the OMERO.web beside it")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--yes", action="store_true", help="that OMERO is meant for tests")
    return parser


def measure(asked: argparse.Namespace, run: Callable[[argparse.Namespace], Awaitable[dict[str, Any]]]) -> int:
    """Print what `run` tells, if that OMERO is meant for tests; the exit status."""
    if not asked.yes:
        print("It makes groups, people and images that stay. If that OMERO is for tests, say --yes.")
        return 2

    async def told() -> dict[str, Any]:
        return await run(asked)

    print(json.dumps(asyncio.run(told()), indent=2))
    return 0


def main(arguments: Sequence[str]) -> int:
    parser = options("Cold pages")
    parser.add_argument("--database", metavar="URI", help="OMERO's own, to count its busy connections")
    return measure(parser.parse_args(arguments), _run)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
