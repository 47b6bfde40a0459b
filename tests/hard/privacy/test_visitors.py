"""The public user is answered as to whom nobody knows, and to no one else: every way of falling into it is caught."""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from omero_ms_thumbnail.web import auth
from omero_ms_thumbnail.web.auth import (
    KEY_HEADER,
    Authenticator,
    NobodyKnown,
    SessionStoreUnavailable,
    SessionUnreadable,
    User,
    WebSession,
)
from omero_ms_thumbnail.web.parsing import Query
from omero_ms_thumbnail.web.public import PublicVisitors
from omero_ms_thumbnail.web.response import RequestRefused
from tests.unit.web.requests import Headers

PUBLIC, OWN = "the public user's", "somebody's own"
PUBLIC_PATH, OTHER_PATH = "/webgateway/render_thumbnail/1/", "/webclient/get_thumbnails/"


@dataclass(frozen=True)
class Session:
    """As OMERO.web's in a store."""

    omero_session_key: str
    is_public: bool = False
    user_id: int | None = 7
    thumb_default_size: int | None = None
    server_id: int | str | None = None


#: who comes, by the cookie; and what the store says of it
COMERS: dict[str | None, WebSession | Exception | None] = {
    None: None,
    "expired": None,
    "logged-in": Session(OWN),
    "made-by-omero-web-for-its-public-user": Session(PUBLIC, is_public=True),
    "unreadable": SessionUnreadable(),
    "store-is-down": SessionStoreUnavailable("the session store does not answer"),
}


class Wrong(AssertionError):
    """Somebody is answered as somebody else."""


async def _look_up(cookie: str) -> WebSession | None:
    found = COMERS[cookie]
    if isinstance(found, Exception):
        raise found
    return found


def _comes(cookie: str | None, path: str, *, is_let_in: bool, key: str | None) -> tuple[Any, str]:
    """What is asked, and how it has to be answered: a key, or a status."""
    said = COMERS[cookie] if cookie is not None else None
    as_visitor = PUBLIC if path == PUBLIC_PATH and is_let_in else "403"
    if key is not None:
        # a session key is tried, whatever it is; what can be none is nobody's
        right = OWN if key == OWN else as_visitor
    elif isinstance(said, SessionStoreUnavailable):
        right = "503"
    elif isinstance(said, SessionUnreadable):
        right = "403"
    elif isinstance(said, Session):
        right = said.omero_session_key if not said.is_public or path == PUBLIC_PATH else "403"
    else:
        right = as_visitor
    headers = [("cookie", f"sessionid={cookie}")] if cookie is not None else []
    return Headers(*headers, *([(KEY_HEADER, key)] if key is not None else [])), right


def _everybody() -> Iterator[tuple[str | None, str, bool, str | None]]:
    yield from itertools.product(COMERS, (PUBLIC_PATH, OTHER_PATH), (True, False), (None, OWN, "\x00"))


async def every_way() -> None:
    """Everybody comes in every way. Raises Wrong."""
    for cookie, path, is_let_in, key in _everybody():
        visitors = PublicVisitors(PUBLIC, re.compile("^/webgateway"), lambda let_in=is_let_in: not let_in)
        who = Authenticator(
            _look_up,
            cookie_name="sessionid",
            accept_key_header=True,
            accept_key_parameter=False,
            visitors=visitors,
        )
        headers, right = _comes(cookie, path, is_let_in=is_let_in, key=key)
        try:
            user = await who(headers, Query(""), path)
            answered = user.session_key
        except RequestRefused as refused:
            answered = str(refused.status)
        if answered != right:
            raise Wrong(f"cookie {cookie}, key {key!r}, {path}, let in: {is_let_in}: {answered} instead of {right}")


async def test_everybody_is_who_they_are() -> None:
    await every_way()


def _as_visitor_for(*errors: type[BaseException]) -> Callable[[pytest.MonkeyPatch], None]:
    """Whoever cannot be looked up for that reason is a visitor."""

    async def found(self: Authenticator, session_id: str) -> WebSession | None:
        try:
            return await self._lookup(session_id)
        except errors as error:
            raise NobodyKnown("") from error

    return lambda patch: patch.setattr(Authenticator, "_found", found)


def _visitors_first(patch: pytest.MonkeyPatch) -> None:
    """Where all is public, nobody is looked up."""
    original: Any = Authenticator.__call__

    async def call(self: Authenticator, headers: Any, query: Any, path: str = "") -> User:
        visitor = self.as_visitor(path)
        return visitor if visitor is not None else await original(self, headers, query, path)

    patch.setattr(Authenticator, "__call__", call)


def _everywhere(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(PublicVisitors, "may_see", lambda _self, _path: True)


def _not_let_in(patch: pytest.MonkeyPatch) -> None:
    original = auth.Authenticator.as_visitor

    def as_visitor(self: Any, path: str, size: int | None = None) -> User | None:
        if original(self, path, size) is not None or not self._visitors.may_see(path):
            return original(self, path, size)
        return User(self._visitors.session_key, is_visitor=True)

    patch.setattr(Authenticator, "as_visitor", as_visitor)


MUTANTS: dict[str, Callable[[pytest.MonkeyPatch], None]] = {
    "whose session store is down is a visitor": _as_visitor_for(SessionStoreUnavailable),
    "whose session cannot be read is a visitor": _as_visitor_for(SessionUnreadable),
    "who is logged in is a visitor": _visitors_first,
    "everything is public": _everywhere,
    "a public user whom OMERO refused is let in": _not_let_in,
}


@pytest.mark.parametrize("name", MUTANTS)
async def test_a_silent_fall_is_caught(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    MUTANTS[name](monkeypatch)
    with pytest.raises(Wrong) as caught:
        await every_way()
    print(caught.value)
