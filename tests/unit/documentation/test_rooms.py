"""A word means one thing in the whole house: no two rooms have a file, or a class, of the same name.

And what the architecture names is there.
"""

from __future__ import annotations

import ast
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from pathlib import Path
from pkgutil import resolve_name

from omero_ms_thumbnail.config.table import KEYS
from tests.support.parts import ROOT
from tests.unit.documentation.markdown import words

SOURCES = ROOT / "src"
SERVICE, OMERO = SOURCES / "omero_ms_thumbnail", SOURCES / "omero_embedded"

#: the folder of the package itself, in which what composes the rooms stands
HALL = "omero_ms_thumbnail"

ARCHITECTURE = ROOT / "docs" / "architecture.md"


def _room(path: Path) -> str:
    """The folder of the service's package that a file is in, at whatever depth; the OMERO for trying out is one."""
    if path.is_relative_to(OMERO):
        return OMERO.name
    inside = path.relative_to(SERVICE).parts
    return inside[0] if len(inside) > 1 else HALL


def _classes(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ClassDef):
            yield node.name


def _in_two_rooms(named: Iterable[tuple[str, str]]) -> dict[str, list[str]]:
    """Of names and the rooms that have them, those in more than one."""
    rooms = defaultdict(set)
    for name, room in named:
        rooms[name].add(room)
    return {name: sorted(found) for name, found in rooms.items() if len(found) > 1}


def _files() -> list[Path]:
    found = [path for package in (SERVICE, OMERO) for path in sorted(package.rglob("*.py"))]
    assert len({_room(path) for path in found}) > 10, "these are not the rooms"
    return found


def test_no_two_rooms_have_a_file_of_the_same_name() -> None:
    # those that the language names stand in every package
    own = [path for path in _files() if path.name not in ("__init__.py", "__main__.py")]
    assert _in_two_rooms((path.name, _room(path)) for path in own) == {}


def test_no_two_rooms_have_a_class_of_the_same_name() -> None:
    assert _in_two_rooms((name, _room(path)) for path in _files() for name in _classes(path)) == {}


def test_the_modules_that_the_architecture_names_are_there() -> None:
    rooms = "|".join(sorted({_room(path) for path in _files()} - {HALL, OMERO.name}))
    named = {word for word in words(ARCHITECTURE) if re.fullmatch(rf"(?:{rooms})(?:\.\w+)+", word)} - set(KEYS)
    assert len(named) > 20, "these are not the modules"
    for name in named - {"omero.py"}:
        resolve_name(f"omero_ms_thumbnail.{name}")


def test_the_classes_and_functions_that_the_architecture_names_are_there() -> None:
    defined = {
        f"{outer.name}.{inner.name}" if isinstance(outer, ast.ClassDef) else inner.name
        for path in _files()
        for outer in ast.walk(ast.parse(path.read_text()))
        for inner in ast.iter_child_nodes(outer)
        if isinstance(inner, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
    }
    named = {word for word in words(ARCHITECTURE) if re.fullmatch(r"[A-Z][a-z]\w+(?:\.\w+)?", word)}
    assert {"FactsCache.key", "BatchWindow"} <= named, "these are not the classes"
    assert sorted(named - defined) == []
