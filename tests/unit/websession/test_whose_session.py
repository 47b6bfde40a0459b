"""What else a session says: which OMERO.server it is of, whether it is a visitor's, and whether it could be read."""

from __future__ import annotations

import json
import pickle
from pathlib import Path
from typing import Any

import pytest

from omero_ms_thumbnail.websession import CachedSessionStore, FileSessionStore, SessionStoreChain
from omero_ms_thumbnail.websession.web_session import web_session


@pytest.mark.parametrize(
    ("written", "read"),
    [(1, 1), ("2", "2"), ("a name", "a name"), (None, None), (True, "?"), ([1], "?"), (1.0, "?"), ("", "")],
)
def test_the_server(written: Any, read: Any) -> None:
    session = web_session({"connector": {"omero_session_key": "key", "server_id": written}})
    assert session is not None
    assert session.server_id == read


@pytest.mark.parametrize(
    ("written", "read"), [(True, True), (False, False), (None, False), ("true", False), (1, False)]
)
def test_a_visitors(written: Any, read: bool) -> None:
    session = web_session({"connector": {"omero_session_key": "key", "is_public": written}})
    assert session is not None
    assert session.is_public is read


async def test_one_that_could_not_be_read_is_told_from_one_that_is_not_there(tmp_path: Path) -> None:
    for name in ("one", "other"):
        (tmp_path / name).mkdir()
    stores = [FileSessionStore(tmp_path / name, cookie_name="s", session_age=3600) for name in ("one", "other")]
    store = SessionStoreChain([CachedSessionStore(one) for one in stores])
    try:
        unreadable = tmp_path / "other" / "sunreadable"
        unreadable.write_bytes(b"no session")
        assert await store.get("unreadable") is None
        assert store.is_unreadable("unreadable")
        assert await store.get("notthere") is None
        assert not store.is_unreadable("notthere")
        unreadable.unlink()
        assert await store.get("unreadable") is None
        assert not store.is_unreadable("unreadable")
    finally:
        await store.close()


def test_pickles_say_it_too() -> None:
    connector = {"omero_session_key": "key", "server_id": 2, "is_public": True}
    session = web_session(pickle.loads(pickle.dumps({"connector": connector})))
    assert session is not None
    assert (session.server_id, session.is_public) == (2, True)
    assert web_session(json.loads(json.dumps({"connector": connector}))) == session
