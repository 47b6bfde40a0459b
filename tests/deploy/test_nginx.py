"""The nginx snippets as they are shipped, in a real nginx before the real service."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import httpx
import pytest

from tests.deploy.nginx_process import nginx
from tests.parts import require
from tests.service_process import ServiceProcess, start


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


SHARES = (
    "get_thumbnails/7/?id=101",
    "get_thumbnails/7?id=101",
    "get_thumbnail/101/7/",
    "render_thumbnail/101/7/",
    "render_thumbnail/101/7",
    "render_thumbnail/size/96/101/7/",
)
#: the same numbers where they are sizes and images
NO_SHARES = (
    "webgateway/get_thumbnails/64/?id=101",
    "webgateway/get_thumbnail/101/64/",
    "webgateway/render_thumbnail/101/64/",
    "webgateway/render_thumbnail/101/64/48/",
    "webclient/get_thumbnails/?id=101",
    "webclient/get_thumbnail/101/",
    "webclient/render_thumbnail/101/",
    "webclient/render_thumbnail/size/64/101/",
    "webclient/render_birds_eye_view/101/64/",
)


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


@contextmanager
def listening() -> Iterator[str]:
    """An OMERO.web that tells which path it was asked for."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = f"OMERO.web {self.path}".encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


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
