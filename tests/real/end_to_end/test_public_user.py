"""OMERO.web's public user: who is answered without being logged in, as whom, and who is not."""

from __future__ import annotations

import base64
import io
import pickle
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from tests.real.end_to_end.site import Site, get, get_until
from tests.support.embedded_thread import EmbeddedThread
from tests.unit.websession.redis_server import RedisServer

#: the public user of these tests, and the password of everybody in the embedded OMERO
PUBLIC, PASSWORD = "colleague", "thumbnails"
FILTER = r"^/(webclient|webgateway)/(render_thumbnail|get_thumbnails)/"


@pytest.fixture(scope="module")
def omero() -> Iterator[EmbeddedThread]:
    thread = EmbeddedThread()
    yield thread
    thread.stop()


def _public(omero: EmbeddedThread, *, life: int = 60, **public: Any) -> dict[str, Any]:
    user = {"enabled": True, "user": PUBLIC, "password": PASSWORD, "url_filter": FILTER}
    return {
        "omero": {"host": "127.0.0.1", "port": omero.omero.ssl_port},
        "omero.web": {"public": {**user, **public}},
        "cache": {"life": life},
    }


def _sessions_of(omero: EmbeddedThread, name: str) -> list[str]:
    user = omero.omero.world.user_named(name)
    assert user is not None
    return omero.do(lambda: [key for key, one in omero.omero.sessions._sessions.items() if one.user.id == user.id])


@pytest.fixture(scope="module")
def images(omero: EmbeddedThread) -> tuple[int, int]:
    """One that the public user may see, and one that the pathologist alone may."""
    public, private = set(omero.readable(PUBLIC)), set(omero.readable("pathologist"))
    return min(public), min(private - public)


def test_nobody_is_answered_as_the_public_user(site: Site, omero: EmbeddedThread, images: tuple[int, int]) -> None:
    public, private = images
    with site.serve(_public(omero)) as service:
        answer = get(service, f"/webclient/render_thumbnail/{public}/")
        assert (answer.status_code, answer.headers["content-type"]) == (200, "image/jpeg")
        assert "Cookie" in answer.headers["vary"]
        assert get(service, f"/webclient/render_thumbnail/{private}/").status_code == 404
        # an unknown session, one that is nobody's, and one whose OMERO session has gone are as good as none
        nobody = "nobody00000000000000000000000000"
        site.put(nobody, b"{}")
        gone = site.log_in("2b1c6c1e-0000-4000-8000-000000000000")
        for session_id in ("unknown0000000000000000000000000", nobody, gone, "../../etc/passwd"):
            assert get(service, f"/webclient/render_thumbnail/{public}/", session_id).content == answer.content
            assert get(service, f"/webclient/render_thumbnail/{private}/", session_id).status_code == 404
        by_key = get(service, f"/webclient/render_thumbnail/{public}/?bsession=no-such-key")
        assert by_key.content == answer.content
        many = get(service, f"/webclient/get_thumbnails/?id={public}&id={private}", gone).json()
        assert many[str(public)]
        assert many[str(private)] is None


def test_what_the_filter_does_not_let_through_is_403(
    site: Site, omero: EmbeddedThread, images: tuple[int, int]
) -> None:
    key = omero.session_key("researcher")
    logged_in = site.log_in(key)
    # OMERO.web gives its visitors sessions too, which are of the public user, and are good for what is public alone
    visitor = site.log_in(omero.session_key(PUBLIC), is_public=True)
    with site.serve(_public(omero)) as service:
        path = f"/webgateway/render_birds_eye_view/{images[0]}/"
        assert get(service, path).status_code == 403
        assert get(service, path, visitor).status_code == 403
        assert get(service, path, logged_in).status_code == 200
        assert get(service, f"/webclient/render_thumbnail/{images[0]}/", visitor).status_code == 200


def test_it_is_off_by_default(site: Site, omero: EmbeddedThread, images: tuple[int, int]) -> None:
    with site.serve(_public(omero, enabled=False)) as service:
        assert get(service, f"/webclient/render_thumbnail/{images[0]}/").status_code == 403
    with site.serve({"omero": _public(omero)["omero"]}) as service:
        assert get(service, f"/webclient/render_thumbnail/{images[0]}/").status_code == 403


@pytest.mark.parametrize("life", [60, 0], ids=["with caches", "without"])
def test_a_private_picture_is_never_public_nor_the_reverse(
    site: Site, omero: EmbeddedThread, images: tuple[int, int], life: int
) -> None:
    public, private = images
    pathologist = site.log_in(omero.session_key("pathologist"))
    with site.serve(_public(omero, life=life)) as service:
        for _ in range(3):
            assert get(service, f"/webclient/render_thumbnail/{private}/", pathologist).status_code == 200
            assert get(service, f"/webclient/render_thumbnail/{private}/").status_code == 404
            assert get(service, f"/webclient/render_thumbnail/{public}/").status_code == 200
            # whoever is logged in is asked for as who they are, be it that they see less
            assert get(service, f"/webclient/render_thumbnail/{public}/", pathologist).status_code == 404
            query = f"/webclient/get_thumbnails/?id={public}&id={private}"
            hers, theirs = get(service, query, pathologist).json(), get(service, query).json()
            assert [hers[str(public)] is None, hers[str(private)] is None] == [True, False]
            assert [theirs[str(public)] is None, theirs[str(private)] is None] == [False, True]


def test_a_session_that_cannot_be_read_is_nobodys_visitor(
    site: Site, omero: EmbeddedThread, images: tuple[int, int]
) -> None:
    """Somebody is logged in by it, for all that is known: they are not shown public pictures without a word."""
    unreadable = "unreadable0000000000000000000000"
    site.put(unreadable, b"\x80\x04garbage")
    with site.serve(_public(omero)) as service:
        assert get(service, f"/webclient/render_thumbnail/{images[0]}/", unreadable).status_code == 403
        assert get(service, f"/webclient/render_thumbnail/{images[0]}/").status_code == 200


def test_a_store_that_is_down_is_503(omero: EmbeddedThread, images: tuple[int, int], tmp_path: Path) -> None:
    server = RedisServer(tmp_path / "redis")
    server.start()
    try:
        site = Site(tmp_path, server)
        cookie = site.log_in(omero.session_key("pathologist"))
        with site.serve(_public(omero)) as service:
            path = f"/webclient/render_thumbnail/{images[0]}/"
            assert get(service, path, cookie).status_code == 404
            server.kill()
            assert get_until(503, service, path, cookie).status_code == 503
            assert get(service, path, "unknown0000000000000000000000000").status_code == 503
            # who has no cookie is looked up nowhere
            assert get(service, path).status_code == 200
    finally:
        server.kill()


def test_one_session_for_all_which_is_renewed_and_ends_with_the_service(
    site: Site, omero: EmbeddedThread, images: tuple[int, int]
) -> None:
    before = set(_sessions_of(omero, PUBLIC))
    with site.serve(_public(omero, life=0)) as service:
        for _ in range(5):
            assert get(service, f"/webclient/render_thumbnail/{images[0]}/").status_code == 200
        (first,) = set(_sessions_of(omero, PUBLIC)) - before
        omero.do(lambda: omero.omero.sessions.end(first))
        assert get(service, f"/webclient/render_thumbnail/{images[0]}/").status_code == 200
        assert get(service, f"/webclient/get_thumbnails/?id={images[0]}").json()[str(images[0])]
        (second,) = set(_sessions_of(omero, PUBLIC)) - before
        assert second != first
        assert service.end(signal.SIGTERM) == 0
        assert set(_sessions_of(omero, PUBLIC)) == before
        for secret in (first, second, PASSWORD + '"', f"'{PASSWORD}'"):
            assert secret not in service.output


def test_omero_webs_own_session_is_shared(site: Site, omero: EmbeddedThread, images: tuple[int, int]) -> None:
    """As django-redis and Django keep an instance of `omeroweb.connector.Connector` in the cache."""
    key = omero.session_key(PUBLIC)
    before = set(_sessions_of(omero, PUBLIC))
    site.put_in_cache("omero.web.public.cache.key", _connector(key))
    with site.serve(_public(omero, life=0, cache={"enabled": True})) as service:
        assert get(service, f"/webclient/render_thumbnail/{images[0]}/").status_code == 200
        assert set(_sessions_of(omero, PUBLIC)) == before
        # OMERO ends it, and it stays in the cache
        omero.do(lambda: omero.omero.sessions.end(key))
        assert get(service, f"/webclient/render_thumbnail/{images[0]}/").status_code == 200
        assert len(set(_sessions_of(omero, PUBLIC)) - before) == 1
    key = omero.session_key(PUBLIC)
    site.put_in_cache("elsewhere", _connector(key))
    with site.serve(_public(omero, life=0, cache={"enabled": True, "key": "elsewhere"})) as service:
        assert get(service, f"/webclient/render_thumbnail/{images[0]}/").status_code == 200
    # left, and not ended
    assert key in _sessions_of(omero, PUBLIC)


def _connector(key: str) -> bytes:
    """What pickle makes of an instance of that class, which is not here."""
    connector = {"server_id": 1, "is_secure": True, "is_public": True, "omero_session_key": key, "user_id": 3}
    state = pickle.dumps(connector, 4)[2:-1]
    # c: the class; ) and 0x81: a new instance without arguments; b: its __dict__
    return b"\x80\x04comeroweb.connector\nConnector\n)\x81" + state + b"b."


def test_a_wrong_password_is_tried_once(site: Site, omero: EmbeddedThread, images: tuple[int, int]) -> None:
    wrong = "not-the-password-of-anybody"
    tried = []
    sessions = omero.omero.sessions
    original = sessions.with_password
    sessions.with_password = lambda name, password: tried.append(name) or original(name, password)  # type: ignore[method-assign, func-returns-value]
    key = omero.session_key("researcher")
    cookie = site.log_in(key)
    try:
        with site.serve(_public(omero, password=wrong)) as service:
            for _ in range(5):
                answer = get(service, f"/webclient/render_thumbnail/{images[0]}/")
                assert answer.status_code == 403
                assert "log in" in answer.text
            assert get(service, f"/webclient/get_thumbnails/?id={images[0]}").status_code == 403
            assert get(service, f"/webclient/render_thumbnail/{images[0]}/", cookie).status_code == 200
            service.wait_for(f"refuses the public user '{PUBLIC}'")
            service.end()
            assert service.output.count("refuses the public user") == 1
            assert wrong not in service.output
        assert tried == [PUBLIC]
    finally:
        sessions.with_password = original  # type: ignore[method-assign]


def test_with_a_prefix_the_filter_sees_it(site: Site, omero: EmbeddedThread, images: tuple[int, int]) -> None:
    configuration = _public(omero, url_filter="^/omero/webclient/")
    configuration["omero.web"]["prefix"] = "/omero"
    with site.serve(configuration) as service:
        assert get(service, f"/omero/webclient/render_thumbnail/{images[0]}/").status_code == 200
        # as of an OMERO.web before which a proxy takes the prefix off
        assert get(service, f"/webclient/render_thumbnail/{images[0]}/").status_code == 200
        assert get(service, f"/omero/webgateway/render_thumbnail/{images[0]}/").status_code == 403


def test_visitors_see_the_size_that_omero_says(site: Site, omero: EmbeddedThread, images: tuple[int, int]) -> None:
    settings = omero.omero.model.client_settings
    settings["omero.client.browser.thumb_default_size"] = "60"
    try:
        with site.serve(_public(omero)) as service:
            assert _longest(get(service, f"/webclient/render_thumbnail/{images[0]}/").content) == 60
            many = get(service, f"/webclient/get_thumbnails/?id={images[0]}").json()
            assert _longest(base64.b64decode(many[str(images[0])].partition(",")[2])) == 60
            assert _longest(get(service, f"/webgateway/render_thumbnail/{images[0]}/32/").content) == 32
    finally:
        settings.clear()


def _longest(jpeg: bytes) -> int:
    with Image.open(io.BytesIO(jpeg)) as picture:
        return max(picture.size)


def test_no_key_of_anybody_names_the_public_user(site: Site, omero: EmbeddedThread, images: tuple[int, int]) -> None:
    """What stands for it inside cannot be said from outside, where the path is not public."""
    from omero_ms_thumbnail.omero.public_session import PUBLIC_KEY

    named = site.log_in(PUBLIC_KEY)
    with site.serve(_public(omero)) as service:
        assert get(service, f"/webclient/render_thumbnail/{images[0]}/").status_code == 200
        path = f"/webgateway/render_birds_eye_view/{images[0]}/"
        assert get(service, path, named).status_code == 403
        assert get(service, f"{path}?bsession=%00public%20user").status_code == 403
