"""The request that is being answered: its id, and what the rooms have told of it so far.

The id is the client's ``X-Request-ID``; without one, the trace of its ``traceparent`` (W3C Trace Context, section 3.2);
without that, one made here. It stands in a context variable, so that tasks which a request starts are its own too.
"""

from __future__ import annotations

import itertools
import re
import secrets
import time
from collections.abc import Mapping
from contextvars import ContextVar
from typing import Final, Protocol

_GIVEN: Final = re.compile(rb"[A-Za-z0-9._:/+=@-]{1,64}")
_TRACEPARENT: Final = re.compile(rb"[0-9a-f]{2}-([0-9a-f]{32})-[0-9a-f]{16}-[0-9a-f]{2}.*")


#: the first value of each header of a request, names in lower case
Headers = Mapping[bytes, bytes]


class RequestSpan(Protocol):
    """The span of a request in a trace."""

    def end_request(self, *, name: str, method: str, path: str, status: int) -> None:
        """End it."""


class ObservedRequest:
    """One request. `began` is a moment of `time.perf_counter`, `cache` what the caches did for it."""

    __slots__ = ("began", "cache", "id", "span")

    def __init__(self, request_id: str) -> None:
        self.id = request_id
        self.began = time.perf_counter()
        self.cache = "-"
        self.span: RequestSpan | None = None


#: the request that is being answered
current: Final[ContextVar[ObservedRequest | None]] = ContextVar("current", default=None)


class RequestIds:
    """Finds or makes the ids of one worker's requests."""

    def __init__(self) -> None:
        self._prefix = secrets.token_hex(4)
        self._numbers = itertools.count(1)

    def of(self, headers: Headers) -> str:
        """The id of a request."""
        given = headers.get(b"x-request-id")
        if given is not None and _GIVEN.fullmatch(given) is not None:
            return given.decode("ascii")
        parent = headers.get(b"traceparent")
        if parent is not None and (found := _TRACEPARENT.fullmatch(parent)) is not None:
            return found[1].decode("ascii")
        return f"{self._prefix}-{next(self._numbers):x}"
