"""From stored bytes to a user, and what is said about the bytes that cannot be read."""

from __future__ import annotations

import hashlib
import logging
import time
from collections import Counter
from typing import Final

from ..bounded import BoundedDict
from .decode_error import SessionDecodeError
from .limits import Limits
from .payload import decode_payload, decode_value
from .signed_text import SigningKeys, decode_text
from .web_session import WebSession, web_session

log = logging.getLogger(__name__)

_LOG_EVERY: Final = 60.0
"""Seconds from one line about a reason to the next, so that nobody can fill the log with requests."""

_IDS_MAX: Final = 1_000
"""Ids of unreadable sessions that are remembered, the last ones."""

_DECODED_MAX: Final = 1_000
"""Sessions that are not decoded again while their bytes stay the same: a store is read twice a second for each user
whose pages load, and a megabyte of a session takes some 100 ms to decode."""


class SessionReader:
    """Reads the sessions of one store and keeps count of those it could not read.

    A session that cannot be read is a user who is sent to the login page, not a fault of the store. If OMERO.web's
    serializer cannot be read it is every user, so all are counted, and a minute has one line in the log for each kind.
    """

    def __init__(self, store: str, limits: Limits | None = None, keys: SigningKeys | None = None) -> None:
        self.limits = limits or Limits()
        self._keys = keys or SigningKeys()
        self.unreadable: Counter[str] = Counter()
        """How many sessions could not be read, by reason."""
        self._store = store
        self._next_line: dict[str, float] = {}
        self._ids: BoundedDict[str, None] = BoundedDict(_IDS_MAX)
        #: by what the bytes hash to
        self._decoded: BoundedDict[bytes, WebSession] = BoundedDict(_DECODED_MAX)

    def begin(self, session_id: str) -> None:
        """That session is looked up anew."""
        self._ids.pop(session_id, None)

    def is_unreadable(self, session_id: str) -> bool:
        """Whether that session was there when it was looked up last, and could not be read."""
        return session_id in self._ids

    def read(self, value: bytes, session_id: str = "") -> WebSession | None:
        """The user of a cached session; None if it names none or cannot be decoded."""
        digest = hashlib.sha256(value).digest()
        found = self._decoded.get(digest)
        if found is not None:
            return found
        try:
            found = web_session(decode_payload(value, self.limits))
        except SessionDecodeError as error:
            self.count(error, session_id)
            return None
        if found is not None:
            self._decoded[digest] = found
        return found

    def read_connector(self, value: bytes) -> WebSession | None:
        """The session of a cached connector, which stands for itself there; None if it cannot be decoded."""
        try:
            return web_session({"connector": decode_value(value, self.limits)})
        except SessionDecodeError as error:
            self.count(error)
            return None

    def read_text(self, text: bytes, session_id: str = "") -> dict[object, object] | None:
        """The session dict of a database's or a file's text; None if it cannot be decoded or verified."""
        try:
            return decode_text(text, self.limits, self._keys)
        except SessionDecodeError as error:
            self.count(error, session_id)
            return None

    def count(self, error: SessionDecodeError, session_id: str = "") -> None:
        """Count an unreadable session, and log it if nothing was logged for its reason in the last minute."""
        if session_id:
            self._ids[session_id] = None
        self.unreadable[error.reason] += 1
        now = time.monotonic()
        if now >= self._next_line.get(error.reason, now):
            self._next_line[error.reason] = now + _LOG_EVERY
            log.warning(
                "A session in the %s cannot be read, its user counts as logged out: %s (%s, number %d; "
                "at most one such line a minute)",
                self._store,
                error,
                error.reason,
                self.unreadable[error.reason],
            )
