"""The URL table: which paths there are, and what their segments say.

The paths are those of OMERO.web's webgateway and webclient that nginx sends here. A trailing slash and anything after
it are accepted, as the Java microservice does; so ``/webclient/render_thumbnail/12/<share>/`` is image 12.
"""

from __future__ import annotations

from enum import StrEnum
from functools import lru_cache
from typing import Final, NamedTuple

from .response import RequestRefused, quoted


class Kind(StrEnum):
    """What kind of answer a path has; the value is the route's name in logs and metrics."""

    RENDER_THUMBNAIL = "render_thumbnail"
    RENDER_BIRDS_EYE_VIEW = "render_birds_eye_view"
    GET_THUMBNAILS = "get_thumbnails"
    GET_THUMBNAIL = "get_thumbnail"


class Route(NamedTuple):
    """A path taken apart. Segments are as they came: whether they are numbers is not said yet."""

    kind: Kind
    image: str = ""
    width: str = ""
    height: str = ""


_KINDS: Final = {kind.value: kind for kind in Kind}

#: paths that are remembered, as pages ask for the same again; longer ones than those of OMERO.web are not
_REMEMBERED_PATHS: Final = 4_096
_REMEMBERED_LENGTH: Final = 128


def route(path: str) -> Route | None:
    """The route of an absolute path without its query; None if there is no such path.

    Raises RequestRefused (404) where the path lacks its image.
    """
    return _remembered(path) if len(path) <= _REMEMBERED_LENGTH else _route(path)


def _route(path: str) -> Route | None:
    _, prefix, name, *rest = (*path.split("/"), "", "")
    kind = _KINDS.get(name)
    if kind is None or prefix not in ("webclient", "webgateway"):
        return None
    first, second, third = (*rest, "", "", "")[:3]
    if kind is Kind.GET_THUMBNAILS:
        return Route(kind, width=first)
    if kind is Kind.RENDER_THUMBNAIL and prefix == "webclient" and first == "size":
        return Route(kind, image=_image(third, path), width=second)
    image = _image(first, path)
    if kind is Kind.RENDER_BIRDS_EYE_VIEW:
        return Route(kind, image=image, width=second)
    if prefix == "webclient":
        # what follows is a share in OMERO.web
        return Route(kind, image=image)
    return Route(kind, image=image, width=second, height=third)


_remembered: Final = lru_cache(_REMEMBERED_PATHS)(_route)


def _image(segment: str, path: str) -> str:
    if not segment:
        raise RequestRefused(404, f"{quoted(path, 200)} names no image")
    return segment
