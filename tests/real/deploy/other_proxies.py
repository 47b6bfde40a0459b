"""Caddy and Apache as an administrator runs them, each with the example of deploy/ and an OMERO.web behind it."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

from omero_ms_thumbnail.nginx import locations, six_locations
from tests.real.deploy import nginx_process
from tests.support.parts import ROOT, require
from tests.support.service_process import DEADLINE, free_port

_DEPLOY = ROOT / "deploy"

#: where the examples say that the service is
_SERVICE = "127.0.0.1:8080"

#: a proxy before a service and an OMERO.web on these ports, for an OMERO.web below a prefix
Proxy = Callable[[Path, int, int, str], "contextmanager[str]"]


def _example(path: str, service: int, prefix: str) -> str:
    """An example, edited as its comments say."""
    text = (_DEPLOY / path).read_text()
    assert _SERVICE in text
    below = prefix.replace(".", r"\\.")
    edited = subprocess.run(
        ["sed", rf"s|\^/|^{below}/|"], input=text, capture_output=True, text=True, check=True
    ).stdout
    return edited.replace(_SERVICE, f"127.0.0.1:{service}")


@contextmanager
def caddy(folder: Path, service: int, omeroweb: int, prefix: str) -> Iterator[str]:
    program, port = require("caddy"), free_port()
    (folder / "omero-ms-thumbnail.caddy").write_text(_example("caddy/omero-ms-thumbnail.caddy", service, prefix))
    file = folder / "Caddyfile"
    file.write_text(
        f"""{{
	admin off
	auto_https off
}}
http://127.0.0.1:{port} {{
	bind 127.0.0.1
	import omero-ms-thumbnail.caddy
	reverse_proxy 127.0.0.1:{omeroweb}
}}
"""
    )
    environment = {**os.environ, "HOME": str(folder), "XDG_DATA_HOME": str(folder), "XDG_CONFIG_HOME": str(folder)}
    command = [program, "run", "--config", file, "--adapter", "caddyfile"]
    with _running(command, folder / "caddy.log", port, environment) as address:
        yield address


#: where Debian and others have Apache's modules
_MODULES = ("/usr/lib/apache2/modules", "/usr/lib64/httpd/modules", "/usr/local/apache2/modules")


@contextmanager
def apache(folder: Path, service: int, omeroweb: int, prefix: str) -> Iterator[str]:
    program, port = require("apache"), free_port()
    modules = next(Path(place) for place in _MODULES if Path(place).is_dir())
    (folder / "omero-ms-thumbnail.conf").write_text(_example("apache/omero-ms-thumbnail.conf", service, prefix))
    loaded = "\n".join(
        f"LoadModule {name}_module {modules}/mod_{name}.so"
        for name in ("mpm_event", "authz_core", "proxy", "proxy_http", "headers")
    )
    file = folder / "apache.conf"
    file.write_text(
        f"""ServerRoot {folder}
DefaultRuntimeDir {folder}
PidFile {folder}/apache.pid
ErrorLog /dev/stderr
ServerName 127.0.0.1
{loaded}
Listen 127.0.0.1:{port}
<VirtualHost 127.0.0.1:{port}>
    Include {folder}/omero-ms-thumbnail.conf
    ProxyPass / http://127.0.0.1:{omeroweb}/
</VirtualHost>
"""
    )
    with _running([program, "-f", file, "-DFOREGROUND"], folder / "apache.log", port, dict(os.environ)) as address:
        yield address


@contextmanager
def nginx(folder: Path, service: int, omeroweb: int, prefix: str) -> Iterator[str]:
    with _nginx(folder, service, omeroweb, locations(prefix)) as address:
        yield address


@contextmanager
def six_of_nginx(folder: Path, service: int, omeroweb: int, prefix: str) -> Iterator[str]:
    with _nginx(folder, service, omeroweb, six_locations(prefix)) as address:
        yield address


@contextmanager
def _nginx(folder: Path, service: int, omeroweb: int, lines: str) -> Iterator[str]:
    snippet = folder / "locations.conf"
    snippet.write_text(lines)
    by_hand = f"location / {{ proxy_pass http://127.0.0.1:{omeroweb}; }}"
    with nginx_process.nginx(folder, snippet, [service], by_hand) as address:
        yield address


@contextmanager
def _running(command: list[str | Path], log: Path, port: int, environment: dict[str, str]) -> Iterator[str]:
    with log.open("wb") as output:
        process = subprocess.Popen(command, stdout=output, stderr=output, env=environment)
    try:
        address = f"http://127.0.0.1:{port}"
        with httpx.Client(transport=httpx.HTTPTransport(retries=8)) as client:
            answer = client.get(address, timeout=DEADLINE)
            assert answer.text.startswith("OMERO.web"), log.read_text()
        yield address
    except httpx.ConnectError as error:
        raise AssertionError(log.read_text()) from error
    finally:
        process.terminate()
        process.wait(DEADLINE)
