"""What people see: each test is named after what OMERO.web would show, and what made it hard to show the same."""

from __future__ import annotations

import asyncio

import pytest

from tests.real.omero.drivers import CannotPrepare
from tests.real.omero.scenario import GROUPS
from tests.real.omero.site import Site

pytestmark = pytest.mark.asyncio(loop_scope="module")

PLAIN = "/webclient/render_thumbnail/{0}/"
#: where somebody who is not the owner may see what others have
READABLE = ("rwr---", "rwra--", "rwrw--")
WRITABLE = ("rwra--", "rwrw--")


@pytest.mark.parametrize(
    "path", [PLAIN, "/webgateway/render_thumbnail/{0}/96/72/", "/webclient/render_birds_eye_view/{0}/"]
)
async def test_what_was_saved_is_seen_at_the_next_look(site: Site, path: str) -> None:
    page = await site.page("rwrw--", ["owner saves red"])
    for colour in ("blue", "green", "red"):
        await page.step(f"owner saves {colour}")
        assert (await page.see("owner", path))[2] == colour
        assert (await page.see("member", path))[2] == colour


async def test_the_preview_panel_asks_one_image_with_many_settings(site: Site) -> None:
    page = await site.page("rwrw--", ["owner saves red", "member saves green"])
    owners, members = await page.settings_id("owner"), await page.settings_id("member")
    for _ in range(2):
        for number, colour in ((owners, "red"), (members, "green")):
            assert await page.see("owner", f"{PLAIN}?rdefId={number}") == [96, 72, colour]
    await page.step("owner saves blue")
    assert await page.see("owner", f"{PLAIN}?rdefId={owners}") == [96, 72, "blue"]
    assert await page.see("owner", PLAIN) == [96, 72, "blue"]


@pytest.mark.parametrize("group", READABLE)
async def test_own_settings_come_before_the_owners(site: Site, group: str) -> None:
    page = await site.page(group, ["owner saves red"])
    assert await page.see("member", PLAIN) == [96, 72, "red"]
    if group != "rwr---":
        await page.step("member saves green")
        assert await page.see("member", PLAIN) == [96, 72, "green"]
    assert await page.see("owner", PLAIN) == [96, 72, "red"]


@pytest.mark.parametrize("group", WRITABLE)
@pytest.mark.parametrize("who", ["member", "leader", "root"])
async def test_a_mixed_page_shows_what_single_looks_do(site: Site, group: str, who: str) -> None:
    page = await site.page(
        group,
        ["owner saves red"],
        ["of member", "member saves green"],
        ["owner saves red", "member saves blue"],
        ["owner saves red", "owner stores 96", "owner saves green"],
    )
    for numbers in ((0, 1, 2, 3), (3, 2, 1, 0), (0, 2)):
        shown = await page.see_page(who, *numbers)
        single = [await page.see(who, f"/webgateway/render_thumbnail/{{{number}}}/") for number in numbers]
        assert shown == [None if isinstance(one, int) else one for one in single]


@pytest.mark.parametrize("group", GROUPS)
@pytest.mark.parametrize(("path", "width", "height"), [("64/", 64, 48), ("64/32/", 64, 32), ("32/64/", 32, 64)])
async def test_other_sizes_have_the_right_shape(site: Site, group: str, path: str, width: int, height: int) -> None:
    page = await site.page(group, ["owner saves red"])
    who = "owner" if group == "rw----" else "member"
    assert await page.see(who, f"/webgateway/render_thumbnail/{{0}}/{path}") == [width, height, "red"]


@pytest.mark.parametrize("who", ["member", "leader"])
async def test_where_no_row_may_be_kept_the_shape_is_right_all_the_same(site: Site, who: str) -> None:
    page = await site.page("rwr---", ["owner saves red"])
    assert await page.see(who, PLAIN) == [96, 72, "red"]
    assert await page.see_page(who, 0) == [[96, 72, "red"]]
    assert await page.rows() == {}


async def test_an_image_in_progress_is_a_clock_and_then_a_picture_at_once(site: Site) -> None:
    page = await site.page("rwrw--", ["owner saves red"])
    try:
        await page.step("in progress")
    except CannotPrepare as error:
        pytest.xfail(str(error))
    assert (await page.see("owner", PLAIN))[2] == "clock"
    await page.step("complete")
    assert await page.see("owner", PLAIN) == [96, 72, "red"]


@pytest.mark.parametrize("group", GROUPS)
async def test_nobody_sees_what_they_may_not(site: Site, group: str) -> None:
    page = await site.page(group, ["owner saves red"])
    assert (await page.see("member", PLAIN) == 404) == (group == "rw----")
    assert (await page.see_page("member", 0) == [None]) == (group == "rw----")


async def test_two_sizes_of_a_new_image_at_once_are_both_shown(site: Site) -> None:
    for _ in range(4):
        page = await site.page("rwrw--", [])
        looks = await asyncio.gather(
            page.see("owner", PLAIN),
            page.see("owner", "/webgateway/render_thumbnail/{0}/64/"),
            page.see("owner", "/webgateway/render_thumbnail/{0}/64/32/"),
        )
        assert looks == [[96, 72, "default"], [64, 48, "default"], [64, 32, "default"]]
        assert await page.settings() == {"owner": 1}
