"""The description of the interface by itself: valid, as configured, with every path that there is and no other."""

from __future__ import annotations

import ast
from itertools import product
from pathlib import Path

import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator

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
from omero_ms_thumbnail.web import application
from omero_ms_thumbnail.web.application import Application
from omero_ms_thumbnail.web.auth import SERVER_PARAMETER, Authenticator
from omero_ms_thumbnail.web.health import Health
from omero_ms_thumbnail.web.openapi import Access, describe
from omero_ms_thumbnail.web.parsing import RequestLimits
from omero_ms_thumbnail.web.thumbnail_pages import ThumbnailPages
from omero_ms_thumbnail.web.urls import TEMPLATES, RouteKind, route
from tests.unit.openapi.described import check_answer, example, parameters, responses
from tests.unit.web.requests import Headers, Scope, ask

ACCESS = Access("sessionid", key_header=True, key_parameter=True)
DOCUMENT = describe("1.2.3", RequestLimits(), ACCESS)

SERVICE_PATHS = {path for path in DOCUMENT["paths"] if path.count("/") == 1}


def _matched_paths() -> set[str]:
    """The paths that `application` answers by name."""
    tree = ast.parse(Path(application.__file__).read_text())
    cases = [node for node in ast.walk(tree) if isinstance(node, ast.MatchValue)]
    return {case.value.value for case in cases if isinstance(case.value, ast.Constant)}


def test_it_is_a_valid_openapi_document() -> None:
    OpenAPIV31SpecValidator(DOCUMENT).validate()


SEVERAL = Access("sessionid", key_header=True, key_parameter=False, servers=("1", "2", "second"))


def test_of_several_omeros_a_key_may_say_which_it_is_of() -> None:
    document = describe("1", RequestLimits(), SEVERAL)
    OpenAPIV31SpecValidator(document).validate()
    for path in TEMPLATES:
        for method in ("get", "head"):
            (server,) = (one for one in parameters(document, path, method) if one["name"] == SERVER_PARAMETER)
            assert server["in"] == "query"
            assert {"enum": ["1", "2", "second"]} in server["schema"]["oneOf"]


@pytest.mark.parametrize(
    "access",
    [
        ACCESS,
        # a cookie's session says it itself
        Access("sessionid", key_header=False, key_parameter=False, servers=("1", "2")),
    ],
)
def test_where_there_is_nothing_to_say_no_server_is_described(access: Access) -> None:
    document = describe("1", RequestLimits(), access)
    assert "server" not in document["components"]["parameters"]
    assert all(one["name"] != SERVER_PARAMETER for path in TEMPLATES for one in parameters(document, path))


def test_it_has_every_path_of_the_service_and_no_other() -> None:
    assert set(DOCUMENT["paths"]) - SERVICE_PATHS == set(TEMPLATES)
    assert _matched_paths() == SERVICE_PATHS


@pytest.mark.parametrize("path", TEMPLATES)
def test_a_described_path_is_a_route_that_says_what_is_described(path: str) -> None:
    values = {"image": "12", "width": "96", "height": "48"}
    found = route(example(path, **values))
    assert found is not None
    described = {one["name"] for one in parameters(DOCUMENT, path) if one["in"] == "path"}
    assert {what for what in values if getattr(found, what)} == described
    assert all(getattr(found, what) == values[what] for what in described)
    assert DOCUMENT["paths"][path]["get"]["tags"] == [found.kind.value]


@pytest.mark.parametrize("kind", RouteKind)
@pytest.mark.parametrize("prefix", ["webclient", "webgateway"])
@pytest.mark.parametrize("rest", ["1", "1/2", "1/2/3", "size/2/1", ""])
def test_whatever_a_route_says_is_described(prefix: str, kind: RouteKind, rest: str) -> None:
    path = f"/{prefix}/{kind.value}/{rest}"
    try:
        found = route(path)
    except Exception:
        return
    assert found is not None
    said = {what for what in ("image", "width", "height") if getattr(found, what)}
    matching = [
        template
        for template in TEMPLATES
        if template.startswith(f"/{prefix}/{kind.value}/")
        and said == {one["name"] for one in parameters(DOCUMENT, template) if one["in"] == "path"}
        and route(example(template, image=found.image, width=found.width, height=found.height)) == found
    ]
    assert matching


def test_limits_and_the_ways_to_say_who_is_asking_are_those_of_the_settings() -> None:
    document = describe(
        "9", RequestLimits(longest_side=300, batch=7), Access("omeroid", key_header=False, key_parameter=False)
    )
    OpenAPIV31SpecValidator(document).validate()
    assert document["info"]["version"] == "9"
    found = {one["name"]: one["schema"] for path in TEMPLATES for one in parameters(document, path)}
    assert (found["width"]["maximum"], found["height"]["maximum"], found["id"]["maxItems"]) == (300, 300, 7)
    (scheme,) = document["components"]["securitySchemes"].values()
    assert (scheme["in"], scheme["name"]) == ("cookie", "omeroid")
    assert document["paths"][TEMPLATES[0]]["get"]["security"] == [{"sessionCookie": []}]


class Source:
    """Answers every request for a thumbnail with one outcome."""

    def __init__(self, outcome: Thumbnail | ThumbnailError) -> None:
        self._outcome = outcome

    def remembered(self, session_key: str, requests: list[ThumbnailRequest]) -> None:
        """Nothing."""

    async def get_all(
        self, session_key: str, requests: list[ThumbnailRequest], tags: frozenset[str] = frozenset()
    ) -> list[Thumbnail | ThumbnailError]:
        return [self._outcome for _ in requests]


async def _nobody(_session_id: str) -> None:
    return None


OUTCOMES: dict[str, tuple[Thumbnail | ThumbnailError, int]] = {
    "a thumbnail": (Thumbnail(b"\xff\xd8 a picture"), 200),
    "no image": (ImageUnavailable("no such image"), 404),
    "refused": (SessionRefused("it has ended"), 403),
    "OMERO down": (OmeroUnavailable("it is down"), 503),
    "OMERO slow": (OmeroTooSlow("it is slow"), 504),
}


@pytest.mark.parametrize(("outcome", "status"), OUTCOMES.values(), ids=OUTCOMES)
async def test_whatever_comes_of_it_is_described(outcome: Thumbnail | ThumbnailError, status: int) -> None:
    pages = ThumbnailPages(
        Authenticator(_nobody, cookie_name="sessionid", accept_key_header=True, accept_key_parameter=True),
        Source(outcome),
        limits=RequestLimits(),
        cache_control="private, no-cache",
    )
    service = Application(
        version="1.2.3", thumbnails=pages, health=Health({}), observer=Telemetry("1.2.3"), description=DOCUMENT
    )
    headers = Headers(("x-omero-session-key", "key"))
    for path, method in product(TEMPLATES, ("GET", "HEAD", "OPTIONS")):
        is_many = "get_thumbnails" in path
        scope = Scope(example(path, image=1, width=2, height=3), method, "id=1" if is_many else "", headers)
        answer = await ask(service, scope)
        if method != "OPTIONS":
            assert answer.status == (200 if status == 404 and is_many else status)
        check_answer(DOCUMENT, path, method.lower(), answer.status, dict(answer.headers), answer.body or b"")


def test_head_is_described_as_get_without_bodies() -> None:
    for path in DOCUMENT["paths"]:
        get, head = responses(DOCUMENT, path, "get"), responses(DOCUMENT, path, "head")
        assert get.keys() == head.keys()
        for status, response in get.items():
            assert head[status]["headers"] == response["headers"]
            assert "content" not in head[status]
