"""The examples for every proxy, in the real program: thumbnails come from the service, and all else from OMERO.web."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.real.deploy.backends import NO_SHARES, SHARES, listening, port_of
from tests.real.deploy.other_proxies import Proxy, apache, caddy, nginx, six_of_nginx
from tests.support.parts import ROOT
from tests.support.service_process import ServiceProcess, free_port, start

EVERY = pytest.mark.parametrize("proxy", [nginx, six_of_nginx, caddy, apache])
PATH = "/webclient/render_thumbnail/101/"


@pytest.fixture(scope="module")
def demo() -> Iterator[ServiceProcess]:
    with start("demo") as service:
        service.wait_for(r"Ctrl-C ends it\.")
        yield service


@pytest.fixture(scope="module")
def cookie(demo: ServiceProcess) -> bytes:
    return demo.wait_for(r"The cookie:\s+(sessionid=\w+)").group(1).encode()


@EVERY
@pytest.mark.parametrize("prefix", ["", "/omero", "/a.b"])
def test_who_answers_which_path(tmp_path: Path, proxy: Proxy, prefix: str) -> None:
    with (
        listening() as omeroweb,
        listening("the service") as service,
        proxy(tmp_path, port_of(service), port_of(omeroweb), prefix) as address,
        httpx.Client(base_url=address) as client,
    ):
        for path in NO_SHARES:
            assert client.get(f"{prefix}/{path}").text == f"the service {prefix}/{path}"
            if prefix:
                assert client.get(f"/{path}").text == f"OMERO.web /{path}"
                assert client.get(f"/aXb/{path}").text == f"OMERO.web /aXb/{path}"
        for path in (*(f"webclient/{share}" for share in SHARES), "", "webclient/", "webgateway/render_image/101/"):
            assert client.get(f"{prefix}/{path}").text == f"OMERO.web {prefix}/{path}"


@EVERY
def test_a_thumbnail_with_all_that_belongs_to_it(
    demo: ServiceProcess, cookie: bytes, tmp_path: Path, proxy: Proxy
) -> None:
    with (
        listening() as omeroweb,
        proxy(tmp_path, demo.port, port_of(omeroweb), "") as address,
        httpx.Client(base_url=address, headers={"cookie": cookie}) as client,
    ):
        answer = client.get(PATH)
        directly = httpx.get(demo.address + PATH, headers={"cookie": cookie})
        assert answer.status_code == 200
        assert answer.content == directly.content
        for name in ("content-type", "cache-control", "vary", "content-length", "x-content-type-options"):
            assert answer.headers[name].replace(", ", ",") == directly.headers[name].replace(", ", ",")
        assert answer.headers["x-request-id"]
        etag = {"if-none-match": answer.headers["etag"]}
        assert httpx.get(demo.address + PATH, headers={"cookie": cookie, **etag}).status_code == 304  # type: ignore[dict-item]
        assert client.get(PATH, headers={"if-none-match": answer.headers["etag"]}).status_code == 304
        assert client.head(PATH).headers["content-length"] == str(len(answer.content))
        assert list(client.get("/webclient/get_thumbnails/?id=101&id=102").json()) == ["101", "102"]
        assert client.get("/webclient/render_thumbnail/99999/").status_code == 404
        assert httpx.get(address + PATH).status_code == 403
        options = client.options(PATH)
        assert options.json()["provider"] == "ThumbnailMicroservice"


FOREIGN = {"UTF-8": "grün \N{MICROSCOPE}".encode(), "Latin-1": b"gr\xfcn", "broken UTF-8": b"\xc3\x28\xff"}


@EVERY
@pytest.mark.parametrize("foreign", FOREIGN.values(), ids=FOREIGN)
def test_with_a_foreign_cookie(
    demo: ServiceProcess, cookie: bytes, tmp_path: Path, proxy: Proxy, foreign: bytes
) -> None:
    with (
        listening() as omeroweb,
        proxy(tmp_path, demo.port, port_of(omeroweb), "") as address,
        httpx.Client(base_url=address) as client,
    ):
        for together in (b"theme=" + foreign + b"; " + cookie, cookie + b"; theme=" + foreign):
            assert client.get(PATH, headers={b"cookie": together}).status_code == 200
        assert client.get(PATH, headers={b"cookie": b"theme=" + foreign}).status_code == 403
        referer = {b"cookie": cookie, b"referer": foreign, b"user-agent": foreign}
        assert client.get(PATH, headers=referer).status_code == 200


@pytest.mark.long
@EVERY
def test_while_the_service_is_away(tmp_path: Path, proxy: Proxy) -> None:
    port = free_port()
    with (
        listening() as omeroweb,
        proxy(tmp_path, port, port_of(omeroweb), "") as address,
        httpx.Client(base_url=address) as client,
    ):
        for _ in range(3):
            away = client.get(PATH)
            assert (away.status_code, away.headers.get_list("retry-after")) == (503, ["2"])
            assert "microservice cannot be reached" in away.text
            assert client.get("/webclient/").text == "OMERO.web /webclient/"
        # and at once again when it is back
        with start("demo", port=port) as demo:
            cookie = demo.wait_for(r"The cookie:\s+(sessionid=\w+)").group(1)
            assert client.get(PATH, headers={"cookie": cookie}).status_code == 200


@pytest.mark.long
@EVERY
def test_what_the_service_says_itself_while_omero_is_away(tmp_path: Path, proxy: Proxy) -> None:
    config = tmp_path / "config.yaml"
    config.write_text("session-store: {type: memory}\nomero: {host: 127.0.0.1, port: 1}\n")
    key = {"x-omero-session-key": "0b9d4d6c-6ac1-4f2a-9b6c-7e7c1f1d3a55"}
    with (
        listening() as omeroweb,
        start("serve", "--config", str(config)) as service,
        proxy(tmp_path, service.port, port_of(omeroweb), "") as address,
    ):
        answer = httpx.get(address + PATH, headers=key)
        assert (answer.status_code, answer.headers.get_list("retry-after")) == (503, ["2"])
        assert answer.text == "OMERO cannot be reached at the moment\n"


@pytest.mark.parametrize("proxy", [caddy, apache])
def test_an_omero_web_that_is_away_stays_away(tmp_path: Path, proxy: Proxy) -> None:
    """What says it of thumbnails says nothing of other pages."""
    with listening() as omeroweb, listening("the service") as service:
        ending = proxy(tmp_path, port_of(service), port_of(omeroweb), "")
        address = ending.__enter__()
    try:
        answer = httpx.get(f"{address}/webclient/")
        assert answer.status_code in (502, 503)
        assert "thumbnail" not in answer.text
        assert "retry-after" not in answer.headers
    finally:
        ending.__exit__(None, None, None)


def test_the_patterns_for_traefik() -> None:
    """Its rule is a text of the guide; in Go's expressions they mean what they mean here."""
    guide = (ROOT / "docs" / "install.md").read_text()
    ours, shares = (re.compile(one) for one in re.findall(r"PathRegexp\(`(.+)`\)", guide))
    for path in NO_SHARES:
        bare = "/" + path.partition("?")[0]
        assert ours.search(bare)
        assert not shares.search(bare)
    for path in SHARES:
        assert shares.search("/webclient/" + path.partition("?")[0])
    assert not ours.search("/webclient/")
