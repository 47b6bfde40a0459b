"""The ASGI application: every request comes in here, and every answer goes out here.

Routing is the table in `urls`, without a framework in between (see ``docs/decisions``).
"""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping
from functools import partial
from typing import Any, Final, Protocol

from ..telemetry.request import ObservedRequest
from .asgi import Headers, Receive, Scope, Send, beginning, disconnected
from .cors import CrossOrigin
from .demo_pages import DemoPages
from .disconnect import CLIENT_LEFT, ClientLeft
from .health import Health
from .placeholder_picture import placeholder
from .response import RequestRefused, Response, json_body, quoted, sentence
from .thumbnail_pages import ThumbnailPages
from .urls import route

log: Final = logging.getLogger(__name__)

_METHODS: Final = "GET, HEAD, OPTIONS"

# what is told of a request whose method or path is longer than any that is answered, in characters
_METHOD_SHOWN: Final = 20
_PATH_SHOWN: Final = 500


class Observer(Protocol):
    """Who is told of every request and its answer: logs, metrics, traces."""

    def began(self, headers: Mapping[bytes, bytes]) -> ObservedRequest:
        """A request has come, with these headers: the first value of each, names in lower case."""

    def answered(
        self,
        request: ObservedRequest,
        *,
        method: str,
        path: str,
        route: str,
        response: Response,
        seconds: float,
        user: int | None,
    ) -> None:
        """Its answer was given."""

    def exposition(self, accept: str | None) -> tuple[str, bytes]:
        """Content type and body of ``/metrics``."""


class Application:
    """Answers requests. `description` is that of the interface, as `openapi.describe` gives it.

    Every path is answered below `prefix` too, where OMERO.web has one (``omero.web.prefix``).
    """

    def __init__(
        self,
        *,
        version: str,
        thumbnails: ThumbnailPages,
        health: Health,
        observer: Observer,
        description: Mapping[str, Any],
        gallery: DemoPages | None = None,
        cross_origin: CrossOrigin | None = None,
        prefix: str = "",
    ) -> None:
        self._details = {"provider": "ThumbnailMicroservice", "version": version, "features": []}
        self._thumbnails = thumbnails
        self._health = health
        self._observer = observer
        self._description = json_body(description, extra=(("cache-control", "no-cache"),))
        self._gallery = gallery
        self._cross_origin = cross_origin or CrossOrigin()
        self._is_cross_origin = self._cross_origin.is_on
        self._prefix = f"{prefix}/" if prefix else ""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await send({"type": "websocket.close", "code": 1000})
            return
        headers, method, path = Headers(scope["headers"]), scope["method"], scope["path"]
        request = self._observer.began(headers.first)
        name, response, user_id = await self._answer(scope, headers, receive)
        if self._is_cross_origin:
            response = self._cross_origin.allowing(response, headers)
        body = b"" if method == "HEAD" else response.body
        try:
            await send(beginning(response.status, response.headers, request.id))
            await send({"type": "http.response.body", "body": body})
        finally:
            self._observer.answered(
                request,
                method=method[:_METHOD_SHOWN],
                path=path[:_PATH_SHOWN],
                route=name,
                response=response,
                seconds=time.perf_counter() - request.began,
                user=user_id,
            )

    async def _answer(self, scope: Scope, headers: Headers, receive: Receive) -> tuple[str, Response, int | None]:
        """The route's name, the answer, and the OMERO user who asked, where that is known."""
        method: str = scope["method"]
        try:
            if method == "OPTIONS":
                preflight = self._cross_origin.preflight(headers)
                return "options", preflight or json_body(self._details), None
            if method not in ("GET", "HEAD"):
                refusal = f"{method[:_METHOD_SHOWN]} is not allowed here"
                return "other", sentence(405, refusal, (("allow", _METHODS),)), None
            path, query_string = scope["path"], scope["query_string"].decode("utf-8", "replace")
            if self._prefix:
                path = self._below_prefix(path)
            found = route(path)
            if found is not None:
                try:
                    response, user = await self._thumbnails.answer(
                        found, headers, query_string, partial(disconnected, receive), f"{self._prefix[:-1]}{path}"
                    )
                except ClientLeft as gone:
                    return found.kind, Response(CLIENT_LEFT, ()), gone.user_id
                except RequestRefused as refused:
                    picture = placeholder(found.kind, refused.status, headers.get("accept"))
                    refusing = (picture or _refusal(refused))._replace(cause=refused.cause)
                    return found.kind, self._thumbnails.varying(refusing), refused.user_id
                return found.kind, response, user.user_id
            return *await self._answer_other(path, query_string, headers, asked=scope["path"]), None
        except RequestRefused as refused:
            return "other", _refusal(refused), None
        except Exception:
            # a fault of ours: the log has the traceback, the client a sentence
            log.exception("%s %s failed", method[:_METHOD_SHOWN], scope["path"][:_PATH_SHOWN])
            return "other", sentence(500, "the thumbnail service has failed; its log says why"), None

    def _below_prefix(self, path: str) -> str:
        return path[len(self._prefix) - 1 :] if path.startswith(self._prefix) else path

    async def _answer_other(
        self, path: str, query_string: str, headers: Headers, *, asked: str
    ) -> tuple[str, Response]:
        match path:
            case "/healthz":
                return "healthz", self._health.alive()
            case "/readyz":
                return "readyz", await self._health.ready()
            case "/metrics":
                content_type, content = self._observer.exposition(headers.get("accept"))
                return "metrics", Response(
                    200, (("content-type", content_type), ("content-length", str(len(content)))), content
                )
            case "/openapi.json":
                return "openapi", self._description
        if self._gallery is not None:
            response = self._gallery.answer(path, headers, query_string)
            if response is not None:
                return "gallery", response
        return "other", sentence(404, f"there is nothing at {quoted(asked, 200)}")


def _refusal(refused: RequestRefused) -> Response:
    return sentence(refused.status, str(refused), refused.headers)
