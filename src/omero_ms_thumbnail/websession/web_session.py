"""What this service takes from an OMERO.web session, and where in the session dict it stands.

OMERO.web keeps ``connector`` as a dict of server_id, is_secure, is_public, omero_session_key and user_id
(`omeroweb.connector.Connector.to_session`); before 5.6 it kept the Connector instance itself. The client settings of
the OMERO.server are under ``server_settings`` (`omeroweb.decorators.login_required.load_server_settings`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from .placeholder import Placeholder

_CONNECTOR_CLASS = "omeroweb.connector.Connector"
_MAX_SESSION_KEY_LENGTH = 256
_MAX_USER_ID = 2**63 - 1
_MAX_THUMB_DEFAULT_SIZE = 10_000
_MAX_DIGITS = 5
_MAX_SERVER_NAME_LENGTH = 256


@dataclass(frozen=True, slots=True)
class WebSession:
    """A logged-in OMERO.web user.

    omero_session_key joins the OMERO session and is a secret. user_id is OMERO's experimenter id where the session has
    one. thumb_default_size is the longest side of a thumbnail in pixels, 1 to 10000, where the server sets one. expires
    is when the store lets the session go, in seconds since 1970, where the store says so. server_id is the OMERO.server
    in OMERO.web's list, by number or name, as it stands there. is_public says that OMERO.web made the session for its
    public user, whom nobody logged in. None of the three is a part of who it is, which the key alone says.
    """

    omero_session_key: str = field(repr=False)
    user_id: int | None = None
    thumb_default_size: int | None = None
    expires: float | None = field(default=None, compare=False)
    server_id: int | str | None = field(default=None, compare=False)
    is_public: bool = field(default=False, compare=False)


def web_session(session: Mapping[object, object]) -> WebSession | None:
    """The user of a decoded session dict; None if it carries no usable OMERO session key.

    Usable is a printable string of 1 to 256 characters: anything else was not written by OMERO.web.
    """
    connector = _attributes(session.get("connector"))
    key = connector.get("omero_session_key")
    if not isinstance(key, str) or not 1 <= len(key) <= _MAX_SESSION_KEY_LENGTH or not key.isprintable():
        return None
    browser = _mapping(_mapping(session.get("server_settings")).get("browser"))
    return WebSession(
        omero_session_key=key,
        user_id=_whole_number(connector.get("user_id"), 0, _MAX_USER_ID),
        thumb_default_size=_thumb_default_size(browser.get("thumb_default_size")),
        server_id=_server_id(connector.get("server_id")),
        is_public=connector.get("is_public") is True,
    )


def _attributes(connector: object) -> Mapping[object, object]:
    if isinstance(connector, Placeholder) and connector.name == _CONNECTOR_CLASS:
        return _mapping(connector.attributes)
    return _mapping(connector)


def _mapping(value: object) -> Mapping[object, object]:
    return value if isinstance(value, dict) else {}


def _server_id(value: object) -> int | str | None:
    # Forms send the number as text, and OMERO.web keeps it so.
    if isinstance(value, str):
        return value[:_MAX_SERVER_NAME_LENGTH]
    if value is None or (isinstance(value, int) and not isinstance(value, bool)):
        return value
    return "?"


def _thumb_default_size(value: object) -> int | None:
    # OMERO's settings are text; OMERO.web leaves a number as text where its type is not declared on the server.
    if isinstance(value, str) and len(value) <= _MAX_DIGITS and value.isascii() and value.isdigit():
        value = int(value)
    return _whole_number(value, 1, _MAX_THUMB_DEFAULT_SIZE)


def _whole_number(value: object, lowest: int, highest: int) -> int | None:
    # bool is an int to isinstance, but no number that OMERO.web would have written here.
    if isinstance(value, bool) or not isinstance(value, int):
        return None
    return value if lowest <= value <= highest else None
