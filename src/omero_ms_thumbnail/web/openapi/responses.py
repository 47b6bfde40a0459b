"""What is answered: statuses, headers, kinds of content."""

from __future__ import annotations

from typing import Any, Final

from ..urls import RouteKind

Json = dict[str, Any]

_DATA_URI: Final = {"type": "string", "pattern": "^data:image/jpeg;base64,[A-Za-z0-9+/]+={0,2}$"}

TEXT: Final = {"text/plain": {"schema": {"type": "string"}}}

_JAVASCRIPT: Final = {
    "application/javascript": {"schema": {"type": "string", "description": "where there is a callback"}}
}

HEADERS: Final[Json] = {
    "X-Request-ID": {
        "description": "the id of this request in the service's log: that of its own X-Request-ID, or a new one",
        "schema": {"type": "string"},
    },
    "ETag": {"description": "weak; of what is shown", "schema": {"type": "string", "pattern": '^W/"[^"]+"$'}},
    "Cache-Control": {"description": "as configured", "schema": {"type": "string"}},
    "Retry-After": {"description": "seconds", "schema": {"type": "integer", "minimum": 1}},
}


def response(meaning: str, content: Json | None = None, *headers: str) -> Json:
    """An answer with these headers beside those that all have."""
    found: Json = {
        "description": meaning,
        "headers": {name: {"$ref": f"#/components/headers/{name}"} for name in ("X-Request-ID", *headers)},
    }
    return found if content is None else {**found, "content": content}


def without_body(answer: Json) -> Json:
    """The same answer to HEAD."""
    return {name: value for name, value in answer.items() if name != "content"}


def json_content(schema: Json) -> Json:
    """Content in JSON."""
    return {"application/json": {"schema": schema}}


_NO_IMAGE: Final = "no such image, or one that the user may not read or that OMERO cannot render"

RESPONSES: Final = {
    "Picture": response("a JPEG", {"image/jpeg": {"schema": {}}}, "ETag", "Cache-Control"),
    "DataUri": response("a data URI of a JPEG", {**json_content(_DATA_URI), **_JAVASCRIPT}, "ETag", "Cache-Control"),
    "DataUris": response(
        "data URIs of JPEGs by image id; null for an image that is missing, not readable or cannot be rendered",
        {
            **json_content(
                {
                    "type": "object",
                    "propertyNames": {"pattern": "^[0-9]+$"},
                    "additionalProperties": {"oneOf": [_DATA_URI, {"type": "null"}]},
                }
            ),
            **_JAVASCRIPT,
        },
        "ETag",
        "Cache-Control",
    ),
    "NotModified": response("the client has it", None, "ETag", "Cache-Control"),
    "BadRequest": response("what is asked for is not possible; the sentence says why", TEXT),
    "Forbidden": response("no session, or it has ended", TEXT),
    "NoImage": response(_NO_IMAGE, TEXT),
    "NoPicture": response(
        f"{_NO_IMAGE}; a picture of no image where Accept begins with image/",
        {**TEXT, "image/svg+xml": {"schema": {"type": "string"}}},
    ),
    "Unavailable": response("OMERO or the session store cannot be used now", TEXT, "Retry-After"),
    "TooSlow": response("OMERO did not answer in time", TEXT),
}

_OF_ALL: Final = {"304": "NotModified", "400": "BadRequest", "403": "Forbidden", "503": "Unavailable", "504": "TooSlow"}

#: the answers of a kind of path, by status; values are names of `RESPONSES`
ANSWERS: Final = {
    RouteKind.RENDER_THUMBNAIL: {"200": "Picture", "404": "NoPicture", **_OF_ALL},
    RouteKind.RENDER_BIRDS_EYE_VIEW: {"200": "Picture", "404": "NoImage", **_OF_ALL},
    RouteKind.GET_THUMBNAILS: {"200": "DataUris", **_OF_ALL},
    RouteKind.GET_THUMBNAIL: {"200": "DataUri", "404": "NoImage", **_OF_ALL},
}
