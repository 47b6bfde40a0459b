"""docs/security.md names tests, keys and targets that there are."""

from __future__ import annotations

import re

import pytest

from omero_ms_thumbnail.config.table import KEYS
from tests.parts import ROOT

TEXT = (ROOT / "docs" / "security.md").read_text()
TESTS = sorted(set(re.findall(r"`(tests/[\w/.]+)`", TEXT)))


def test_it_names_tests() -> None:
    assert len(TESTS) > 20
    # no other way of writing one, which would not be checked
    assert set(re.findall(r"tests/[\w/]+\.\w+", TEXT)) == set(TESTS)


@pytest.mark.parametrize("path", TESTS)
def test_each_of_them_is_there(path: str) -> None:
    assert re.search(r"^(async )?def test_", (ROOT / path).read_text(), re.MULTILINE)


def _attacks() -> list[list[str]]:
    """The rows of the tables of what could be tried: what, what comes of it, test."""
    tables = re.findall(r"^\| what could be tried.*\n\| ---.*\n((?:\|.*\n)+)", TEXT, re.MULTILINE)
    return [line[2:-1].split(" | ") for table in tables for line in table.splitlines()]


def test_each_attack_names_a_test_or_says_that_it_succeeds() -> None:
    assert len(_attacks()) > 20
    for what, outcome, test in _attacks():
        assert "`tests/" in test or outcome.startswith("succeeds"), what


def test_keys_and_targets_are_there() -> None:
    switches = TEXT.partition("## Switches")[2].partition("## ")[0]
    keys = re.findall(r"^\| `([\w.]+)`", switches, re.MULTILINE)
    assert len(keys) == 5
    assert set(keys) <= set(KEYS)
    makefile = (ROOT / "Makefile").read_text()
    for target in re.findall(r"`make ([\w-]+)`", TEXT):
        assert f"\n{target}:" in makefile
