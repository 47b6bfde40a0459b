"""The documents that the code writes are what it would write now, and have everything that there is."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.support.parts import ROOT
from tools.reference import cli, configuration, http, metrics, troubleshooting

GENERATED = {
    "cli.md": (cli.reference, "tools.reference.cli"),
    "configuration.md": (configuration.reference, "tools.reference.configuration"),
    "http.md": (http.reference, "tools.reference.http"),
    "metrics.md": (metrics.reference, "tools.reference.metrics"),
    "troubleshooting.md": (troubleshooting.reference, "tools.reference.troubleshooting"),
}


@pytest.mark.parametrize("name", GENERATED)
def test_it_is_as_generated(name: str) -> None:
    generate, module = GENERATED[name]
    assert (ROOT / "docs" / name).read_text() == generate(), f"run make reference, or python -m {module}"
    assert f"{module} > docs/{name}" in (ROOT / "Makefile").read_text()


@pytest.mark.parametrize("name", ["cli.md", "http.md", "metrics.md"])
def test_the_module_writes_it(name: str) -> None:
    _, module = GENERATED[name]
    said = subprocess.run([sys.executable, "-m", module], cwd=ROOT, capture_output=True, text=True, check=True)
    assert said.stdout == (ROOT / "docs" / name).read_text()


def test_every_option_is_in_it() -> None:
    text = cli.reference()
    for name, parser in cli.commands().items():
        section = text.partition(f"## `{name}`\n")[2].partition("\n## ")[0]
        for action in cli.options(parser):
            assert f"- **`{(action.option_strings or [action.metavar])[0]}" in section
            assert action.help
    assert {"serve", "demo", "check", "warm", "nginx"} == set(cli.commands())
