"""The bill of materials is of what is in the single file.

Not among the tests that `make test` collects: `make sbom` writes it and runs this.
"""

from __future__ import annotations

import json
import re
from importlib.metadata import distributions

from omero_ms_thumbnail.version import VERSION
from tests.support.parts import ROOT
from tests.unit.distribution.built import the


def _plain(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def test_it_names_what_is_there() -> None:
    bill = json.loads(the("*.cdx.json").read_text())
    assert bill["bomFormat"] == "CycloneDX"
    whole = bill["metadata"]["component"]
    assert (whole["name"], whole["version"]) == ("omero-ms-thumbnail", VERSION)
    (packages,) = (ROOT / "build" / "whole").glob("lib/python*/site-packages")
    there = {_plain(one.name): one.version for one in distributions(path=[str(packages)])}
    assert there.pop("omero-ms-thumbnail") == VERSION
    assert {_plain(one["name"]): one["version"] for one in bill["components"]} == there
    assert all(one["purl"].startswith("pkg:pypi/") for one in bill["components"])
    # each of them depends on something, or something on it
    named = {one["ref"] for one in bill["dependencies"]}
    assert {one["bom-ref"] for one in bill["components"]} <= named


def test_everything_in_it_is_pinned() -> None:
    bill = json.loads(the("*.cdx.json").read_text())
    pins = dict(line.split("==") for line in (ROOT / "constraints.txt").read_text().split())
    pinned = {_plain(name): version for name, version in pins.items()}
    assert {_plain(one["name"]): one["version"] for one in bill["components"]}.items() <= pinned.items()
