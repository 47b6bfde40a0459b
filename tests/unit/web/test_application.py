"""One request in, one answer out, and what is told of it: with the observer and the health that the service has."""

from __future__ import annotations

import json
import logging

import pytest
from prometheus_client.parser import text_string_to_metric_families

from omero_ms_thumbnail.telemetry.observer import Telemetry
from omero_ms_thumbnail.thumbnails.model import (
    ImageUnavailable,
    OmeroTooSlow,
    OmeroUnavailable,
    SessionRefused,
    Thumbnail,
    ThumbnailError,
    ThumbnailRequest,
)
from omero_ms_thumbnail.web.application import Application
from omero_ms_thumbnail.web.auth import Authenticator, Lookup
from omero_ms_thumbnail.web.disconnect import ClientLeft
from omero_ms_thumbnail.web.health import Health
from omero_ms_thumbnail.web.parsing import RequestLimits
from omero_ms_thumbnail.web.thumbnail_pages import ThumbnailPages
from omero_ms_thumbnail.websession import WebSession
from tests.unit.web.requests import Client, Headers, Scope, ask

KEY = "0b9d4d6c-6ac1-4f2a-9b6c-7e7c1f1d3a55"
JPEG = b"\xff\xd8 a picture"
THUMBNAIL = "/webclient/render_thumbnail/1/"


class Source:
    """Thumbnails, or a fault of our own."""

    def __init__(self, fault: Exception | None = None) -> None:
        self._fault = fault

    def remembered(self, session_key: str, requests: list[ThumbnailRequest]) -> None:
        """Nothing."""

    async def get_all(
        self, session_key: str, requests: list[ThumbnailRequest], tags: frozenset[str] = frozenset()
    ) -> list[Thumbnail | ThumbnailError]:
        if self._fault is not None:
            raise self._fault
        return [Thumbnail(JPEG) for _ in requests]


async def _nobody(_session_id: str) -> None:
    return None


async def _somebody(_session_id: str) -> WebSession:
    return WebSession(KEY, user_id=4711)


def _application(fault: Exception | None = None, lookup: Lookup = _nobody) -> Application:
    pages = ThumbnailPages(
        Authenticator(lookup, cookie_name="sessionid", accept_key_header=True, accept_key_parameter=True),
        Source(fault),
        limits=RequestLimits(),
        cache_control="private, no-cache",
    )
    return Application(
        version="1.2.3",
        thumbnails=pages,
        health=Health({}),
        observer=Telemetry("1.2.3"),
        description={"openapi": "3.1.1"},
    )


async def _answer(application: Application, scope: Scope) -> Client:
    client = await ask(application, scope)
    # each has another
    client.headers = [(name, value) for name, value in client.headers if name != "x-request-id"]
    return client


def _as_user(path: str, method: str = "GET") -> Scope:
    return Scope(path, method, headers=Headers(("x-omero-session-key", KEY)))


@pytest.mark.parametrize(
    "path", [THUMBNAIL, "/healthz", "/readyz", "/openapi.json", "/nothing", "/webclient/render_thumbnail/x/"]
)
async def test_head_is_get_without_the_body(path: str) -> None:
    application = _application()
    get, head = await _answer(application, _as_user(path)), await _answer(application, _as_user(path, "HEAD"))
    assert get.body
    assert (head.status, head.headers, head.body) == (get.status, get.headers, b"")
    assert dict(head.headers)["content-length"] == str(len(get.body))


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "TRACE", "PROPFIND"])
async def test_other_methods_are_not_allowed(method: str) -> None:
    answer = await _answer(_application(), _as_user(THUMBNAIL, method))
    assert answer.status == 405
    assert dict(answer.headers)["allow"] == "GET, HEAD, OPTIONS"


async def test_options_needs_nobody() -> None:
    for path in ("*", "/", THUMBNAIL):
        answer = await _answer(_application(), Scope(path, "OPTIONS"))
        assert answer.status == 200
        assert json.loads(answer.body or b"") == {
            "provider": "ThumbnailMicroservice",
            "version": "1.2.3",
            "features": [],
        }


async def test_what_is_not_http_is_closed() -> None:
    assert (await _answer(_application(), Scope("/", type="websocket"))).closed is not None


async def test_a_fault_of_ours_is_a_sentence_to_the_client_and_a_traceback_in_the_log(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with caplog.at_level(logging.ERROR):
        answer = await _answer(_application(LookupError("in the heart")), _as_user(THUMBNAIL))
    assert (answer.status, answer.body) == (500, b"the thumbnail service has failed; its log says why\n")
    assert "in the heart" in caplog.text
    assert "Traceback" in caplog.text
    assert KEY not in caplog.text


@pytest.mark.parametrize("path", ["/\x1b[31mred\x00\r\n", "/webclient/render_thumbnail//\x1b[31m", "/" + "é" * 5000])
async def test_a_sentence_repeats_nothing_unprintable_nor_endless(path: str) -> None:
    answer = await _answer(_application(), _as_user(path))
    assert answer.status == 404
    text = (answer.body or b"").decode()
    assert text.endswith("\n")
    assert text[:-1].isprintable()
    assert len(text) < 300


@pytest.mark.parametrize("scope", [Scope("/", "G" * 100_000), Scope("/" + "g" * 60_000)], ids=["method", "path"])
async def test_the_log_has_no_more_of_a_method_or_path_than_a_person_reads(
    scope: Scope, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO):
        answer = await _answer(_application(), scope)
    assert len(answer.body or b"") < 300
    (line,) = (record.getMessage() for record in caplog.records)
    assert str(answer.status) in line
    assert len(line) < 1_000


@pytest.mark.parametrize(
    ("outcome", "status"),
    [
        (ImageUnavailable("no image"), 404),
        (SessionRefused("it has ended"), 403),
        (OmeroUnavailable("it is down"), 503),
        (OmeroTooSlow("it is slow"), 504),
        (ClientLeft(), 499),
        (None, 200),
    ],
)
async def test_the_log_says_which_user_was_refused(
    outcome: Exception | None, status: int, caplog: pytest.LogCaptureFixture
) -> None:
    application = _application(outcome, _somebody)
    with caplog.at_level(logging.INFO, "omero_ms_thumbnail.access"):
        await _answer(application, Scope(THUMBNAIL, headers=Headers(("cookie", "sessionid=abc"))))
    (line,) = (record.getMessage() for record in caplog.records if record.name == "omero_ms_thumbnail.access")
    assert f" {status} " in line
    assert " user 4711 " in line


async def test_each_answer_is_counted_under_its_route_and_status(caplog: pytest.LogCaptureFixture) -> None:
    application = _application()
    with caplog.at_level(logging.INFO):
        for scope in (
            _as_user(THUMBNAIL),
            _as_user(THUMBNAIL, "HEAD"),
            Scope(THUMBNAIL),
            Scope(THUMBNAIL, query_string=f"bsession={KEY}"),
            _as_user("/webgateway/render_birds_eye_view/x/"),
            _as_user("/nothing"),
        ):
            await _answer(application, scope)
    answer = await _answer(application, Scope("/metrics"))
    text = (answer.body or b"").decode()
    counted = {
        (sample.labels["route"], sample.labels["status"]): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if sample.name == "omero_ms_thumbnail_requests_total"
    }
    assert counted == {
        ("render_thumbnail", "200"): 3,
        ("render_thumbnail", "403"): 1,
        ("render_birds_eye_view", "400"): 1,
        ("other", "404"): 1,
    }
    assert KEY not in text
    assert KEY not in caplog.text
    assert "bsession" not in caplog.text
