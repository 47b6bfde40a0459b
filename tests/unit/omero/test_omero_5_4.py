"""Whatever is asked of an OMERO, one of 5.4 has: operations, their parameters, classes, and the paths of queries.

And an OMERO that has no more than that, on the oldest Ice that it runs with, is joined and shows its thumbnails.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import omero_ms_thumbnail
from omero_embedded.router import Router
from omero_embedded.servants import ConfigServant
from omero_embedded.thumbnail_store_servant import ThumbnailStoreServant
from omero_embedded.world import ImageState
from omero_ms_thumbnail.ice import types
from omero_ms_thumbnail.ice.encoding import ClassType
from omero_ms_thumbnail.ice.glacier2 import ROUTER_OPERATIONS
from omero_ms_thumbnail.ice.operations import Operation
from omero_ms_thumbnail.ice.references import PROXY
from omero_ms_thumbnail.omero import queries as hql
from omero_ms_thumbnail.omero import services, system
from omero_ms_thumbnail.omero.rtypes import RTYPE
from omero_ms_thumbnail.omero.session import JoinedSession
from omero_ms_thumbnail.thumbnails.model import Thumbnail, ThumbnailRequest
from omero_ms_thumbnail.thumbnails.service import Thumbnails
from tests.unit.omero import omero_5_4
from tests.unit.omero.small_omero import LEAVE_WITHIN, key_of, pool_at, server_of, small_omero

PACKAGE = Path(omero_ms_thumbnail.__file__).parent
OURS = {
    "ServiceFactory": services.SERVICE_FACTORY,
    "IQuery": services.IQUERY,
    "IAdmin": services.IADMIN,
    "IConfig": services.ICONFIG,
    "ThumbnailStore": services.THUMBNAIL_STORE,
    "Router": ROUTER_OPERATIONS,
}
_NAMES: dict[Any, str] = {
    types.BOOL: "bool",
    types.INT: "int",
    types.LONG: "long",
    types.STRING: "string",
    types.BYTE_SEQ: "bytes",
    types.VOID: "void",
    PROXY: "proxy",
    RTYPE: "RType",
}


def named(kind: Any) -> str:
    """A type as the slices spell it."""
    if isinstance(kind, ClassType):
        return str(kind._class.__name__)
    if isinstance(kind, types.Sequence):
        return f"sequence<{named(kind._element)}>"
    if isinstance(kind, types.Dictionary):
        return f"dictionary<{named(kind._key)}, {named(kind._value)}>"
    return _NAMES[kind]


def written(operation: Operation[Any]) -> str:
    parameters = ", ".join(named(kind) for _, kind in operation.parameters)
    return f"{operation.mode.name.lower()} {named(operation.result)}({parameters})"


def called() -> set[str]:
    """Every text in the service, but for the tables of operations, that names an operation."""
    operations = {name for table in OURS.values() for name in table}
    found: set[str] = set()
    for path in PACKAGE.rglob("*.py"):
        if path.name == "services.py":
            continue
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Constant) and node.value in operations:
                found.add(node.value)
    return found


@pytest.mark.parametrize("interface", OURS)
def test_each_operation_is_one_of_5_4_or_known_to_be_newer(interface: str) -> None:
    ours = {name: written(operation) for name, operation in OURS[interface].items()}
    newer = omero_5_4.NEWER.get(interface, {})
    theirs = omero_5_4.OPERATIONS[interface]
    assert ours.keys() - theirs.keys() == newer.keys()
    assert {name: text for name, text in ours.items() if name in theirs}.items() <= theirs.items()


def test_no_operation_of_omero_that_is_newer_is_called() -> None:
    assert {"setPixelsId", "getThumbnailByLongestSideSet", "projection", "createSession"} <= called()
    newer = {name for table in omero_5_4.NEWER.values() for name in table}
    # the router is asked how long it waits; one that cannot be is lived with
    assert called() & newer == {"getACMTimeout"}


@pytest.mark.parametrize("name", omero_5_4.MEMBERS)
def test_classes_have_the_members_of_5_4(name: str) -> None:
    assert [member for member, _ in getattr(system, name).MEMBERS] == omero_5_4.MEMBERS[name].split()


# queries


def queries() -> Iterator[tuple[str, str]]:
    for name, value in vars(hql).items():
        if isinstance(value, dict) and not name.startswith("__"):
            yield from ((f"{name}[{kind}]", text) for kind, text in value.items())
        elif isinstance(value, str) and value.startswith("select "):
            yield name, value


_FROM = re.compile(r"\bfrom (\w+) (\w+)|\bjoin ([\w.]+) (\w+)")
_PATH = re.compile(r"(?<![:\w.])([a-z]\w*(?:\.\w+)+)")
_INDEX = re.compile(r"\bindex\((\w+)\)")


def led_to(path: str, aliases: dict[str, str]) -> str:
    """The type that a path comes to, "" for a value. Raises KeyError where the model has no such path."""
    first, *rest = path.split(".")
    at = aliases[first]
    for name in rest:
        at = omero_5_4.properties(at)[name]
    return at


def aliases_of(query: str) -> dict[str, str]:
    aliases: dict[str, str] = {}
    for type_name, alias, _, _ in _FROM.findall(query):
        if type_name:
            assert type_name in omero_5_4.MODEL
            aliases[alias] = type_name
    for _, _, path, joined in _FROM.findall(query):
        if path:
            aliases[joined] = led_to(path, aliases)
    return aliases


@pytest.mark.parametrize(("name", "query"), list(queries()))
def test_the_model_of_5_4_has_every_path_of_a_query(name: str, query: str) -> None:
    aliases = aliases_of(query)
    paths = _PATH.findall(query)
    assert paths, name
    for path in paths:
        led_to(path, aliases)
    for alias in _INDEX.findall(query):
        (path,) = [path for _, _, path, joined in _FROM.findall(query) if joined == alias]
        owner, _, collection = path.rpartition(".")
        assert (led_to(owner, aliases), collection) in omero_5_4.ORDERED


@pytest.mark.parametrize(
    "query",
    [
        "select i.idd from Image i",
        "select p.id from Image i join i.pixel p",
        "select i.id from Imag i",
        "select (select count(t.id) from Thumbnail t where t.pixel.id = i.id) from Image i",
        "select i.details.owner.omename from Image i",
    ],
)
def test_a_path_that_is_none_is_found(query: str) -> None:
    with pytest.raises((KeyError, AssertionError)):
        test_the_model_of_5_4_has_every_path_of_a_query("wrong", query)


# an OMERO that has no more


@pytest.fixture
def only_5_4(monkeypatch: pytest.MonkeyPatch) -> None:
    """The embedded OMERO without what is newer, and without the settings of a read-only server."""
    router = {**ROUTER_OPERATIONS}
    store = {**services.THUMBNAIL_STORE}
    del router["getACMTimeout"], store["getThumbnailWithoutDefault"]
    monkeypatch.setattr(Router, "OPERATIONS", router)
    monkeypatch.setattr(ThumbnailStoreServant, "OPERATIONS", store)

    async def no_values(_servant: ConfigServant, _current: Any, key_regex: str) -> dict[str, str]:
        assert "read_only" in key_regex
        return {}

    monkeypatch.setattr(ConfigServant, "getConfigValues", no_values)


@pytest.mark.usefixtures("only_5_4")
@pytest.mark.parametrize("way", ["stored", "exact size", "section", "chosen settings"])
async def test_an_omero_5_4_shows_its_thumbnails(way: str) -> None:
    async with small_omero() as omero, pool_at(omero) as pool:
        researcher = omero.world.user_named("researcher")
        assert researcher is not None
        asked = []
        for image in omero.world.images.values():
            if (
                not image.rendering_defs
                or image.state is ImageState.FAILING
                or not omero.world.may_read(researcher, image)
            ):
                continue
            more: dict[str, dict[str, int]] = {
                "stored": {},
                "exact size": {"height": 16},
                "section": {"z": 0, "t": 0},
                "chosen settings": {"rendering_def_id": image.rendering_defs[0].id},
            }
            asked.append(ThumbnailRequest(image.id, 16, **more[way]))
        outcomes = await Thumbnails(pool, timeout=10.0, stores=4).get_all(key_of(omero), asked)
        assert {type(outcome) for outcome in outcomes} == {Thumbnail}


@pytest.mark.usefixtures("only_5_4")
async def test_an_omero_5_4_says_nothing_of_being_read_only() -> None:
    async with small_omero() as omero:
        joined = await JoinedSession.join(server_of(omero), key_of(omero))
        try:
            assert not await joined.is_read_only()
        finally:
            await joined.leave(LEAVE_WITHIN)
