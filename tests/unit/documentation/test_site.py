"""The site of the documents: it builds without a warning, has every document, and loads nothing from elsewhere."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.support.parts import ROOT
from tests.unit.documentation.markdown import DOCUMENTS, paragraphs

#: what a browser fetches of its own accord
LOADS = {"script": "src", "img": "src", "link": "href", "iframe": "src", "source": "src", "video": "src"}


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("site")
    shutil.copy(ROOT / "mkdocs.yml", folder)
    shutil.copytree(ROOT / "docs", folder / "docs")
    zensical = Path(sys.executable).with_name("zensical")
    said = subprocess.run([zensical, "build", "--strict"], cwd=folder, capture_output=True, text=True)
    assert said.returncode == 0, said.stdout + said.stderr
    return folder / "site"


class _Loads(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        if tag == "link" and values.get("rel") in ("canonical", "next", "prev"):
            return
        self.found.add(values.get(LOADS.get(tag, "")) or "")


def test_it_loads_nothing_from_elsewhere(site: Path) -> None:
    pages = list(site.rglob("*.html"))
    assert len(pages) > 20
    for page in pages:
        loads = _Loads()
        loads.feed(page.read_text())
        assert not {one for one in loads.found if re.match(r"(https?:)?//", one)}, page
    for style in site.rglob("*.css"):
        assert not re.search(r"(url\(|@import )\s*[\"']?(https?:)?//", style.read_text()), style


def _named(nav: Any) -> set[str]:
    if isinstance(nav, str):
        return {nav}
    return set().union(*map(_named, nav.values() if isinstance(nav, dict) else nav))


def test_every_document_is_in_its_navigation(site: Path) -> None:
    documents = {str(path.relative_to(ROOT / "docs")) for path in (ROOT / "docs").rglob("*.md")}
    assert _named(yaml.safe_load((ROOT / "mkdocs.yml").read_text())["nav"]) == documents
    for document in documents:
        page = site / document.replace("README.md", "index.md").replace(".md", ".html")
        assert page.exists()


def test_links_of_the_readme_lead_somewhere() -> None:
    for path in (ROOT / "README.md", ROOT / "CONTRIBUTING.md"):
        for link in re.findall(r"\]\(([^)#]+)", path.read_text()):
            assert re.match(r"https?://", link) or (ROOT / link).exists(), link


def test_nothing_is_said_twice() -> None:
    """Documents refer to each other: what stands in two places is soon true in one of them."""
    said: dict[str, Path] = {}
    for path in DOCUMENTS:
        for paragraph in paragraphs(path):
            for sentence in re.split(r"(?<=[.:;]) ", paragraph):
                if len(sentence.split()) >= 12:
                    assert said.setdefault(sentence, path) == path, f"{sentence!r} is in {said[sentence]} and in {path}"
