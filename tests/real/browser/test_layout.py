"""How the gallery looks: narrow and wide, light and dark, with text that can be read."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.real.browser.chromium import Gallery

pytestmark = pytest.mark.long

#: of WCAG 2, level AA, for text of ordinary size
LEAST_CONTRAST = 4.5

_CONTRASTS = """all => {
  const rgb = (color) => color.match(/[\\d.]+/g).map(Number);
  const luminance = (color) => {
    const linear = (c) => (c <= 0.03928 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4);
    const [r, g, b] = rgb(color).map((c) => linear(c / 255));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const background = (one) => {
    const color = getComputedStyle(one).backgroundColor;
    return rgb(color)[3] === 0 ? background(one.parentElement) : color;
  };
  return all.map((one) => {
    const [dim, bright] = [luminance(getComputedStyle(one).color), luminance(background(one))].sort((a, b) => a - b);
    return [one.id || one.className || one.tagName, (bright + 0.05) / (dim + 0.05)];
  });
}"""


@pytest.mark.parametrize("width", [400, 1600])
@pytest.mark.parametrize(("place", "images"), [("dataset/1", 60), ("plate/1", 384)])
def test_it_fits(gallery: Callable[..., Gallery], width: int, place: str, images: int) -> None:
    shown = gallery(viewport={"width": width, "height": 900})
    shown.open(place)
    assert not shown.scrolls_sideways()
    assert shown.count("filled") == images
    shown.page.locator(".cell").first.click()
    shown.page.locator("#viewer-image").wait_for()
    assert not shown.scrolls_sideways()
    box = shown.page.locator("dialog[open]").bounding_box()
    assert box is not None
    assert box["x"] >= 0
    assert box["x"] + box["width"] <= width
    assert shown.page.locator("dialog[open]").evaluate("one => one.scrollWidth <= one.clientWidth")
    assert shown.problems == []


def test_pictures_stand_in_line_whatever_their_names(gallery: Callable[..., Gallery]) -> None:
    shown = gallery()
    shown.open("dataset/1")
    heights = shown.page.locator(".caption").evaluate_all("all => all.map(one => one.offsetHeight)")
    assert len(set(heights)) > 1
    below = "one => one.querySelector('.frame').getBoundingClientRect().top - one.getBoundingClientRect().top"
    assert len(set(shown.page.locator(".grid li").evaluate_all(f"all => all.map({below})"))) == 1


def test_at_a_common_width_the_head_is_one_line(gallery: Callable[..., Gallery]) -> None:
    shown = gallery(viewport={"width": 1200, "height": 800})
    shown.open("dataset/4")
    brand, switch = (shown.page.locator(one).bounding_box() for one in (".brand", ".switch"))
    assert brand is not None
    assert switch is not None
    assert switch["x"] > brand["x"] + brand["width"]
    assert switch["y"] < brand["y"] + brand["height"]


def test_the_dark_is_dark(gallery: Callable[..., Gallery]) -> None:
    brightness = {}
    for scheme in ("light", "dark"):
        shown = gallery(color_scheme=scheme)
        shown.open("dataset/4")
        color = shown.page.evaluate("getComputedStyle(document.body).backgroundColor")
        brightness[scheme] = max(int(part) for part in color.partition("(")[2].rstrip(")").split(",")[:3])
    assert brightness["dark"] < 64
    assert brightness["light"] > 192


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_stands_out(gallery: Callable[..., Gallery], scheme: str) -> None:
    shown = gallery(color_scheme=scheme)
    shown.open("dataset/4")
    shown.page.locator(".cell").first.click()
    shown.page.locator("#viewer-image").wait_for()
    texts = shown.page.locator("h1, h2, p, a, label, output, select, button:not(.cell), dt, dd, figcaption, main span")
    contrasts = texts.locator("visible=true").evaluate_all(_CONTRASTS)
    assert len(contrasts) > 30
    assert [one for one in contrasts if one[1] < LEAST_CONTRAST] == []
