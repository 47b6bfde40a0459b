"""How the process logs: one handler at the root logger, and the two forms of a line, for people and for collectors.

What a message says is up to the rooms that log; only here is it made sure that a record's message stays on one line,
so that nothing that came in with a request can pass for a record of its own.
"""

from __future__ import annotations

import json
import logging
import sys
from datetime import UTC, datetime
from typing import Any, Literal, TextIO

Format = Literal["text", "json"]

#: what every record has; anything more was given as ``extra``
_OWN_ATTRIBUTES = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}

_LINE_ENDS = {ord(c): c.encode("unicode_escape").decode() for c in "\r\n\v\f\x1b\x1c\x1d\x1e\x85\u2028\u2029"}


def configure_logging(
    level: str = "INFO",
    format: Format = "text",  # noqa: A002 - logging's own word for it
    stream: TextIO | None = None,
) -> None:
    """Log records of ``level`` and above to ``stream``, standard error without one.

    Replaces what handlers the root logger has, so it can be called again. ``level`` is a name of `logging`, such as
    ``DEBUG``, in any case. Raises `ValueError` for an unknown level or format, before anything is changed.
    """
    formatters: dict[str, type[logging.Formatter]] = {"text": TextFormatter, "json": JsonFormatter}
    if format not in formatters:
        raise ValueError(f"{format!r} is not a format of log lines; choose text or json")
    number = logging.getLevelNamesMapping().get(level.upper())
    if number is None:
        raise ValueError(f"{level!r} is not a level of logging; choose DEBUG, INFO, WARNING, ERROR or CRITICAL")
    handler = logging.StreamHandler(stream if stream is not None else sys.stderr)
    handler.setFormatter(formatters[format]())
    root = logging.getLogger()
    for former in root.handlers[:]:
        root.removeHandler(former)
    root.addHandler(handler)
    root.setLevel(number)


class TextFormatter(logging.Formatter):
    """``2026-11-24 13:20:01,123 INFO  omero_ms_thumbnail.web message``, in local time; a traceback follows below."""

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)-5s %(name)s %(message)s")

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 - logging's name
        """The line; line ends and escape characters in the message are spelt out."""
        return super().formatMessage(record).translate(_LINE_ENDS)


class JsonFormatter(logging.Formatter):
    """One JSON object a line: time (UTC), level, logger, message, exception if any, and the record's extra fields."""

    def format(self, record: logging.LogRecord) -> str:
        """The object. An extra field that JSON cannot hold is written as its ``str()``."""
        time = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
        line: dict[str, Any] = {
            "time": time.replace("+00:00", "Z"),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
        }
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        for name, value in vars(record).items():
            if name not in _OWN_ATTRIBUTES:
                line.setdefault(name, value)
        return json.dumps(line, default=str)
