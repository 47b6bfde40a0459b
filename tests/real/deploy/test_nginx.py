"""The nginx snippets as they are shipped, in a real nginx before the real service."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest

from omero_ms_thumbnail.cli import main
from omero_ms_thumbnail.nginx import locations, six_locations, upstream
from tests.real.deploy.backends import NO_SHARES, SHARES, listening
from tests.real.deploy.nginx_process import BY_HAND, SNIPPETS, nginx
from tests.support.parts import require
from tests.support.service_process import ServiceProcess, start


@pytest.fixture(scope="module")
def demo() -> Iterator[ServiceProcess]:
    with start("demo") as service:
        service.wait_for(r"Ctrl-C ends it\.")
        yield service


@pytest.mark.parametrize("locations", ["locations.conf", "six-locations.conf"])
def test_thumbnails_come_from_the_service_and_all_else_from_omero_web(
    demo: ServiceProcess, tmp_path: Path, locations: str
) -> None:
    cookie = demo.wait_for(r"The cookie:\s+(sessionid=\w+)").group(1)
    with nginx(tmp_path, locations, [demo.port]) as address, httpx.Client(headers={"cookie": cookie}) as client:
        for prefix in ("webclient", "webgateway"):
            for path in ("render_thumbnail/101/", "render_birds_eye_view/101/"):
                assert client.get(f"{address}/{prefix}/{path}").headers["content-type"] == "image/jpeg"
            for path in ("get_thumbnails/?id=101", "get_thumbnail/101/"):
                assert client.get(f"{address}/{prefix}/{path}").headers["content-type"] == "application/json"
        for path in ("webclient/", "webclient/userdata/", "webgateway/render_image/101/", "api/v0/"):
            assert client.get(f"{address}/{path}").text == "OMERO.web"
        assert httpx.get(f"{address}/webclient/render_thumbnail/101/").status_code == 403


def test_what_is_shipped_is_what_the_command_prints(capsys: pytest.CaptureFixture[str]) -> None:
    for arguments, name in (
        ([], "locations.conf"),
        (["--upstream"], "upstream.conf"),
        (["--upstream", "--workers", "2"], "upstream-workers.conf"),
    ):
        assert main(["nginx", *arguments]) == 0
        assert capsys.readouterr().out == (SNIPPETS / name).read_text()
    assert locations() == (SNIPPETS / "locations.conf").read_text()
    assert six_locations() == (SNIPPETS / "six-locations.conf").read_text()
    assert upstream() == (SNIPPETS / "upstream.conf").read_text()


@pytest.mark.parametrize("lines", [locations, six_locations])
def test_an_omero_web_below_a_prefix(tmp_path: Path, lines: Callable[[str], str]) -> None:
    snippet = tmp_path / "locations.conf"
    snippet.write_text(lines("/omero"))
    with (
        listening("the service") as service,
        nginx(tmp_path, snippet, [int(service.rpartition(":")[2])], BY_HAND) as address,
        httpx.Client(base_url=address) as client,
    ):
        for path in NO_SHARES:
            assert client.get(f"/omero/{path}").text == f"the service /omero/{path}"
            assert client.get(f"/{path}").text == "OMERO.web", path
        for path in SHARES:
            assert client.get(f"/omero/webclient/{path}").text == "OMERO.web", path


@pytest.mark.parametrize("snippet", ["locations.conf", "six-locations.conf"])
def test_nothing_is_needed_of_a_site_that_was_written_by_hand(
    demo: ServiceProcess, tmp_path: Path, snippet: str
) -> None:
    with nginx(tmp_path, snippet, [demo.port], BY_HAND) as address:
        answers = [httpx.get(f"{address}/webclient/{path}") for path in SHARES]
    assert {(answer.status_code, answer.text) for answer in answers} == {(200, "OMERO.web")}


def test_a_cache_in_nginx_gives_nobody_what_is_anothers(demo: ServiceProcess, tmp_path: Path) -> None:
    """As some sites have it: with a key without cookies, and whatever Cache-Control says."""
    cookie = demo.wait_for(r"The cookie:\s+(sessionid=\w+)").group(1)
    snippet = tmp_path / "locations.conf"
    caching = "proxy_cache thumbnails; proxy_cache_key $uri$is_args$args; proxy_cache_valid 200 10m;"
    caching += " proxy_ignore_headers Cache-Control; add_header X-Cache $upstream_cache_status;"
    snippet.write_text(locations().replace("    proxy_buffers", f"    {caching}\n    proxy_buffers", 1))
    zone = f"proxy_cache_path {tmp_path}/cache keys_zone=thumbnails:1m;"
    path = "/webclient/render_thumbnail/101/"
    with nginx(tmp_path, snippet, [demo.port], http=zone) as address, httpx.Client(base_url=address) as client:
        hers = [client.get(path, headers={"cookie": cookie}) for _ in range(2)]
        nobodys = client.get(path)
    # it is kept, and for her alone
    assert [answer.headers["x-cache"] for answer in hers] == ["MISS", "HIT"]
    assert nobodys.status_code == 403


def omeroweb_locations(folder: Path, address: str) -> str:
    """What `omero web config nginx-location` writes: OMERO.web's own template, with what the command puts in."""
    site_packages = (require("OMERO.web new").parent.parent / "lib").glob("*/site-packages")
    template = next(site_packages) / "omeroweb" / "templates" / "nginx-location.conf.template"
    return template.read_text() % {
        "PREFIX_NAME": "",
        "ROOT": str(folder),
        "STATIC_URL": "/static",
        "STATIC_ROOT": str(folder / "static"),
        "FASTCGI_EXTERNAL": address,
        "FORCE_SCRIPT_NAME": "/",
    }


@pytest.mark.parametrize("locations", ["locations.conf", "six-locations.conf"])
def test_addresses_of_shares_are_left_to_omero_web(demo: ServiceProcess, tmp_path: Path, locations: str) -> None:
    cookie = demo.wait_for(r"The cookie:\s+(sessionid=\w+)").group(1)
    with (
        listening() as omeroweb,
        nginx(tmp_path, locations, [demo.port], omeroweb_locations(tmp_path, omeroweb)) as address,
        httpx.Client(base_url=address, headers={"cookie": cookie}) as client,
    ):
        assert [client.get(f"/webclient/{path}").text for path in SHARES] == [
            f"OMERO.web /webclient/{path}" for path in SHARES
        ]
        kinds = {path: client.get(f"/{path}").headers.get("content-type") for path in NO_SHARES}
        assert [path for path, kind in kinds.items() if kind not in ("image/jpeg", "application/json")] == []
