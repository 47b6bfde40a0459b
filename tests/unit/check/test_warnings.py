"""What `check` says of a configuration that can be used, and had better be changed."""

from __future__ import annotations

from pathlib import Path

import pytest

from omero_ms_thumbnail.check.configuration import describe, read_configuration
from omero_ms_thumbnail.check.finding import Outcome, Stopwatch


@pytest.mark.parametrize(("calls", "outcome"), [(4, Outcome.OK), (16, Outcome.WARNING)])
def test_calls_that_would_take_all_of_omeros_database_connections(tmp_path: Path, calls: int, outcome: Outcome) -> None:
    file = tmp_path / "config.yaml"
    file.write_text(f"worker_pool_size: {calls}\nsession-store: {{type: memory}}\n")
    finding = describe("config.yaml", read_configuration(file, {}), Stopwatch())
    assert finding.outcome is outcome
    assert ("take all of the 10 database connections" in finding.found) == (outcome is Outcome.WARNING)
