"""All ways that a session's bytes can take, in one function; any exception but the one error gets out."""

from __future__ import annotations

import contextlib

from omero_ms_thumbnail.websession.decode_error import SessionDecodeError
from omero_ms_thumbnail.websession.limits import Limits
from omero_ms_thumbnail.websession.payload import decode_payload
from omero_ms_thumbnail.websession.signed_text import SigningKeys, decode_text
from omero_ms_thumbnail.websession.web_session import web_session

_LIMITS = Limits()
_NO_KEYS, _KEYS = SigningKeys(), SigningKeys(("secret",))


def decode_everywhere(data: bytes) -> None:
    """As a value in a cache, as a text, and as a text that has to be signed."""
    with contextlib.suppress(SessionDecodeError):
        web_session(decode_payload(data, _LIMITS))
    for keys in (_NO_KEYS, _KEYS):
        with contextlib.suppress(SessionDecodeError):
            web_session(decode_text(data, _LIMITS, keys))
