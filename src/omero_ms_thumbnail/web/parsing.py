"""From a route and a query to what is asked for: numbers checked, limits kept, one sentence where they are not."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final, NamedTuple
from urllib.parse import parse_qsl

from ..thumbnails.model import IMAGE_ID_MAX, ThumbnailRequest
from .response import RequestRefused, quoted
from .short_texts import remember_short
from .urls import Route, RouteKind

#: OMERO.web's size where neither the path nor the session gives one, in pixels
DEFAULT_SIZE: Final = 96

#: the largest `z` and `t`
SECTION_MAX: Final = 2**31 - 1

#: what a JSONP callback may be, as a regular expression that means the same in Python and in JavaScript
CALLBACK: Final = r"[A-Za-z_$][A-Za-z0-9_$]*(\.[A-Za-z_$][A-Za-z0-9_$]*)*"
CALLBACK_LENGTH_MAX: Final = 200
_CALLBACK: Final = re.compile(CALLBACK)

#: of thumbnails with longer sides fewer may be asked for in one request, so that an answer takes no more memory
_LARGE_SIDE: Final = 2000

#: query parameters in one request at most, far above any batch
_PARAMETERS_MAX: Final = 20_000

#: characters of the longest queries that are remembered taken apart, as pages ask for the same again
_REMEMBERED_LENGTH: Final = 512

#: OMERO.web's cache buster. jQuery's own, ``_``, comes with every request of its pages and says nothing
_VERSION_NAMES: Final = ("version",)


@dataclass(frozen=True, slots=True)
class RequestLimits:
    """What a request may ask for: pixels of the longest side, images in one request, an answer in JavaScript."""

    longest_side: int = 4000
    batch: int = 50
    jsonp: bool = True


class Query:
    """A query string, taken apart once; `is_empty` if it has no parameters."""

    def __init__(self, query: str) -> None:
        try:
            pairs = parse_qsl(query, keep_blank_values=True, max_num_fields=_PARAMETERS_MAX) if query else []
        except ValueError:
            raise RequestRefused(400, f"the query has more than {_PARAMETERS_MAX} parameters") from None
        self._values: dict[str, list[str]] = {}
        for name, value in pairs:
            self._values.setdefault(name, []).append(value)
        self.is_empty: Final = not self._values

    def first(self, name: str) -> str | None:
        """The first value of a parameter."""
        values = self._values.get(name)
        return values[0] if values else None

    def last(self, name: str) -> str | None:
        """The last value of a parameter: the one that Django's `QueryDict` gives."""
        values = self._values.get(name)
        return values[-1] if values else None

    def all(self, name: str) -> list[str]:
        """All values of a parameter, in order."""
        return self._values.get(name, [])


_NO_QUERY: Final = Query("")


class ParsedRequest(NamedTuple):
    """What a request asks for. `callback` is for JSONP; the query may also name the session."""

    query: Query
    callback: str | None
    requests: tuple[ThumbnailRequest, ...]

    def of_default(self, size: int, *, has_width: bool) -> ParsedRequest:
        """The same for a session whose size is `size`, in pixels: for a path without one, and what OMERO.web stores."""
        return ParsedRequest(
            self.query, self.callback, tuple([_of_default(one, size, has_width) for one in self.requests])
        )


class Parser:
    """Takes requests apart, within `limits`."""

    def __init__(self, limits: RequestLimits) -> None:
        self._limits = limits
        #: what is asked for, in OMERO.web's size where the path has none. Raises RequestRefused (400)
        self.parse: Final = remember_short(self._parse, _REMEMBERED_LENGTH)

    def _parse(self, route: Route, query_string: str) -> ParsedRequest:
        query = Query(query_string) if query_string else _NO_QUERY
        jsonp = callback(route.kind, query, self._limits)
        if route.kind is RouteKind.GET_THUMBNAILS:
            requests = images_request(route, query, self._limits)
        else:
            requests = [image_request(route, query, self._limits)]
        return ParsedRequest(query, jsonp, tuple(requests))


def _of_default(request: ThumbnailRequest, size: int, has_width: bool) -> ThumbnailRequest:
    width = request.width if has_width else size
    return request._replace(width=width, stored=width == size and request.height is None)


def image_request(route: Route, query: Query, limits: RequestLimits) -> ThumbnailRequest:
    """What a path of one image asks for. Raises RequestRefused (400)."""
    width = _size(route.width, "width", limits) if route.width else DEFAULT_SIZE
    height = _size(route.height, "height", limits) if route.height else None
    stored = width == DEFAULT_SIZE and height is None
    asked = ThumbnailRequest(_image_id(route.image), width, height, version=_version(query), stored=stored)
    return _rendered(query, asked)


def images_request(route: Route, query: Query, limits: RequestLimits) -> list[ThumbnailRequest]:
    """What a path of many images asks for, each once, in the order of the query. Raises RequestRefused (400)."""
    width = _size(route.width, "size", limits) if route.width else DEFAULT_SIZE
    version = _version(query)
    image_ids = dict.fromkeys(_image_id(text) for text in query.all("id"))
    most = max(1, min(limits.batch, limits.batch * _LARGE_SIDE**2 // width**2))
    if len(image_ids) > most:
        of_size = f" of {width} pixels" if most < limits.batch else ""
        raise RequestRefused(400, f"{len(image_ids)} images{of_size} are asked for, at most {most} may be")
    stored = width == DEFAULT_SIZE
    requests = [ThumbnailRequest(image_id, width, version=version, stored=stored) for image_id in image_ids]
    if len(requests) == 1:
        # OMERO.web answers a single id as it does the paths of one image (webgateway's get_thumbnails_json)
        return [_rendered(query, requests[0])]
    return requests


def _rendered(query: Query, request: ThumbnailRequest) -> ThumbnailRequest:
    if query.is_empty:
        return request
    return request._replace(
        rendering_def_id=_optional_number(query, "rdefId", IMAGE_ID_MAX),
        z=_optional_number(query, "z", SECTION_MAX),
        t=_optional_number(query, "t", SECTION_MAX),
    )


def callback(kind: RouteKind, query: Query, limits: RequestLimits) -> str | None:
    """The JSONP callback, where the path has one and one is asked for. Raises RequestRefused (400)."""
    if kind not in (RouteKind.GET_THUMBNAIL, RouteKind.GET_THUMBNAILS):
        return None
    name = query.first("callback")
    if name is not None and (len(name) > CALLBACK_LENGTH_MAX or not _CALLBACK.fullmatch(name)):
        raise RequestRefused(400, "callback is not a JavaScript identifier, such as jQuery1234 or page.show")
    if name is not None and not limits.jsonp:
        raise RequestRefused(400, "callback is not taken here; ask for JSON without it")
    return name


def _image_id(text: str) -> int:
    return _number(text, "the image's id", 0, IMAGE_ID_MAX)


def _size(text: str, what: str, limits: RequestLimits) -> int:
    return _number(text, f"the {what}", 1, limits.longest_side)


def _optional_number(query: Query, name: str, most: int) -> int | None:
    text = query.last(name)
    return None if text is None or text == "" else _number(text, name, 0, most)


def _number(text: str, what: str, least: int, most: int) -> int:
    # digits only: int() would also take signs, spaces, underscores and other scripts
    if text.isascii() and text.isdigit() and len(text) <= len(str(most)) and least <= int(text) <= most:
        return int(text)
    raise RequestRefused(400, f"{what} is {quoted(text)}, and must be a whole number from {least} to {most}")


def _version(query: Query) -> str:
    if query.is_empty:
        return ""
    return "&".join(value for name in _VERSION_NAMES for value in query.all(name))
