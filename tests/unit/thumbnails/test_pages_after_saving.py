"""Pages that were loaded before somebody saved, as they ask afterwards: the new picture within what `cache.life` says.

In virtual time, from the addresses that they ask for. OMERO.web's pages count `version` up, and jQuery adds `_` to
each. iviewer begins to count anew with each load: `version` in its list of images (``thumbnail-slider.html``), a bare
number beside the settings that it names (``settings.html``); its bird's eye view has ``rev``, which asks for nothing
anew (``BirdsEye.js``). parade sends the images' ids and nothing else (``ThumbnailLoader.jsx``).
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest

from omero_embedded.images.rendering import alternative_settings
from omero_ms_thumbnail.omero.pool import SessionPool
from omero_ms_thumbnail.thumbnails.caches import Caches
from omero_ms_thumbnail.thumbnails.memory_cache import MemoryCache
from omero_ms_thumbnail.thumbnails.model import Thumbnail
from omero_ms_thumbnail.thumbnails.service import Thumbnails
from omero_ms_thumbnail.web.parsing import Parser, RequestLimits
from omero_ms_thumbnail.web.urls import route
from tests.support.simulated.loop import VirtualLoop, end
from tests.support.simulated.omero import SimulatedOmero
from tests.unit.omero.small_omero import LEAVE_WITHIN

#: the default of `cache.life`, in seconds
LIFE = 5.0
IMAGE = 101

#: how a page asks the n-th time since it was loaded, by what it is a page of
PAGES = {
    "OMERO.web's tree": "/webclient/get_thumbnails/?id=101&version={n}&_={ms}",
    "OMERO.web's preview": "/webclient/render_thumbnail/101/?version={ms}",
    "iviewer's list": "/webclient/render_thumbnail/101/?version={n}",
    "iviewer's settings": "/webgateway/render_thumbnail/101/?rdefId={settings}&{revision}",
    "iviewer's bird's eye view": "/webgateway/render_thumbnail/101/?rev={ms}-viewer_1",
    "parade": "/webgateway/get_thumbnails/?id=101",
    "figure": "/webgateway/render_thumbnail/101/96/",
    "jQuery's counter": "/webclient/get_thumbnails/96/?id=101&_={ms}",
}


class Browser:
    """Somebody with one session, whose pages are loaded again and again."""

    def __init__(self) -> None:
        self.loop = VirtualLoop()
        self.omero = SimulatedOmero(self.loop)
        self.pool = self.loop.do(lambda: SessionPool(self.omero.join, idle_timeout=10 * LIFE, join_timeout=10 * LIFE))
        caches = Caches(MemoryCache(bytes_max=1 << 20, life=86_400, clock=self.loop.time), facts_life=LIFE)
        self.thumbnails = self.loop.do(lambda: Thumbnails(self.pool, timeout=15, stores=2, caches=caches))
        self._parse = Parser(RequestLimits()).parse
        self._saved = 0

    def see(self, page: str, times: int) -> bytes:
        """Ask for the times-th time since the page was loaded."""
        address = urlsplit(
            PAGES[page].format(
                n=times,
                revision=times or "null",
                ms=1_700_000_000_000 + int(self.loop.time() * 1000),
                settings=self._own_settings(),
            )
        )
        found = route(address.path)
        assert found is not None
        asked = self._parse(found, address.query).of_default(96, has_width=bool(found.width))
        (outcome,) = self.loop.run_until_complete(
            self.thumbnails.get_all(self.omero.keys["researcher"], asked.requests)
        )
        # it is kept behind the answer
        self.loop.pass_time(0.5)
        assert isinstance(outcome, Thumbnail)
        return outcome.jpeg

    def _own_settings(self) -> int:
        world = self.omero.omero.world
        researcher = world.user_named("researcher")
        assert researcher is not None
        found = world.settings_for(researcher, world.images[IMAGE])
        assert found is not None
        return found.id

    def save(self) -> None:
        """The user saves other settings in OMERO.web, of which nobody tells this service."""
        world = self.omero.omero.world
        researcher, image = world.user_named("researcher"), world.images[IMAGE]
        assert researcher is not None
        others = alternative_settings(image.picture)
        world.save_settings(image, researcher, others[self._saved % len(others)])
        self._saved += 1

    def close(self) -> None:
        self.loop.run_until_complete(self.pool.close(LEAVE_WITHIN))
        end(self.loop)


@pytest.fixture
def browser() -> Iterator[Browser]:
    made = Browser()
    yield made
    made.close()


@pytest.mark.parametrize("page", PAGES)
def test_a_page_that_is_loaded_again_shows_what_was_saved_within_the_life_of_what_is_kept(
    page: str, browser: Browser
) -> None:
    browser.save()
    before = browser.see(page, 0)
    assert browser.see(page, 0) == before
    for _ in range(3):
        browser.save()
        browser.loop.pass_time(LIFE)
        # a new load: its counter is where it was
        after = browser.see(page, 0)
        assert after != before
        before = after


@pytest.mark.parametrize("page", PAGES)
def test_asking_all_the_time_keeps_no_old_picture_alive(page: str, browser: Browser) -> None:
    browser.save()
    before = browser.see(page, 0)
    browser.save()
    seen = []
    for _ in range(int(LIFE / 5) + 1):
        seen.append(browser.see(page, 0))
        browser.loop.pass_time(5)
    assert seen[-1] != before
    # once it is new, it never is old again
    changes = [first != second for first, second in itertools.pairwise(seen)]
    assert sum(changes) <= 1


@pytest.mark.parametrize("page", [page for page, address in PAGES.items() if "version={n}" in address])
def test_a_page_that_counts_up_after_saving_shows_it_at_once(page: str, browser: Browser) -> None:
    browser.save()
    before = browser.see(page, 0)
    browser.save()
    after = browser.see(page, 1)
    assert after != before
    # and so does the next load of a page that begins to count anew, which may be shown what is kept of the last
    browser.loop.pass_time(LIFE)
    assert browser.see(page, 0) == after


def test_what_jquery_adds_asks_nothing_anew(browser: Browser) -> None:
    browser.save()
    before = browser.see("jQuery's counter", 0)
    browser.save()
    # it is another number each time, and the same picture for as long as it is kept
    assert browser.see("jQuery's counter", 1) == before
    browser.loop.pass_time(LIFE)
    assert browser.see("jQuery's counter", 2) != before


def test_settings_that_are_named_are_shown_as_they_are_now(browser: Browser) -> None:
    browser.save()
    before = browser.see("iviewer's settings", 0)
    browser.save()
    # the page knows that, or does not
    assert browser.see("iviewer's settings", 0) != before


def test_what_the_birds_eye_view_adds_asks_nothing_anew(browser: Browser) -> None:
    browser.save()
    before = browser.see("iviewer's bird's eye view", 0)
    browser.save()
    assert browser.see("iviewer's bird's eye view", 1) == before
    browser.loop.pass_time(LIFE)
    assert browser.see("iviewer's bird's eye view", 2) != before
