"""A running service against the description that it serves: each operation, status and range."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator

from omero_ms_thumbnail.version import VERSION
from omero_ms_thumbnail.web.urls import TEMPLATES
from tests.support.service_process import ServiceProcess, start
from tests.unit.openapi.described import Json, check_answer, example, parameters, responses

#: an image of the demo, and one that no OMERO has
IMAGE, NO_IMAGE = 101, 2**62

GOOD = {"image": IMAGE, "width": 64, "height": 48}


@pytest.fixture(scope="module")
def demo() -> Iterator[ServiceProcess]:
    with start("demo") as service:
        service.wait_for(r"Ctrl-C ends it\.")
        yield service


@pytest.fixture(scope="module")
def cookie(demo: ServiceProcess) -> str:
    return demo.wait_for(r"The cookie:\s+(sessionid=\w+)").group(1)


@pytest.fixture(scope="module")
def client(demo: ServiceProcess) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=demo.address, timeout=30) as one:
        yield one


@pytest.fixture(scope="module")
def document(client: httpx.Client) -> Json:
    found: Json = client.get("/openapi.json").json()
    return found


class Asking:
    """Sends requests and checks each answer; remembers which statuses each operation gave."""

    def __init__(self, client: httpx.Client, document: Json, cookie: str) -> None:
        self._client = client
        self._document = document
        self._cookie = cookie
        self.seen: dict[tuple[str, str], set[int]] = defaultdict(set)

    def __call__(
        self, path: str, values: Json, *, method: str = "get", is_known: bool = True, **headers: str
    ) -> httpx.Response:
        """Ask for a described path with these values of its parameters."""
        query = {name: value for name, value in values.items() if f"{{{name}}}" not in path and name not in GOOD}
        if "get_thumbnails" in path:
            query.setdefault("id", values["image"])
        if is_known:
            headers["cookie"] = self._cookie
        answer = self._client.request(method, example(path, **values), params=query, headers=headers)
        check_answer(self._document, path, method, answer.status_code, answer.headers, answer.content)
        self.seen[path, method].add(answer.status_code)
        return answer


@pytest.fixture(scope="module")
def asking(client: httpx.Client, document: Json, cookie: str) -> Asking:
    return Asking(client, document, cookie)


def test_it_is_served_to_anybody_and_valid(client: httpx.Client, document: Json) -> None:
    OpenAPIV31SpecValidator(document).validate()
    assert document["info"]["version"] == VERSION
    get, head = client.get("/openapi.json"), client.head("/openapi.json")
    assert (get.status_code, get.headers["content-type"]) == (200, "application/json")
    assert (head.status_code, head.content, head.headers["content-length"]) == (200, b"", str(len(get.content)))


@pytest.mark.parametrize("path", TEMPLATES)
def test_every_status_that_is_described_is_given(path: str, asking: Asking, document: Json) -> None:
    for method in ("get", "head"):
        found = asking(path, GOOD, method=method)
        assert found.status_code == 200
        assert asking(path, GOOD, method=method, **{"if-none-match": found.headers["etag"]}).status_code == 304
        assert asking(path, {**GOOD, "image": "x"}, method=method).status_code == 400
        assert asking(path, GOOD, method=method, is_known=False).status_code == 403
        asking(path, {**GOOD, "image": NO_IMAGE}, method=method)
        asking(path, {**GOOD, "image": NO_IMAGE}, method=method, accept="image/*")
        # those of an OMERO that is down or slow cannot be had from one that works
        assert asking.seen[path, method] == responses(document, path, method).keys() - {503, 504}
    # which looks at nothing of the request
    assert asking(path, dict.fromkeys(GOOD, "x"), method="options", is_known=False).status_code == 200
    assert all(one["schema"] == {"type": "string"} for one in parameters(document, path, "options"))


@pytest.mark.parametrize("path", TEMPLATES)
def test_ranges_end_where_they_are_described_to_end(path: str, asking: Asking, document: Json) -> None:
    for parameter in parameters(document, path):
        schema = parameter["schema"]
        schema = schema.get("items", schema.get("oneOf", [schema])[0])
        if schema["type"] != "integer":
            continue
        name = "image" if parameter["name"] == "id" else parameter["name"]
        for value, is_in in (
            (schema["minimum"], True),
            (schema["maximum"], True),
            (schema["minimum"] - 1, False),
            (schema["maximum"] + 1, False),
        ):
            # of an image that is not there, since the demo would draw one of 2000 pixels for a while
            answer = asking(path, {**GOOD, "image": NO_IMAGE, name: value})
            assert (answer.status_code != 400) == is_in, f"{name}={value}: {answer.text}"


@pytest.mark.parametrize("path", [path for path in TEMPLATES if "/get_" in path])
def test_callbacks(path: str, asking: Asking) -> None:
    answer = asking(path, {**GOOD, "callback": "page.show"})
    assert answer.headers["content-type"] == "application/javascript"
    assert asking(path, {**GOOD, "callback": "no function"}).status_code == 400


def test_as_many_images_as_described(asking: Asking, document: Json) -> None:
    path = "/webclient/get_thumbnails/"
    (most,) = (one["schema"]["maxItems"] for one in parameters(document, path) if one["name"] == "id")
    assert asking(path, {**GOOD, "id": list(range(most))}).status_code == 200
    assert asking(path, {**GOOD, "id": list(range(most + 1))}).status_code == 400


@pytest.mark.parametrize("scheme", ["sessionKeyHeader", "sessionKeyParameter", "sessionCookie"])
def test_each_way_to_say_who_is_asking_is_looked_at(scheme: str, client: httpx.Client, document: Json) -> None:
    described = document["components"]["securitySchemes"][scheme]
    name, value = described["name"], "x" * 32
    where = described["in"]
    answer = client.get(
        example(TEMPLATES[0], **GOOD),
        params={name: value} if where == "query" else {},
        headers={"header": {name: value}, "cookie": {"cookie": f"{name}={value}"}}.get(where, {}),
    )
    # nobody's key, but one that was seen: without, the sentence is that there is no cookie
    assert answer.status_code == 403
    assert "there is no cookie" not in answer.text


@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/metrics", "/openapi.json"])
def test_paths_without_a_session(path: str, client: httpx.Client, document: Json) -> None:
    for method in ("get", "head", "options"):
        answer = client.request(method, path)
        assert answer.status_code == 200
        check_answer(document, path, method, answer.status_code, answer.headers, answer.content)


def test_a_service_without_its_session_store(tmp_path: Path) -> None:
    config = tmp_path / "config.yaml"
    config.write_text(
        "max-longest-side: 300\n"
        "session-store: {type: redis, uri: 'redis://127.0.0.1:1/1'}\n"
        "omero.web: {session_cookie_name: omeroid, accept_bsession: false}\n"
    )
    with start("serve", "--config", str(config)) as service, httpx.Client(base_url=service.address) as client:
        document = client.get("/openapi.json").json()
        assert document["components"]["parameters"]["width"]["schema"]["maximum"] == 300
        schemes = document["components"]["securitySchemes"]
        assert {one["in"]: one["name"] for one in schemes.values()} == {
            "header": "x-omero-session-key",
            "cookie": "omeroid",
        }
        asking = Asking(client, document, f"omeroid={'a' * 32}")
        for path in TEMPLATES:
            assert asking(path, GOOD).status_code == 503
        ready = client.get("/readyz")
        assert ready.status_code == 503
        check_answer(document, "/readyz", "get", 503, ready.headers, ready.content)
