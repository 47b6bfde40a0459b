"""Headless Chromium, driven by Playwright: a page that records what goes wrong on it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from playwright.sync_api import Browser, ConsoleMessage, Page, sync_playwright

from tests.support.parts import require

_ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]

#: how long anything may take, in milliseconds, before a test gives up on it
DEADLINE = 30_000


@contextmanager
def chromium() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=str(require("chromium")), args=_ARGUMENTS)
        try:
            yield browser
        finally:
            browser.close()


class Gallery:
    """The demo's gallery in a browser. `problems` are console errors, warnings and uncaught exceptions."""

    def __init__(self, browser: Browser, address: str, **options: Any) -> None:
        options.setdefault("viewport", {"width": 1600, "height": 1000})
        self.context = browser.new_context(**options)
        self.page: Page = self.context.new_page()
        self.page.set_default_timeout(DEADLINE)
        self.problems: list[str] = []
        self.page.on("console", self._on_console)
        self.page.on("pageerror", lambda error: self.problems.append(str(error)))
        self.address = address

    def open(self, place: str = "dataset/1", size: int | None = None) -> None:
        self.page.goto(f"{self.address}/#/{place}" + (f"?size={size}" if size else ""))
        self.wait_until_filled(place)

    def go(self, place: str) -> None:
        """Follow a link of the page."""
        self.page.evaluate("hash => { location.hash = hash }", f"#/{place}")
        self.wait_until_filled(place)

    def wait_until_filled(self, place: str) -> None:
        self.page.wait_for_selector(f"html[data-state=complete][data-place='{place}']", state="attached")

    def count(self, name: str) -> int:
        return int(self.page.evaluate("name => document.documentElement.dataset[name]", name))

    def cells(self, state: str) -> int:
        return self.page.locator(f".cell[data-state={state}]").count()

    def scrolls_sideways(self) -> bool:
        root = "document.documentElement"
        return bool(self.page.evaluate(f"{root}.scrollWidth > {root}.clientWidth"))

    def switch_to(self, user: str) -> None:
        place = self.page.evaluate("document.documentElement.dataset.place")
        self.page.locator("select").select_option(user)
        with self.page.expect_navigation():
            self.page.locator("form button").first.click()
        self.wait_until_filled(place)

    def images(self, state: str) -> set[int]:
        """The ids of the images whose cells are in that state."""
        ids = self.page.locator(f".cell[data-state={state}]").evaluate_all("all => all.map(one => one.dataset.imageId)")
        return {int(one) for one in ids}

    def own_problems(self) -> list[str]:
        """Without the line that Chromium itself writes for every answer that is an error."""
        return [one for one in self.problems if not one.startswith("Failed to load resource:")]

    def _on_console(self, said: ConsoleMessage) -> None:
        if said.type in ("error", "warning"):
            self.problems.append(said.text)

    def close(self) -> None:
        self.context.close()
