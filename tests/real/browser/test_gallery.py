"""The gallery in a real browser, with the real demo behind it."""

from __future__ import annotations

import base64
import re
from collections.abc import Callable

import httpx
import pytest

from omero_embedded.images.clock import clock_jpeg
from tests.real.browser.chromium import Gallery
from tests.support.service_process import ServiceProcess

SAMPLES = {"dataset/1": 60, "dataset/2": 54, "dataset/3": 19, "plate/1": 384}


@pytest.mark.parametrize(("place", "images"), [(one, count) for one, count in SAMPLES.items() if one != "dataset/2"])
def test_a_view_fills_completely(gallery: Callable[..., Gallery], place: str, images: int) -> None:
    shown = gallery()
    shown.open(place)
    assert (shown.count("filled"), shown.count("placeholders")) == (images, 0)
    assert (shown.cells("ready"), shown.cells("unavailable")) == (images, 0)
    drawn = "[...document.querySelectorAll('.cell img')].every(one => one.complete && one.naturalWidth > 0)"
    assert shown.page.evaluate(drawn)
    status = re.fullmatch(r"([\d,]+) ms for (\d+) thumbnails, \d requests?", shown.page.locator("#status").inner_text())
    assert status is not None
    assert int(status[1].replace(",", "")) == shown.count("milliseconds") > 0
    assert int(status[2]) == images
    assert shown.problems == []


def test_the_plate_is_asked_for_as_omero_web_does(gallery: Callable[..., Gallery]) -> None:
    shown = gallery()
    asked: list[int] = []
    shown.page.on(
        "request", lambda request: asked.append(request.url.count("id=")) if "get_thumbnails" in request.url else None
    )
    shown.open("plate/1")
    assert sorted(asked) == [34, *[50] * 7]


def test_special_cases_have_their_pictures_and_placeholders(gallery: Callable[..., Gallery]) -> None:
    shown = gallery()
    shown.open("dataset/4")
    states = shown.page.locator(".cell").evaluate_all("all => all.map(one => one.dataset.state)")
    # the clock of one still being imported, one whose file is missing, four of a private group, the rest one's own
    assert states[:6] == ["ready", *["unavailable"] * 5]
    assert set(states[6:]) == {"ready"}
    clock = base64.b64decode(str(shown.page.locator(".cell img").first.get_attribute("src")).partition(",")[2])
    assert clock == clock_jpeg(96, 96)
    assert "5 without a thumbnail for you" in shown.page.locator("#status").inner_text()
    assert shown.problems == []


def test_an_image_without_a_thumbnail_is_explained_and_not_asked_for(gallery: Callable[..., Gallery]) -> None:
    shown = gallery()
    shown.open("dataset/4")
    asked: list[str] = []
    shown.page.on("request", lambda request: asked.append(request.url))
    cell = shown.page.locator(".cell[data-state=unavailable]").first
    cell.click()
    said = shown.page.locator("#viewer-message").inner_text()
    assert f"no thumbnail of image {cell.get_attribute('data-image-id')} for Rosalind Researcher" in said
    assert not shown.page.locator("#viewer-birds-eye").is_visible()
    assert asked == []


def test_the_slider_changes_the_size(gallery: Callable[..., Gallery]) -> None:
    shown = gallery()
    shown.open("dataset/3")
    slider = shown.page.locator("input[type=range]")
    slider.focus()
    with shown.page.expect_response(lambda answer: "/webgateway/get_thumbnails/" in answer.url):
        slider.press("End")
    shown.wait_until_filled("dataset/3")
    sides = "all => all.map(one => Math.max(one.naturalWidth, one.naturalHeight))"
    assert set(shown.page.locator(".cell img").evaluate_all(sides)) == {256}
    assert shown.page.url.endswith("#/dataset/3?size=256")
    assert shown.problems == []


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


def test_the_page_needs_nothing_from_elsewhere(demo: ServiceProcess) -> None:
    page = httpx.get(f"{demo.address}/").text
    assert "https://" not in page.replace("http://www.w3.org", "")
