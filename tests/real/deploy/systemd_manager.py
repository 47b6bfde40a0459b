"""A real systemd, as the manager of user services, that needs neither to be process 1 nor a machine of its own."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from tests.support.parts import require
from tests.support.service_process import DEADLINE

#: systemd starts only where it seems to have booted the machine (sd_booted(3)): so it seems, to it alone
_IN_A_NAMESPACE = "mount -t tmpfs tmpfs /run && mkdir -p /run/systemd/system && exec "


class Systemd:
    """A running manager; units are those in `units`."""

    def __init__(self, units: Path, process: int, environment: dict[str, str]) -> None:
        self.units = units
        # systemctl, too, looks whether systemd has booted the machine
        self._systemctl = ["nsenter", f"--target={process}", "--mount", "systemctl", "--user"]
        self._environment = environment

    def systemctl(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*self._systemctl, *arguments],
            env=self._environment,
            capture_output=True,
            text=True,
            timeout=DEADLINE,
        )

    def show(self, unit: str, *properties: str) -> dict[str, str]:
        said = self.systemctl("show", unit, f"--property={','.join(properties)}")
        return dict(line.split("=", 1) for line in said.stdout.splitlines())


@contextmanager
def systemd(folder: Path) -> Iterator[Systemd]:
    """Started in `folder`, which has to have a short path; everything in it ends with it."""
    program = require("systemd")
    environment = {**os.environ, "XDG_RUNTIME_DIR": str(folder), "XDG_CONFIG_HOME": str(folder)}
    units = folder / "systemd" / "user"
    units.mkdir(parents=True)
    (units / "nothing.target").write_text("[Unit]\nDefaultDependencies=no\n")
    started = f"{_IN_A_NAMESPACE} {program} --user --unit=nothing.target --log-target=console"
    with (folder / "systemd.log").open("w") as log:
        process = subprocess.Popen(["unshare", "--mount", "sh", "-c", started], env=environment, stderr=log)
    manager = Systemd(units, process.pid, environment)
    try:
        deadline = time.monotonic() + DEADLINE
        while manager.systemctl("is-system-running").stdout.strip() != "running":
            assert process.poll() is None, (folder / "systemd.log").read_text()
            assert time.monotonic() < deadline, (folder / "systemd.log").read_text()
        yield manager
    finally:
        process.terminate()
        with suppress(subprocess.TimeoutExpired):
            process.wait(DEADLINE)
        process.kill()
        process.wait()
