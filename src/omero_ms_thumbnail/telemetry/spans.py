"""Spans: named pieces of work, whose durations are always told of and which are traced where tracing is on.

The names, and that a request has one inside the other, are those of the Java microservice, so that its dashboards and
its traces look as before. Source: `startScopedSpan` in omero-ms-thumbnail and omero-ms-core 0.7. Nothing that tells a
session is ever put into a span; of an error only its class, since OMERO's sentences name sessions.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from types import TracebackType
from typing import Final, Protocol

JOIN: Final = "join_omero_session"
#: the operation of OMERO's router by which a session is left
LEAVING: Final = "destroySession"

#: operations of OMERO that the Java microservice names otherwise than by the operation
_OPERATIONS: Final = {
    "projection": "get_images",
    "getThumbnailByLongestSideSet": "get_thumbnail_by_longest_side",
    "getThumbnailByLongestSideDirect": "get_thumbnail_by_longest_side",
    LEAVING: "close_omero_session",
}

_CAPITAL: Final = re.compile(r"(?<=[a-z])(?=[A-Z])")

#: told when a span ends: its name, its seconds, and the class of the error that ended it or nothing
Ended = Callable[[str, float, str], None]


def of_operation(operation: str) -> str:
    """The name of the span of a call to OMERO: ``setPixelsId`` is ``set_pixels_id``."""
    return _OPERATIONS.get(operation) or _CAPITAL.sub("_", operation).lower()


def of_session_store(kind: str) -> str:
    """The name of the span of looking an OMERO.web session up."""
    return f"get_connector_{'jdbc' if kind == 'postgres' else kind}_async"


class OpenSpan(Protocol):
    """A span of a trace that has begun."""

    def end(self, error: str) -> None:
        """End it; `error` is the class of what went wrong, or empty."""


class SpanTracer(Protocol):
    """Begins spans: children of the one that the running task is in."""

    def begin(self, name: str, *, is_call: bool = False, is_root: bool = False) -> OpenSpan:
        """Begin a span; `is_call`: of a call to another process; `is_root`: in no other span."""


class Spans:
    """Makes spans. `ended` is told of each."""

    def __init__(self, ended: Ended, tracer: SpanTracer | None = None) -> None:
        self._ended = ended
        self._tracer = tracer

    def __call__(
        self, name: str, *, ended: Ended | None = None, is_call: bool = False, is_root: bool = False
    ) -> AbstractContextManager[None]:
        """A span around what is in the ``with`` block; an exception that leaves the block is its error.

        `ended` is told of it in place of whoever is told of all.
        """
        ended = ended or self._ended
        if self._tracer is None:
            return _TimedSpan(name, ended)
        return _TracedSpan(name, ended, self._tracer, is_call=is_call, is_root=is_root)


class _TimedSpan:
    __slots__ = ("_began", "_ended", "_name")

    def __init__(self, name: str, ended: Ended) -> None:
        self._name = name
        self._ended = ended

    def __enter__(self) -> None:
        self._began = time.perf_counter()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._ended(self._name, time.perf_counter() - self._began, kind.__name__ if kind is not None else "")


class _TracedSpan(_TimedSpan):
    __slots__ = ("_is_call", "_is_root", "_span", "_tracer")

    def __init__(self, name: str, ended: Ended, tracer: SpanTracer, *, is_call: bool, is_root: bool) -> None:
        super().__init__(name, ended)
        self._tracer = tracer
        self._is_call = is_call
        self._is_root = is_root

    def __enter__(self) -> None:
        self._span = self._tracer.begin(self._name, is_call=self._is_call, is_root=self._is_root)
        super().__enter__()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        super().__exit__(kind, error, traceback)
        self._span.end(kind.__name__ if kind is not None else "")
