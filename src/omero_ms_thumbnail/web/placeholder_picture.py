"""What a browser shows in place of a thumbnail that there is not.

OMERO.web answers webclient's ``render_thumbnail`` with a picture of no image, and status 200. Here the status says that
there is none; but browsers show the picture of an answer whatever its status, so an ``<img>`` gets one to show.
"""

from __future__ import annotations

from typing import Final

from .response import Response, body
from .urls import RouteKind

_PICTURE: Final = (
    b'<svg xmlns="http://www.w3.org/2000/svg" width="96" height="96" viewBox="0 0 96 96">'
    b'<rect width="96" height="96" fill="#ddd"/>'
    b'<path d="M16 76 40 40l16 22 10-12 14 26z" fill="#fff"/><circle cx="66" cy="28" r="9" fill="#fff"/></svg>'
)


def placeholder(kind: RouteKind, status: int, accept: str | None) -> Response | None:
    """The answer for an ``<img>`` of `kind` that is refused with `status`; None where a sentence is wanted.

    `accept` tells: for an ``<img>`` browsers ask for ``image/…`` first, for a page or a script for something else.
    """
    if kind is not RouteKind.RENDER_THUMBNAIL or status != 404 or accept is None or not accept.startswith("image/"):
        return None
    return body("image/svg+xml", _PICTURE, status, (("cache-control", "no-store"),))
