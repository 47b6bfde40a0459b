"""Who sees what in the gallery, held against what the embedded OMERO lets them read."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from omero_ms_thumbnail.embedded.content import sample_world
from omero_ms_thumbnail.embedded.images.samples import sample_collection
from omero_ms_thumbnail.embedded.world import ImageState, World
from tests.browser.chromium import Gallery


@pytest.fixture(scope="module")
def world() -> World:
    """The demo's OMERO once more: its ids are the same from one start to the next, and nothing in it is drawn."""
    return sample_world(sample_collection())


@pytest.mark.parametrize("name", ["researcher", "colleague", "pathologist", "root"])
def test_a_user_sees_what_omero_lets_them_read(gallery: Callable[..., Gallery], world: World, name: str) -> None:
    user = world.user_named(name)
    assert user is not None
    places = {f"dataset/{one.id}": set(one.images) for one in world.datasets}
    places |= {f"plate/{one.id}": set(one.wells.values()) for one in world.plates}
    shown = gallery()
    shown.open()
    shown.switch_to(name)
    assert shown.page.locator("#user").input_value() == name
    for place, images in places.items():
        shown.go(place)
        visible = {
            number
            for number in images
            if world.may_read(user, world.images[number]) and world.images[number].state is not ImageState.FAILING
        }
        assert shown.images("ready") == visible, place
        assert shown.images("unavailable") == images - visible, place
    assert shown.problems == []


def test_switching_keeps_the_place_and_hides_what_was_seen(gallery: Callable[..., Gallery]) -> None:
    shown = gallery()
    shown.open("dataset/2")
    shown.switch_to("pathologist")
    assert (shown.count("filled"), shown.count("placeholders")) == (54, 0)
    shown.switch_to("colleague")
    assert shown.count("filled") == 0
    assert shown.page.locator(".cell img").count() == 0
    assert shown.page.url.endswith("#/dataset/2")
    assert shown.problems == []
