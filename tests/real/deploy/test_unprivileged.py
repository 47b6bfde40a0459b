"""The service as nobody, in a file system that it cannot write to: what it needs, and what it leaves behind."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import httpx
import pytest

from omero_ms_thumbnail.runtime.shared_folder import SHARED_MEMORY, shared_folder
from tests.support.parts import require
from tests.support.service_process import DEADLINE, HERE, ServiceProcess, start

NOBODY = 65534

#: asked for until both workers have certainly had some
REQUESTS = 40


@pytest.fixture
def configuration(tmp_path: Path) -> Path:
    file = tmp_path / "config.yaml"
    file.write_text("session-store: {type: memory}\nomero: {host: 127.0.0.1, port: 1, secure: false}\n")
    return file


def _as_nobody() -> list[str]:
    # this checkout, and its Python, may lie where only root can look: to read is all that is left of its rights
    read = "dac_read_search"
    return [
        str(require("setpriv")),
        f"--reuid={NOBODY}",
        f"--regid={NOBODY}",
        "--clear-groups",
        f"--inh-caps=-all,+{read}",
        f"--ambient-caps=+{read}",
        f"--bounding-set=-all,+{read}",
        "--no-new-privs",
    ]


def _read_only(*writable: Path) -> list[str]:
    """Everything that is mounted, but for `writable`, where nothing can be written to."""
    keep = " ".join(str(path) for path in writable)
    # the sixth field and the rest of /proc/self/mounts do not matter; kernel file systems keep their own rules
    script = f"""
        mount --make-rprivate /
        while read -r _ at kind _; do
            case "$kind" in proc|sysfs|devpts|mqueue|cgroup*) continue;; esac
            case " {keep} " in *" $at "*) continue;; esac
            mount -o remount,bind,ro "$at" 2>/dev/null
        done < /proc/self/mounts
        exec "$@"
    """
    return [str(require("mount namespaces")), "--mount", "sh", "-c", script, "sh"]


def _serves(service: ServiceProcess) -> float:
    """It answers, and how many answers its metrics then count."""
    for _ in range(REQUESTS):
        assert httpx.get(f"{service.address}/healthz", timeout=DEADLINE).status_code == 200
    thumbnail = httpx.get(f"{service.address}/webclient/render_thumbnail/1/", timeout=DEADLINE)
    assert thumbnail.status_code == 403
    metrics = httpx.get(f"{service.address}/metrics", timeout=DEADLINE).text
    return sum(
        float(line.split()[-1])
        for line in metrics.splitlines()
        if line.startswith("omero_ms_thumbnail_requests_total") and 'route="healthz"' in line
    )


def _owned_by_nobody(*folders: Path) -> list[Path]:
    return [path for folder in folders for path in folder.iterdir() if path.lstat().st_uid == NOBODY]


def _run(configuration: Path, program: Sequence[str]) -> tuple[float, str]:
    with start("serve", "--config", str(configuration), "--workers", "2", program=program) as service:
        status = Path(f"/proc/{service.process.pid}/status").read_text()
        assert f"Uid:\t{NOBODY}\t{NOBODY}\t{NOBODY}\t{NOBODY}" in status
        counted = _serves(service)
    return counted, service.output


def test_as_nobody_where_only_shared_memory_can_be_written_to(configuration: Path) -> None:
    """As a container with a read-only root file system has it; nothing is left behind."""
    before = _owned_by_nobody(SHARED_MEMORY)
    counted, output = _run(configuration, [*_read_only(SHARED_MEMORY), *_as_nobody(), *HERE])
    # over both workers
    assert counted == REQUESTS
    assert "no folder to write to" not in output
    assert "Traceback" not in output
    assert _owned_by_nobody(SHARED_MEMORY) == before


def test_where_nothing_at_all_can_be_written_to_it_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    nowhere = "/proc/nowhere"
    monkeypatch.setattr("tempfile.tempdir", nowhere)
    monkeypatch.setattr("omero_ms_thumbnail.runtime.shared_folder.SHARED_MEMORY", Path(nowhere))
    with pytest.raises(OSError, match=nowhere), shared_folder():
        pass
