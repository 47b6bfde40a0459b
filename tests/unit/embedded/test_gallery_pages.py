"""The demo's gallery: its page and files and nothing else of the machine, and who it takes a visitor for."""

from __future__ import annotations

import json
import re

import pytest

from omero_embedded.gallery_pages import DemoUser, Gallery, GalleryPages
from omero_ms_thumbnail.web.response import Response
from tests.unit.web.requests import Headers

RESEARCHER = DemoUser("researcher", "Rosalind Researcher", "member", "r" * 32)
ROOT = DemoUser("root", "Root Administrator", "administrator", "a" * 32)


@pytest.fixture(scope="module")
def pages() -> GalleryPages:
    return GalleryPages(Gallery((RESEARCHER, ROOT), {"datasets": [], "plates": []}, "sessionid"))


def _get(pages: GalleryPages, path: str, query: str = "", cookie: str | None = None) -> Response:
    response = pages.answer(path, Headers(("cookie", cookie)) if cookie else Headers(), query)
    assert response is not None
    return response


def _cookies(response: Response) -> list[str]:
    return [value for name, value in response.headers if name == "set-cookie"]


def test_whoever_opens_the_page_is_logged_in_once(pages: GalleryPages) -> None:
    (cookie,) = _cookies(_get(pages, "/"))
    assert cookie == f"sessionid={RESEARCHER.session_id}; Path=/; HttpOnly; SameSite=Lax"
    assert _cookies(_get(pages, "/", cookie=f"a=b; sessionid={ROOT.session_id}")) == []
    # the cookie of a demo that has ended
    assert len(_cookies(_get(pages, "/", cookie="sessionid=" + "0" * 32))) == 1


def test_switching_users(pages: GalleryPages) -> None:
    response = _get(pages, "/gallery/switch", "user=root")
    assert (response.status, dict(response.headers)["location"]) == (303, "/")
    assert ROOT.session_id in _cookies(response)[0]
    for query in ("", "user=", "user=nobody", "user=root&user=nobody"[5:]):
        response = _get(pages, "/gallery/switch", query)
        assert (response.status, _cookies(response)) == (404, [])


def test_the_contents_say_who_looks_and_tell_no_session(pages: GalleryPages) -> None:
    response = _get(pages, "/gallery/contents.json", cookie=f"sessionid={ROOT.session_id}")
    said = json.loads(response.body)
    assert said["user"]["name"] == "root"
    assert [one["name"] for one in said["users"]] == ["researcher", "root"]
    for user in (RESEARCHER, ROOT):
        assert user.session_id not in response.body.decode()
        assert user.session_id not in repr(user)
    assert json.loads(_get(pages, "/gallery/contents.json").body)["user"]["name"] == "researcher"


def test_all_that_the_page_refers_to_is_there_and_allowed(pages: GalleryPages) -> None:
    page = _get(pages, "/")
    assert "script-src 'self'" in dict(page.headers)["content-security-policy"]
    names = re.findall(r'(?:src|href)="(/[^"#]+)"', page.body.decode())
    assert len(names) >= 3
    for name in names:
        response = _get(pages, name)
        assert response.status == 200
        assert dict(response.headers)["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize(
    "path",
    [
        "/gallery/",
        "/gallery/../gallery_pages.py",
        "/gallery/__init__.py",
        "/gallery//etc/passwd",
        "/gallery.css",
        "gallery.css",
        "/index.html",
        "/gallery/gallery/gallery.css",
        "//",
        "",
    ],
)
def test_nothing_else_is_the_gallerys(pages: GalleryPages, path: str) -> None:
    assert pages.answer(path, Headers(), "") is None
