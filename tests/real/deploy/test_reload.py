"""systemctl reload after logrotate: SIGHUP to the main process makes it and all workers write to new log files."""

from __future__ import annotations

import signal
import time
from pathlib import Path

import httpx

from tests.support.service_process import DEADLINE, ServiceProcess, start

WORKERS = 2

#: our handler, which looks at each line whether its file was renamed, and logging's own, which keeps what it has opened
LOGGING = """
formatters: {{plain: {{format: "%(name)s %(message)s"}}}}
handlers:
  own: {{class: omero_ms_thumbnail.telemetry.handlers.DailyFile, path: {folder}/own.log, formatter: plain}}
  other: {{class: logging.FileHandler, filename: {folder}/other.log, formatter: plain}}
root: {{handlers: [own, other], level: INFO}}
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


def _wait_until_written(path: Path, text: str) -> None:
    deadline = time.monotonic() + DEADLINE
    while text not in path.read_text():
        assert time.monotonic() < deadline, path.read_text()


def test_renamed_files_are_let_go_by_every_process_and_lines_go_to_new_ones(tmp_path: Path) -> None:
    config, whole = tmp_path / "config.yaml", tmp_path / "logging.yaml"
    config.write_text("session-store: {type: memory}\nomero: {host: 127.0.0.1, port: 1}\n")
    whole.write_text(LOGGING.format(folder=tmp_path))
    logs = [tmp_path / "own.log", tmp_path / "other.log"]
    with start("serve", "--config", str(config), "--log-config", str(whole), "--workers", str(WORKERS)) as service:
        for log in logs:
            _wait_until_open(service, log, WORKERS + 1)
        workers = service.children()
        assert httpx.get(f"{service.address}/before").status_code == 404
        for log in logs:
            _wait_until_written(log, "GET /before 404")
        renamed = [log.rename(log.with_suffix(".1")) for log in logs]

        service.process.send_signal(signal.SIGHUP)

        for log in logs:
            _wait_until_open(service, log, WORKERS + 1)
            _wait_until_written(log, "SIGHUP: log files are opened anew")
        assert not set(renamed) & set(_open_files(service))
        assert httpx.get(f"{service.address}/after").status_code == 404
        assert service.children() == workers
        assert service.end() == 0
    for log in logs:
        assert "GET /after 404" in log.read_text()
    for former in renamed:
        assert "GET /after 404" not in former.read_text()
