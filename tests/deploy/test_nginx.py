"""The nginx snippets as they are shipped, in a real nginx before the real service."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from tests.parts import ROOT, require
from tests.service_process import DEADLINE, ServiceProcess, free_port, start

SNIPPETS = ROOT / "deploy" / "nginx"


@contextmanager
def nginx(folder: Path, locations: str, backend: int) -> Iterator[str]:
    """nginx with a snippet, and a location that stands for OMERO.web behind it."""
    program, port = require("nginx"), free_port()
    upstream = (SNIPPETS / "upstream.conf").read_text().replace("127.0.0.1:8080", f"127.0.0.1:{backend}")
    (folder / "upstream.conf").write_text(upstream)
    (folder / "nginx.conf").write_text(
        f"""daemon off; pid {folder}/nginx.pid; error_log stderr; user root;
events {{}}
http {{
  access_log off;
  client_body_temp_path {folder}/b; proxy_temp_path {folder}/p; fastcgi_temp_path {folder}/f;
  uwsgi_temp_path {folder}/u; scgi_temp_path {folder}/s;
  include {folder}/upstream.conf;
  server {{
    listen 127.0.0.1:{port};
    include {SNIPPETS / locations};
    location / {{ return 200 "OMERO.web"; }}
  }}
}}"""
    )
    command = [program, "-p", folder, "-e", "stderr", "-c", folder / "nginx.conf"]
    tried = subprocess.run([*command, "-t"], capture_output=True, text=True)
    assert tried.returncode == 0, tried.stderr
    process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
    try:
        address = f"http://127.0.0.1:{port}"
        client = httpx.Client(transport=httpx.HTTPTransport(retries=8))
        assert client.get(address, timeout=DEADLINE).text == "OMERO.web"
        client.close()
        yield address
    finally:
        process.terminate()
        process.wait(DEADLINE)


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
    with nginx(tmp_path, locations, demo.port) as address, httpx.Client(headers={"cookie": cookie}) as client:
        for prefix in ("webclient", "webgateway"):
            for path in ("render_thumbnail/101/", "render_birds_eye_view/101/"):
                assert client.get(f"{address}/{prefix}/{path}").headers["content-type"] == "image/jpeg"
            for path in ("get_thumbnails/?id=101", "get_thumbnail/101/"):
                assert client.get(f"{address}/{prefix}/{path}").headers["content-type"] == "application/json"
        for path in ("webclient/", "webclient/userdata/", "webgateway/render_image/101/", "api/v0/"):
            assert client.get(f"{address}/{path}").text == "OMERO.web"
        assert httpx.get(f"{address}/webclient/render_thumbnail/101/").status_code == 403
