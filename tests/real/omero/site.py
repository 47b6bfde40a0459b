"""A whole site in small: an OMERO, the service before it, and people who look at images in their browsers."""

from __future__ import annotations

import base64
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tests.real.omero.all_drivers import driving
from tests.real.omero.calls import Player, Prepared
from tests.real.omero.picture_summary import look_of
from tests.real.omero.scenario import OF_MEMBER, Scenario
from tests.real.omero.web_service import WebService, web_service

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from tests.real.omero.drivers import Driver


@dataclass(frozen=True)
class Page:
    """Images of one group, prepared by steps as those of scenarios are, and what people see and leave of them."""

    site: Site
    scenario: Scenario
    prepared: Prepared

    def path(self, path: str) -> str:
        """With the ids of images in it: ``{0}``."""
        return path.format(*self.prepared.images)

    async def see(self, who: str, path: str) -> Any:
        """What somebody sees there: [width, height, look], or the status where that is not 200."""
        response = await self.site.service.get(self.path(path), who, self.scenario.group)
        return look_of(response.content) if response.status_code == 200 else response.status_code

    async def see_page(self, who: str, *numbers: int, size: str = "") -> list[Any]:
        """What somebody sees of several images, asked for at once; null for what is not shown."""
        asked = "&".join(f"id={self.prepared.images[number]}" for number in numbers)
        response = await self.site.service.get(f"/webclient/get_thumbnails/{size}?{asked}", who, self.scenario.group)
        assert response.status_code == 200, response.text
        said = response.json()
        data = [said[str(self.prepared.images[number])] for number in numbers]
        return [None if one is None else look_of(base64.b64decode(one.partition(",")[2])) for one in data]

    async def step(self, step: str, number: int = 0) -> None:
        """Let something happen to an image."""
        await self.site.player.step(self.scenario, self.prepared, step, number)

    async def settings_id(self, who: str, number: int = 0) -> int:
        """The newest rendering settings of somebody for an image."""
        return await self.site.driver.newest_settings(self.prepared.images[number], who)

    async def rows(self, number: int = 0) -> dict[str, tuple[str, ...]]:
        """The stored thumbnails of an image, by whose they are."""
        (left,) = await self.site.driver.left([self.prepared.images[number]])
        return dict(left.rows)

    async def settings(self, number: int = 0) -> dict[str, int]:
        """How many rendering settings there are of an image, by whose they are."""
        (left,) = await self.site.driver.left([self.prepared.images[number]])
        return dict(left.settings)


@dataclass(frozen=True)
class Site:
    """All of it."""

    driver: Driver
    service: WebService
    player: Player

    async def page(self, group: str, *images: list[str]) -> Page:
        """New images in a group of that kind; ``of member`` among the steps of one makes it the member's."""
        scenario = Scenario(
            id="a page",
            group=group,
            images=tuple(map(tuple, images)),
            who="owner",
            calls=(),
            answers=(),
            after=(),
            events=None,
        )
        assert all(OF_MEMBER not in steps[1:] for steps in images), f"{OF_MEMBER!r} comes first"
        return Page(self, scenario, await self.player.prepare(scenario))

    async def events(self, who: str) -> int:
        """How many events somebody has; skips nothing: every OMERO here counts them."""
        events = await self.driver.events(who)
        assert events is not None
        return events


@asynccontextmanager
async def site_on(
    omero: str, folder: Path, root_password_file: Path | None = None, data_dir: Path | None = None, **settings: Any
) -> AsyncIterator[Site]:
    """The site before the OMERO that is named; `settings` are more of the service's configuration."""
    async with (
        driving(omero, folder, root_password_file, data_dir) as driver,
        web_service(driver, folder, **settings) as service,
    ):
        player = Player(driver)
        try:
            yield Site(driver, service, player)
        finally:
            await player.close()
