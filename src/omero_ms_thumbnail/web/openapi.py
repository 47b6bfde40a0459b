"""The description of the HTTP interface, as an OpenAPI 3.1 document that is served at ``/openapi.json``.

Thumbnail paths come from the URL table and ranges from the limits that requests are checked by, so that they cannot be
described otherwise than they are. Which answers a path has stands here, and is compared with those of a running
service.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, Final

from ..thumbnails.model import IMAGE_ID_MAX
from .asking import KEY_HEADER, KEY_PARAMETER
from .parsing import CALLBACK, CALLBACK_LENGTH_MAX, SECTION_MAX, Limits
from .urls import TEMPLATES, Kind

_Json = dict[str, Any]

_DATA_URI: Final = {"type": "string", "pattern": "^data:image/jpeg;base64,[A-Za-z0-9+/]+={0,2}$"}

_TEXT: Final = {"text/plain": {"schema": {"type": "string"}}}

_JAVASCRIPT: Final = {
    "application/javascript": {"schema": {"type": "string", "description": "where there is a callback"}}
}

_ABOUT: Final = """\
Answers OMERO.web's requests for thumbnails in its place. A path may lack its last slash, and anything may follow it; \
HEAD is answered as GET without a body. Errors are a sentence in plain text.\
"""

_SUMMARIES: Final = {
    Kind.RENDER_THUMBNAIL: "A thumbnail as a picture",
    Kind.RENDER_BIRDS_EYE_VIEW: "A bird's eye view as a picture",
    Kind.GET_THUMBNAILS: "Thumbnails of many images as data URIs",
    Kind.GET_THUMBNAIL: "A thumbnail as a data URI",
}

_RESPONSE_HEADERS: Final[_Json] = {
    "X-Request-ID": {
        "description": "the id of this request in the service's log: that of its own X-Request-ID, or a new one",
        "schema": {"type": "string"},
    },
    "ETag": {"description": "strong; of the body", "schema": {"type": "string", "pattern": '^"[^"]+"$'}},
    "Cache-Control": {"description": "as configured", "schema": {"type": "string"}},
    "Retry-After": {"description": "seconds", "schema": {"type": "integer", "minimum": 1}},
}


@dataclass(frozen=True, slots=True)
class Access:
    """How a request may say who is asking: the name of OMERO.web's session cookie, and what else is taken."""

    cookie_name: str
    key_header: bool
    key_parameter: bool


def describe(version: str, limits: Limits, access: Access) -> _Json:
    """The document, of a service with these settings."""
    schemes = _security_schemes(access)
    thumbnails = {template: _thumbnail_path(template, schemes) for template in TEMPLATES}
    return {
        "openapi": "3.1.1",
        "info": {
            "title": "OMERO thumbnail microservice",
            "version": version,
            "description": _ABOUT,
            "license": {"name": "GNU General Public License, version 2 or later", "identifier": "GPL-2.0-or-later"},
        },
        "servers": [{"url": "/"}],
        "tags": [*({"name": kind.value, "description": _SUMMARIES[kind]} for kind in Kind), {"name": "service"}],
        "paths": {**thumbnails, **_service_paths()},
        "components": {
            "headers": _RESPONSE_HEADERS,
            "parameters": _parameters(limits),
            "responses": _RESPONSES,
            "securitySchemes": schemes,
        },
    }


def _security_schemes(access: Access) -> _Json:
    schemes: _Json = {}
    if access.key_header:
        schemes["sessionKeyHeader"] = {
            "type": "apiKey",
            "in": "header",
            "name": KEY_HEADER,
            "description": "the key of an OMERO session; looked at first",
        }
    if access.key_parameter:
        schemes["sessionKeyParameter"] = {
            "type": "apiKey",
            "in": "query",
            "name": KEY_PARAMETER,
            "description": "the key of an OMERO session; looked at where there is no such header",
        }
    schemes["sessionCookie"] = {
        "type": "apiKey",
        "in": "cookie",
        "name": access.cookie_name,
        "description": "OMERO.web's session cookie",
    }
    return schemes


def _parameters(limits: Limits) -> _Json:
    size = _whole(1, limits.longest_side)
    return {
        "image": _in_path("image", "the image's id", _whole(0, IMAGE_ID_MAX)),
        "width": _in_path("width", "pixels; of the longest side where the path has no height", size),
        "height": _in_path("height", "pixels; the picture has this width and height", size),
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
        "version": _in_query("version", "anything: another value asks past the caches", {"type": "string"}),
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


def _whole(least: int, most: int) -> _Json:
    return {"type": "integer", "minimum": least, "maximum": most}


def _or_empty(most: int) -> _Json:
    """A number, or nothing after the equals sign, which is as if the parameter were not there."""
    return {"oneOf": [_whole(0, most), {"type": "string", "maxLength": 0}]}


def _in_path(name: str, meaning: str, schema: _Json) -> _Json:
    return {"name": name, "in": "path", "required": True, "description": meaning, "schema": schema}


def _in_query(name: str, meaning: str, schema: _Json) -> _Json:
    return {"name": name, "in": "query", "description": meaning, "schema": schema}


def _response(meaning: str, content: _Json | None = None, *headers: str) -> _Json:
    found: _Json = {
        "description": meaning,
        "headers": {name: {"$ref": f"#/components/headers/{name}"} for name in ("X-Request-ID", *headers)},
    }
    return found if content is None else {**found, "content": content}


def _json(schema: _Json) -> _Json:
    return {"application/json": {"schema": schema}}


_NO_IMAGE: Final = "no such image, or one that the user may not read or that OMERO cannot render"

_RESPONSES: Final = {
    "Picture": _response("a JPEG", {"image/jpeg": {"schema": {}}}, "ETag", "Cache-Control"),
    "DataUri": _response("a data URI of a JPEG", {**_json(_DATA_URI), **_JAVASCRIPT}, "ETag", "Cache-Control"),
    "DataUris": _response(
        "data URIs of JPEGs by image id; null for an image that is missing, not readable or cannot be rendered",
        {
            **_json(
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
    "NotModified": _response("the client has it", None, "ETag", "Cache-Control"),
    "BadRequest": _response("what is asked for is not possible; the sentence says why", _TEXT),
    "Forbidden": _response("no session, or it has ended", _TEXT),
    "NoImage": _response(_NO_IMAGE, _TEXT),
    "NoPicture": _response(
        f"{_NO_IMAGE}; a picture of no image where Accept begins with image/",
        {**_TEXT, "image/svg+xml": {"schema": {"type": "string"}}},
    ),
    "Unavailable": _response("OMERO or the session store cannot be used now", _TEXT, "Retry-After"),
    "TooSlow": _response("OMERO did not answer in time", _TEXT),
}

_ERRORS: Final = {"304": "NotModified", "400": "BadRequest", "403": "Forbidden", "503": "Unavailable", "504": "TooSlow"}

#: the answers of a kind of path, by status
_ANSWERS: Final = {
    Kind.RENDER_THUMBNAIL: {"200": "Picture", "404": "NoPicture", **_ERRORS},
    Kind.RENDER_BIRDS_EYE_VIEW: {"200": "Picture", "404": "NoImage", **_ERRORS},
    Kind.GET_THUMBNAILS: {"200": "DataUris", **_ERRORS},
    Kind.GET_THUMBNAIL: {"200": "DataUri", "404": "NoImage", **_ERRORS},
}


def _thumbnail_path(template: str, schemes: _Json) -> _Json:
    kind = Kind(template.split("/")[2])
    is_json = kind in (Kind.GET_THUMBNAIL, Kind.GET_THUMBNAILS)
    names = [
        *_names_in(template),
        *(("ids",) if kind is Kind.GET_THUMBNAILS else ()),
        *("rdefId", "z", "t", "version", "_"),
        *(("callback",) if is_json else ()),
        "ifNoneMatch",
    ]
    shared = {
        "tags": [kind.value],
        "summary": _SUMMARIES[kind],
        "parameters": [{"$ref": f"#/components/parameters/{name}"} for name in names],
        "security": [{scheme: []} for scheme in schemes],
    }
    answers = dict(sorted(_ANSWERS[kind].items()))
    return {
        "get": {
            **shared,
            "operationId": _operation_id("get", template),
            "responses": {status: {"$ref": f"#/components/responses/{name}"} for status, name in answers.items()},
        },
        "head": {
            **shared,
            "operationId": _operation_id("head", template),
            "responses": {status: _without_body(_RESPONSES[name]) for status, name in answers.items()},
        },
        "options": _options(template),
    }


def _names_in(template: str) -> list[str]:
    return re.findall(r"{(\w+)}", template)


def _operation_id(method: str, path: str) -> str:
    return "_".join([method, *re.findall(r"\w+", path)])


def _without_body(response: _Json) -> _Json:
    return {name: value for name, value in response.items() if name != "content"}


def _options(path: str) -> _Json:
    return {
        "tags": ["service"],
        "summary": "What this service is",
        "operationId": _operation_id("options", path),
        # it looks at nothing of the request
        "parameters": [_in_path(name, "anything", {"type": "string"}) for name in _names_in(path)],
        "security": [],
        "responses": {
            "200": _response(
                "the provider and its version",
                _json(
                    {
                        "type": "object",
                        "required": ["provider", "version", "features"],
                        "properties": {
                            "provider": {"const": "ThumbnailMicroservice"},
                            "version": {"type": "string"},
                            "features": {"type": "array", "items": {"type": "string"}},
                        },
                    }
                ),
            )
        },
    }


def _service_paths() -> _Json:
    ready = _json({"type": "object", "required": ["status"], "additionalProperties": {"type": "string"}})
    alive = _json({"type": "object", "required": ["status"], "properties": {"status": {"const": "ok"}}})
    metrics = {**_TEXT, "application/openmetrics-text": {"schema": {"type": "string"}}}
    return {
        "/healthz": _service_path("/healthz", "Whether the process is up", {"200": _response("it is", alive)}),
        "/readyz": _service_path(
            "/readyz",
            "Whether session store and OMERO can be reached",
            {
                "200": _response("both can", ready),
                "503": _response("not all can; says for each what is wrong", ready, "Retry-After"),
            },
        ),
        "/metrics": _service_path("/metrics", "Metrics for Prometheus", {"200": _response("all workers'", metrics)}),
        "/openapi.json": _service_path(
            "/openapi.json", "This description", {"200": _response("OpenAPI 3.1", _json({"type": "object"}))}
        ),
    }


def _service_path(path: str, summary: str, responses: _Json) -> _Json:
    shared = {"tags": ["service"], "summary": summary, "security": []}
    bare = {status: _without_body(response) for status, response in responses.items()}
    return {
        "get": {**shared, "operationId": _operation_id("get", path), "responses": responses},
        "head": {**shared, "operationId": _operation_id("head", path), "responses": bare},
        "options": _options(path),
    }
