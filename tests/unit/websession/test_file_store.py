"""Session files: which are read, and which are somebody else's business."""

# ruff: noqa: ASYNC240 - the files of a test are its own, and small
from __future__ import annotations

import json
import os
import socket
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from omero_ms_thumbnail.websession import FileSessionStore, SessionStoreUnavailable, SigningKeys, WebSession
from omero_ms_thumbnail.websession.signed_text import sign

ID = "abcdefgh01234567"
AGE = 100.0


def text(key: str = "key", **items: object) -> bytes:
    return sign(json.dumps({"connector": {"omero_session_key": key, "user_id": 7}, **items}).encode(), "secret", "0")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    folder = tmp_path / "sessions"
    folder.mkdir()
    file = folder / f"sessionid{ID}"
    file.write_bytes(text())
    return file


@pytest.fixture
async def store(file: Path) -> AsyncIterator[FileSessionStore]:
    store = FileSessionStore(file.parent, session_age=AGE, timeout=30)
    yield store
    await store.close()


def changed_ago(file: Path, seconds: float) -> None:
    past = time.time() - seconds
    os.utime(file, (past, past))


async def test_session(store: FileSessionStore, file: Path) -> None:
    found = await store.get(ID)
    assert found == WebSession("key", 7)
    assert found is not None
    assert found.expires == pytest.approx(file.stat().st_mtime + AGE)
    await store.ping()


async def test_unknown_session(store: FileSessionStore) -> None:
    assert await store.get("unknownunknown00") is None


async def test_empty_file_is_one_that_django_is_about_to_write(store: FileSessionStore, file: Path) -> None:
    file.write_bytes(b"")
    assert await store.get(ID) is None
    assert store.unreadable == {}


async def test_age_is_counted_from_the_last_change(store: FileSessionStore, file: Path) -> None:
    changed_ago(file, AGE - 10)
    assert await store.get(ID) is not None
    changed_ago(file, AGE + 1)
    assert await store.get(ID) is None


@pytest.mark.parametrize(
    ("said", "ago", "known"),
    [
        (50, 40, True),
        (50, 60, False),
        (300, 200, True),
        (0, AGE - 10, True),
        (0, AGE + 1, False),
        ("2001-02-03T04:05:06+00:00", 0, False),
        ("2001-02-03T04:05:06", 0, False),
        ("2999-02-03T04:05:06+00:00", AGE + 1, True),
        ("soon", AGE - 10, True),
        (None, AGE - 10, True),
        (True, AGE + 1, False),
    ],
)
async def test_what_a_session_says_of_its_end(
    store: FileSessionStore, file: Path, said: object, ago: float, known: bool
) -> None:
    file.write_bytes(text(_session_expiry=said))
    changed_ago(file, ago)
    assert (await store.get(ID) is not None) is known


@pytest.mark.parametrize(
    "session_id", ["../../../etc/passwd", "..", "a/b/c/d/e", "abcdefgh\0", "", "ABCDEFGH", "x" * 65]
)
async def test_id_that_could_leave_the_folder_is_nobody(store: FileSessionStore, file: Path, session_id: str) -> None:
    file.parent.rename(file.parent.with_name("gone"))
    # Not even the folder was looked at.
    assert await store.get(session_id) is None


async def test_link_is_not_followed(store: FileSessionStore, file: Path, tmp_path: Path) -> None:
    file.rename(tmp_path / "elsewhere")
    file.symlink_to(tmp_path / "elsewhere")
    assert await store.get(ID) is None
    assert store.unreadable == {"not-a-file": 1}


async def test_pipe_folder_and_socket_are_no_sessions(store: FileSessionStore, file: Path) -> None:
    file.unlink()
    os.mkfifo(file)
    assert await store.get(ID) is None
    file.unlink()
    file.mkdir()
    assert await store.get(ID) is None
    file.rmdir()
    with socket.socket(socket.AF_UNIX) as listener:
        here = Path.cwd()
        try:
            # The address of a socket may not be long.
            os.chdir(file.parent)
            listener.bind(file.name)
        finally:
            os.chdir(here)
        assert await store.get(ID) is None
    assert store.unreadable == {"not-a-file": 3}


async def test_file_of_any_size_costs_no_more_than_the_limit(store: FileSessionStore, file: Path) -> None:
    with file.open("r+b") as opened:
        opened.truncate(1 << 40)
    assert await store.get(ID) is None
    assert store.unreadable == {"too-large": 1}


async def test_folder_that_is_not_there(store: FileSessionStore, file: Path) -> None:
    file.parent.rename(file.parent.with_name("gone"))
    for ask in (store.get(ID), store.ping()):
        with pytest.raises(SessionStoreUnavailable, match=r"is not there; check session-store\.directory"):
            await ask
    file.parent.with_name("gone").rename(file.parent)
    assert await store.get(ID) is not None


async def test_signature_and_cookie_name(file: Path) -> None:
    file.rename(file.with_name(f"omero{ID}"))
    for key, known in (("secret", True), ("other", False)):
        store = FileSessionStore(file.parent, cookie_name="omero", keys=SigningKeys((key,)), timeout=30)
        assert (await store.get(ID) is not None) is known
        await store.close()


async def test_error_of_the_file_system_is_not_a_log_out(
    store: FileSessionStore, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = os.open

    def refuse(path: object, flags: int, *rest: object, **options: object) -> int:
        if path == file.name:
            raise PermissionError(13, "Permission denied", str(path))
        return real(path, flags, *rest, **options)  # type: ignore[arg-type]

    # Root, who may run the tests, is refused nothing by the file system itself.
    monkeypatch.setattr(os, "open", refuse)
    with pytest.raises(SessionStoreUnavailable, match="may not be read by this service's user") as raised:
        await store.get(ID)
    assert ID not in str(raised.value)
