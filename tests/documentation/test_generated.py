"""The documents that the code writes are what it would write now, and have everything that there is."""

from __future__ import annotations

import subprocess
import sys

import pytest

from omero_ms_thumbnail import cli_reference
from omero_ms_thumbnail.check import troubleshooting
from omero_ms_thumbnail.config import reference as configuration
from omero_ms_thumbnail.telemetry import reference as metrics
from omero_ms_thumbnail.web import reference as http
from tests.parts import ROOT

GENERATED = {
    "cli.md": (cli_reference.reference, "omero_ms_thumbnail.cli_reference"),
    "configuration.md": (configuration.reference, "omero_ms_thumbnail.config.reference"),
    "http.md": (http.reference, "omero_ms_thumbnail.web.reference"),
    "metrics.md": (metrics.reference, "omero_ms_thumbnail.telemetry.reference"),
    "troubleshooting.md": (troubleshooting.troubleshooting, "omero_ms_thumbnail.check.troubleshooting"),
}


@pytest.mark.parametrize("name", GENERATED)
def test_it_is_as_generated(name: str) -> None:
    generate, module = GENERATED[name]
    assert (ROOT / "docs" / name).read_text() == generate(), f"run make reference, or python -m {module}"
    assert f"{module} > docs/{name}" in (ROOT / "Makefile").read_text()


@pytest.mark.parametrize("name", ["cli.md", "http.md", "metrics.md"])
def test_the_module_writes_it(name: str) -> None:
    _, module = GENERATED[name]
    said = subprocess.run([sys.executable, "-m", module], capture_output=True, text=True, check=True)
    assert said.stdout == (ROOT / "docs" / name).read_text()


def test_every_option_is_in_it() -> None:
    text = cli_reference.reference()
    for name, parser in cli_reference.commands().items():
        section = text.partition(f"## `{name}`\n")[2].partition("\n## ")[0]
        for action in cli_reference.options(parser):
            assert f"- **`{(action.option_strings or [action.metavar])[0]}" in section
            assert action.help
    assert {"serve", "demo", "check", "warm", "nginx"} == set(cli_reference.commands())
