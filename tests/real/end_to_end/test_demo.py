"""The HTTP contract, end to end: the demo as a person starts it, asked over HTTP, its OMERO spoken to over TLS."""

from __future__ import annotations

import base64
import io
import json
import re
import shlex
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from PIL import Image
from prometheus_client.parser import text_string_to_metric_families

from omero_ms_thumbnail.version import VERSION
from tests.support.service_process import ServiceProcess, start


@pytest.fixture(scope="module")
def demo() -> Iterator[ServiceProcess]:
    with start("demo") as service:
        service.wait_for(r"Ctrl-C ends it\.")
        yield service


@pytest.fixture(scope="module")
def cookie(demo: ServiceProcess) -> str:
    return demo.wait_for(r"The cookie:\s+(sessionid=\w+)").group(1)


@pytest.fixture(scope="module")
def client(demo: ServiceProcess, cookie: str) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=demo.address, headers={"cookie": cookie}, timeout=30) as one:
        yield one


@pytest.fixture(scope="module")
def contents(client: httpx.Client) -> dict[str, Any]:
    found: dict[str, Any] = client.get("/gallery/contents.json").json()
    return found


def _as(client: httpx.Client, user: str) -> httpx.Client:
    """The same page for another user."""
    switched = client.get("/gallery/switch", params={"user": user})
    assert switched.status_code == 303
    cookie = switched.headers["set-cookie"].split(";")[0]
    return httpx.Client(base_url=client.base_url, headers={"cookie": cookie}, timeout=30)


def _dataset(contents: dict[str, Any], name: str) -> list[int]:
    return next([image["id"] for image in one["images"]] for one in contents["datasets"] if one["name"] == name)


def _size(jpeg: bytes) -> tuple[int, int]:
    with Image.open(io.BytesIO(jpeg)) as image:
        assert image.format == "JPEG"
        return image.size


def _from_data_uri(uri: str) -> bytes:
    head, _, content = uri.partition(",")
    assert head == "data:image/jpeg;base64"
    return base64.b64decode(content, validate=True)


JPEG_PATHS = {
    "/webclient/render_thumbnail/{image}": 96,
    "/webgateway/render_thumbnail/{image}": 96,
    "/webgateway/render_thumbnail/{image}/64": 64,
    "/webclient/render_thumbnail/size/80/{image}": 80,
    "/webclient/render_birds_eye_view/{image}": 96,
    "/webgateway/render_birds_eye_view/{image}": 96,
    "/webclient/render_birds_eye_view/{image}/200": 200,
    "/webgateway/render_birds_eye_view/{image}/200": 200,
}


@pytest.mark.parametrize("end", ["", "/", "/and/more?version=3"])
@pytest.mark.parametrize(("path", "longest"), JPEG_PATHS.items())
def test_pictures(client: httpx.Client, path: str, longest: int, end: str) -> None:
    if path.startswith("/webgateway/render_thumbnail/") or path.endswith("view/{image}"):
        # what follows there is a size
        end = end.replace("and/more", "")
    answer = client.get(path.format(image=101) + end)
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "image/jpeg"
    assert answer.headers["content-length"] == str(len(answer.content))
    assert answer.headers["cache-control"] == "private, no-cache"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert re.fullmatch(r'W/"\w{32}"', answer.headers["etag"])
    assert max(_size(answer.content)) == longest


def test_width_and_height(client: httpx.Client) -> None:
    for end in ("", "/", "/more"):
        assert _size(client.get(f"/webgateway/render_thumbnail/101/60/40{end}").content) == (60, 40)


def test_head_is_get_without_a_body(client: httpx.Client) -> None:
    for path in (*(one.format(image=101) for one in JPEG_PATHS), "/webclient/get_thumbnails/?id=101", "/healthz", "/"):
        get, head = client.get(path), client.head(path)
        assert (head.status_code, head.content) == (200, b"")
        assert head.headers["content-length"] == str(len(get.content))
        if (etag := get.headers.get("etag")) is not None:
            # it may be another once it is certain what is shown, and the one before goes on to mean the same
            assert client.head(path, headers={"if-none-match": etag}).status_code == 304


def test_not_modified(client: httpx.Client) -> None:
    etag = client.get("/webclient/render_thumbnail/101/").headers["etag"]
    again = client.get("/webclient/render_thumbnail/101/", headers={"if-none-match": etag})
    assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", etag)
    assert client.get("/webclient/render_thumbnail/102/", headers={"if-none-match": etag}).status_code == 200


@pytest.mark.parametrize("prefix", ["webclient", "webgateway"])
@pytest.mark.parametrize("path", ["get_thumbnails", "get_thumbnails/", "get_thumbnails/48", "get_thumbnails/48/"])
def test_many(client: httpx.Client, prefix: str, path: str) -> None:
    answer = client.get(f"/{prefix}/{path}?id=101&id=102&id=101&id=99999999")
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/json"
    found = answer.json()
    assert list(found) == ["101", "102", "99999999"]
    assert found["99999999"] is None
    longest = 48 if "48" in path else 96
    assert [max(_size(_from_data_uri(found[one]))) for one in ("101", "102")] == [longest, longest]


def test_one_as_json(client: httpx.Client) -> None:
    for path in ("/webclient/get_thumbnail/101/", "/webgateway/get_thumbnail/101"):
        assert max(_size(_from_data_uri(client.get(path).json()))) == 96
    assert max(_size(_from_data_uri(client.get("/webgateway/get_thumbnail/101/64/").json()))) == 64


def test_jsonp(client: httpx.Client) -> None:
    answer = client.get("/webclient/get_thumbnails/?id=101&callback=page.show")
    assert answer.headers["content-type"] == "application/javascript"
    found = re.fullmatch(r"/\*\*/page\.show\((.*)\);", answer.text)
    assert found is not None
    assert list(json.loads(found.group(1))) == ["101"]
    one = client.get("/webclient/get_thumbnail/101/?callback=f").text
    assert one.startswith('/**/f("data:image/jpeg;base64,')


def test_rendering_definitions_and_sections_look_different(client: httpx.Client, contents: dict[str, Any]) -> None:
    image = _dataset(contents, "Fluorescence cells")[0]
    plain = client.get(f"/webclient/render_thumbnail/{image}/").content
    other = client.get(f"/webclient/render_thumbnail/{image}/?rdefId=10001").content
    assert plain != other
    assert client.get(f"/webclient/render_thumbnail/{image}/?rdefId=99999999").content == plain
    stack = _dataset(contents, "Time series and Z-stacks")[0]
    sections = {client.get(f"/webclient/render_thumbnail/{stack}/?z={z}&t=0").content for z in (0, 3, 7)}
    assert len(sections) == 3
    # t is then the default of the rendering definition
    assert client.get(f"/webclient/render_thumbnail/{stack}/?z=3").content in sections


def test_a_whole_plate(client: httpx.Client, contents: dict[str, Any]) -> None:
    wells = [well["image"] for well in contents["plates"][0]["wells"]]
    assert len(wells) == 384
    pictures = set()
    for first in range(0, 384, 50):
        found = client.get("/webclient/get_thumbnails/", params={"id": wells[first : first + 50]}).json()
        pictures.update(found.values())
    assert None not in pictures
    assert len(pictures) == 384


def test_everybody_sees_what_omero_shows_them(client: httpx.Client, contents: dict[str, Any]) -> None:
    tissue, cells = _dataset(contents, "Tissue sections")[:20], _dataset(contents, "Fluorescence cells")[:20]
    seen = {}
    for user in ("researcher", "colleague", "pathologist", "root"):
        with _as(client, user) as one:
            found = one.get("/webclient/get_thumbnails/", params={"id": [*tissue, *cells]}).json()
            seen[user] = (
                {found[str(image)] is not None for image in tissue},
                {found[str(image)] is not None for image in cells},
            )
    yes, no = {True}, {False}
    # the pathologist's group is private, and the researcher a member of it
    assert seen == {
        "researcher": (no, yes),
        "colleague": (no, yes),
        "pathologist": (yes, no),
        "root": (yes, yes),
    }


def test_special_cases(client: httpx.Client, contents: dict[str, Any]) -> None:
    importing, failing, *others = _dataset(contents, "Special cases")
    assert client.get(f"/webclient/render_thumbnail/{importing}/").status_code == 200
    missing = client.get(f"/webclient/render_thumbnail/{failing}/")
    assert (missing.status_code, missing.text) == (404, f"OMERO cannot give a thumbnail of image {failing}\n")
    private = client.get(f"/webclient/render_thumbnail/{others[0]}/")
    unknown = client.get("/webclient/render_thumbnail/99999999/")
    assert private.status_code == unknown.status_code == 404
    # nobody learns which ids exist
    assert private.text.replace(str(others[0]), "…") == unknown.text.replace("99999999", "…")
    found = client.get("/webclient/get_thumbnails/", params={"id": [importing, failing, others[0], 101]}).json()
    assert [value is not None for value in found.values()] == [True, False, False, True]


BAD = [
    ("/webclient/render_thumbnail/abc/", 400, "must be a whole number"),
    ("/webclient/render_thumbnail/-1/", 400, "must be a whole number"),
    (f"/webclient/render_thumbnail/{2**63}/", 400, "must be a whole number"),
    ("/webgateway/render_thumbnail/101/0/", 400, "from 1 to 4000"),
    ("/webgateway/render_thumbnail/101/-1/", 400, "from 1 to 4000"),
    ("/webgateway/render_thumbnail/101/1000000000/", 400, "from 1 to 4000"),
    ("/webclient/get_thumbnails/?id=abc", 400, "must be a whole number"),
    ("/webclient/get_thumbnails/?id=1&callback=alert(1)", 400, "not a JavaScript identifier"),
    ("/webclient/get_thumbnails/?" + "&".join(f"id={one}" for one in range(51)), 400, "at most 50"),
    ("/webclient/render_thumbnail/%00/", 400, "must be a whole number"),
    ("/webclient/render_thumbnail/%2e%2e%2f101", 400, "must be a whole number"),
    ("/webclient/render_thumbnail/101/?rdefId=x", 400, "must be a whole number"),
    ("/webclient/nothing/101/", 404, "there is nothing at"),
    ("/favicon.ico", 404, "there is nothing at"),
    ("/gallery/../conf/config.yaml", 404, "there is nothing at"),
    ("/gallery/..%2f..%2fconfig.yaml", 404, "there is nothing at"),
]


@pytest.mark.parametrize(("path", "status", "sentence"), BAD, ids=[path[:70] for path, _, _ in BAD])
def test_bad_requests(client: httpx.Client, path: str, status: int, sentence: str) -> None:
    answer = client.get(path)
    assert answer.status_code == status
    assert sentence in answer.text
    assert answer.text.count("\n") == 1
    assert "Traceback" not in answer.text


@pytest.mark.parametrize(
    "cookie",
    [None, "", "sessionid", "sessionid=", "sessionid=" + "0" * 32, "sessionid=../../etc/passwd", "=;;=", "x" * 4000],
)
def test_nobody_gets_nothing(demo: ServiceProcess, cookie: str | None) -> None:
    headers = {} if cookie is None else {"cookie": cookie}
    answer = httpx.get(f"{demo.address}/webclient/render_thumbnail/101/", headers=headers)
    assert answer.status_code == 403
    assert "log in to OMERO.web" in answer.text


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH"])
def test_other_methods(client: httpx.Client, method: str) -> None:
    answer = client.request(method, "/webclient/render_thumbnail/101/")
    assert (answer.status_code, answer.headers["allow"]) == (405, "GET, HEAD, OPTIONS")


def test_options_needs_no_session(demo: ServiceProcess) -> None:
    for path in ("/", "/webclient/render_thumbnail/101/", "/anything"):
        answer = httpx.request("OPTIONS", demo.address + path)
        assert answer.json() == {"provider": "ThumbnailMicroservice", "version": VERSION, "features": []}


def test_health_and_metrics_need_no_session(demo: ServiceProcess, client: httpx.Client) -> None:
    client.get("/webclient/render_thumbnail/101/")
    assert httpx.get(f"{demo.address}/healthz").json() == {"status": "ok"}
    assert httpx.get(f"{demo.address}/readyz").json() == {"status": "ready", "session store": "ok", "OMERO": "ok"}
    families = {one.name: one for one in text_string_to_metric_families(httpx.get(f"{demo.address}/metrics").text)}
    counted = {
        (sample.labels["route"], sample.labels["status"]): sample.value
        for sample in families["omero_ms_thumbnail_requests"].samples
        if sample.name.endswith("_total")
    }
    assert counted["render_thumbnail", "200"] >= 1


def test_the_printed_curl_line(demo: ServiceProcess, tmp_path: Path) -> None:
    line = demo.wait_for(r"A thumbnail:\s+(curl .*)").group(1)
    subprocess.run([*shlex.split(line), "-s", "-f"], check=True, cwd=tmp_path)
    assert max(_size((tmp_path / "thumbnail.jpg").read_bytes())) == 96


def test_the_gallery_is_served(demo: ServiceProcess) -> None:
    page = httpx.get(f"{demo.address}/")
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    assert "HttpOnly" in page.headers["set-cookie"]
    assert "default-src 'none'" in page.headers["content-security-policy"]
    for name in re.findall(r'(?:src|href)="(/gallery/[\w.]+)"', page.text):
        assert httpx.get(demo.address + name).status_code == 200, name
    assert httpx.get(f"{demo.address}/gallery/switch?user=nobody").status_code == 404


def test_its_omero_keeps_its_files_where_it_is_told(tmp_path: Path) -> None:
    with start("demo", "--data-dir", str(tmp_path / "OMERO")) as service:
        cookie = service.wait_for(r"The cookie:\s+(sessionid=\w+)").group(1)
        service.wait_for(r"Ctrl-C ends it\.")
        with httpx.Client(base_url=service.address, headers={"cookie": cookie}, timeout=30) as client:
            image = client.get("/gallery/contents.json").json()["datasets"][0]["images"][0]["id"]
            jpeg = client.get(f"/webclient/render_thumbnail/{image}/").content
    (file,) = (path for path in tmp_path.rglob("*") if path.is_file())
    assert file.parent == tmp_path / "OMERO" / "Thumbnails"
    assert file.read_bytes() == jpeg
