"""What `serve` starts with, and that `check` says beforehand what it would not start with."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

from tests.support.service_process import HERE, free_port, run, start

SETTINGS = "session-store: {{type: memory}}\nhost: 127.0.0.1\nport: {port}\n"


def both(folder: Path, text: str) -> tuple[str, str]:
    """What `serve` and `check` say of a configuration that neither accepts."""
    config = folder / "c.yaml"
    config.write_text(SETTINGS.format(port=free_port()) + text)
    serve = run("serve", "--config", str(config))
    check = run("check", "--config", str(config))
    assert (serve.returncode, check.returncode) == (1, 1), serve.stderr + check.stdout
    return serve.stderr, check.stdout


def test_without_a_command_it_serves(tmp_path: Path) -> None:
    config = tmp_path / "c.yaml"
    config.write_text(SETTINGS.format(port=free_port()))
    with start("--log-debug", program=(*HERE, "--config", str(config))) as service:
        assert service.address.startswith("http://")
    said = run("--config", str(tmp_path / "none.yaml"))
    assert said.returncode == 1
    assert "there is no such file" in said.stderr


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("logging: {file: /dev/null/a.log}\n", "logging.file: /dev/null/a.log cannot be written"),
        ("cache: {redis-uri: 'rediss://h/1?ssl_cert_reqs=perhaps'}\n", "ssl_cert_reqs"),
        ("omero: {tls: {verify: true, ca_file: /nowhere.pem}}\n", "/nowhere.pem"),
    ],
)
def test_what_stops_serve_is_found_by_check(tmp_path: Path, text: str, said: str) -> None:
    for output in both(tmp_path, text):
        assert said in " ".join(output.split())


def test_an_address_that_is_not_of_this_machine(tmp_path: Path) -> None:
    config = tmp_path / "c.yaml"
    config.write_text(SETTINGS.format(port=free_port()).replace("127.0.0.1", "192.0.2.1"))
    for output in (run("serve", "--config", str(config)).stderr, run("check", "--config", str(config)).stdout):
        assert "cannot listen on 192.0.2.1" in " ".join(output.split())


def test_a_service_that_runs_already_has_its_port(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        config = tmp_path / "c.yaml"
        config.write_text(SETTINGS.format(port=taken.getsockname()[1]))
        assert "cannot listen" in run("serve", "--config", str(config)).stderr
        assert "cannot listen" not in run("check", "--config", str(config)).stdout


def test_tracing_without_its_extra(tmp_path: Path) -> None:
    # a module of this name before the real one, as if it were not installed
    (tmp_path / "opentelemetry.py").write_text("raise ImportError('no opentelemetry here')\n")
    config = tmp_path / "c.yaml"
    config.write_text(SETTINGS.format(port=free_port()) + "http-tracing: {enabled: true}\n")
    environment = {**os.environ, "PYTHONPATH": str(tmp_path)}
    serve = run("serve", "--config", str(config), environment=environment)
    check = run("check", "--config", str(config), environment=environment)
    assert (serve.returncode, check.returncode) == (1, 1)
    for output in (serve.stderr, check.stdout):
        assert "install omero-ms-thumbnail[tracing]" in " ".join(output.split())


def test_an_empty_zipkin_url_is_none(tmp_path: Path) -> None:
    config = tmp_path / "c.yaml"
    config.write_text(SETTINGS.format(port=free_port()) + 'http-tracing: {enabled: false, zipkin-url: ""}\n')
    with start("serve", "--config", str(config)) as service:
        assert service.address
