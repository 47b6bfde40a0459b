"""What the gallery says when its session, its OMERO or its service is gone, and how it recovers."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.real.browser.chromium import Gallery
from tests.support.service_process import ServiceProcess, start

pytestmark = pytest.mark.long


@pytest.fixture
def mortal_demo() -> Iterator[ServiceProcess]:
    """A demo for one test alone."""
    with start("demo") as service:
        service.wait_for(r"Ctrl-C ends it\.")
        yield service


def banner(shown: Gallery) -> tuple[str | None, str]:
    """Its status and its words."""
    where = shown.page.locator("#banner")
    where.wait_for()
    return where.get_attribute("data-status"), where.inner_text()


def test_without_a_session_it_says_so_and_helps(gallery: Callable[..., Gallery]) -> None:
    shown = gallery()
    shown.open("dataset/1")
    shown.context.clear_cookies()
    shown.go("dataset/3")
    status, words = banner(shown)
    assert status == "403"
    assert "Your OMERO session has ended" in words
    assert shown.cells("unavailable") == 19
    # opening the page again logs in, as OMERO.web's login page would
    with shown.page.expect_navigation():
        shown.page.locator("#retry").click()
    shown.wait_until_filled("dataset/3")
    assert shown.count("filled") == 19
    assert not shown.page.locator("#banner").is_visible()
    assert shown.own_problems() == []


def test_without_omero_it_says_so(gallery: Callable[..., Gallery], mortal_demo: ServiceProcess) -> None:
    shown = gallery(address=mortal_demo.address)
    shown.open("dataset/4")
    os.kill(_omero_of(mortal_demo), signal.SIGKILL)
    shown.go("dataset/3")
    status, words = banner(shown)
    assert status == "503"
    assert "OMERO cannot be reached" in words
    assert "Retry in 2 seconds." in words
    assert shown.cells("unavailable") == 19
    assert shown.own_problems() == []


def test_without_the_service_it_says_so_and_recovers(
    gallery: Callable[..., Gallery], mortal_demo: ServiceProcess
) -> None:
    shown = gallery(address=mortal_demo.address)
    shown.open("dataset/4")
    mortal_demo.end()
    shown.go("dataset/3")
    status, words = banner(shown)
    assert status == "0"
    assert f"127.0.0.1:{mortal_demo.port}" in words
    with start("demo", port=mortal_demo.port) as next_one:
        next_one.wait_for(r"Ctrl-C ends it\.")
        # a service that was started again does not know the old session
        shown.page.locator("#retry").click()
        shown.page.locator("#banner[data-status='403']").wait_for()
        with shown.page.expect_navigation():
            shown.page.locator("#retry").click()
        shown.wait_until_filled("dataset/3")
        assert shown.count("filled") == 19
    assert shown.own_problems() == []


def _omero_of(demo: ServiceProcess) -> int:
    """The process of the embedded OMERO: the only one that multiprocessing has started in a fresh interpreter."""
    [pid] = [one for one in demo.children() if b"spawn_main" in Path(f"/proc/{one}/cmdline").read_bytes()]
    return pid
