"""Plays a scenario's requests through the service, and says of its answers what was recorded of OMERO.web's."""

from __future__ import annotations

import base64
import re
from typing import TYPE_CHECKING, Any, Final

from tests.real.omero.comparing import Played
from tests.real.omero.picture_summary import look_of

if TYPE_CHECKING:
    import httpx

    from tests.real.omero.calls import Player, Prepared
    from tests.real.omero.scenario import Scenario
    from tests.real.omero.web_service import WebService

_DATA: Final = "data:image/jpeg;base64,"
_NAMED: Final = re.compile(r"\{(\d+)(?::(\w+))?\}")

#: a path with several images
SET: Final = "/get_thumbnails/"


class RequestPlayer:
    """Asks one request after the other."""

    def __init__(self, player: Player, service: WebService) -> None:
        self._player = player
        self._service = service

    async def play(self, scenario: Scenario) -> Played:
        """Prepare it, ask its requests, and look at what is left. Raises `CannotPrepare`."""
        driver = self._player.driver
        prepared = await self._player.prepare(scenario)
        before = await driver.left(prepared.images)
        events = await driver.events(scenario.who)
        answers: list[Any] = []
        for name, *arguments in scenario.calls:
            if name == "step":
                await self._player.step(scenario, prepared, *arguments)
                answers.append(None)
            else:
                path = await self._path(arguments[0], prepared)
                response = await self._service.get(path, scenario.who, scenario.group)
                answers.append(_answer(arguments[0], response, prepared))
        now = await driver.events(scenario.who)
        after = await driver.left(prepared.images)
        return Played(
            tuple(answers), tuple(after), None if now is None or events is None else now - events, tuple(before)
        )

    async def _path(self, path: str, prepared: Prepared) -> str:
        """With the ids of images and settings in it."""
        ids = {}
        for found in _NAMED.finditer(path):
            image = prepared.images[int(found[1])]
            ids[found[0]] = await self._player.driver.newest_settings(image, found[2]) if found[2] else image
        for name, number in ids.items():
            path = path.replace(name, str(number))
        return path


def numbers_in(path: str) -> list[int]:
    """The numbers of the images that a path names."""
    return sorted({int(found[1]) for found in _NAMED.finditer(path)})


def _answer(path: str, response: httpx.Response, prepared: Prepared) -> dict[str, Any]:
    if response.status_code != 200:
        return {"status": response.status_code}
    if not response.headers["content-type"].startswith("application/json"):
        return {"status": 200, "picture": look_of(response.content)}
    said = response.json()
    if SET not in path:
        return {"status": 200, "pictures": _picture(said)}
    return {
        "status": 200,
        "pictures": {str(number): _picture(said.get(str(prepared.images[number]), "")) for number in numbers_in(path)},
    }


def _picture(data: str | None) -> Any:
    if data is None:
        return None
    return look_of(base64.b64decode(data.removeprefix(_DATA)))
