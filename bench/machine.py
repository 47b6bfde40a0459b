"""What a run ran on: the machine, and the versions of everything that was measured."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

from tests.support.parts import require

from .processes import BrokenMeasurement


def machine() -> dict[str, str]:
    """Cores, processor, memory, kernel, versions, and how busy it was before."""
    cpu = re.search(r"model name\s*: (.*)", Path("/proc/cpuinfo").read_text())
    memory = re.search(r"MemTotal:\s+(\d+) kB", Path("/proc/meminfo").read_text())
    if shutil.which("wrk") is None:
        raise BrokenMeasurement("wrk is not on this machine: Debian has it as wrk")
    return {
        "processor": cpu.group(1) if cpu else "unknown",
        "cores": str(os.cpu_count()),
        "memory": f"{int(memory.group(1)) / 2**20:.0f} GiB" if memory else "unknown",
        "kernel": os.uname().release,
        "Python": sys.version.split()[0],
        "Granian": version("granian"),
        "uvloop": version("uvloop"),
        "OMERO.web": _of_omeroweb(),
        "glacier2router": _said(require("glacier2router"), "--version"),
        "nginx": _said(require("nginx"), "-v").rpartition("/")[2],
        "Redis": _said(require("redis-server"), "--version").partition("v=")[2].split(" ")[0],
        "load before": f"{os.getloadavg()[0]:.2f}",
    }


def _of_omeroweb() -> str:
    names = ("omero-web", "omero-py", "zeroc-ice", "Django", "gunicorn")
    script = f"from importlib.metadata import version; print(*(version(name) for name in {names!r}))"
    found = _said(require("OMERO.web new"), "-c", script).split()
    return f"{found[0]} (" + ", ".join(f"{name} {one}" for name, one in zip(names[1:], found[1:], strict=True)) + ")"


def _said(program: Path, *arguments: str) -> str:
    ran = subprocess.run([program, *arguments], capture_output=True, text=True, check=False)
    if ran.returncode:
        raise BrokenMeasurement(f"{program} {' '.join(arguments)} ended with {ran.returncode}: {ran.stderr}")
    return (ran.stdout + ran.stderr).strip().splitlines()[0]
