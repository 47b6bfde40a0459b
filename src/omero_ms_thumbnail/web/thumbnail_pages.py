"""The thumbnail paths: who asks for what, handed to `thumbnails`, and how what comes back is wrapped."""

from __future__ import annotations

import logging
from binascii import b2a_base64
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from typing import Final

from ..telemetry.limited import warn_limited
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
from .asgi import Headers
from .auth import Authenticator, User
from .disconnect import ClientLeft, Disconnected, cancel_on_disconnect
from .parsing import DEFAULT_SIZE, ParsedRequest, Parser, RequestLimits
from .response import (
    ANY_TAG,
    NOSNIFF,
    RETRY_AFTER,
    RequestRefused,
    Response,
    javascript,
    json_content,
    tags_of,
    with_validator,
)
from .sources import Outcome, Sources, ThumbnailSource, source_of
from .urls import Route, RouteKind

log: Final = logging.getLogger(__name__)

_STATUS: Final[dict[type[ThumbnailError], int]] = {
    ImageUnavailable: 404,
    SessionRefused: 403,
    OmeroUnavailable: 503,
    OmeroHangs: 503,
    TooManyWaiting: 503,
    OmeroTooSlow: 504,
}

#: answered with JSON
_JSON: Final = (RouteKind.GET_THUMBNAIL, RouteKind.GET_THUMBNAILS)
_JPEG: Final = ("content-type", "image/jpeg")
_NO_TAGS: Final[frozenset[str]] = frozenset()
_IF_NONE_MATCH: Final = b"if-none-match"

#: as the Java microservice names the span of what is done for a request behind HTTP
_SPANS: Final = {
    RouteKind.RENDER_THUMBNAIL: "render_thumbnail",
    RouteKind.RENDER_BIRDS_EYE_VIEW: "render_thumbnail",
    RouteKind.GET_THUMBNAIL: "render_thumbnail",
    RouteKind.GET_THUMBNAILS: "get_thumbnails",
}

#: what is wrong with OMERO is for the log
_TO_CLIENTS: Final[dict[type[ThumbnailError], str]] = {
    OmeroUnavailable: "OMERO cannot be reached at the moment",
    OmeroHangs: "OMERO does not answer at the moment",
    TooManyWaiting: "OMERO has too much to do at the moment",
    OmeroTooSlow: "OMERO has not answered in time",
}


class ThumbnailPages:
    """Answers the thumbnail paths. `source` is OMERO; of several, `sources` gives the one that a session names.

    `span` is entered, with its name, around what is done for a request behind HTTP.
    """

    def __init__(
        self,
        authenticate: Authenticator,
        source: ThumbnailSource,
        *,
        limits: RequestLimits,
        cache_control: str,
        span: Callable[[str], AbstractContextManager[None]] | None = None,
        sources: Sources | None = None,
    ) -> None:
        self._span = span
        self._authenticate = authenticate
        self._source = source
        self._sources = sources
        self._parse = Parser(limits).parse
        self._cache_control = ("cache-control", cache_control)
        self._vary = ("vary", authenticate.vary)
        #: what every answer with a picture has, and every one that says that the client has it
        self._of_pictures = (NOSNIFF, self._cache_control, self._vary)

    async def answer(
        self, route: Route, headers: Headers, query_string: str, disconnected: Disconnected, path: str = ""
    ) -> tuple[Response, User]:
        """The answer, and who asked. Raises RequestRefused, or ClientLeft if the client has `disconnected` before that.

        Either says who asked where that is known. `path` is that of the request as OMERO.web sees it: with its prefix.
        """
        # checked before anybody is asked who this is: a wrong request is wrong whoever makes it
        parsed = self._parse(route, query_string)
        user = await self._authenticate(headers, parsed.query, path)
        named = headers.first.get(_IF_NONE_MATCH)
        tags = _NO_TAGS if named is None else tags_of(named.decode("latin-1"))
        try:
            if self._span is None:
                return await self._answer_to(user, route, parsed, tags, disconnected, path)
            with self._span(_SPANS[route.kind]):
                return await self._answer_to(user, route, parsed, tags, disconnected, path)
        except (RequestRefused, ClientLeft) as refusal:
            refusal.user_id = user.user_id
            raise

    async def _answer_to(
        self,
        user: User,
        route: Route,
        parsed: ParsedRequest,
        tags: frozenset[str],
        disconnected: Disconnected,
        path: str,
    ) -> tuple[Response, User]:
        while True:
            source = self._source if self._sources is None else source_of(self._sources, user.server_id)
            try:
                size = user.default_size
                if size is None and user.is_visitor:
                    # nobody has a session here that says it
                    size = await cancel_on_disconnect(disconnected, source.default_size(user.session_key))
                if size is None or size == DEFAULT_SIZE:
                    asked = parsed
                else:
                    asked = parsed.of_default(size, has_width=bool(route.width))
                # at once, if it is there, so that nobody can have left
                outcomes = source.remembered(user.session_key, asked.requests) if asked.requests else ()
                if outcomes is None:
                    # of JSON it is the answer that has a tag, not the picture
                    of_pictures = _NO_TAGS if route.kind in _JSON else tags
                    getting = source.get_all(user.session_key, asked.requests, of_pictures)
                    outcomes = await cancel_on_disconnect(disconnected, getting)
                    for outcome in outcomes:
                        if isinstance(outcome, SessionRefused):
                            raise outcome
                return self._answer(route.kind, asked, outcomes, tags), user
            except ThumbnailError as error:
                visitor = self._visitor_instead(user, error, path)
                if visitor is None:
                    raise self._refused(user, error) from error
            user = visitor

    def _answer(
        self, kind: RouteKind, asked: ParsedRequest, outcomes: Sequence[Outcome], tags: frozenset[str]
    ) -> Response:
        if kind is RouteKind.GET_THUMBNAILS:
            return self._json(_data_uris(asked.requests, outcomes), asked.callback, tags)
        first = outcomes[0]
        if isinstance(first, NotModified):
            return self._not_modified(first.tag)
        if isinstance(first, ThumbnailError):
            raise refused(first) from first
        if kind is RouteKind.GET_THUMBNAIL:
            return self._json(_data_uri(first.jpeg), asked.callback, tags)
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

    def _visitor_instead(self, user: User, error: ThumbnailError, path: str) -> User | None:
        """Whoever's session OMERO has ended is nobody who is logged in, and may be a visitor."""
        if user.is_visitor or not isinstance(error, SessionRefused):
            return None
        return self._authenticate.as_visitor(path, user.default_size)

    def _refused(self, user: User, error: ThumbnailError) -> RequestRefused:
        if user.is_visitor and self._authenticate.visitors_are_refused:
            return RequestRefused(403, "log in to OMERO.web first: its public user is not let in")
        return refused(error)

    def _json(self, content: bytes, callback: str | None, tags: frozenset[str]) -> Response:
        extra = (self._cache_control,)
        response = json_content(content, extra) if callback is None else javascript(callback, content, extra)
        return self.varying(with_validator(response, digest_of(response.body), tags))


def refused(error: ThumbnailError) -> RequestRefused:
    """The HTTP status for why there is no thumbnail."""
    status = _STATUS[type(error)]
    told = _TO_CLIENTS.get(type(error))
    if told is None:
        return RequestRefused(status, str(error))
    warn_limited(log, f"{status}: {error}")
    return RequestRefused(status, told, (("retry-after", str(RETRY_AFTER)),) if status == 503 else (), error.cause)


def _data_uris(requests: Sequence[ThumbnailRequest], outcomes: Sequence[Outcome]) -> bytes:
    """What OMERO.web's page scripts want: null for an image that cannot be had, as long as others could be.

    Where nothing came back since OMERO itself cannot be used, that is the answer: nulls would be shown as images that
    do not exist.
    """
    worst: ThumbnailError | None = None
    has_any = False
    members = []
    for request, outcome in zip(requests, outcomes, strict=True):
        if isinstance(outcome, Thumbnail):
            has_any = True
            members.append(b'"%d": %b' % (request.image_id, _data_uri(outcome.jpeg)))
            continue
        members.append(b'"%d": null' % request.image_id)
        if isinstance(outcome, ThumbnailError) and not isinstance(outcome, ImageUnavailable):
            worst = outcome
    if worst is not None:
        if not has_any:
            raise refused(worst) from worst
        warn_limited(log, f"200: some images are null: {worst}")
    # numbers and base64 have nothing in them that JSON would escape, and looking for it takes the longest of all
    return b"{%b}" % b", ".join(members)


def _data_uri(jpeg: bytes) -> bytes:
    """As JSON."""
    return b'"data:image/jpeg;base64,%b"' % b2a_base64(jpeg, newline=False)
