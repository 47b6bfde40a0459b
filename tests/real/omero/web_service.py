"""The service itself, as its own command starts it, in front of the OMERO of a driver."""

from __future__ import annotations

import asyncio
import re
import secrets
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import httpx
import yaml

from omero_embedded.session_writer import stored
from omero_ms_thumbnail.websession.web_session import WebSession
from tests.real.omero.scenario import GROUPS, ROLES
from tests.support.service_process import free_port, start

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator, Mapping
    from pathlib import Path

    from tests.real.omero.drivers import Driver

_COOKIE = "sessionid"
_ANSWERED_WITHIN = 30.0


@dataclass(frozen=True, slots=True)
class WebService:
    """A running service, and each person's cookie at it for each group."""

    client: httpx.AsyncClient
    cookies: Mapping[tuple[str, str], str]

    async def get(self, path: str, who: str, group: str) -> httpx.Response:
        """Ask as that person, as an `<img>` or a script of OMERO.web's pages does."""
        return await self.client.get(path, headers={"Cookie": f"{_COOKIE}={self.cookies[who, group]}"})

    async def metric(self, name: str) -> float:
        """The sum of a metric's samples, whatever their labels; 0 where there is none."""
        text = (await self.client.get("/metrics")).text
        return sum(map(float, re.findall(rf"^{name}(?:\{{[^}}]*\}})? (\S+)$", text, re.MULTILINE)))


@asynccontextmanager
async def web_service(driver: Driver, folder: Path, **settings: Any) -> AsyncIterator[WebService]:
    """The service in front of that OMERO, with nothing believed; `settings` are more of its configuration.

    Where the OMERO's files can be read, it is told where.
    """
    sessions = {
        (who, group): (secrets.token_hex(16), WebSession(driver.session_key(who, group), driver.user_id(who)))
        for who in ROLES
        for group in GROUPS
    }
    running = _running(driver, folder, dict(sessions.values()), settings)
    address = await asyncio.to_thread(running.__enter__)
    try:
        async with httpx.AsyncClient(base_url=address, timeout=_ANSWERED_WITHIN, trust_env=False) as client:
            yield WebService(client, {whose: session_id for whose, (session_id, _) in sessions.items()})
    finally:
        await asyncio.to_thread(running.__exit__, None, None, None)


@contextmanager
def _running(
    driver: Driver, folder: Path, sessions: Mapping[str, WebSession], settings: Mapping[str, Any]
) -> Iterator[str]:
    """Its address. It blocks: OMERO may be in the event loop that waits."""
    port = free_port()
    server = driver.server
    files = {} if driver.data_dir is None else {"data_dir": str(driver.data_dir.absolute())}
    configuration = folder / "config.yaml"
    configuration.write_text(
        yaml.safe_dump(
            {
                "access-log": False,
                "cache": {"life": 0},
                "omero": {"host": server.host, "port": server.port, "secure": server.tls is not None, **files},
                "omero.web": {"session_cookie_name": _COOKIE},
                "session-store": {"type": "files", "directory": str(folder / "sessions")},
                **settings,
            }
        )
    )
    with (
        stored(sessions, uri=None, directory=folder / "sessions", cookie_name=_COOKIE),
        start("serve", "--config", str(configuration), port=port) as service,
    ):
        yield service.address
