"""The document: which paths there are, and what each of their operations takes and answers."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from ..auth import KEY_HEADER, KEY_PARAMETER
from ..parsing import RequestLimits
from ..urls import TEMPLATES, RouteKind
from .parameters import in_path, parameters
from .responses import ANSWERS, HEADERS, RESPONSES, TEXT, Json, json_content, response, without_body

_ABOUT: Final = """\
Answers OMERO.web's requests for thumbnails in its place. A path may lack its last slash, and anything may follow it; \
HEAD is answered as GET without a body. Errors are a sentence in plain text.\
"""

_SUMMARIES: Final = {
    RouteKind.RENDER_THUMBNAIL: "A thumbnail as a picture",
    RouteKind.RENDER_BIRDS_EYE_VIEW: "A bird's eye view as a picture",
    RouteKind.GET_THUMBNAILS: "Thumbnails of many images as data URIs",
    RouteKind.GET_THUMBNAIL: "A thumbnail as a data URI",
}


@dataclass(frozen=True, slots=True)
class Access:
    """How a request may say who is asking: the name of OMERO.web's session cookie, and what else is taken.

    `servers` are the numbers and names of the OMERO.servers that a session key may be of, where there are several.
    """

    cookie_name: str
    key_header: bool
    key_parameter: bool
    servers: tuple[str, ...] = ()

    @property
    def takes_a_server(self) -> bool:
        """Whether a request may say which OMERO.server its key is of: a cookie's session says it itself."""
        return bool(self.servers) and (self.key_header or self.key_parameter)


def describe(version: str, limits: RequestLimits, access: Access) -> Json:
    """The document, of a service with these settings."""
    schemes = _security_schemes(access)
    server = ("server",) if access.takes_a_server else ()
    thumbnails = {template: _thumbnail_path(template, schemes, server) for template in TEMPLATES}
    return {
        "openapi": "3.1.1",
        "info": {
            "title": "OMERO thumbnail microservice",
            "version": version,
            "description": _ABOUT,
            "license": {"name": "GNU General Public License, version 2 or later", "identifier": "GPL-2.0-or-later"},
        },
        "servers": [{"url": "/"}],
        "tags": [*({"name": kind.value, "description": _SUMMARIES[kind]} for kind in RouteKind), {"name": "service"}],
        "paths": {**thumbnails, **_service_paths()},
        "components": {
            "headers": HEADERS,
            "parameters": parameters(limits, access.servers if server else ()),
            "responses": RESPONSES,
            "securitySchemes": schemes,
        },
    }


def _security_schemes(access: Access) -> Json:
    schemes: Json = {}
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


def _thumbnail_path(template: str, schemes: Json, server: tuple[str, ...]) -> Json:
    kind = RouteKind(template.split("/")[2])
    is_json = kind in (RouteKind.GET_THUMBNAIL, RouteKind.GET_THUMBNAILS)
    names = [
        *_names_in(template),
        *(("ids",) if kind is RouteKind.GET_THUMBNAILS else ()),
        *("rdefId", "z", "t", "version", "_"),
        *(("callback",) if is_json else ()),
        *server,
        "ifNoneMatch",
    ]
    shared = {
        "tags": [kind.value],
        "summary": _SUMMARIES[kind],
        "parameters": [{"$ref": f"#/components/parameters/{name}"} for name in names],
        "security": [{scheme: []} for scheme in schemes],
    }
    answers = dict(sorted(ANSWERS[kind].items()))
    return {
        "get": {
            **shared,
            "operationId": _operation_id("get", template),
            "responses": {status: {"$ref": f"#/components/responses/{name}"} for status, name in answers.items()},
        },
        "head": {
            **shared,
            "operationId": _operation_id("head", template),
            "responses": {status: without_body(RESPONSES[name]) for status, name in answers.items()},
        },
        "options": _options(template),
    }


def _names_in(template: str) -> list[str]:
    return re.findall(r"{(\w+)}", template)


def _operation_id(method: str, path: str) -> str:
    return "_".join([method, *re.findall(r"\w+", path)])


def _options(path: str) -> Json:
    return {
        "tags": ["service"],
        "summary": "What this service is",
        "operationId": _operation_id("options", path),
        # it looks at nothing of the request
        "parameters": [in_path(name, "anything", {"type": "string"}) for name in _names_in(path)],
        "security": [],
        "responses": {
            "200": response(
                "the provider and its version",
                json_content(
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


def _service_paths() -> Json:
    ready = json_content({"type": "object", "required": ["status"], "additionalProperties": {"type": "string"}})
    alive = json_content({"type": "object", "required": ["status"], "properties": {"status": {"const": "ok"}}})
    metrics = {**TEXT, "application/openmetrics-text": {"schema": {"type": "string"}}}
    return {
        "/healthz": _service_path("/healthz", "Whether the process is up", {"200": response("it is", alive)}),
        "/readyz": _service_path(
            "/readyz",
            "Whether session store and OMERO can be reached",
            {
                "200": response("both can", ready),
                "503": response("not all can; says for each what is wrong", ready, "Retry-After"),
            },
        ),
        "/metrics": _service_path("/metrics", "Metrics for Prometheus", {"200": response("all workers'", metrics)}),
        "/openapi.json": _service_path(
            "/openapi.json", "This description", {"200": response("OpenAPI 3.1", json_content({"type": "object"}))}
        ),
    }


def _service_path(path: str, summary: str, responses: Json) -> Json:
    shared = {"tags": ["service"], "summary": summary, "security": []}
    bare = {status: without_body(answer) for status, answer in responses.items()}
    return {
        "get": {**shared, "operationId": _operation_id("get", path), "responses": responses},
        "head": {**shared, "operationId": _operation_id("head", path), "responses": bare},
        "options": _options(path),
    }
