"""The audit of what is installed: it finds what it should, and finds nothing in what is pinned."""

from __future__ import annotations

import importlib.metadata
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

from audit.__main__ import affected
from audit.advisories import cut_out, from_osv, read
from audit.pins import CONSTRAINTS, pins

PROJECT = "omero-ms-thumbnail"

ADVISORY = """
id: PYSEC-0-1
aliases: [CVE-0-1]
affected:
- package: {name: Some.Thing, ecosystem: PyPI}
  ranges:
  - type: ECOSYSTEM
    events: [{introduced: '0'}, {fixed: '1.5'}, {introduced: '2.0'}, {last_affected: '2.3'}]
  versions: ['0.1']
- package: {name: another, ecosystem: PyPI}
  versions: ['7']
"""


@pytest.fixture
def database(tmp_path: Path) -> Path:
    folder = tmp_path / "vulns" / "some-thing"
    folder.mkdir(parents=True)
    (folder / "PYSEC-0-1.yaml").write_text(ADVISORY)
    (folder / "PYSEC-0-2.yaml").write_text("id: PYSEC-0-2\nwithdrawn: '2020'\naffected: []\n")
    return tmp_path


@pytest.mark.parametrize(
    ("version", "is_affected"),
    [("0", True), ("1.4.9", True), ("1.5", False), ("1.9", False), ("2.0", True), ("2.3", True), ("2.3.1", False)],
)
def test_what_is_affected(database: Path, tmp_path: Path, version: str, is_affected: bool) -> None:
    file = tmp_path / "kept.json"
    assert cut_out(database, ["some-thing", "unknown"], "2020-01-01", file) == 1
    as_of, advisories = read(file)
    assert as_of == "2020-01-01"
    found = affected({"some-thing": Version(version), "unknown": Version("1")}, advisories)
    assert found == ([f"some-thing {version}: PYSEC-0-1 (CVE-0-1)"] if is_affected else [])


def test_versions_where_there_are_no_ranges() -> None:
    document = {"id": "A", "affected": [{"package": {"name": "x"}, "versions": ["1.0", "1.1"]}]}
    advisory = from_osv(document, "x")
    assert advisory is not None
    assert advisory.affects(Version("1.1"))
    assert not advisory.affects(Version("1.2"))


def test_nothing_that_is_pinned_is_known_to_be_vulnerable() -> None:
    _, advisories = read()
    # the advisories are those of packages that are used here, or there would be none to be found
    assert affected({"pyyaml": Version("5.3")}, advisories)
    assert affected(pins(CONSTRAINTS), advisories) == []


def _needed() -> set[str]:
    """All that is installed here because the project, with all its extras, wants it."""
    found: set[str] = set()
    waiting = [PROJECT]
    while waiting:
        name = canonicalize_name(waiting.pop())
        try:
            required = importlib.metadata.requires(name) or []
        except importlib.metadata.PackageNotFoundError:
            continue
        if name in found:
            continue
        found.add(name)
        for text in required:
            requirement = Requirement(text)
            if name == PROJECT or requirement.marker is None or requirement.marker.evaluate({"extra": ""}):
                waiting.append(requirement.name)
    return found - {PROJECT}


def test_all_that_is_needed_is_pinned_to_what_is_installed() -> None:
    pinned = pins(CONSTRAINTS)
    installed = {name: Version(importlib.metadata.version(name)) for name in _needed()}
    for name in ("pip", "setuptools"):
        # they are whoever's who made the environment
        installed.pop(name, None)
    # an extra's extras are not among what is needed
    assert {name: version for name, version in installed.items() if pinned.get(name) != version} == {}
