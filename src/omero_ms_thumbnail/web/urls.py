"""The URL table: which paths there are, and what their segments say.

The paths are those of OMERO.web's webgateway and webclient that nginx sends here. A trailing slash and anything after
it are accepted, as the Java microservice does; so ``/webclient/render_thumbnail/12/<share>/`` is image 12.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final, NamedTuple

from .response import RequestRefused, quoted
from .short_texts import remember_short


class RouteKind(StrEnum):
    """What kind of answer a path has; the value is the route's name in logs and metrics."""

    RENDER_THUMBNAIL = "render_thumbnail"
    RENDER_BIRDS_EYE_VIEW = "render_birds_eye_view"
    GET_THUMBNAILS = "get_thumbnails"
    GET_THUMBNAIL = "get_thumbnail"

    # that of the text: every request is counted by it
    __hash__ = str.__hash__


#: every thumbnail path, in OMERO.web's own form; `route` and the description of the interface are made of it
TEMPLATES: Final = (
    "/webclient/render_thumbnail/{image}/",
    "/webclient/render_thumbnail/size/{width}/{image}/",
    "/webclient/render_birds_eye_view/{image}/",
    "/webclient/render_birds_eye_view/{image}/{width}/",
    "/webclient/get_thumbnails/",
    "/webclient/get_thumbnails/{width}/",
    "/webclient/get_thumbnail/{image}/",
    "/webgateway/render_thumbnail/{image}/",
    "/webgateway/render_thumbnail/{image}/{width}/",
    "/webgateway/render_thumbnail/{image}/{width}/{height}/",
    "/webgateway/render_birds_eye_view/{image}/",
    "/webgateway/render_birds_eye_view/{image}/{width}/",
    "/webgateway/get_thumbnails/",
    "/webgateway/get_thumbnails/{width}/",
    "/webgateway/get_thumbnail/{image}/",
    "/webgateway/get_thumbnail/{image}/{width}/",
    "/webgateway/get_thumbnail/{image}/{width}/{height}/",
)


class Route(NamedTuple):
    """A path taken apart. Segments are as they came: whether they are numbers is not said yet."""

    kind: RouteKind
    image: str = ""
    width: str = ""
    height: str = ""


#: the last of a path's segments as `route` looks at them, which is always empty
_NOWHERE: Final = -1


@dataclass(frozen=True, slots=True)
class _Shape:
    """Which segment of a path says what; `_NOWHERE` for what its paths do not say."""

    kind: RouteKind
    image: int
    width: int
    height: int


def _shapes() -> dict[tuple[str, str, str], _Shape]:
    """The shape for the first two segments and the third where that is a word, else an empty one.

    Of templates that begin with each other the longest gives the shape: what a path lacks of it is empty.
    """
    shapes = {}
    for template in sorted(TEMPLATES, key=len):
        _, prefix, name, *rest = segments = template.split("/")
        word = rest[0] if not rest[0].startswith("{") else ""
        says = {segment: at for at, segment in enumerate(segments)}
        places = (says.get(f"{{{what}}}", _NOWHERE) for what in ("image", "width", "height"))
        shapes[prefix, name, word] = _Shape(RouteKind(name), *places)
    return shapes


_SHAPES: Final = _shapes()

#: characters of the longest paths that are remembered, as pages ask for the same again: those of OMERO.web are shorter
_REMEMBERED_LENGTH: Final = 128


def _route(path: str) -> Route | None:
    """The route of an absolute path without its query; None if there is no such path.

    Raises RequestRefused (404) where the path lacks its image.
    """
    # as many empty ones as the longest template has segments after the first two
    segments = (*path.split("/"), "", "", "", "")
    _, prefix, name, third, *_ = segments
    shape = _SHAPES.get((prefix, name, third)) or _SHAPES.get((prefix, name, ""))
    if shape is None:
        return None
    image = segments[shape.image]
    if not image and shape.image != _NOWHERE:
        raise RequestRefused(404, f"{quoted(path, 200)} names no image")
    return Route(shape.kind, image, segments[shape.width], segments[shape.height])


route: Final = remember_short(_route, _REMEMBERED_LENGTH)
