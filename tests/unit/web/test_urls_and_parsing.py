"""The URL table and what requests ask for, with nothing running."""

from __future__ import annotations

import pytest

from omero_ms_thumbnail.thumbnails.model import ThumbnailRequest
from omero_ms_thumbnail.web.parsing import (
    DEFAULT_SIZE,
    Parser,
    Query,
    RequestLimits,
    callback,
    image_request,
    images_request,
)
from omero_ms_thumbnail.web.response import RequestRefused
from omero_ms_thumbnail.web.urls import Route, RouteKind, route

PATHS = {
    "/webclient/render_thumbnail/12": Route(RouteKind.RENDER_THUMBNAIL, "12"),
    "/webclient/render_thumbnail/12/": Route(RouteKind.RENDER_THUMBNAIL, "12"),
    "/webclient/render_thumbnail/12/7/": Route(RouteKind.RENDER_THUMBNAIL, "12"),
    "/webgateway/render_thumbnail/12": Route(RouteKind.RENDER_THUMBNAIL, "12"),
    "/webgateway/render_thumbnail/12/96": Route(RouteKind.RENDER_THUMBNAIL, "12", "96"),
    "/webgateway/render_thumbnail/12/96/": Route(RouteKind.RENDER_THUMBNAIL, "12", "96"),
    "/webgateway/render_thumbnail/12/96/48": Route(RouteKind.RENDER_THUMBNAIL, "12", "96", "48"),
    "/webgateway/render_thumbnail/12/96/48/and/more": Route(RouteKind.RENDER_THUMBNAIL, "12", "96", "48"),
    "/webclient/render_thumbnail/size/96/12": Route(RouteKind.RENDER_THUMBNAIL, "12", "96"),
    "/webclient/render_thumbnail/size/96/12/": Route(RouteKind.RENDER_THUMBNAIL, "12", "96"),
    "/webclient/render_birds_eye_view/12": Route(RouteKind.RENDER_BIRDS_EYE_VIEW, "12"),
    "/webclient/render_birds_eye_view/12/128": Route(RouteKind.RENDER_BIRDS_EYE_VIEW, "12", "128"),
    "/webgateway/render_birds_eye_view/12/128/": Route(RouteKind.RENDER_BIRDS_EYE_VIEW, "12", "128"),
    "/webclient/get_thumbnails": Route(RouteKind.GET_THUMBNAILS),
    "/webclient/get_thumbnails/": Route(RouteKind.GET_THUMBNAILS),
    "/webgateway/get_thumbnails/96": Route(RouteKind.GET_THUMBNAILS, width="96"),
    "/webclient/get_thumbnails/96/": Route(RouteKind.GET_THUMBNAILS, width="96"),
    "/webclient/get_thumbnail/12/": Route(RouteKind.GET_THUMBNAIL, "12"),
    "/webgateway/get_thumbnail/12": Route(RouteKind.GET_THUMBNAIL, "12"),
    "/webgateway/get_thumbnail/12/64": Route(RouteKind.GET_THUMBNAIL, "12", "64"),
}


@pytest.mark.parametrize(("path", "expected"), PATHS.items(), ids=PATHS)
def test_paths(path: str, expected: Route) -> None:
    assert route(path) == expected


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "",
        "/webclient",
        "/webclient/",
        "/webclient/userdata/",
        "/webadmin/render_thumbnail/12",
        "/render_thumbnail/12",
    ],
)
def test_other_paths_are_nobodys(path: str) -> None:
    assert route(path) is None


@pytest.mark.parametrize(
    "path", ["/webclient/render_thumbnail/", "/webgateway/get_thumbnail", "/webclient/render_thumbnail/size/96/"]
)
def test_a_path_without_its_image_is_not_found(path: str) -> None:
    with pytest.raises(RequestRefused) as refused:
        route(path)
    assert refused.value.status == 404


def _one(path: str, query: str = "") -> ThumbnailRequest:
    found = route(path)
    assert found is not None
    return image_request(found, Query(query), RequestLimits())


def test_sizes() -> None:
    assert _one("/webclient/render_thumbnail/12") == ThumbnailRequest(12, 96)
    assert _one("/webgateway/render_thumbnail/12/96") == ThumbnailRequest(12, 96)
    assert _one("/webgateway/render_thumbnail/12/30") == ThumbnailRequest(12, 30, stored=False)
    assert _one("/webgateway/render_thumbnail/12/30/20") == ThumbnailRequest(12, 30, 20, stored=False)
    assert _one("/webgateway/render_thumbnail/12/96/96") == ThumbnailRequest(12, 96, 96, stored=False)
    assert _one("/webgateway/render_thumbnail/12/2000").width == 2000
    assert _one("/webgateway/render_birds_eye_view/12/4000").width == 4000
    with pytest.raises(RequestRefused, match="whole number from 1 to 4000"):
        _one("/webgateway/render_birds_eye_view/12/4001")


def test_query() -> None:
    assert _one("/webclient/render_thumbnail/12", "rdefId=5&z=3&t=0&version=8&_=17") == ThumbnailRequest(
        12, 96, rendering_def_id=5, z=3, t=0, version="8"
    )
    assert _one("/webclient/render_thumbnail/12", "z=") == ThumbnailRequest(12, 96)
    # of several the last, as Django has it
    assert _one("/webclient/render_thumbnail/12", "z=1&z=2&rdefId=3&rdefId=4") == ThumbnailRequest(
        12, 96, rendering_def_id=4, z=2
    )
    assert _one(f"/webclient/render_thumbnail/{2**63 - 1}").image_id == 2**63 - 1


BAD = [
    ("/webclient/render_thumbnail/abc", ""),
    ("/webclient/render_thumbnail/-1", ""),
    ("/webclient/render_thumbnail/+1", ""),
    ("/webclient/render_thumbnail/1_0", ""),
    ("/webclient/render_thumbnail/ 1", ""),
    ("/webclient/render_thumbnail/١٢", ""),
    (f"/webclient/render_thumbnail/{2**63}", ""),
    ("/webclient/render_thumbnail/" + "9" * 10_000, ""),
    ("/webgateway/render_thumbnail/12/0", ""),
    ("/webgateway/render_thumbnail/12/-1", ""),
    ("/webgateway/render_thumbnail/12/1000000000", ""),
    ("/webgateway/render_thumbnail/12/4001", ""),
    ("/webgateway/render_thumbnail/12/96/0", ""),
    ("/webgateway/render_thumbnail/12/96/x", ""),
    ("/webclient/render_thumbnail/size/x/12", ""),
    ("/webclient/render_birds_eye_view/12/x", ""),
    ("/webclient/render_thumbnail/12", "rdefId=x"),
    ("/webclient/render_thumbnail/12", "rdefId=-5"),
    ("/webclient/render_thumbnail/12", "z=-1"),
    ("/webclient/render_thumbnail/12", f"t={2**31}"),
]


@pytest.mark.parametrize(("path", "query"), BAD, ids=[f"{path[:60]}?{query}" for path, query in BAD])
def test_bad_numbers_are_refused_with_a_sentence(path: str, query: str) -> None:
    with pytest.raises(RequestRefused, match=r"must be a whole number from \d+ to \d+$") as refused:
        _one(path, query)
    assert refused.value.status == 400
    assert len(str(refused.value)) < 200


def _many(query: str, limits: RequestLimits | None = None) -> list[ThumbnailRequest]:
    return images_request(Route(RouteKind.GET_THUMBNAILS), Query(query), limits or RequestLimits())


def test_many_images_are_folded_and_keep_their_order() -> None:
    assert [one.image_id for one in _many("id=3&id=1&id=3&id=2")] == [3, 1, 2]
    assert _many("") == []
    assert len(_many("&".join(f"id={number}" for number in range(50)))) == 50
    assert len(_many("&".join(["id=7"] * 500))) == 1


@pytest.mark.parametrize(("width", "most"), [(96, 50), (2000, 50), (2001, 49), (3000, 22), (4000, 12)])
def test_fewer_large_thumbnails_in_one_request(width: int, most: int) -> None:
    asked = Route(RouteKind.GET_THUMBNAILS, width=str(width))
    ids = [f"id={number}" for number in range(most + 1)]
    assert len(images_request(asked, Query("&".join(ids[:most])), RequestLimits())) == most
    sentence = f"{most + 1} images( of {width} pixels)? are asked for, at most {most} may be"
    with pytest.raises(RequestRefused, match=sentence):
        images_request(asked, Query("&".join(ids)), RequestLimits())


def test_one_of_the_largest_may_always_be_asked_for() -> None:
    asked = Route(RouteKind.GET_THUMBNAILS, width="10000")
    assert len(images_request(asked, Query("id=1"), RequestLimits(longest_side=10_000, batch=1))) == 1


def test_too_many_images_are_refused_with_the_limit() -> None:
    with pytest.raises(RequestRefused, match="51 images are asked for, at most 50 may be"):
        _many("&".join(f"id={number}" for number in range(51)))
    with pytest.raises(RequestRefused, match="at most 2"):
        _many("id=1&id=2&id=3", RequestLimits(batch=2))


def test_a_query_without_end_is_refused() -> None:
    with pytest.raises(RequestRefused, match="more than 20000 parameters"):
        Query("a&" * 30_000)


@pytest.mark.parametrize("name", ["f", "$", "_a1", "jQuery1234_5", "page.show", "a.b.$c"])
def test_callbacks(name: str) -> None:
    assert callback(RouteKind.GET_THUMBNAIL, Query(f"callback={name}"), RequestLimits()) == name


@pytest.mark.parametrize("name", ["", "1a", "a b", "alert(1)", "a.", ".a", "a-b", "a%3Bb", "é", "a" * 201, "a%0A"])
def test_callbacks_that_are_no_identifier_are_refused(name: str) -> None:
    with pytest.raises(RequestRefused, match="not a JavaScript identifier"):
        callback(RouteKind.GET_THUMBNAILS, Query(f"callback={name}"), RequestLimits())


def test_callbacks_are_refused_where_jsonp_is_switched_off() -> None:
    without = RequestLimits(jsonp=False)
    with pytest.raises(RequestRefused, match="callback is not taken here") as refused:
        callback(RouteKind.GET_THUMBNAILS, Query("callback=show"), without)
    assert refused.value.status == 400
    assert callback(RouteKind.GET_THUMBNAILS, Query("id=1"), without) is None
    assert callback(RouteKind.RENDER_THUMBNAIL, Query("callback=show"), without) is None


def test_pictures_have_no_callback() -> None:
    assert callback(RouteKind.RENDER_THUMBNAIL, Query("callback=alert(1)"), RequestLimits()) is None


def test_the_same_request_is_taken_apart_once_and_another_on_its_own() -> None:
    parse = Parser(RequestLimits()).parse
    found = route("/webclient/render_thumbnail/5/")
    assert found is not None
    assert parse(found, "rdefId=3") is parse(found, "rdefId=3")
    assert parse(found, "rdefId=4").requests[0].rendering_def_id == 4
    larger = parse(found, "rdefId=3").of_default(120, has_width=False)
    assert larger.requests == (ThumbnailRequest(5, 120, rendering_def_id=3),)
    assert parse(found, "rdefId=3").requests[0].width == DEFAULT_SIZE
    wrong = route("/webclient/render_thumbnail/five/")
    assert wrong is not None
    for _ in range(2):
        with pytest.raises(RequestRefused, match="five"):
            parse(wrong, "")


@pytest.mark.parametrize(
    ("path", "asked"),
    [
        ("/webgateway/render_thumbnail/5/", ThumbnailRequest(5, 120)),
        ("/webgateway/render_thumbnail/5/120/", ThumbnailRequest(5, 120)),
        ("/webgateway/render_thumbnail/5/96/", ThumbnailRequest(5, 96, stored=False)),
        ("/webgateway/render_thumbnail/5/120/120/", ThumbnailRequest(5, 120, 120, stored=False)),
    ],
)
def test_the_size_that_a_session_has_is_the_one_that_omero_web_stores(path: str, asked: ThumbnailRequest) -> None:
    found = route(path)
    assert found is not None
    of_session = Parser(RequestLimits()).parse(found, "").of_default(120, has_width=bool(found.width))
    assert of_session.requests == (asked,)


def test_what_is_too_long_for_a_page_of_omero_web_is_not_remembered() -> None:
    parse = Parser(RequestLimits()).parse
    found = route("/webclient/get_thumbnails/")
    assert found is not None
    query = "&".join(f"id={number}" for number in range(50)) + "&_=" + "1" * 500
    assert parse(found, query) is not parse(found, query)
    assert parse(found, query).requests == parse(found, query).requests
    path = "/webclient/render_thumbnail/5/" + "x" * 500
    assert route(path) == route("/webclient/render_thumbnail/5/")
    assert route(path) is not route(path)


def test_the_number_that_jquery_adds_reaches_nothing() -> None:
    path = "/webclient/render_thumbnail/12/"
    assert _one(path, "_=1700000000000") == _one(path, "") == _one(path, "_=1700000000001")
    assert _many("id=1&id=2&_=1") == _many("id=1&id=2&_=2")
    assert _one(path, "version=1&_=2") == _one(path, "version=1") != _one(path, "version=2")
