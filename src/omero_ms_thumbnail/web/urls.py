"""The URL table: which paths there are, and what their segments say.

The paths are those of OMERO.web's webgateway and webclient that nginx sends here. A trailing slash and anything after
it are accepted, as the Java microservice does; so ``/webclient/render_thumbnail/12/<share>/`` is image 12.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from .response import RequestRefused, quoted


class Kind(Enum):
    """What kind of answer a path has; the value is the route's name in logs and metrics."""

    RENDER_THUMBNAIL = "render_thumbnail"
    RENDER_BIRDS_EYE_VIEW = "render_birds_eye_view"
    GET_THUMBNAILS = "get_thumbnails"
    GET_THUMBNAIL = "get_thumbnail"


@dataclass(frozen=True, slots=True)
class Route:
    """A path taken apart. Segments are as they came: whether they are numbers is not said yet."""

    kind: Kind
    image: str = ""
    width: str = ""
    height: str = ""


_KINDS = {kind.value: kind for kind in Kind}


def route(path: str) -> Route | None:
    """The route of an absolute path without its query; None if there is no such path.

    Raises RequestRefused (404) where the path lacks its image.
    """
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


def _image(segment: str, path: str) -> str:
    if not segment:
        raise RequestRefused(404, f"{quoted(path, 200)} names no image")
    return segment
