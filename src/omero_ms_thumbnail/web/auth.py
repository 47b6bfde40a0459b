"""Who is asking: the OMERO session key of a request, told by a header, the query or OMERO.web's session cookie."""

from __future__ import annotations

import logging
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Final

from ..telemetry.limited import warn_limited
from ..websession import SessionStoreUnavailable, SessionUnreadable, WebSession
from .asgi import Headers
from .parsing import Query
from .public import PublicVisitors
from .response import RETRY_AFTER, RequestRefused
from .short_texts import remember_short

log: Final = logging.getLogger(__name__)

#: the order in which the Java microservice looks is: this header, this query parameter, the cookie
KEY_HEADER: Final = "x-omero-session-key"
_KEY_HEADER: Final = KEY_HEADER.encode()
KEY_PARAMETER: Final = "bsession"

_KEY_LENGTH_MAX: Final = 256

#: the OMERO.server that a key of those two is of, by number or name, as `omeroweb.decorators` reads it
SERVER_PARAMETER: Final = "server"

#: what a backslash does within quotes: three digits of an octal number, or the character itself
_ESCAPED: Final = re.compile(r"\\(?:([0-3][0-7][0-7])|(.))")

#: bytes of the longest headers that are remembered taken apart, as a page sends the same with each request
_REMEMBERED_LENGTH: Final = 1_024


#: looks an OMERO.web session up by its id; raises SessionStoreUnavailable or SessionUnreadable
Lookup = Callable[[str], Awaitable[WebSession | None]]


class NobodyKnown(RequestRefused):
    """Status 403: the request has no session that could be anybody's, and may be the public user's."""

    def __init__(self, sentence: str) -> None:
        super().__init__(403, sentence)


@dataclass(frozen=True, slots=True)
class User:
    """Who is asking. `is_visitor`: nobody who is logged in, as OMERO.web's public user."""

    session_key: str = field(repr=False)
    user_id: int | None = None
    default_size: int | None = None
    server_id: int | str | None = None
    is_visitor: bool = False


class Authenticator:
    """Finds out who is asking. `lookup` finds OMERO.web sessions by the id in the cookie.

    `remembered` has those that need not be looked up.
    `waiting_max` requests wait for the session store at most. `visitors` are those who may be served without a session.
    """

    def __init__(
        self,
        lookup: Lookup,
        *,
        cookie_name: str,
        accept_key_header: bool,
        accept_key_parameter: bool,
        remembered: Callable[[str], WebSession | None] = lambda _session_id: None,
        waiting_max: int = 5_000,
        visitors: PublicVisitors | None = None,
    ) -> None:
        self._lookup = lookup
        self._waiting = 0
        self._waiting_max = waiting_max
        self._visitors = visitors
        self._cookie_name = cookie_name
        self._accept_key_header = accept_key_header
        self._accept_key_parameter = accept_key_parameter
        self._remembered = remembered
        self._find_again = remember_short(self._find, _REMEMBERED_LENGTH)

    @property
    def vary(self) -> str:
        """The headers that tell who asks, as ``Vary`` names them."""
        return "Cookie, X-OMERO-Session-Key" if self._accept_key_header else "Cookie"

    async def __call__(self, headers: Headers, query: Query, path: str = "") -> User:
        """Who is asking for `path`. Raises RequestRefused: 403 if nobody is known, 503 if the store cannot be asked.

        A visitor is served where that may be: whoever has no session, not whoever has one that cannot be looked up.
        """
        try:
            key = headers.first.get(_KEY_HEADER) if self._accept_key_header else None
            if key is not None:
                return User(_checked(key.decode("latin-1")), server_id=None if query.is_empty else _server(query))
            if self._accept_key_parameter and (named := query.first(KEY_PARAMETER)) is not None:
                return User(_checked(named), server_id=None if query.is_empty else _server(query))
            return await self._of_session(headers, path)
        except NobodyKnown:
            visitor = self.as_visitor(path)
            if visitor is None:
                raise
            return visitor

    def as_visitor(self, path: str, size: int | None = None) -> User | None:
        """The public user, if `path` is public; `size` is what the session says that has ended."""
        visitors = self._visitors
        if visitors is None or not visitors.may_see(path) or visitors.is_refused():
            return None
        return User(visitors.session_key, None, size, visitors.server_id, is_visitor=True)

    @property
    def visitors_are_refused(self) -> bool:
        """Whether OMERO does not let the public user in."""
        return self._visitors is not None and self._visitors.is_refused()

    async def _of_session(self, headers: Headers, path: str) -> User:
        cookies = headers.first.get(b"cookie")
        session_id = self._cookie(headers) if cookies is None or headers.has_repeated else self._find_again(cookies)
        if session_id is None:
            raise NobodyKnown(f"log in to OMERO.web first: there is no cookie {self._cookie_name!r}")
        try:
            session = self._remembered(session_id) or await self._found(session_id)
        except SessionStoreUnavailable as down:
            warn_limited(log, f"503: {down}")
            raise RequestRefused(
                503,
                "OMERO.web's sessions cannot be looked up at the moment",
                (("retry-after", str(RETRY_AFTER)),),
                "session store",
            ) from down
        except SessionUnreadable as unreadable:
            raise RequestRefused(403, "log in to OMERO.web again: the session cannot be read") from unreadable
        if session is None:
            raise NobodyKnown("log in to OMERO.web again: the session is not known, or it has expired")
        if session.is_public and self._visitors is not None and not self._visitors.may_see(path):
            # nobody logged in by it, and OMERO.web would not serve it here either
            raise RequestRefused(403, "log in to OMERO.web first: this is not public")
        return User(session.omero_session_key, session.user_id, session.thumb_default_size, session.server_id)

    async def _found(self, session_id: str) -> WebSession | None:
        if self._waiting >= self._waiting_max:
            raise SessionStoreUnavailable(
                f"{self._waiting} requests wait for the session store already (max-waiting-thumbnails)"
            )
        self._waiting += 1
        try:
            return await self._lookup(session_id)
        finally:
            self._waiting -= 1

    def _cookie(self, headers: Headers) -> str | None:
        """The session id. Of several the last, as in `django.http.cookie.parse_cookie`: both know the same user.

        Several headers are one, as a proxy joins them that takes HTTP/2 apart (RFC 9113, section 8.2.3).
        """
        found = None
        for header in headers.get_all("cookie"):
            later = self._find(header.encode("latin-1"))
            found = found if later is None else later
        return found

    def _find(self, header: bytes) -> str | None:
        found = None
        for pair in as_django(header).split(";"):
            name, equals, value = pair.partition("=")
            if equals and name.strip() == self._cookie_name:
                found = unquoted(value.strip())
        return found


def _server(query: Query) -> str | None:
    return query.first(SERVER_PARAMETER) or None


def as_django(header: bytes) -> str:
    """A header's value as Django reads it (`django.core.handlers.wsgi.get_str_from_wsgi`): UTF-8, mended where broken.

    What surrounds the cookie of this site is another's, who may write it as he likes; only which spaces and signs stand
    at our cookie matters.
    """
    return header.decode(errors="replace")


def unquoted(value: str) -> str:
    """A cookie's value without the quotes around it, as Python's `http.cookies` and so Django read it (RFC 2109)."""
    if len(value) < 2 or value[0] != '"' or value[-1] != '"':
        return value
    return _ESCAPED.sub(lambda found: chr(int(found[1], 8)) if found[1] else found[2], value[1:-1])


def _checked(key: str) -> str:
    if not key or len(key) > _KEY_LENGTH_MAX or not key.isascii() or not key.isprintable():
        raise NobodyKnown("that is not an OMERO session key")
    return key
