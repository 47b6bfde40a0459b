"""What is taken from a session dict, and what is not believed; the stores that need no server."""

from __future__ import annotations

import pytest

from omero_ms_thumbnail.websession import MemorySessionStore, SessionStore, WebSession, is_session_id
from omero_ms_thumbnail.websession.placeholder import Placeholder
from omero_ms_thumbnail.websession.web_session import web_session

KEY = "0b9d4d6c-6ac1-4f2a-9b6c-7e7c1f1d3a55"


def connector_instance(name: str = "omeroweb.connector.Connector") -> Placeholder:
    instance = Placeholder(name)
    instance.attributes = {"omero_session_key": KEY, "user_id": 52}
    return instance


@pytest.mark.parametrize(
    "connector",
    [{"omero_session_key": KEY, "user_id": 52, "server_id": "1"}, connector_instance()],
    ids=["dict", "instance"],
)
def test_connector(connector: object) -> None:
    assert web_session({"connector": connector}) == WebSession(KEY, 52, None)


@pytest.mark.parametrize(
    "connector",
    [
        None,
        "text",
        [],
        {},
        {"user_id": 52},
        {"omero_session_key": None},
        {"omero_session_key": ""},
        {"omero_session_key": KEY.encode()},
        {"omero_session_key": "x" * 257},
        {"omero_session_key": "two\nlines"},
        {"omero_session_key": "nul\0"},
        {"omero_session_key": "\ud800"},
        {"omero_session_key": {"omero_session_key": KEY}},
        connector_instance("evil.Connector"),
        Placeholder("omeroweb.connector.Connector"),
    ],
)
def test_connector_without_a_usable_key_is_nobody(connector: object) -> None:
    assert web_session({"connector": connector}) is None


def test_no_connector_is_nobody() -> None:
    assert web_session({"user_id": 52}) is None


@pytest.mark.parametrize("user_id", [None, True, "52", 52.0, -1, 2**63, [52]])
def test_user_id_that_is_not_one(user_id: object) -> None:
    assert web_session({"connector": {"omero_session_key": KEY, "user_id": user_id}}) == WebSession(KEY)


@pytest.mark.parametrize(
    ("size", "taken"),
    [
        (96, 96),
        (1, 1),
        (10_000, 10_000),
        ("128", 128),
        (0, None),
        (10_001, None),
        (-96, None),
        (True, None),
        (96.0, None),
        ("", None),
        ("96.0", None),
        ("-96", None),
        ("²", None),
        ("9" * 5000, None),
        (None, None),
        ([96], None),
    ],
)
def test_thumb_default_size(size: object, taken: int | None) -> None:
    settings = {"browser": {"thumb_default_size": size}}
    assert web_session({"connector": {"omero_session_key": KEY}, "server_settings": settings}) == WebSession(
        KEY, None, taken
    )


@pytest.mark.parametrize(
    "settings", [None, {}, {"browser": None}, {"browser": []}, [], "x", Placeholder("OrderedDict")]
)
def test_server_settings_without_a_size(settings: object) -> None:
    assert web_session({"connector": {"omero_session_key": KEY}, "server_settings": settings}) == WebSession(KEY)


def test_the_key_is_not_shown() -> None:
    assert KEY not in repr(WebSession(KEY, 52))


@pytest.mark.parametrize(
    ("text", "is_id"),
    [
        ("a" * 7, False),
        ("a" * 8, True),
        ("a" * 64, True),
        ("a" * 65, False),
        ("gxy01234567", True),
        ("abcdefgH", False),
        ("abcdefgh\n", False),
        ("abcd-efgh", False),
        ("٣" * 8, False),
        ("", False),
    ],
)
def test_session_id(text: str, is_id: bool) -> None:
    assert is_session_id(text) is is_id


async def test_memory_store() -> None:
    store: SessionStore = MemorySessionStore({"abcdefgh": WebSession(KEY)})
    assert isinstance(store, MemorySessionStore)
    store.add("ijklmnop", WebSession("other"))
    assert await store.get("abcdefgh") == WebSession(KEY)
    assert await store.get("ijklmnop") == WebSession("other")
    store.remove("abcdefgh")
    store.remove("abcdefgh")
    assert await store.get("abcdefgh") is None
    assert await store.get("../etc") is None
    with pytest.raises(ValueError, match="8 to 64"):
        store.add("../etc", WebSession(KEY))
    await store.ping()
    assert store.describe() == "memory of this process"
    await store.close()
    assert await store.get("ijklmnop") is None
