"""Answers as values, and the headers that they carry."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any, Final, NamedTuple

Headers = tuple[tuple[str, str], ...]

_NOSNIFF: Final = ("x-content-type-options", "nosniff")

#: seconds after which a client may try again when OMERO or the session store could not be reached
RETRY_AFTER: Final = 2


class Response(NamedTuple):
    """An answer; `body` is sent as it is. `cause` is why it has status 503, for whoever counts that."""

    status: int
    headers: Headers
    body: bytes = b""
    cause: str = ""


def quoted(text: str, most: int = 40) -> str:
    """`text` out of a request as a sentence may repeat it: cut to `most` characters, nothing unprintable in it."""
    return repr(text if len(text) <= most else f"{text[:most]}…")


class RequestRefused(Exception):
    """The request cannot be answered; `status` and the sentence say why.

    `cause` says it of status 503 in a word or two, of which there are few.
    """

    def __init__(self, status: int, sentence: str, headers: Headers = (), cause: str = "") -> None:
        super().__init__(sentence)
        self.status = status
        self.headers = headers
        self.cause = cause


def body(content_type: str, content: bytes, status: int = 200, extra: Iterable[tuple[str, str]] = ()) -> Response:
    """An answer with a body."""
    headers = (("content-type", content_type), ("content-length", str(len(content))), _NOSNIFF, *extra)
    return Response(status, headers, content)


def sentence(status: int, text: str, extra: Iterable[tuple[str, str]] = ()) -> Response:
    """An answer for the person who reads it."""
    return body("text/plain; charset=utf-8", f"{text}\n".encode(), status, (("cache-control", "no-store"), *extra))


def json_body(value: Any, status: int = 200, extra: Iterable[tuple[str, str]] = ()) -> Response:
    """A JSON answer."""
    return body("application/json", json.dumps(value).encode(), status, extra)


def javascript(callback: str, value: Any, extra: Iterable[tuple[str, str]] = ()) -> Response:
    """A JSONP answer; `callback` must be a JavaScript identifier path."""
    # a comment first, so that the caller does not choose the first bytes of the answer
    content = f"/**/{callback}({json.dumps(value)});".encode()
    return body("application/javascript", content, extra=extra)


def with_validator(response: Response, digest: str, if_none_match: str | None) -> Response:
    """`response` with `digest`, of its body, as strong ETag, or 304 where the client has that body already."""
    etag = f'"{digest}"'
    if if_none_match is not None and _matches(if_none_match, etag):
        kept = tuple((name, value) for name, value in response.headers if name in ("cache-control", _NOSNIFF[0]))
        return Response(304, (("etag", etag), *kept))
    return Response(response.status, (*response.headers, ("etag", etag)), response.body)


def _matches(if_none_match: str, etag: str) -> bool:
    """Weak comparison, as RFC 9110 section 13.1.2 has it for If-None-Match."""
    candidates = (candidate.strip().removeprefix("W/") for candidate in if_none_match.split(","))
    return any(candidate in ("*", etag) for candidate in candidates)
