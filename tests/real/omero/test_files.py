"""OMERO's own files beside what OMERO gives: of every kind of group, for everybody, in every state."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Final

import pytest
import pytest_asyncio

from omero_ms_thumbnail.ice.types import UserException
from omero_ms_thumbnail.omero.rtypes import RInt
from omero_ms_thumbnail.omero.session import GROUP
from omero_ms_thumbnail.omero.thumbnail_files import ThumbnailFiles
from tests.real.omero.all_drivers import EMBEDDED, STUBS, driving
from tests.real.omero.calls import Player
from tests.real.omero.conftest import PASSWORD, REAL, REAL_DATA_DIR
from tests.real.omero.drivers import CannotPrepare, Driver
from tests.real.omero.files import current_row
from tests.real.omero.scenario import GROUPS, ROLES, Scenario
from tests.support.parts import require

pytestmark = pytest.mark.asyncio(loop_scope="module")

SIZE: Final = 96

#: how an image comes to be; what only some people may do, where all may
STATES: Final = {
    "never seen": [],
    "saved": ["owner saves red"],
    "stored": ["owner saves red", "owner stores 96"],
    "saved since": ["owner saves red", "owner stores 96", "owner saves blue"],
    "stored anew": ["owner saves red", "owner stores 96", "owner saves blue", "owner stores 96"],
    "at another size": ["owner saves red", "owner stores 64"],
    "stored by others": [
        "owner saves red",
        "owner stores 96",
        "member stores 96",
        "leader stores 96",
        "root stores 96",
    ],
    "stored by others, saved since": [
        "owner saves red",
        "member stores 96",
        "leader stores 96",
        "root stores 96",
        "owner saves blue",
    ],
}
OF_ALL: Final = {
    "others' settings": ["owner saves red", "owner stores 96", "member saves green", "leader saves blue"],
    "others' settings, stored": [
        "owner saves red",
        "owner stores 96",
        "member saves green",
        "member stores 96",
        "leader saves blue",
        "leader stores 96",
        "leader saves green",
    ],
}
ONCE_A_CLOCK: Final = ["owner saves red", "in progress", "owner stores 96", "complete"]
#: where others than the owner may save settings
WRITABLE: Final = ("rwra--", "rwrw--")


class Looks:
    """Who looks at what, and how often the file was what OMERO gave."""

    def __init__(self, driver: Driver, files: ThumbnailFiles) -> None:
        self._driver = driver
        self._files = files
        self.player = Player(driver)
        self.came: Counter[str] = Counter()

    async def look(self, group: str, steps: list[str], who: str) -> None:
        """At a new image: what would be shown of the disk, then what OMERO gives to the same person."""
        scenario = Scenario(
            id="files", group=group, images=(tuple(steps),), who=who, calls=(), answers=(), after=(), events=None
        )
        prepared = await self.player.prepare(scenario)
        (image,), (pixels,) = prepared.images, prepared.pixels
        session = await self.player.session(who, group)
        row = await current_row(session, image, self._driver.user_id(who), SIZE)
        shown = (await self._files.read([row])).get(row) if row is not None else None
        given = await self._given(pixels, group, who)
        if shown is None:
            self.came["left to OMERO"] += 1
            return
        assert shown == given, f"{who} in {group}, {steps}: the file of row {row} is not what OMERO gives"
        self.came["the same bytes"] += 1

    async def _given(self, pixels: int, group: str, who: str) -> bytes | None:
        context = {GROUP: str(self._driver.group_id(group))}
        with suppress(UserException):
            async with self.player.store(who, group) as store:
                if await store.call("setPixelsId", pixels, context=context):
                    return bytes(await store.call("getThumbnailByLongestSide", RInt(SIZE), context=context))
        return None


@pytest_asyncio.fixture(scope="module", loop_scope="module", params=[REAL] if REAL else [EMBEDDED, STUBS])
async def looks(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Looks]:
    """An OMERO whose files can be read."""
    if request.param == STUBS:
        require("omero-py (Python 3.10)")
        require("glacier2router")
    folder = tmp_path_factory.mktemp("files")
    data_dir = REAL_DATA_DIR if REAL else folder / "OMERO"
    assert data_dir is not None
    assert not REAL or os.access(data_dir / "Thumbnails", os.X_OK), f"{data_dir}/Thumbnails cannot be entered"
    async with driving(request.param, folder, PASSWORD, data_dir) as driver:
        files = ThumbnailFiles(data_dir, time_limit=30.0)
        made = Looks(driver, files)
        try:
            yield made
        finally:
            files.close()
            await made.player.close()


@pytest.mark.parametrize("group", GROUPS)
async def test_a_file_that_may_be_shown_is_what_omero_gives(looks: Looks, group: str) -> None:
    looks.came.clear()
    states = STATES | (OF_ALL if group in WRITABLE else {})
    for steps in states.values():
        for who in ROLES:
            await looks.look(group, steps, who)
    print(f"{group}: {dict(looks.came)}")
    assert looks.came.total() == len(states) * len(ROLES)
    # what was stored for somebody is found for them at least
    assert looks.came["the same bytes"] >= len(states)


@pytest.mark.parametrize("group", GROUPS)
async def test_what_was_once_a_clock_is_left_to_omero(looks: Looks, group: str) -> None:
    looks.came.clear()
    try:
        for who in ROLES:
            await looks.look(group, ONCE_A_CLOCK, who)
    except CannotPrepare as error:
        pytest.xfail(str(error))
    assert looks.came == {"left to OMERO": len(ROLES)}
