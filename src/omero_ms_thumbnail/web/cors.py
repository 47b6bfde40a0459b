"""Pages of other origins that may show thumbnails, as OMERO.web lets them: its middleware is ``django-cors-headers``.

A browser lets a page of another origin read an answer only if that says so. OMERO.web always allows credentials, so
that the session cookie goes along; a browser then takes no ``*``, and the origin itself is answered.
Source: ``corsheaders.middleware.CorsMiddleware`` of django-cors-headers 3.7, ``CORS_*`` in OMERO.web's settings.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

from .asgi import Headers
from .response import Response, ResponseHeaders

#: what a page may send beyond what browsers let any send, and seconds for which a browser need not ask again
_ALLOW_METHODS: Final = "GET, HEAD, OPTIONS"
_ALLOW_HEADERS: Final = (
    "accept, accept-encoding, authorization, content-type, dnt, origin, user-agent, x-csrftoken, x-requested-with, "
    "x-omero-session-key"
)
_MAX_AGE: Final = "86400"

_VARY: Final = "vary"
_ORIGIN: Final = "Origin"


@dataclass(frozen=True, slots=True)
class CrossOrigin:
    """Which origins may read answers: those in `whitelist`, or any."""

    whitelist: Collection[str] = ()
    allow_all: bool = False

    @property
    def is_on(self) -> bool:
        """Whether any other origin is allowed at all."""
        return self.allow_all or bool(self.whitelist)

    def allows(self, origin: str) -> bool:
        """Whether a page of `origin` may read answers. ``null`` has to be in the whitelist by name."""
        return self.allow_all or origin in self.whitelist or _host(origin) in self.whitelist

    def preflight(self, headers: Headers) -> Response | None:
        """The answer to a browser that asks before it asks; None if the request is none of these."""
        if not self.is_on or "access-control-request-method" not in headers:
            return None
        origin = headers.get("origin")
        if origin is None or not self.allows(origin):
            # without the headers, and so refused by the browser: as OMERO.web
            return Response(200, (("content-length", "0"),))
        return Response(
            200,
            (
                ("content-length", "0"),
                ("access-control-allow-headers", _ALLOW_HEADERS),
                ("access-control-allow-methods", _ALLOW_METHODS),
                ("access-control-max-age", _MAX_AGE),
            ),
        )

    def allowing(self, response: Response, headers: Headers) -> Response:
        """`response`, with what lets a page of the request's origin read it."""
        if not self.is_on:
            return response
        origin = headers.get("origin")
        before = ", ".join(value for name, value in response.headers if name == _VARY)
        said: ResponseHeaders = ((_VARY, f"{before}, {_ORIGIN}" if before else _ORIGIN),)
        if origin is not None and self.allows(origin):
            said = (*said, ("access-control-allow-origin", origin), ("access-control-allow-credentials", "true"))
        return response._replace(headers=(*(one for one in response.headers if one[0] != _VARY), *said))


def _host(origin: str) -> str:
    """The host and port of an origin: lists written for django-cors-headers before 3.0 name them without a scheme."""
    try:
        return urlsplit(origin).netloc if "://" in origin else ""
    except ValueError:
        # whatever a client sends: brackets that are no address of IPv6
        return ""
