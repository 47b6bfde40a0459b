"""The version stands in one place, and whatever has to repeat it says the same."""

from __future__ import annotations

import re
import tomllib
from importlib.metadata import version

from omero_ms_thumbnail.version import VERSION
from tests.support.parts import ROOT
from tests.unit.documentation.markdown import DOCUMENTS


def test_the_package_has_it_from_there() -> None:
    assert version("omero-ms-thumbnail") == VERSION
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    assert "version" not in project["project"]
    assert project["tool"]["setuptools"]["dynamic"]["version"] == {"attr": "omero_ms_thumbnail.version.VERSION"}


def test_images_in_manifests_are_of_this_version() -> None:
    manifests = "\n".join(path.read_text() for path in (ROOT / "deploy").rglob("*.yaml"))
    tags = re.findall(r"\bomero-ms-thumbnail:(\d[\w.]*)", manifests)
    assert tags
    assert set(tags) == {VERSION}


def test_documents_name_no_version_of_their_own() -> None:
    for path in DOCUMENTS:
        if path.name != "CHANGELOG.md":
            assert not re.findall(rf"omero[_-]ms[_-]thumbnail[-:=]+{re.escape(VERSION)}", path.read_text()), path
