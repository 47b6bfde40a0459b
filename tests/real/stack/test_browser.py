"""A browser at OMERO.web's login page and before OMERO.web's own scripts, through nginx."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import pytest
from playwright.sync_api import Browser, Page

from tests.real.browser.chromium import DEADLINE, chromium
from tests.real.stack.running import Stack
from tests.real.stack.world import BROKEN_WELL, DEFAULT_SIZE, LOST_WELL, PAGE, PASSWORDS, WELLS

#: an <img> of OMERO.web's page that has loaded, and from where
_SHOWN = "all => all.filter(one => one.complete && one.naturalWidth).map(one => one.src)"

_JPEG = "data:image/jpeg;base64,"
_PLACEHOLDER = "/static/webgateway/img/image128.png"


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as one:
        yield one


@pytest.fixture
def page(browser: Browser, stack: Stack) -> Iterator[Page]:
    context = browser.new_context(base_url=stack.address, viewport={"width": 1100, "height": 1250})
    page = context.new_page()
    page.set_default_timeout(DEADLINE)
    yield page
    context.close()


def _screenshot(page: Page, tmp_path: Path, name: str, height: int) -> None:
    folder = Path(os.environ.get("SCREENSHOTS", tmp_path))
    page.screenshot(path=folder / f"{name}.png", clip={"x": 0, "y": 0, "width": 1100, "height": height})


def _log_in(page: Page, name: str, then: str, tmp_path: Path) -> None:
    page.goto(f"/webclient/login/?url={quote(then)}")
    _screenshot(page, tmp_path, "side-by-side-login", 560)
    page.locator("input[name=username]").fill(name)
    page.locator("input[name=password]").fill(PASSWORDS[name])
    page.locator("input[type=submit]").click()
    page.wait_for_url(f"**{then}")


def test_omero_webs_own_scripts_show_384_images_until_the_user_logs_out(
    page: Page, stack: Stack, tmp_path: Path
) -> None:
    problems: list[str] = []
    page.on("pageerror", lambda error: problems.append(str(error)))
    # which every page of OMERO.web asks for, and which brings the server's settings into the session
    _log_in(page, "alice", "/webclient/keepalive_ping/", tmp_path)
    page.goto(PAGE)
    page.wait_for_selector("html[data-done='dataset plate']")
    for where in ("#spw td.well img", "#images img"):
        page.wait_for_function(
            "([where, count]) => document.querySelectorAll(where).length === count &&"
            " [...document.querySelectorAll(where)].every(one => one.complete && one.naturalWidth)",
            arg=[where, len(WELLS)],
        )
        shown = page.locator(where).evaluate_all(_SHOWN)
        assert sum(source.startswith(_JPEG) for source in shown) == len(WELLS) - 2
        # OMERO has lost one image, and cannot draw another
        assert sum(source.endswith(_PLACEHOLDER) for source in shown) == 2
    for image in (LOST_WELL, BROKEN_WELL):
        assert page.locator(f"#image-{image}").get_attribute("src") == _PLACEHOLDER
        assert page.locator(f"#image_icon-{image} img").get_attribute("src") == _PLACEHOLDER
    one, lost = page.locator("#outside img").evaluate_all("all => all.map(one => one.naturalWidth)")
    assert one == DEFAULT_SIZE
    # there is none, and the browser has something to show all the same
    assert lost > 0
    assert not problems
    _screenshot(page, tmp_path, "side-by-side-plate", 1130)
    # all of it came from this service: OMERO.web was asked for no thumbnail
    assert not [one for one in stack.omero.calls("getThumbnailByLongestSideSet") if one["client"] not in _ours(stack)]

    cookies = page.context.cookies()
    page.goto("/webclient/logout/")
    page.locator("form a").click()
    page.wait_for_url("**/webclient/login/**")
    logged_out = time.monotonic()
    # even for somebody who has kept the cookie
    page.context.add_cookies(cookies)
    answer = page.context.request.get(f"/webclient/render_thumbnail/{WELLS[1]}/")
    assert answer.status == 403
    assert time.monotonic() - logged_out < 1


def _ours(stack: Stack) -> set[str]:
    clients = stack.omero.stats()["clients"]
    return {uuid for uuid, client in clients.items() if not client["agent"].startswith("OMERO.web")}
