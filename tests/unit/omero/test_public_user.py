"""The public user's session: joined, made by password, and the password that is not tried again."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from omero_ms_thumbnail.ice.glacier2 import PermissionDeniedException
from omero_ms_thumbnail.omero import public_session
from omero_ms_thumbnail.omero.public_session import REFUSED_FOR, PublicUser
from omero_ms_thumbnail.omero.session import JoinedSession, OmeroServer

SERVER = OmeroServer("omero.example.org", 4064, None)
REFUSED = PermissionDeniedException(reason="Password check failed for 'visitor': []")


class Sessions:
    """Stands in for `JoinedSession`: what was asked of OMERO, and what it says."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *, refused: tuple[str, ...] = ()) -> None:
        self.asked: list[tuple[str, str]] = []
        self.refused = refused

        class Session:
            async def end_on_leaving(self) -> None:
                pass

        async def create(_server: Any, user: str, password: str) -> Any:
            self.asked.append((user, password))
            if password in self.refused:
                raise REFUSED
            return Session()

        async def join(server: Any, key: str) -> Any:
            return await create(server, key, key)

        monkeypatch.setattr(JoinedSession, "create", create)
        monkeypatch.setattr(JoinedSession, "join", join)


async def test_a_refused_password_is_remembered_by_all_who_share_a_folder(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    sessions = Sessions(monkeypatch, refused=("wrong",))
    workers = [PublicUser("visitor", "wrong", folder=tmp_path) for _ in range(2)]
    for worker in workers * 2:
        with pytest.raises(PermissionDeniedException):
            await worker.join(SERVER)
        assert worker.is_refused()
    assert sessions.asked == [("visitor", "wrong")]
    assert caplog.text.count("refuses the public user 'visitor'") == 1
    assert "wrong" not in caplog.text.replace("the password is wrong", "")
    # when its time is over, once more
    _let_pass(tmp_path, REFUSED_FOR)
    sessions.refused = ()
    assert not workers[1].is_refused()
    await workers[1].join(SERVER)
    assert len(sessions.asked) == 2


def _let_pass(folder: Path, seconds: float) -> None:
    (file,) = folder.iterdir()
    then = file.stat().st_mtime - seconds
    os.utime(file, (then, then))


async def test_what_says_nothing_of_the_password_is_not_remembered(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    async def create(_server: Any, _user: str, _password: str) -> Any:
        raise PermissionDeniedException(reason="Server not fully initialized")

    monkeypatch.setattr(public_session.JoinedSession, "create", create)
    worker = PublicUser("visitor", "right", folder=tmp_path)
    with pytest.raises(PermissionDeniedException):
        await worker.join(SERVER)
    assert not worker.is_refused()


async def test_a_shared_session_that_has_ended_is_asked_for_once(monkeypatch: pytest.MonkeyPatch) -> None:
    sessions = Sessions(monkeypatch, refused=("ended",))
    keys = ["ended", "ended", "fresh"]

    async def shared() -> str | None:
        return keys.pop(0)

    worker = PublicUser("visitor", "right", shared_key=shared)
    for _ in range(3):
        await worker.join(SERVER)
    assert sessions.asked == [("ended", "ended"), ("visitor", "right"), ("visitor", "right"), ("fresh", "fresh")]
    # a session that has ended is no wrong password
    assert not worker.is_refused()
