"""The unit as it is shipped, in a real systemd: started, reloaded, stopped, and restarted when a worker is stuck."""

from __future__ import annotations

import grp
import os
import re
import signal
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.real.deploy.systemd_manager import Systemd, systemd
from tests.support.embedded_thread import EmbeddedThread
from tests.support.parts import ROOT
from tests.support.service_process import DEADLINE, free_port
from tests.unit.telemetry.serving import KEY_HEADER

pytestmark = pytest.mark.long

UNIT = "omero-ms-thumbnail.service"

#: the number of a user that is nobody else's here
OMERO_SERVER = 54_321

#: what is not as on an administrator's machine: where things are, whose they are, and patience
HERE = """
[Service]
User=
Group=
WorkingDirectory={folder}
ExecStart=
ExecStart={python} -m omero_ms_thumbnail serve --config config.yaml
# the checkout and its Python may be in a home folder or below /tmp
ProtectHome=no
PrivateTmp=no
RuntimeDirectory=tmp
Environment=TMPDIR=%t/tmp
StandardError=append:{folder}/stderr
WatchdogSec=2
RestartSec=100ms
"""


@pytest.fixture(scope="module")
def omero() -> Iterator[EmbeddedThread]:
    thread = EmbeddedThread()
    yield thread
    thread.stop()


class Installed:
    """The unit, installed in a systemd of its own."""

    def __init__(self, manager: Systemd, folder: Path, port: int) -> None:
        self._manager = manager
        self.folder = folder
        self.port = port

    def do(self, command: str) -> None:
        said = self._manager.systemctl(command, UNIT)
        assert said.returncode == 0, f"{said.stderr}\n{self.log}\n{(self.folder / 'systemd.log').read_text()}"

    def state(self) -> dict[str, str]:
        return self._manager.show(UNIT, "ActiveState", "Result", "NRestarts", "StatusText", "MainPID", "ExecMainStatus")

    def main(self) -> int:
        return int(self.state()["MainPID"])

    def workers(self) -> list[int]:
        main = self.main()
        return [int(pid) for pid in Path(f"/proc/{main}/task/{main}/children").read_text().split()]

    @property
    def log(self) -> str:
        said = self.folder / "stderr"
        return said.read_text() if said.exists() else ""

    def configure(self, more: str) -> None:
        """As `systemctl edit` does, in a file of its own."""
        (self._manager.units / f"{UNIT}.d" / "more.conf").write_text(more)
        self._manager.systemctl("daemon-reload")


@pytest.fixture
def installed(omero: EmbeddedThread) -> Iterator[Installed]:
    # of a short path: systemd's sockets are in it
    with tempfile.TemporaryDirectory(prefix="oms-") as name:
        folder, port = Path(name), free_port()
        (folder / "config.yaml").write_text(
            f"host: 127.0.0.1\nport: {port}\nworkers: 2\nsession-store: {{type: memory}}\n"
            f"omero: {{host: 127.0.0.1, port: {omero.omero.tcp_port}, secure: false}}\n"
        )
        with systemd(folder) as manager:
            (manager.units / UNIT).write_text((ROOT / "deploy" / "systemd" / UNIT).read_text())
            (manager.units / f"{UNIT}.d").mkdir()
            (manager.units / f"{UNIT}.d" / "here.conf").write_text(HERE.format(folder=folder, python=sys.executable))
            manager.systemctl("daemon-reload")
            yield Installed(manager, folder, port)


def test_the_service_starts_serves_reloads_and_stops(installed: Installed, omero: EmbeddedThread) -> None:
    installed.do("start")
    # systemctl has waited for READY=1
    state = installed.state()
    assert state["ActiveState"] == "active"
    assert state["StatusText"] == f"2 worker(s) listening on http://127.0.0.1:{installed.port}"
    image = omero.readable("researcher")[0]
    answer = httpx.get(
        f"http://127.0.0.1:{installed.port}/webclient/render_thumbnail/{image}/",
        headers={KEY_HEADER: omero.session_key("researcher")},
        timeout=DEADLINE,
    )
    assert answer.headers["content-type"] == "image/jpeg"
    # a thumbnail came through all of the hardening, which is in force
    status = Path(f"/proc/{installed.workers()[0]}/status").read_text()
    assert "NoNewPrivs:\t1" in status
    assert "Seccomp:\t2" in status
    assert "CapBnd:\t0000000000000000" in status

    main, workers = installed.main(), installed.workers()
    installed.do("reload")
    deadline = time.monotonic() + DEADLINE
    while "SIGHUP: log files are opened anew" not in installed.log:
        assert time.monotonic() < deadline, installed.log
    assert (installed.main(), installed.workers()) == (main, workers)

    installed.do("stop")
    state = installed.state()
    assert (state["ActiveState"], state["Result"], state["ExecMainStatus"]) == ("inactive", "success", "0")
    assert not [pid for pid in (main, *workers) if Path(f"/proc/{pid}").exists()]


def test_of_omeros_data_it_can_be_let_see_the_thumbnails_alone(installed: Installed) -> None:
    text = (ROOT / "deploy" / "systemd" / UNIT).read_text()
    lines = re.findall(r"^#((?:SupplementaryGroups|TemporaryFileSystem|BindReadOnlyPaths)=.*)$", text, re.MULTILINE)
    assert len(lines) == 3
    # systemd takes none that has no name
    group = next(one for one in grp.getgrall() if one.gr_gid not in (0, *os.getgroups()))
    data_dir = installed.folder / "OMERO"
    for name in ("Thumbnails", "Pixels"):
        (data_dir / name).mkdir(parents=True)
        (data_dir / name / "1").write_text(name)
        # another's, and of a group that this user is not in
        (data_dir / name / "1").chmod(0o640)
        (data_dir / name).chmod(0o750)
        for path in (data_dir / name / "1", data_dir / name):
            os.chown(path, OMERO_SERVER, group.gr_gid)
    here = "\n".join(lines).replace("/OMERO", str(data_dir)).replace("=omero-server", f"={group.gr_name}")
    sees = [
        f"/usr/bin/cat {data_dir}/Thumbnails/1",
        f"/usr/bin/test ! -e {data_dir}/Pixels",
        f"/usr/bin/test ! -w {data_dir}/Thumbnails",
    ]
    looking = "\n".join(f"ExecStartPre={command}" for command in sees)
    installed.configure(f"[Service]\n{here}\n{looking}\n")
    installed.do("start")
    assert installed.state()["ActiveState"] == "active"
    # without the group it may not
    installed.do("stop")
    installed.configure(f"[Service]\n{here}\nSupplementaryGroups=\nExecStartPre=/usr/bin/cat {data_dir}/Thumbnails/1\n")
    with pytest.raises(AssertionError):
        installed.do("start")


def test_a_stuck_worker_makes_systemd_restart_the_service(installed: Installed) -> None:
    installed.do("start")
    stuck = installed.workers()[0]
    os.kill(stuck, signal.SIGSTOP)
    deadline = time.monotonic() + DEADLINE
    while True:
        state = installed.state()
        if state["NRestarts"] == "1" and state["ActiveState"] == "active":
            break
        assert time.monotonic() < deadline, state
    assert f"worker(s) {stuck} do not answer" in installed.log
    assert not Path(f"/proc/{stuck}").exists()
    assert httpx.get(f"http://127.0.0.1:{installed.port}/healthz", timeout=DEADLINE).status_code == 200
