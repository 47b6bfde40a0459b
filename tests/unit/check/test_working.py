"""`check` where nothing is wrong, with all that it is given and with little."""

from __future__ import annotations

import pytest

from omero_embedded.world import ImageState
from omero_ms_thumbnail.check.sessions import session_id_in
from tests.unit.check.site import COOKIE, SESSION_KEY, Site, omero_web

STEPS = [
    "configuration",
    "session store",
    "clock",
    "sessions in it",
    "the session",
    "OMERO reachable",
    "TLS",
    "router",
    "join",
    "query",
    "thumbnail",
]


def test_every_step_is_ok(site: Site) -> None:
    checked = site.check()
    assert checked.status == 0
    assert [step["step"] for step in checked.steps] == STEPS
    assert {step["outcome"] for step in checked.steps} == {"ok"}
    assert "JSON, of a user who is logged in" in checked.step("sessions in it")["found"]
    assert "anonymous" in checked.step("TLS")["found"]
    assert "TLSv1.2, ADH" in checked.step("TLS")["found"]
    assert "OMERO user 2" in checked.step("join")["found"]
    assert "longest side 96" in checked.step("thumbnail")["found"]


def test_the_users_session_and_nothing_else_is_left(site: Site) -> None:
    omero = site.omero.omero
    site.check()
    assert omero.sessions.find(SESSION_KEY) is not None
    assert omero.omero.stores_created == omero.omero.stores_closed


def test_without_a_session_it_goes_as_far_as_the_router(site: Site) -> None:
    checked = site.check(cookie=None)
    assert checked.status == 0
    outcomes = {step["step"]: step["outcome"] for step in checked.steps}
    assert [step for step in STEPS if outcomes[step] == "skipped"] == ["the session", "join", "query", "thumbnail"]
    assert "--session" in checked.step("the session")["found"]


def test_the_image_that_is_named_is_tried(site: Site) -> None:
    image = site.omero.readable("researcher")[0]
    checked = site.check("--image", str(image))
    assert f"of image {image}," in checked.step("thumbnail")["found"]
    looked_at = ["stored thumbnail", "stored sizes", "rendering settings"]
    assert [step["step"] for step in checked.steps] == [*STEPS[:-1], *looked_at, STEPS[-1]]
    assert {step["outcome"] for step in checked.steps} == {"ok"}
    # once it is stored, it is what OMERO draws
    assert "the same that OMERO draws now" in site.check("--image", str(image)).step("stored thumbnail")["found"]


def test_a_wrong_picture_that_omero_has_stored_is_found(site: Site) -> None:
    database = site.omero.omero.world.database
    first, second = site.omero.readable("researcher")[:2]
    assert site.check("--image", str(first)).codes == site.check("--image", str(second)).codes == []
    stored = {image: _file_of(site, image) for image in (first, second)}
    right = database.files[stored[first]]
    database.files[stored[first]] = database.files[stored[second]]
    try:
        checked = site.check("--image", str(first))
    finally:
        database.files[stored[first]] = right
    assert (checked.status, checked.codes) == (0, ["stored-thumbnail-differs"])
    assert "user 2 (researcher)" in checked.step("stored thumbnail")["found"]


def _file_of(site: Site, image_id: int) -> int:
    """The number of the one thumbnail that is stored of an image."""
    world = site.omero.omero.world
    (row,) = world.database.thumbnails.of(world.images[image_id].primary.id)
    return row


def test_an_image_that_was_a_clock_once_is_none_now(site: Site) -> None:
    world = site.omero.omero.world
    image = next(image for image in world.images.values() if image.state is ImageState.IN_PROGRESS)
    asked = ("--image", str(image.id))
    assert site.check(*asked).codes == ["import-in-progress"]
    image.state = ImageState.READY
    try:
        checked = site.check(*asked)
    finally:
        image.state = ImageState.IN_PROGRESS
    assert (checked.status, checked.codes) == (0, [])


@pytest.mark.parametrize(
    "cookie",
    [
        COOKIE,
        f"sessionid={COOKIE}",
        f"Cookie: csrftoken=abc; sessionid={COOKIE}; theme=dark\n",
        f'sessionid="{COOKIE}"',
    ],
)
def test_a_cookie_in_any_form(cookie: str) -> None:
    assert session_id_in(cookie, "sessionid") == COOKIE


def test_as_people_read_it(site: Site) -> None:
    checked = site.run(configuration=site.configuration, json_report=False)
    assert checked.status == 0
    assert checked.output.splitlines()[-1] == "Nothing is wrong in what was tried."
    first = checked.output.splitlines()[0]
    assert first.startswith("ok       configuration")
    assert " ms)" in first


def test_settings_found_in_an_omero_web(site: Site) -> None:
    caches = f'{{"default": {{"BACKEND": "django_redis.cache.RedisCache", "LOCATION": "{site.uri()}"}}}}'
    web = omero_web(
        site.folder,
        {
            "omero.web.session_engine": "django.contrib.sessions.backends.cache",
            "omero.web.caches": caches,
            "omero.web.server_list": f'[["127.0.0.1", {site.omero.omero.ssl_port}, "omero"]]',
        },
        profile="production",
    )
    checked = site.run("--omeroweb-dir", str(web))
    assert checked.status == 0, checked.output
    assert "config.xml" in checked.step("configuration")["found"]
    assert checked.step("thumbnail")["outcome"] == "ok"


def test_without_tls(site: Site) -> None:
    checked = site.check(omero={"secure": False, "port": site.omero.omero.tcp_port})
    assert checked.status == 0
    assert "unencrypted" in checked.step("TLS")["found"]
