"""The service with OMERO's folder: what it reads from it, what it leaves to OMERO, and that a wrong one is noticed."""

from __future__ import annotations

import asyncio
import re
import shutil
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Final

import pytest
import pytest_asyncio

from tests.real.omero.all_drivers import EMBEDDED, driving
from tests.real.omero.calls import Player
from tests.real.omero.conftest import PASSWORD, REAL, REAL_DATA_DIR
from tests.real.omero.drivers import Driver
from tests.real.omero.scenario import GROUPS, Scenario
from tests.real.omero.site import Page, Site, site_on
from tests.real.omero.web_service import web_service

pytestmark = pytest.mark.asyncio(loop_scope="module")

PLAIN: Final = "/webclient/render_thumbnail/{0}/"
COLOURS: Final = ("red", "green", "blue")
STORED: Final = [[f"owner saves {colour}", "owner stores 96"] for colour in COLOURS]


async def proven(site: Site) -> Site:
    """Three different pictures have been what OMERO gives."""
    for _ in range(20):
        page = await site.page("rwrw--", *STORED)
        before = await from_disk(site)
        assert await page.see_page("owner", 0, 1, 2) == [[96, 72, colour] for colour in COLOURS]
        if await from_disk(site) > before:
            return site
        # what was given is compared behind the answer
        await asyncio.sleep(0.2)
    raise AssertionError("the folder was never taken for this OMERO's")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def site(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Site]:
    """The service, which has seen that the folder is this OMERO's."""
    folder = tmp_path_factory.mktemp("disk")
    async with site_on(REAL or EMBEDDED, folder, PASSWORD, REAL_DATA_DIR or folder / "OMERO") as running:
        yield await proven(running)


async def metric(site: Site, name: str, label: str) -> int:
    text = (await site.service.client.get("/metrics")).text
    found = re.findall(rf"^omero_ms_thumbnail_{name}\{{[^}}]*{label}[^}}]*\}} (\S+)$", text, re.MULTILINE)
    return int(sum(map(float, found)))


async def from_disk(site: Site) -> int:
    return await metric(site, "pictures_total", 'source="disk"')


async def counted(page: Page, who: str, *numbers: int) -> tuple[list[object], int, int]:
    """What somebody sees, how many of it came from disk, and how many events it took."""
    before, events = await from_disk(page.site), await page.site.events(who)
    seen = await page.see_page(who, *numbers)
    return seen, await from_disk(page.site) - before, await page.site.events(who) - events


@pytest.mark.parametrize("group", GROUPS)
async def test_what_is_stored_comes_from_disk_and_leaves_no_events(site: Site, group: str) -> None:
    for who in ("owner", "leader", "root"):
        page = await site.page(group, *STORED)
        seen, disk, events = await counted(page, who, 0, 1, 2)
        assert seen == [[96, 72, colour] for colour in COLOURS]
        assert (disk, events) == (3, 0), who
        assert await page.rows() == {"owner": ("96x72",)}


async def test_one_alone_comes_from_disk_too(site: Site) -> None:
    page = await site.page("rwr---", STORED[0])
    before = await from_disk(site)
    assert await page.see("member", PLAIN) == [96, 72, "red"]
    assert await from_disk(site) == before + 1


async def test_what_was_saved_since_is_drawn_and_then_read(site: Site) -> None:
    page = await site.page("rwrw--", ["owner saves red", "owner stores 96", "owner saves blue"])
    assert (await counted(page, "owner", 0))[:2] == ([[96, 72, "blue"]], 0)
    # the same file, written anew; to somebody who has not seen it, so that nothing is kept of it
    again = await site.page("rwrw--", ["owner saves red", "owner stores 96", "owner saves blue", "owner stores 96"])
    assert (await counted(again, "member", 0))[:2] == ([[96, 72, "blue"]], 1)


async def test_own_settings_are_not_answered_by_the_owners_file(site: Site) -> None:
    page = await site.page("rwrw--", [*STORED[0], "member saves green"])
    assert (await counted(page, "member", 0))[:2] == ([[96, 72, "green"]], 0)
    assert (await counted(page, "owner", 0))[:2] == ([[96, 72, "red"]], 1)


async def test_other_sizes_and_named_settings_are_not_read(site: Site) -> None:
    page = await site.page("rwrw--", [*STORED[0], "owner stores 64"])
    before = await from_disk(site)
    assert await page.see("member", "/webgateway/render_thumbnail/{0}/64/") == [64, 48, "red"]
    number = await page.settings_id("owner")
    assert await page.see("member", f"{PLAIN}?rdefId={number}") == [96, 72, "red"]
    assert await from_disk(site) == before


async def test_nobody_is_shown_a_file_of_what_they_may_not_see(site: Site) -> None:
    page = await site.page("rw----", *STORED)
    assert await page.see_page("member", 0, 1, 2) == [None] * 3
    assert await page.see("member", PLAIN) == 404


@pytest_asyncio.fixture(loop_scope="module")
async def broken(tmp_path: Path) -> AsyncIterator[Site]:
    """An OMERO whose files a test may break, and no real one's."""
    async with site_on(EMBEDDED, tmp_path, data_dir=tmp_path / "OMERO") as running:
        yield await proven(running)


def files_of(driver: Driver) -> list[Path]:
    assert driver.data_dir is not None
    return [path for path in (driver.data_dir / "Thumbnails").rglob("*") if path.is_file()]


@pytest.mark.parametrize("reason", ["missing", "empty", "incomplete", "link"])
async def test_a_file_that_is_none_is_left_to_omero(broken: Site, reason: str) -> None:
    known = set(files_of(broken.driver))
    page = await broken.page("rwrw--", STORED[0])
    (file,) = set(files_of(broken.driver)) - known
    jpeg = file.read_bytes()
    match reason:
        case "missing":
            file.unlink()
        case "empty":
            file.write_bytes(b"")
        case "incomplete":
            file.write_bytes(jpeg[:-2])
        case "link":
            shutil.move(file, file.with_suffix(".jpg"))
            file.symlink_to(file.with_suffix(".jpg"))
    seen, disk, _ = await counted(page, "owner", 0)
    assert disk == 0
    # OMERO hands out half a file as it is
    assert reason == "incomplete" or seen == [[96, 72, "red"]]
    assert await metric(broken, "files_refused_total", f'reason="{reason}"') == 1


async def test_the_folder_of_another_omero_is_never_shown(tmp_path: Path) -> None:
    async with driving(EMBEDDED, tmp_path, data_dir=tmp_path / "OMERO") as driver:
        player = Player(driver)
        blue_one = Scenario("blue", "rwrw--", (tuple(STORED[2]),), "owner", (), (), (), None)
        await player.prepare(blue_one)
        (file,) = files_of(driver)
        blue = file.read_bytes()
        # has files of as many rows as this one, and more, each another picture
        other = tmp_path / "another"
        (other / "Thumbnails").mkdir(parents=True)
        for row in range(1, 50):
            (other / "Thumbnails" / str(row)).write_bytes(blue)
        driver.data_dir = other
        async with web_service(driver, tmp_path) as service:
            page = await Site(driver, service, player).page("rwrw--", *[STORED[0]] * 12)
            for numbers in ((0,), (1, 2, 3, 4, 5, 6), (7, 8, 9, 10, 11)):
                assert await page.see_page("owner", *numbers) == [[96, 72, "red"]] * len(numbers)
            assert await from_disk(page.site) == 0
            assert await metric(page.site, "files_refused_total", 'reason="differs"') >= 5
        await player.close()
