"""What a request may say, and within which ranges."""

from __future__ import annotations

from collections.abc import Sequence

from ...thumbnails.model import IMAGE_ID_MAX
from ..auth import SERVER_PARAMETER
from ..parsing import CALLBACK, CALLBACK_LENGTH_MAX, SECTION_MAX, RequestLimits
from .responses import Json


def parameters(limits: RequestLimits, servers: Sequence[str] = ()) -> Json:
    """Every parameter, by the name under which operations refer to it; a session key may be of any of `servers`."""
    size = _whole(1, limits.longest_side)
    return {
        **({"server": _server(servers)} if servers else {}),
        "image": in_path("image", "the image's id", _whole(0, IMAGE_ID_MAX)),
        "width": in_path("width", "pixels; of the longest side where the path has no height", size),
        "height": in_path("height", "pixels; the picture has this width and height", size),
        "ids": _in_query(
            "id",
            "the ids of images, each counted once; without any the answer is empty, and no session key is tried",
            {"type": "array", "items": _whole(0, IMAGE_ID_MAX), "maxItems": limits.batch},
        ),
        "rdefId": _in_query(
            "rdefId", "the rendering definition; of no effect on several images", _or_empty(IMAGE_ID_MAX)
        ),
        "z": _in_query("z", "the section's z; of no effect on several images", _or_empty(SECTION_MAX)),
        "t": _in_query("t", "the section's time point; of no effect on several images", _or_empty(SECTION_MAX)),
        "version": _in_query("version", "anything: OMERO is asked at once what is seen", {"type": "string"}),
        "_": _in_query("_", "as version", {"type": "string"}),
        "callback": _in_query(
            "callback",
            "answers in JSONP, with a call of this function",
            {"type": "string", "pattern": f"^{CALLBACK}$", "maxLength": CALLBACK_LENGTH_MAX},
        ),
        "ifNoneMatch": {
            "name": "If-None-Match",
            "in": "header",
            "description": "the ETag of what the client has",
            "schema": {"type": "string"},
        },
    }


def _server(servers: Sequence[str]) -> Json:
    return _in_query(
        SERVER_PARAMETER,
        "the OMERO.server that the session key is of, by its number or name; without it "
        f"{servers[0]}, and of no effect on a session that a cookie names",
        {"oneOf": [{"enum": [*servers]}, {"type": "string", "maxLength": 0}]},
    )


def _whole(least: int, most: int) -> Json:
    return {"type": "integer", "minimum": least, "maximum": most}


def _or_empty(most: int) -> Json:
    """A number, or nothing after the equals sign, which is as if the parameter were not there."""
    return {"oneOf": [_whole(0, most), {"type": "string", "maxLength": 0}]}


def in_path(name: str, meaning: str, schema: Json) -> Json:
    """A parameter that is a segment of a path."""
    return {"name": name, "in": "path", "required": True, "description": meaning, "schema": schema}


def _in_query(name: str, meaning: str, schema: Json) -> Json:
    return {"name": name, "in": "query", "description": meaning, "schema": schema}
