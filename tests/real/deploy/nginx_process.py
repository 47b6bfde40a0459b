"""nginx as an administrator runs it, with the snippets of deploy/nginx and a location that stands for OMERO.web."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import httpx

from tests.support.parts import ROOT, require
from tests.support.service_process import DEADLINE, free_port

SNIPPETS = ROOT / "deploy" / "nginx"

#: the line of upstream.conf that there is one of for each replica
_SERVER = "    server 127.0.0.1:8080 "


def upstream(replicas: Sequence[int]) -> str:
    """upstream.conf for replicas on these ports, edited as its comment says."""
    lines = (SNIPPETS / "upstream.conf").read_text().splitlines()
    (shipped,) = [line for line in lines if line.startswith(_SERVER)]
    own = [shipped.replace("8080", str(port)) for port in replicas]
    return "\n".join(line for part in lines for line in (own if part == shipped else [part]))


#: OMERO.web behind a location that somebody wrote by hand: there is no @proxy_to_app
BY_HAND = """
    location / { return 200 "OMERO.web"; }
"""

#: what stands for OMERO.web, under the name that its generated configuration has for it
STAND_IN = """
    location @proxy_to_app { return 200 "OMERO.web"; }
    location / { try_files $uri @proxy_to_app; }
"""


@contextmanager
def nginx(
    folder: Path, locations: str | Path, replicas: Sequence[int] | str, omeroweb: str = STAND_IN, *, http: str = ""
) -> Iterator[str]:
    """Its address, with `http` in the block of that name. `replicas` are their ports, or all that stands for them.

    ``access.log`` in `folder` says for each request which replicas were tried, and the status.
    """
    program, port = require("nginx"), free_port()
    (folder / "upstream.conf").write_text(replicas if isinstance(replicas, str) else upstream(replicas))
    (folder / "nginx.conf").write_text(
        f"""daemon off; pid {folder}/nginx.pid; error_log {folder}/error.log; user root;
events {{}}
http {{
  log_format tried '$status by $upstream_addr';
  access_log {folder}/access.log tried;
  client_body_temp_path {folder}/b; proxy_temp_path {folder}/p; fastcgi_temp_path {folder}/f;
  uwsgi_temp_path {folder}/u; scgi_temp_path {folder}/s;
  include {folder}/upstream.conf;
  {http}
  server {{
    listen 127.0.0.1:{port};
    include {locations if isinstance(locations, Path) else SNIPPETS / locations};
    {omeroweb}
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
        assert client.get(address, timeout=DEADLINE).text.startswith("OMERO.web")
        client.close()
        yield address
    finally:
        process.terminate()
        process.wait(DEADLINE)
