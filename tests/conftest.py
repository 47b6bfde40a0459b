"""What every test may use: real parts on ports of their own, and the one line about what was left out."""

from __future__ import annotations

import os
from typing import Any, Final

import hypothesis
import pytest

from tests.support import parts

pytest_plugins: list[str] = []

# how long an example takes says how busy the machine is; many more are tried by `make fuzz`
hypothesis.settings.register_profile("tests", deadline=None, max_examples=50)
hypothesis.settings.load_profile("tests")

_LEFT_OUT: Final = "left out"


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    missing = parts.summary()
    terminalreporter.write_line(f"left out: {missing}" if missing else "left out: nothing, every real part was here")


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """One of the processes that the tests are shared out to has ended, and says what it left out."""
    for part, tests in getattr(node, "workeroutput", {}).get(_LEFT_OUT, {}).items():
        parts.left_out.setdefault(part, []).extend(tests)


def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    if hasattr(session.config, "workeroutput"):
        session.config.workeroutput[_LEFT_OUT] = parts.left_out
    elif parts.left_out and os.environ.get("REQUIRE_ALL_PARTS") == "1" and exitstatus == 0:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
