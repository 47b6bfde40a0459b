"""News of what is not released yet: a file for each change, which a release puts into the changelog."""

from __future__ import annotations

import subprocess
import sys
import tomllib

from tests.support.parts import ROOT

NEWS = sorted((ROOT / "news").iterdir())
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
KINDS = {kind["directory"] for kind in PROJECT["tool"]["towncrier"]["type"]}


def test_each_file_says_of_which_kind_its_news_are() -> None:
    for path in NEWS:
        words, kind, end = path.name.split(".")
        assert words.startswith("+"), path
        assert kind in KINDS, path
        assert end == "md", path
        assert path.read_text().strip().endswith((".", ")")), path


def test_a_release_can_put_them_together() -> None:
    command = [sys.executable, "-m", "towncrier", "build", "--draft", "--version", "0"]
    told = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True, timeout=60).stdout
    for path in NEWS:
        assert path.read_text().splitlines()[0] in told, path
