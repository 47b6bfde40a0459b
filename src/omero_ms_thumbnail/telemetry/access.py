"""The access log: a line for each answer, made without a record of `logging` where the handlers are our own.

A record costs some 20 us, a line made here 1 to 2 us (measured on one core): the difference is what a cached thumbnail
costs altogether. Handlers that somebody else has configured get ordinary records, with the fields as ``extra``.
"""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Callable
from typing import Final

from .formats import JsonFormatter, LineClock, without_keys
from .handlers import LineHandler
from .log import own_handlers
from .request import ObservedRequest

logger: Final = logging.getLogger("omero_ms_thumbnail.access")

Write = Callable[[ObservedRequest, str, str, int, int, float, "int | None"], None]


def access_log() -> Write:
    """What writes a line: of a request, its method, path, status, bytes, seconds and user.

    To be asked for again when logging has been configured anew.
    """
    handlers = own_handlers(logger)
    if handlers is None:
        return _record
    if not logger.isEnabledFor(logging.INFO):
        return _nothing
    text = [handler for handler in handlers if not isinstance(handler.formatter, JsonFormatter)]
    objects = [handler for handler in handlers if isinstance(handler.formatter, JsonFormatter)]
    return _Lines(text, objects).write


class _Lines:
    def __init__(self, text: list[LineHandler], objects: list[LineHandler]) -> None:
        self._text = text
        self._objects = objects
        self._clock = LineClock()

    def write(
        self,
        request: ObservedRequest,
        method: str,
        path: str,
        status: int,
        size: int,
        seconds: float,
        user: int | None,
    ) -> None:
        now = time.time()
        path = without_keys(path) if path.isprintable() else without_keys(repr(path)[1:-1])
        if self._text:
            line = (
                f"{self._clock.text(now)} INFO  omero_ms_thumbnail.access [{request.id}] {method} {path} {status} "
                f"{size} bytes {seconds * 1000:.1f} ms user {'-' if user is None else user} cache {request.cache}"
            )
            for handler in self._text:
                handler.write_later(line)
        if self._objects:
            line = (
                f'{{"time": "{self._clock.json(now)}", "level": "INFO", "logger": "omero_ms_thumbnail.access", '
                f'"message": "answered", "request_id": {json.dumps(request.id)}, "method": {json.dumps(method)}, '
                f'"path": {json.dumps(path)}, "status": {status}, "bytes": {size}, "ms": {seconds * 1000:.1f}, '
                f'"user": {"null" if user is None else user}, "cache": "{request.cache}"}}'
            )
            for handler in self._objects:
                handler.write_later(line)


def _record(
    request: ObservedRequest, method: str, path: str, status: int, size: int, seconds: float, user: int | None
) -> None:
    if not logger.isEnabledFor(logging.INFO):
        return
    fields = {
        "method": method,
        "path": without_keys(path),
        "status": status,
        "bytes": size,
        "ms": round(seconds * 1000, 1),
        "user": user,
        "cache": request.cache,
    }
    logger.info(
        "%s %s %d %d bytes %.1f ms user %s cache %s",
        method,
        fields["path"] if path.isprintable() else repr(fields["path"])[1:-1],
        status,
        size,
        seconds * 1000,
        "-" if user is None else user,
        request.cache,
        extra=fields,
    )


def _nothing(
    request: ObservedRequest, method: str, path: str, status: int, size: int, seconds: float, user: int | None
) -> None:
    """Nobody wants these lines."""
