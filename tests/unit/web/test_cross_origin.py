"""Pages of other origins: what they may read, as OMERO.web's django-cors-headers has it; and paths below a prefix."""

from __future__ import annotations

import pytest

from omero_ms_thumbnail.telemetry.observer import Telemetry
from omero_ms_thumbnail.thumbnails.model import ImageUnavailable, Thumbnail, ThumbnailError, ThumbnailRequest
from omero_ms_thumbnail.web.application import Application
from omero_ms_thumbnail.web.auth import Authenticator
from omero_ms_thumbnail.web.cors import CrossOrigin
from omero_ms_thumbnail.web.health import Health
from omero_ms_thumbnail.web.parsing import RequestLimits
from omero_ms_thumbnail.web.thumbnail_pages import ThumbnailPages
from tests.unit.web.requests import Client, Headers, Scope, ask

VIEWER = "https://viewer.example.org"
THUMBNAIL = "/webclient/render_thumbnail/1/"
KEY = ("x-omero-session-key", "0b9d4d6c-6ac1-4f2a-9b6c-7e7c1f1d3a55")
LISTED = CrossOrigin(frozenset({VIEWER}))
ANY = CrossOrigin(allow_all=True)


class Source:
    """Image 1, and no other."""

    def remembered(self, session_key: str, requests: list[ThumbnailRequest]) -> None:
        """Nothing."""

    async def get_all(
        self, session_key: str, requests: list[ThumbnailRequest], tags: frozenset[str] = frozenset()
    ) -> list[Thumbnail | ThumbnailError]:
        return [
            Thumbnail(b"\xff\xd8 a picture") if one.image_id == 1 else ImageUnavailable("there is none")
            for one in requests
        ]


async def _nobody(_session_id: str) -> None:
    return None


async def _answer(
    path: str = THUMBNAIL,
    *headers: tuple[str, str],
    method: str = "GET",
    cross_origin: CrossOrigin | None = None,
    prefix: str = "",
) -> Client:
    who = Authenticator(_nobody, cookie_name="sessionid", accept_key_header=True, accept_key_parameter=True)
    application = Application(
        version="1.2.3",
        thumbnails=ThumbnailPages(who, Source(), limits=RequestLimits(), cache_control="private, no-cache"),
        health=Health({}),
        observer=Telemetry("1.2.3"),
        description={},
        cross_origin=cross_origin,
        prefix=prefix,
    )
    client = await ask(application, Scope(path, method, headers=Headers(*headers)))
    assert len({name for name, _ in client.headers}) == len(client.headers), "a header twice"
    return client


def _allowed(answer: Client) -> tuple[str | None, str | None]:
    headers = dict(answer.headers)
    return headers.get("access-control-allow-origin"), headers.get("access-control-allow-credentials")


@pytest.mark.parametrize(
    ("path", "more", "status"),
    [
        (THUMBNAIL, (KEY,), 200),
        (THUMBNAIL, (), 403),
        ("/webclient/render_thumbnail/2/", (KEY,), 404),
        ("/webclient/render_thumbnail/x/", (KEY,), 400),
        ("/healthz", (), 200),
        ("/nothing", (), 404),
    ],
)
async def test_a_listed_origin_may_read_every_answer(path: str, more: tuple[tuple[str, str], ...], status: int) -> None:
    answer = await _answer(path, ("origin", VIEWER), *more, cross_origin=LISTED)
    assert answer.status == status
    assert _allowed(answer) == (VIEWER, "true")


async def test_a_listed_origin_may_read_what_it_has_already() -> None:
    etag = dict((await _answer(THUMBNAIL, KEY)).headers)["etag"]
    answer = await _answer(THUMBNAIL, KEY, ("if-none-match", etag), ("origin", VIEWER), cross_origin=LISTED)
    assert answer.status == 304
    assert _allowed(answer) == (VIEWER, "true")


@pytest.mark.parametrize(
    "origin", ["https://elsewhere.example.org", "http://viewer.example.org", f"{VIEWER}:8443", "null"]
)
async def test_other_origins_may_not(origin: str) -> None:
    assert _allowed(await _answer(THUMBNAIL, KEY, ("origin", origin), cross_origin=LISTED)) == (None, None)


async def test_a_host_without_a_scheme_is_listed_for_both() -> None:
    listed = CrossOrigin(frozenset({"viewer.example.org"}))
    for origin in (VIEWER, "http://viewer.example.org"):
        assert _allowed(await _answer(THUMBNAIL, KEY, ("origin", origin), cross_origin=listed)) == (origin, "true")


async def test_where_all_are_allowed_the_origin_is_echoed_for_credentials_go_with_no_star() -> None:
    origin = "https://anywhere.example.org"
    assert _allowed(await _answer(THUMBNAIL, KEY, ("origin", origin), cross_origin=ANY)) == (origin, "true")


@pytest.mark.parametrize("origin", ["http://[", "https://\xff", "\xa0", ""])
async def test_an_origin_that_is_none_is_not_listed_and_breaks_nothing(origin: str) -> None:
    assert _allowed(await _answer(THUMBNAIL, KEY, ("origin", origin), cross_origin=LISTED)) == (None, None)


async def test_off_by_default() -> None:
    answer = await _answer(THUMBNAIL, KEY, ("origin", VIEWER))
    assert _allowed(answer) == (None, None)
    assert "Origin" not in dict(answer.headers)["vary"]


async def test_a_browser_that_asks_before_is_told() -> None:
    asking = (("origin", VIEWER), ("access-control-request-method", "GET"))
    answer = await _answer(THUMBNAIL, *asking, method="OPTIONS", cross_origin=LISTED)
    headers = dict(answer.headers)
    assert (answer.status, answer.body) == (200, b"")
    assert _allowed(answer) == (VIEWER, "true")
    assert "GET" in headers["access-control-allow-methods"]
    assert "x-omero-session-key" in headers["access-control-allow-headers"]
    assert headers["access-control-max-age"] == "86400"


async def test_a_browser_that_asks_for_an_origin_that_is_not_listed_is_told_nothing() -> None:
    asking = (("origin", "https://elsewhere.example.org"), ("access-control-request-method", "GET"))
    answer = await _answer(THUMBNAIL, *asking, method="OPTIONS", cross_origin=LISTED)
    assert not any(name.startswith("access-control") for name, _ in answer.headers)


async def test_options_without_a_browsers_question_are_the_services_own() -> None:
    answer = await _answer("*", ("origin", VIEWER), method="OPTIONS", cross_origin=LISTED)
    assert b"ThumbnailMicroservice" in (answer.body or b"")


@pytest.mark.parametrize("more", [(KEY,), (), (("cookie", "sessionid=abcdefgh"),)])
async def test_who_asks_is_what_an_answer_varies_with(more: tuple[tuple[str, str], ...]) -> None:
    for path in (
        THUMBNAIL,
        "/webclient/render_thumbnail/2/",
        "/webclient/render_thumbnail/x/",
        "/webclient/get_thumbnails/?id=1",
    ):
        assert dict((await _answer(path, *more)).headers)["vary"] == "Cookie, X-OMERO-Session-Key"


async def test_what_is_not_new_varies_with_who_asks_too() -> None:
    etag = dict((await _answer(THUMBNAIL, KEY)).headers)["etag"]
    answer = await _answer(THUMBNAIL, KEY, ("if-none-match", etag))
    assert (answer.status, dict(answer.headers)["vary"]) == (304, "Cookie, X-OMERO-Session-Key")


async def test_the_origin_is_one_more_thing_that_an_answer_varies_with() -> None:
    answer = await _answer(THUMBNAIL, KEY, cross_origin=LISTED)
    assert dict(answer.headers)["vary"] == "Cookie, X-OMERO-Session-Key, Origin"


@pytest.mark.parametrize("path", [THUMBNAIL, "/healthz", "/metrics", "/openapi.json"])
async def test_every_path_is_answered_below_a_prefix_too(path: str) -> None:
    for asked in (path, f"/omero{path}"):
        assert (await _answer(asked, KEY, prefix="/omero")).status == 200
    assert (await _answer(f"/other{path}", KEY, prefix="/omero")).status == 404
    assert (await _answer(f"/omero{path}", KEY)).status == 404


async def test_a_prefix_is_whole_segments() -> None:
    assert (await _answer(f"/omerology{THUMBNAIL}", KEY, prefix="/omero")).status == 404


async def test_what_is_not_there_is_named_as_it_was_asked_for() -> None:
    assert (await _answer("/omero/nothing", prefix="/omero")).body == b"there is nothing at '/omero/nothing'\n"
