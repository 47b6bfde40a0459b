"""How what comes back from `thumbnails` is answered: the status of each reason, nulls among many, validators."""

from __future__ import annotations

import base64
import json
import logging
from collections.abc import Mapping

import pytest

from omero_ms_thumbnail.telemetry import limited
from omero_ms_thumbnail.thumbnails.model import (
    ImageUnavailable,
    OmeroHangs,
    OmeroTooSlow,
    OmeroUnavailable,
    SessionRefused,
    Thumbnail,
    ThumbnailError,
    ThumbnailRequest,
    TooManyWaiting,
)
from omero_ms_thumbnail.web.auth import Authenticator
from omero_ms_thumbnail.web.parsing import RequestLimits
from omero_ms_thumbnail.web.response import RequestRefused, Response
from omero_ms_thumbnail.web.thumbnail_pages import ThumbnailPages
from omero_ms_thumbnail.web.urls import route
from tests.unit.web.requests import Client, Headers

JPEG = b"\xff\xd8 a picture"
URI = f"data:image/jpeg;base64,{base64.b64encode(JPEG).decode()}"

GONE = ImageUnavailable("image 1 does not exist or you may not read it")
REFUSED = SessionRefused("the OMERO session has ended")
DOWN = OmeroUnavailable("no connection to omero.example:4064: refused")
HANGS = OmeroHangs("OMERO has not ended one of 4 calls")
FULL = TooManyWaiting("1000 thumbnails are waited for already (max-waiting-thumbnails)")
SLOW = OmeroTooSlow("omero.example:4064 has not answered")


class Source:
    """Thumbnails as told: by image, or one error for whatever is asked."""

    def __init__(self, outcomes: Mapping[int, Thumbnail | ThumbnailError] | ThumbnailError) -> None:
        self._outcomes = outcomes
        self.asked: list[tuple[str, list[ThumbnailRequest]]] = []

    def remembered(self, session_key: str, requests: list[ThumbnailRequest]) -> None:
        """Nothing."""

    async def get_all(
        self, session_key: str, requests: list[ThumbnailRequest], tags: frozenset[str] = frozenset()
    ) -> list[Thumbnail | ThumbnailError]:
        self.asked.append((session_key, requests))
        if isinstance(self._outcomes, ThumbnailError):
            raise self._outcomes
        return [self._outcomes[request.image_id] for request in requests]


class Session:
    def __init__(self, thumb_default_size: int | None = None) -> None:
        self.omero_session_key = "a-session-key"
        self.user_id = 7
        self.thumb_default_size = thumb_default_size
        self.server_id = None
        self.is_public = False


@pytest.fixture(autouse=True)
def _nothing_said_yet(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limited, "_last", {})


async def _answer(
    source: Source, path: str, query: str = "", *, session: Session | None = None, if_none_match: str | None = None
) -> Response:
    async def look_up(_session_id: str) -> Session:
        return session or Session()

    pages = ThumbnailPages(
        Authenticator(look_up, cookie_name="sessionid", accept_key_header=True, accept_key_parameter=True),
        source,
        limits=RequestLimits(longest_side=2000, batch=50),
        cache_control="private, max-age=60",
    )
    headers = [("cookie", "sessionid=known")]
    if if_none_match is not None:
        headers.append(("if-none-match", if_none_match))
    found = route(path)
    assert found is not None
    response, _ = await pages.answer(found, Headers(*headers), query, Client().left)
    return response


ONE = ["/webclient/render_thumbnail/1/", "/webgateway/render_birds_eye_view/1/", "/webgateway/get_thumbnail/1/"]


@pytest.mark.parametrize("path", ONE)
@pytest.mark.parametrize(
    ("error", "status", "sentence", "cause"),
    [
        (GONE, 404, "image 1 does not exist or you may not read it", ""),
        (REFUSED, 403, "the OMERO session has ended", ""),
        (DOWN, 503, "OMERO cannot be reached at the moment", "OMERO unavailable"),
        (HANGS, 503, "OMERO does not answer at the moment", "OMERO hangs"),
        (FULL, 503, "OMERO has too much to do at the moment", "too many waiting"),
        (SLOW, 504, "OMERO has not answered in time", ""),
    ],
)
async def test_the_status_of_each_reason(
    path: str, error: ThumbnailError, status: int, sentence: str, cause: str
) -> None:
    for source in (Source({1: error}), Source(error)):
        with pytest.raises(RequestRefused) as refused:
            await _answer(source, path)
        assert (refused.value.status, str(refused.value)) == (status, sentence)
        assert ("retry-after" in dict(refused.value.headers)) == (status == 503)
        assert refused.value.cause == cause


async def test_every_image_is_a_key_and_what_cannot_be_had_is_null() -> None:
    source = Source({3: Thumbnail(JPEG), 1: GONE, 2: Thumbnail(JPEG)})
    response = await _answer(source, "/webclient/get_thumbnails/", "id=3&id=1&id=2&id=3")
    assert response.status == 200
    assert list(json.loads(response.body).items()) == [("3", URI), ("1", None), ("2", URI)]
    only_nulls = await _answer(Source({1: GONE}), "/webclient/get_thumbnails/", "id=1")
    assert (only_nulls.status, json.loads(only_nulls.body)) == (200, {"1": None})


async def test_no_images_are_no_question_to_omero() -> None:
    source = Source(DOWN)
    response = await _answer(source, "/webclient/get_thumbnails/")
    assert (response.status, response.body, source.asked) == (200, b"{}", [])


@pytest.mark.parametrize(
    ("outcomes", "status"),
    [
        ([DOWN, DOWN], 503),
        ([GONE, DOWN], 503),
        ([SLOW, GONE], 504),
        # a session that has ended is that of all of them, wherever it showed
        ([REFUSED, Thumbnail(JPEG)], 403),
        ([REFUSED, SLOW, Thumbnail(JPEG)], 403),
        ([SLOW, REFUSED, GONE], 403),
    ],
)
async def test_many_are_refused_together_where_nulls_would_mislead(
    outcomes: list[Thumbnail | ThumbnailError], status: int
) -> None:
    query = "&".join(f"id={number}" for number in range(len(outcomes)))
    with pytest.raises(RequestRefused) as refused:
        await _answer(Source(dict(enumerate(outcomes))), "/webclient/get_thumbnails/", query)
    assert refused.value.status == status


async def test_what_is_wrong_with_omero_is_in_the_log_where_some_images_could_be_had(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with caplog.at_level(logging.WARNING):
        response = await _answer(Source({1: Thumbnail(JPEG), 2: SLOW}), "/webclient/get_thumbnails/", "id=1&id=2")
    assert json.loads(response.body) == {"1": URI, "2": None}
    assert [record.getMessage() for record in caplog.records] == [f"200: some images are null: {SLOW}"]


async def test_an_omero_that_is_too_slow_for_every_image_does_not_fill_the_log(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with caplog.at_level(logging.WARNING):
        for image in range(150):
            error = OmeroTooSlow(f"OMERO has not answered for image {image} in time")
            with pytest.raises(RequestRefused):
                await _answer(Source({image: error}), f"/webclient/render_thumbnail/{image}/")
    assert len(caplog.records) == 1


async def test_the_address_of_omero_is_for_the_log_alone(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING), pytest.raises(RequestRefused) as refused:
        await _answer(Source(DOWN), "/webclient/render_thumbnail/1/")
    assert "omero.example" not in str(refused.value)
    assert [record.getMessage() for record in caplog.records] == [f"503: {DOWN}"]


async def test_a_wrong_request_is_wrong_before_anybody_is_asked() -> None:
    source = Source({1: Thumbnail(JPEG)})
    for path, query in [
        ("/webgateway/render_thumbnail/1/0/", ""),
        ("/webclient/get_thumbnails/", "id=x"),
        ("/webclient/get_thumbnails/", "id=1&callback=1"),
    ]:
        with pytest.raises(RequestRefused) as refused:
            await _answer(source, path, query)
        assert refused.value.status == 400
    assert source.asked == []


async def test_the_size_of_the_session_where_the_path_has_none() -> None:
    source = Source({1: Thumbnail(JPEG)})
    for path in (
        "/webclient/render_thumbnail/1/",
        "/webgateway/render_thumbnail/1/64/",
        "/webgateway/get_thumbnail/1/",
    ):
        await _answer(source, path, session=Session(128))
    await _answer(source, "/webclient/get_thumbnails/", "id=1", session=Session(128))
    await _answer(source, "/webclient/get_thumbnails/64/", "id=1", session=Session(128))
    assert [requests[0].width for _, requests in source.asked] == [128, 64, 128, 128, 64]


@pytest.mark.parametrize("path", [*ONE, "/webclient/get_thumbnails/?id=1"])
async def test_what_the_client_has_is_not_sent_again(path: str) -> None:
    path, _, query = path.partition("?")
    source = Source({1: Thumbnail(JPEG)})
    headers = dict((await _answer(source, path, query)).headers)
    assert headers["cache-control"] == "private, max-age=60"
    again = await _answer(source, path, query, if_none_match=headers["etag"])
    assert (again.status, again.body, dict(again.headers)["etag"]) == (304, b"", headers["etag"])
    other = await _answer(Source({1: Thumbnail(JPEG + b"!")}), path, query, if_none_match=headers["etag"])
    assert other.status == 200
    # whether somebody may still see it is asked first
    with pytest.raises(RequestRefused):
        await _answer(Source({1: REFUSED}), path, query, if_none_match="*")


async def test_another_callback_is_another_body_and_so_another_tag() -> None:
    source = Source({1: Thumbnail(JPEG)})
    tags = {
        dict((await _answer(source, "/webgateway/get_thumbnail/1/", query)).headers)["etag"]
        for query in ("", "callback=f", "callback=g")
    }
    assert len(tags) == 3
