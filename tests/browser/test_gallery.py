"""The gallery in a real browser, with the real demo behind it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest
from playwright.sync_api import Browser

from tests.browser.chromium import Gallery, chromium
from tests.parts import require
from tests.service_process import ServiceProcess, start

SAMPLES = {"dataset/1": 60, "dataset/2": 54, "dataset/3": 19, "plate/1": 384}


@pytest.fixture(scope="module")
def demo() -> Iterator[ServiceProcess]:
    require("chromium")
    with start("demo") as service:
        service.wait_for(r"Ctrl-C ends it\.")
        yield service


@pytest.fixture(scope="module")
def browser(demo: ServiceProcess) -> Iterator[Browser]:
    with chromium() as one:
        yield one


@pytest.fixture
def gallery(browser: Browser, demo: ServiceProcess) -> Iterator[Callable[..., Gallery]]:
    opened: list[Gallery] = []

    def make(**options: Any) -> Gallery:
        opened.append(Gallery(browser, demo.address, **options))
        return opened[-1]

    yield make
    for one in opened:
        one.close()


@pytest.mark.parametrize(("place", "images"), [(one, count) for one, count in SAMPLES.items() if one != "dataset/2"])
def test_a_view_fills_completely(gallery: Callable[..., Gallery], place: str, images: int) -> None:
    shown = gallery()
    shown.open(place)
    assert (shown.count("filled"), shown.count("placeholders")) == (images, 0)
    assert (shown.cells("ready"), shown.cells("unavailable")) == (images, 0)
    drawn = "[...document.querySelectorAll('.cell img')].every(one => one.complete && one.naturalWidth > 0)"
    assert shown.page.evaluate(drawn)
    assert "ms" in shown.page.locator("#status").inner_text()
    assert shown.problems == []


def test_the_plate_is_asked_for_as_omero_web_does(gallery: Callable[..., Gallery]) -> None:
    shown = gallery()
    asked: list[int] = []
    shown.page.on(
        "request", lambda request: asked.append(request.url.count("id=")) if "get_thumbnails" in request.url else None
    )
    shown.open("plate/1", size=48)
    assert sorted(asked) == [34, *[50] * 7]


def test_another_user_does_not_see_what_is_not_theirs(gallery: Callable[..., Gallery], demo: ServiceProcess) -> None:
    shown = gallery()
    shown.open("dataset/2")
    assert (shown.count("filled"), shown.count("placeholders")) == (0, SAMPLES["dataset/2"])
    shown.switch_to("pathologist")
    assert (shown.count("filled"), shown.count("placeholders")) == (SAMPLES["dataset/2"], 0)
    shown.go("dataset/1")
    assert shown.count("filled") == 0
    shown.switch_to("root")
    assert shown.count("filled") == SAMPLES["dataset/1"]
    assert shown.problems == []


def test_special_cases_have_their_pictures_and_placeholders(gallery: Callable[..., Gallery]) -> None:
    shown = gallery()
    shown.open("dataset/4")
    states = shown.page.locator(".cell").evaluate_all("all => all.map(one => one.dataset.state)")
    # the clock of one still being imported, one whose file is missing, four of a private group, the rest one's own
    assert states[:6] == ["ready", *["unavailable"] * 5]
    assert set(states[6:]) == {"ready"}


def test_the_slider_changes_the_size(gallery: Callable[..., Gallery]) -> None:
    shown = gallery()
    shown.open("dataset/3")
    slider = shown.page.locator("input[type=range]")
    slider.focus()
    with shown.page.expect_response(lambda answer: "/webgateway/get_thumbnails/" in answer.url):
        slider.press("End")
    shown.wait_until_filled("dataset/3")
    sides = "all => all.map(one => Math.max(one.naturalWidth, one.naturalHeight))"
    assert max(shown.page.locator(".cell img").evaluate_all(sides)) == 256


def test_a_picture_opens_by_click_and_by_keyboard(gallery: Callable[..., Gallery]) -> None:
    shown = gallery()
    asked: list[str] = []
    shown.page.on("request", lambda request: asked.append(request.url))
    shown.open("dataset/1")
    first = shown.page.locator(".cell").first
    first.click()
    dialog = shown.page.locator("dialog[open]")
    dialog.wait_for()
    image = first.get_attribute("data-image-id")
    assert image is not None
    assert image in dialog.inner_text()
    pictures = dialog.locator("img:visible")
    pictures.nth(1).wait_for()
    assert pictures.evaluate_all("all => Promise.all(all.map(one => one.decode()))") == [None, None]
    assert any(f"/render_thumbnail/{image}/" in url for url in asked)
    assert any(f"/render_birds_eye_view/{image}/" in url for url in asked)
    shown.page.keyboard.press("Escape")
    dialog.wait_for(state="hidden")
    focused = "document.activeElement.dataset.imageId"
    assert shown.page.evaluate(focused) == image
    shown.page.keyboard.press("ArrowRight")
    second = shown.page.evaluate(focused)
    assert second not in (None, image)
    shown.page.keyboard.press("Enter")
    dialog.wait_for()
    assert second in dialog.inner_text()
    assert shown.problems == []


@pytest.mark.parametrize("width", [400, 1600])
@pytest.mark.parametrize("place", ["dataset/1", "plate/1"])
def test_it_fits(gallery: Callable[..., Gallery], width: int, place: str) -> None:
    shown = gallery(viewport={"width": width, "height": 900})
    shown.open(place)
    assert not shown.scrolls_sideways()
    assert shown.count("filled") == SAMPLES[place]
    assert shown.problems == []


def test_the_dark_is_dark(gallery: Callable[..., Gallery]) -> None:
    brightness = {}
    for scheme in ("light", "dark"):
        shown = gallery(color_scheme=scheme)
        shown.open("dataset/1")
        color = shown.page.evaluate("getComputedStyle(document.body).backgroundColor")
        brightness[scheme] = max(int(part) for part in color.partition("(")[2].rstrip(")").split(",")[:3])
    assert brightness["dark"] < 64
    assert brightness["light"] > 192


def test_without_a_session_it_says_so_and_helps(gallery: Callable[..., Gallery]) -> None:
    shown = gallery()
    shown.open("dataset/1")
    shown.context.clear_cookies()
    shown.go("dataset/3")
    assert shown.page.locator("#banner").get_attribute("data-status") == "403"
    # opening the page again logs in, as OMERO.web's login page would
    with shown.page.expect_navigation():
        shown.page.locator("#retry").click()
    shown.wait_until_filled("dataset/3")
    assert shown.count("filled") == SAMPLES["dataset/3"]


def test_the_page_needs_nothing_from_elsewhere(demo: ServiceProcess) -> None:
    page = httpx.get(f"{demo.address}/").text
    assert "https://" not in page.replace("http://www.w3.org", "")
