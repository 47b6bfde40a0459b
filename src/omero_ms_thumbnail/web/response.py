"""Answers as values, and the headers that they carry."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from typing import Any, Final, NamedTuple

ResponseHeaders = tuple[tuple[str, str], ...]

#: browsers are not to guess what an answer is
NOSNIFF: Final = ("x-content-type-options", "nosniff")

_ENTITY_TAG: Final = re.compile(r'"([^"]*)"')

#: seconds after which a client may try again when OMERO or the session store could not be reached
RETRY_AFTER: Final = 2


class Response(NamedTuple):
    """An answer; `body` is sent as it is. `cause` is why it has status 503, for whoever counts that."""

    status: int
    headers: ResponseHeaders
    body: bytes = b""
    cause: str = ""


def quoted(text: str, most: int = 40) -> str:
    """`text` out of a request as a sentence may repeat it: cut to `most` characters, nothing unprintable in it."""
    return repr(text if len(text) <= most else f"{text[:most]}…")


class RequestRefused(Exception):
    """The request cannot be answered; `status` and the sentence say why.

    `cause` says it of status 503 in a word or two, of which there are few. `user_id` is who asked, where that is known:
    for the log.
    """

    user_id: int | None = None

    def __init__(self, status: int, sentence: str, headers: ResponseHeaders = (), cause: str = "") -> None:
        super().__init__(sentence)
        self.status = status
        self.headers = headers
        self.cause = cause


def body(content_type: str, content: bytes, status: int = 200, extra: Iterable[tuple[str, str]] = ()) -> Response:
    """An answer with a body."""
    headers = (("content-type", content_type), ("content-length", str(len(content))), NOSNIFF, *extra)
    return Response(status, headers, content)


def sentence(status: int, text: str, extra: Iterable[tuple[str, str]] = ()) -> Response:
    """An answer for the person who reads it."""
    return body("text/plain; charset=utf-8", f"{text}\n".encode(), status, (("cache-control", "no-store"), *extra))


def json_body(value: Any, status: int = 200, extra: Iterable[tuple[str, str]] = ()) -> Response:
    """A JSON answer."""
    return body("application/json", json.dumps(value).encode(), status, extra)


def json_content(content: bytes, extra: Iterable[tuple[str, str]] = ()) -> Response:
    """An answer that is JSON already."""
    return body("application/json", content, extra=extra)


def javascript(callback: str, content: bytes, extra: Iterable[tuple[str, str]] = ()) -> Response:
    """A JSONP answer with that JSON; `callback` must be a JavaScript identifier path."""
    # a comment first, so that the caller does not choose the first bytes of the answer
    return body("application/javascript", b"/**/%b(%b);" % (callback.encode(), content), extra=extra)


#: in place of all tags of an If-None-Match: whatever there is
ANY_TAG: Final = "*"


def tags_of(if_none_match: str) -> frozenset[str]:
    """What an If-None-Match names, each without its quotes, since RFC 9110 section 13.1.2 compares weakly."""
    return frozenset({ANY_TAG}) if if_none_match.strip() == ANY_TAG else frozenset(_ENTITY_TAG.findall(if_none_match))


def with_validator(response: Response, tag: str, tags: frozenset[str]) -> Response:
    """`response` with `tag` as weak ETag, or 304 where the client has that already, by the `tags` that it names.

    Weak, since the same picture drawn twice may have other bytes.
    """
    if tag in tags or ANY_TAG in tags:
        return not_modified(tag, response.headers)
    return Response(response.status, (*response.headers, ("etag", f'W/"{tag}"')), response.body)


def not_modified(tag: str, headers: ResponseHeaders) -> Response:
    """304, with those of the `headers` of the answer whose place it takes that it needs."""
    kept = tuple((name, value) for name, value in headers if name in ("cache-control", NOSNIFF[0]))
    return Response(304, (("etag", f'W/"{tag}"'), *kept))
