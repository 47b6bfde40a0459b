"""systemctl reload after logrotate: SIGHUP to the main process makes it and all workers write to new log files."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

import httpx
import pytest

from tests.service_process import DEADLINE, ServiceProcess, start

WORKERS = 2

OWN_FILE = "logging: {{file: {log}}}\n"

#: logging's own handler keeps the file that it has opened, whatever its name becomes
WHOLE = """
formatters: {{plain: {{format: "%(process)d %(name)s %(message)s"}}}}
handlers: {{file: {{class: logging.FileHandler, filename: {log}, formatter: plain}}}}
root: {{handlers: [file], level: INFO}}
"""


def _open_files(service: ServiceProcess) -> list[Path]:
    found = []
    for pid in (service.process.pid, *service.children()):
        for descriptor in Path(f"/proc/{pid}/fd").iterdir():
            try:
                found.append(descriptor.readlink())
            except FileNotFoundError:
                # closed meanwhile
                continue
    return found


def _wait_until_open(service: ServiceProcess, path: Path, count: int) -> None:
    deadline = time.monotonic() + DEADLINE
    while _open_files(service).count(path) != count:
        assert time.monotonic() < deadline, _open_files(service)


def _wait_until_written(path: Path, text: str, times: int = 1) -> None:
    deadline = time.monotonic() + DEADLINE
    while path.read_text().count(text) < times:
        assert time.monotonic() < deadline, path.read_text()


@pytest.mark.parametrize("way", ["logging", "--log-config"])
def test_renamed_files_are_let_go_by_every_process_and_lines_go_to_new_ones(tmp_path: Path, way: str) -> None:
    log = tmp_path / "omero-ms.log"
    config = tmp_path / "config.yaml"
    whole = tmp_path / "logging.yaml"
    whole.write_text(WHOLE.format(log=log))
    config.write_text(
        "session-store: {type: memory}\nomero: {host: 127.0.0.1, port: 1}\n"
        + (OWN_FILE.format(log=log) if way == "logging" else "")
    )
    arguments = ["--config", str(config), "--workers", str(WORKERS)]
    if way != "logging":
        arguments += ["--log-config", str(whole)]
    with start("serve", *arguments) as service:
        _wait_until_open(service, log, WORKERS + 1)
        workers = service.children()
        assert httpx.get(f"{service.address}/before").status_code == 404
        _wait_until_written(log, "GET /before 404")
        renamed = log.rename(tmp_path / "omero-ms.log.1")

        service.process.send_signal(signal.SIGHUP)

        _wait_until_open(service, log, WORKERS + 1)
        assert _open_files(service).count(renamed) == 0
        _wait_until_written(log, "SIGHUP: log files are opened anew")
        assert httpx.get(f"{service.address}/after").status_code == 404
        assert service.children() == workers
        assert service.end() == 0
    assert "GET /after 404" in log.read_text()
    assert "GET /after 404" not in renamed.read_text()


def test_a_file_that_cannot_be_opened_anew_is_said_and_written_on(tmp_path: Path) -> None:
    log = tmp_path / "omero-ms.log"
    config = tmp_path / "config.yaml"
    config.write_text("session-store: {type: memory}\nomero: {host: 127.0.0.1, port: 1}\n")
    whole = tmp_path / "logging.yaml"
    whole.write_text(WHOLE.format(log=log))
    with start("serve", "--config", str(config), "--log-config", str(whole)) as service:
        _wait_until_open(service, log, 2)
        renamed = log.rename(tmp_path / "omero-ms.log.1")
        log.mkdir()
        service.process.send_signal(signal.SIGHUP)
        _wait_until_written(renamed, "cannot be opened anew", times=2)
        assert f"Is a directory: '{os.fspath(log)}'" in renamed.read_text()
        assert httpx.get(f"{service.address}/healthz").status_code == 200
