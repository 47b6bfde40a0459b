"""The thumbnail paths: who asks for what, handed to `thumbnails`, and how what comes back is wrapped."""

from __future__ import annotations

import base64
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any, Final

from ..thumbnails.model import (
    ImageUnavailable,
    NotModified,
    OmeroHangs,
    OmeroTooSlow,
    OmeroUnavailable,
    SessionRefused,
    Thumbnail,
    ThumbnailError,
    ThumbnailRequest,
    TooManyWaiting,
    digest_of,
)
from .asking import Asker, RequestHeaders, WhoIsAsking
from .complaints import complain
from .leaving import ClientLeft, Left, while_there
from .parsing import DEFAULT_SIZE, Asked, Limits, Parser
from .response import (
    ANY_TAG,
    NOSNIFF,
    RETRY_AFTER,
    RequestRefused,
    Response,
    javascript,
    json_body,
    tags_of,
    with_validator,
)
from .sources import Outcome, Sources, ThumbnailSource, source_of
from .urls import Kind, Route

_STATUS: Final[dict[type[ThumbnailError], int]] = {
    ImageUnavailable: 404,
    SessionRefused: 403,
    OmeroUnavailable: 503,
    OmeroHangs: 503,
    TooManyWaiting: 503,
    OmeroTooSlow: 504,
}

#: answered with JSON
_JSON: Final = (Kind.GET_THUMBNAIL, Kind.GET_THUMBNAILS)
_JPEG: Final = ("content-type", "image/jpeg")
_NO_TAGS: Final[frozenset[str]] = frozenset()

#: as the Java microservice names the span of what is done for a request behind HTTP
_SPANS: Final = {
    Kind.RENDER_THUMBNAIL: "render_thumbnail",
    Kind.RENDER_BIRDS_EYE_VIEW: "render_thumbnail",
    Kind.GET_THUMBNAIL: "render_thumbnail",
    Kind.GET_THUMBNAILS: "get_thumbnails",
}

#: what is wrong with OMERO is for the log
_TO_CLIENTS: Final[dict[type[ThumbnailError], str]] = {
    OmeroUnavailable: "OMERO cannot be reached at the moment",
    OmeroHangs: "OMERO does not answer at the moment",
    TooManyWaiting: "OMERO has too much to do at the moment",
    OmeroTooSlow: "OMERO has not answered in time",
}


def _no_span(name: str) -> AbstractContextManager[None]:
    return nullcontext()


class ThumbnailPages:
    """Answers the thumbnail paths. `source` is OMERO; of several, `sources` gives the one that a session names."""

    def __init__(
        self,
        who_is_asking: WhoIsAsking,
        source: ThumbnailSource,
        *,
        limits: Limits,
        cache_control: str,
        span: Callable[[str], AbstractContextManager[None]] = _no_span,
        sources: Sources | None = None,
    ) -> None:
        self._span = span
        self._who_is_asking = who_is_asking
        self._source = source
        self._sources = sources
        self._parse = Parser(limits)
        self._cache_control = ("cache-control", cache_control)
        self._vary = ("vary", who_is_asking.vary)
        #: what every answer with a picture has, and every one that says that the client has it
        self._of_pictures = (NOSNIFF, self._cache_control, self._vary)

    async def answer(
        self, route: Route, headers: RequestHeaders, query_string: str, left: Left, path: str = ""
    ) -> tuple[Response, Asker]:
        """The answer, and who asked. Raises RequestRefused, or ClientLeft if the client has `left` before that.

        Either says who asked where that is known. `path` is that of the request as OMERO.web sees it: with its prefix.
        """
        # checked before anybody is asked who this is: a wrong request is wrong whoever makes it
        parsed = self._parse(route, query_string)
        asker = await self._who_is_asking(headers, parsed.query, path)
        try:
            return await self._answer_to(asker, route, parsed, tags_of(headers.get("if-none-match")), left, path)
        except (RequestRefused, ClientLeft) as refusal:
            refusal.user_id = asker.user_id
            raise

    async def _answer_to(
        self, asker: Asker, route: Route, parsed: Asked, named: frozenset[str], left: Left, path: str
    ) -> tuple[Response, Asker]:
        # of JSON it is the answer that has a tag, not the picture
        tags = _NO_TAGS if route.kind in _JSON else named
        with self._span(_SPANS[route.kind]):
            while True:
                try:
                    asked, outcomes = await self._ask(asker, parsed, left, tags, has_width=bool(route.width))
                    break
                except ThumbnailError as error:
                    visitor = self._visitor_instead(asker, error, path)
                    if visitor is None:
                        raise self._refused(asker, error) from error
                asker = visitor
        return self._answer(route.kind, asked, outcomes, named), asker

    def _answer(self, kind: Kind, asked: Asked, outcomes: Sequence[Outcome], tags: frozenset[str]) -> Response:
        if kind is Kind.GET_THUMBNAILS:
            return self._json(_data_uris(asked.requests, outcomes), asked.callback, tags)
        first = outcomes[0]
        if isinstance(first, NotModified):
            return self._not_modified(first.tag)
        if isinstance(first, ThumbnailError):
            raise refused(first) from first
        if kind is Kind.GET_THUMBNAIL:
            return self._json(_data_uri(first), asked.callback, tags)
        # the client may have it from before it was certain what it shows
        tag = first.digest if not first.tag or (tags and first.digest in tags) else first.tag
        if tags and (tag in tags or ANY_TAG in tags):
            return self._not_modified(tag)
        size = ("content-length", str(len(first.jpeg)))
        return Response(200, (_JPEG, size, *self._of_pictures, ("etag", f'W/"{tag}"')), first.jpeg)

    def _not_modified(self, tag: str) -> Response:
        return Response(304, (("etag", f'W/"{tag}"'), *self._of_pictures))

    def varying(self, response: Response) -> Response:
        """`response`, saying that it depends on who asked: no cache then gives it to anybody else."""
        return response._replace(headers=(*response.headers, self._vary))

    def _visitor_instead(self, asker: Asker, error: ThumbnailError, path: str) -> Asker | None:
        """Whoever's session OMERO has ended is nobody who is logged in, and may be a visitor."""
        if asker.is_visitor or not isinstance(error, SessionRefused):
            return None
        return self._who_is_asking.as_visitor(path, asker.default_size)

    def _refused(self, asker: Asker, error: ThumbnailError) -> RequestRefused:
        if asker.is_visitor and self._who_is_asking.visitors_are_refused:
            return RequestRefused(403, "log in to OMERO.web first: its public user is not let in")
        return refused(error)

    async def _ask(
        self, asker: Asker, asked: Asked, left: Left, tags: frozenset[str], *, has_width: bool
    ) -> tuple[Asked, Sequence[Outcome]]:
        """What is asked for, in this asker's size, and what came of each. Raises ThumbnailError, or as `answer`."""
        source = source_of(self._sources, asker.server_id) if self._sources is not None else self._source
        size = asker.default_size
        if size is None and asker.is_visitor:
            # nobody has a session here that says it
            size = await while_there(left, source.default_size(asker.session_key))
        if size not in (None, DEFAULT_SIZE):
            asked = asked.of_default(size, has_width=has_width)
        outcomes = await _get(source, asker.session_key, asked.requests, left, tags)
        for outcome in outcomes:
            if isinstance(outcome, SessionRefused):
                raise outcome
        return asked, outcomes

    def _json(self, value: Any, callback: str | None, tags: frozenset[str]) -> Response:
        extra = (self._cache_control,)
        response = json_body(value, extra=extra) if callback is None else javascript(callback, value, extra)
        return self.varying(with_validator(response, digest_of(response.body), tags))


async def _get(
    source: ThumbnailSource, session_key: str, requests: Sequence[ThumbnailRequest], left: Left, tags: frozenset[str]
) -> Sequence[Outcome]:
    if not requests:
        return []
    remembered = source.remembered(session_key, requests)
    if remembered is not None:
        # at once, so nobody can have left
        return remembered
    return await while_there(left, source.get_all(session_key, requests, tags))


def refused(error: ThumbnailError) -> RequestRefused:
    """The HTTP status for why there is no thumbnail."""
    status = _STATUS[type(error)]
    told = _TO_CLIENTS.get(type(error))
    if told is None:
        return RequestRefused(status, str(error))
    complain(status, str(error))
    return RequestRefused(status, told, (("retry-after", str(RETRY_AFTER)),) if status == 503 else (), error.cause)


def _data_uris(requests: Sequence[ThumbnailRequest], outcomes: Sequence[Outcome]) -> dict[str, str | None]:
    """What OMERO.web's page scripts want: null for an image that cannot be had, as long as others could be.

    Where nothing came back since OMERO itself cannot be used, that is the answer: nulls would be shown as images that
    do not exist.
    """
    found: dict[str, str | None] = {}
    worst: ThumbnailError | None = None
    for request, outcome in zip(requests, outcomes, strict=True):
        if isinstance(outcome, Thumbnail):
            found[str(request.image_id)] = _data_uri(outcome)
            continue
        found[str(request.image_id)] = None
        if isinstance(outcome, ThumbnailError) and not isinstance(outcome, ImageUnavailable):
            worst = outcome
    if worst is None:
        return found
    if not any(found.values()):
        raise refused(worst) from worst
    complain(200, f"some images are null: {worst}")
    return found


def _data_uri(thumbnail: Thumbnail) -> str:
    return f"data:image/jpeg;base64,{base64.b64encode(thumbnail.jpeg).decode()}"
