"""One demo and one browser for all tests of the gallery; a page of its own for each."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser

from tests.real.browser.chromium import Gallery, chromium
from tests.support.parts import require
from tests.support.service_process import ServiceProcess, start


@pytest.fixture(scope="package")
def demo() -> Iterator[ServiceProcess]:
    require("chromium")
    with start("demo") as service:
        service.wait_for(r"Ctrl-C ends it\.")
        yield service


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    # only as long as these tests run: Playwright's loop would be in the way of asynchronous ones
    with chromium() as one:
        yield one


@pytest.fixture
def gallery(browser: Browser, demo: ServiceProcess) -> Iterator[Callable[..., Gallery]]:
    opened: list[Gallery] = []

    def make(**options: Any) -> Gallery:
        opened.append(Gallery(browser, options.pop("address", demo.address), **options))
        return opened[-1]

    yield make
    for one in opened:
        one.close()
