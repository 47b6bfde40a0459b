"""The README's pictures, taken again: ``python -m tests.real.browser.screenshots``."""

from __future__ import annotations

from tests.real.browser.chromium import Gallery, chromium
from tests.support.parts import ROOT
from tests.support.service_process import start

FOLDER = ROOT / "docs" / "images"

#: of the JPEGs: text stays sharp, and no picture is much larger than half a megabyte
QUALITY = 80


def main() -> None:
    """Start the demo, look at it, and keep what there is to see."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    with start("demo") as demo, chromium() as browser:
        demo.wait_for(r"Ctrl-C ends it\.")

        def take(name: str, place: str, size: tuple[int, int], scheme: str = "light", *, dialog: bool = False) -> None:
            viewport = {"width": size[0], "height": size[1]}
            shown = Gallery(browser, demo.address, viewport=viewport, color_scheme=scheme)
            shown.open(place)
            if dialog:
                shown.page.locator(".cell").nth(3).click()
                shown.page.evaluate("Promise.all([...document.querySelectorAll('dialog img')].map(i => i.decode()))")
            shown.page.screenshot(path=FOLDER / f"{name}.jpg", type="jpeg", quality=QUALITY)
            shown.close()

        take("gallery-light", "dataset/1", (1600, 900))
        take("gallery-dark", "dataset/1", (1200, 800), "dark")
        # as high as all rows are
        take("plate", "plate/1", (1600, 1240))
        take("image", "dataset/1", (1200, 800), dialog=True)
        take("narrow", "dataset/3", (400, 800))


if __name__ == "__main__":
    main()
