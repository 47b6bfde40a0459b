"""What is left in OMERO's database: no more rows, settings and events than OMERO.web leaves, and nobody else's."""

from __future__ import annotations

import asyncio

import pytest

from tests.real.omero.scenario import GROUPS
from tests.real.omero.site import Site

pytestmark = pytest.mark.asyncio(loop_scope="module")

PLAIN = "/webclient/render_thumbnail/{0}/"
SINGLE = "/webgateway/render_thumbnail/{{{}}}/"
WRITABLE = ("rwra--", "rwrw--")


@pytest.mark.parametrize("group", WRITABLE)
async def test_a_page_of_anothers_makes_no_settings_in_the_viewers_name(site: Site, group: str) -> None:
    page = await site.page(group, ["owner saves red"], ["of member", "member saves green"], ["owner saves blue"])
    await page.see_page("member", 0, 1, 2)
    assert [await page.settings(number) for number in range(3)] == [{"owner": 1}, {"member": 1}, {"owner": 1}]


@pytest.mark.parametrize("group", WRITABLE)
async def test_a_stored_thumbnail_of_ones_own_makes_no_others(site: Site, group: str) -> None:
    stored = ["owner saves red", "owner stores 96"]
    page = await site.page(group, stored, ["owner saves red", "member stores 96", "owner stores 96"])
    await page.see_page("member", 0, 1)
    assert await page.rows(0) == {"owner": ("96x72",)}


@pytest.mark.parametrize("group", GROUPS)
async def test_the_size_that_omero_web_stores_is_stored_once_and_others_never(site: Site, group: str) -> None:
    page = await site.page(group, ["owner saves red"])
    for path in (PLAIN, PLAIN, "/webgateway/render_thumbnail/{0}/64/", "/webclient/render_birds_eye_view/{0}/256/"):
        await page.see("owner", path)
    assert await page.rows() == {"owner": ("96x72",)}
    assert await page.settings() == {"owner": 1}


@pytest.mark.parametrize("group", ["rwr---", *WRITABLE])
async def test_settings_that_are_named_leave_no_rows(site: Site, group: str) -> None:
    page = await site.page(group, ["owner saves red"])
    number = await page.settings_id("owner")
    for who in ("member", "leader", "root"):
        for size in ("", "64/"):
            await page.see(who, f"/webgateway/render_thumbnail/{{0}}/{size}?rdefId={number}")
    assert await page.rows() == {}
    assert await page.see("owner", PLAIN) == [96, 72, "red"]


@pytest.mark.parametrize("group", GROUPS)
@pytest.mark.parametrize("as_page", [False, True])
async def test_an_administrators_first_look_makes_the_owners_settings(site: Site, group: str, as_page: bool) -> None:
    page = await site.page(group, [], [])
    if as_page:
        assert await page.see_page("root", 0, 1) == [[96, 72, "default"]] * 2
    else:
        for number in range(2):
            assert await page.see("root", SINGLE.format(number)) == [96, 72, "default"]
    assert [await page.settings(number) for number in range(2)] == [{"owner": 1}] * 2


@pytest.mark.parametrize("group", ["rw----", "rwr---"])
@pytest.mark.parametrize("who", ["member", "leader"])
async def test_nobody_but_the_owner_makes_settings_where_that_is_not_allowed(site: Site, group: str, who: str) -> None:
    page = await site.page(group, [])
    assert await page.see(who, PLAIN) == 404
    assert await page.see_page(who, 0) == [None]
    assert (await page.settings(), await page.rows()) == ({}, {})


async def test_a_page_of_fifty_stored_makes_no_more_events_than_one_set_does(site: Site) -> None:
    page = await site.page("rwrw--", *(["owner saves red", "owner stores 96"] for _ in range(50)))
    before = await site.events("owner")
    assert await page.see_page("owner", *range(50)) == [[96, 72, "red"]] * 50
    # one for the set, one for the group that it enters
    assert await site.events("owner") - before <= 2


async def test_a_look_at_another_size_makes_one_event(site: Site) -> None:
    page = await site.page("rwrw--", ["owner saves red"])
    before = await site.events("owner")
    await page.see("owner", "/webgateway/render_thumbnail/{0}/64/")
    # of setPixelsId; a Direct call runs read-only
    assert await site.events("owner") - before <= 2


async def test_no_store_stays_open_that_nobody_uses(site: Site) -> None:
    """OMERO refuses to change the group of a user's session while one is."""
    page = await site.page("rwrw--", *(["owner saves red"] for _ in range(4)))
    open_stores = "omero_ms_thumbnail_thumbnail_stores"
    seen = 0.0
    async with asyncio.timeout(30):
        while not seen:
            await page.see_page("owner", 0, 1, 2, 3)
            seen = await site.service.metric(open_stores)
        while await site.service.metric(open_stores):
            await asyncio.sleep(0.1)
