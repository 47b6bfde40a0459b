"""The two forms of a log line, for people and for collectors.

What a message says is up to the rooms that log; only here is it made sure that a record's message stays on one line,
so that nothing that came in with a request can pass for a record of its own, and that no key of an OMERO session gets
into a log, in whatever sentence of OMERO's it comes.
"""

from __future__ import annotations

import json
import logging
import re
import time
from datetime import UTC, datetime
from typing import Any, Final

from .request import current

#: what every record has; anything more was given as ``extra``
_OWN_ATTRIBUTES: Final = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName", "request_id"}

_LINE_ENDS: Final = {ord(c): c.encode("unicode_escape").decode() for c in "\r\n\v\f\x1b\x1c\x1d\x1e\x85\u2028\u2029"}

#: what OMERO takes as keys of sessions: ``java.util.UUID``
_SESSION_KEY: Final = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")


def without_keys(text: str) -> str:
    """The text with three dots for whatever can be the key of an OMERO session."""
    return _SESSION_KEY.sub("…", text) if "-" in text else text


def request_id() -> str:
    """The id of the request that is being answered; empty where there is none."""
    request = current.get()
    return request.id if request is not None else ""


class TextFormatter(logging.Formatter):
    """``2026-11-24 13:20:01,123 INFO  omero_ms_thumbnail.web [request id] message``; a traceback follows below.

    The time is local.
    """

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)-5s %(name)s %(message)s")

    def format(self, record: logging.LogRecord) -> str:
        """The line or lines."""
        return without_keys(super().format(record))

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 - logging's name
        """The line; line ends and escape characters in the message are spelt out."""
        said = request_id()
        where = f"{record.name} [{said}]" if said else record.name
        line = f"{record.asctime} {record.levelname:<5} {where} {record.message}"
        return line.translate(_LINE_ENDS)


class JsonFormatter(logging.Formatter):
    """One JSON object a line: time (UTC), level, logger, message, request_id and exception if any, and extra fields."""

    def format(self, record: logging.LogRecord) -> str:
        """The object. An extra field that JSON cannot hold is written as its ``str()``."""
        time = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
        line: dict[str, Any] = {
            "time": time.replace("+00:00", "Z"),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
        }
        said = request_id()
        if said:
            line["request_id"] = said
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        for name, value in vars(record).items():
            if name not in _OWN_ATTRIBUTES:
                line.setdefault(name, value)
        return without_keys(json.dumps(line, default=str))


class LineClock:
    """The time as the two forms write it, put into words once in each millisecond."""

    __slots__ = ("_at", "_json", "_second", "_text", "_words")

    def __init__(self) -> None:
        self._at = self._second = -1
        self._text = self._json = ""
        self._words = ("", "")

    def text(self, now: float) -> str:
        """Local time."""
        self._turn(now)
        return self._text

    def json(self, now: float) -> str:
        """UTC."""
        self._turn(now)
        return self._json

    def _turn(self, now: float) -> None:
        at = int(now * 1000)
        if at == self._at:
            return
        self._at = at
        second, millisecond = divmod(at, 1000)
        if second != self._second:
            self._second = second
            self._words = (
                time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(second)),
                time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(second)),
            )
        self._text = f"{self._words[0]},{millisecond:03d}"
        self._json = f"{self._words[1]}.{millisecond:03d}Z"
