"""Who sees what in the gallery, held against what the embedded OMERO lets them read."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from omero_embedded.images.samples import sample_collection
from omero_embedded.sample_world import sample_world
from omero_embedded.world import Experimenter, Image, ImageState, World
from tests.real.browser.chromium import Gallery


@pytest.fixture(scope="module")
def world() -> World:
    """The demo's OMERO once more: its ids are the same from one start to the next, and nothing in it is drawn."""
    return sample_world(sample_collection())


def is_readable(world: World, user: Experimenter, image: Image) -> bool:
    """Whether it may be shown."""
    return world.may_read(user, image) and image.state is not ImageState.FAILING


def is_shown(world: World, user: Experimenter, image: Image) -> bool:
    """Whether it is, even if nobody has looked at it yet who may make settings for it."""
    return world.settings_for(user, image) is not None or world.may_make_settings(user, image)


@pytest.mark.long
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
        readable = {number for number in images if is_readable(world, user, world.images[number])}
        ready = shown.images("ready")
        assert {number for number in readable if is_shown(world, user, world.images[number])} <= ready, place
        assert ready <= readable, place
        assert shown.images("unavailable") == images - ready, place
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
