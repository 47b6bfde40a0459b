"""Three people ask for thumbnails one by one, on a real OMERO.server: through OMERO.web and through this service.

    python -m bench.real_singles --omero host:port --root-password-file FILE --web http://host:port [--rounds 3] --yes

Each looks at 100 images of their own that are stored, over and over, on eight connections. Both are asked in turn at
the same OMERO; this service believes nothing (`cache.life: 0`): OMERO is asked for every thumbnail who may see it.
Not part of `make bench`: it needs an OMERO.server that is meant for tests, and leaves the groups, people and images of
`make omero-test` there.
"""

from __future__ import annotations

import asyncio
import statistics
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.real.omero.all_drivers import driving
from tests.real.omero.command_driver import CommandDriver
from tests.real.omero.web_service import web_service

from .load import Load, Questions, wrk
from .processes import BrokenMeasurement
from .real_pages import GROUP, PEOPLE, let_in, measure, options, page_of

if TYPE_CHECKING:
    import argparse
    from collections.abc import Awaitable, Callable

    import httpx

_IMAGES, _SIDE = 300, 256
_PAGE = 50
_CONNECTIONS = 24
_COOKIE = "sessionid"


class Singles:
    """Loads of `seconds`, each with all people's connections; what came of them by system."""

    def __init__(self, first: int, folder: Path, seconds: float) -> None:
        self._first = first
        self._folder = folder
        self._seconds = seconds
        self._loads: dict[str, list[Load]] = {}

    async def load(self, name: str, address: str, cookies: Sequence[str]) -> None:
        """Ask that system, with each person's session id."""
        headers = [f"{_COOKIE}={cookie}" for cookie in cookies]
        questions = Questions("Cookie", headers, self._first, _IMAGES, own_connections=True)
        load = await asyncio.to_thread(
            wrk, address, self._folder, questions, connections=_CONNECTIONS, seconds=self._seconds
        )
        self._loads.setdefault(name, []).append(load)

    def told(self) -> dict[str, Any]:
        """The figures."""
        return {
            name: {
                "thumbnails/s": [round(load.per_second, 1) for load in loads],
                "p50 ms": round(statistics.median(load.p50 for load in loads) * 1000, 1),
                "p99 ms": round(statistics.median(load.p99 for load in loads) * 1000, 1),
            }
            for name, loads in self._loads.items()
        }


async def _look_at_all(images: Sequence[int], get: Callable[[str, str], Awaitable[httpx.Response]]) -> None:
    """Everybody opens their pages, so that all is stored, and kept where anything is."""
    for number, who in enumerate(PEOPLE):
        own = images[number :: len(PEOPLE)]
        for begin in range(0, len(own), _PAGE):
            answer = (await get(who, page_of(own[begin : begin + _PAGE]))).raise_for_status()
            if not all(answer.json().values()):
                raise BrokenMeasurement(f"{who} was not shown all images")


async def _run(asked: argparse.Namespace) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        async with driving(asked.omero, folder, asked.root_password_file) as driver:
            assert isinstance(driver, CommandDriver)
            images = [
                await driver.new_image_of(GROUP, PEOPLE[number % len(PEOPLE)], _SIDE, _SIDE)
                for number in range(_IMAGES)
            ]
            if images != [*range(images[0], images[0] + _IMAGES)]:
                raise BrokenMeasurement("somebody else makes images at that OMERO")
            singles = Singles(images[0], folder, asked.seconds)
            async with let_in(driver, asked.web) as clients, web_service(driver, folder) as service:
                await _look_at_all(images, lambda who, path: clients[who, GROUP].get(path))
                await _look_at_all(images, lambda who, path: service.get(path, who, GROUP))
                theirs = [clients[who, GROUP].cookies[_COOKIE] for who in PEOPLE]
                ours = [service.cookies[who, GROUP] for who in PEOPLE]
                # until all that was had is kept
                await asyncio.sleep(2)
                for _ in range(asked.rounds):
                    await singles.load("OMERO.web", asked.web, theirs)
                    await singles.load("this service", str(service.client.base_url).rstrip("/"), ours)
    return singles.told()


def main(arguments: Sequence[str]) -> int:
    parser = options("Single thumbnails")
    parser.add_argument("--seconds", type=float, default=8.0, help="of each load")
    return measure(parser.parse_args(arguments), _run)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
