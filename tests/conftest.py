"""What every test may use: real parts on ports of their own, and the one line about what was left out."""

from __future__ import annotations

import os

import pytest

from tests import parts

pytest_plugins: list[str] = []


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    missing = parts.summary()
    terminalreporter.write_line(f"left out: {missing}" if missing else "left out: nothing, every real part was here")


def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    if parts.left_out and os.environ.get("REQUIRE_ALL_PARTS") == "1" and exitstatus == 0:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
