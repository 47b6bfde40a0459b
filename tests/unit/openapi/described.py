"""Whether an answer is as an OpenAPI document describes it."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from openapi_schema_validator import OAS31Validator

Json = dict[str, Any]


def resolved(document: Json, value: Json) -> Json:
    """What `value` refers to, where it is a reference into the document."""
    while "$ref" in value:
        found: Any = document
        for part in value["$ref"].removeprefix("#/").split("/"):
            found = found[part]
        value = found
    return value


def parameters(document: Json, path: str, method: str = "get") -> list[Json]:
    return [resolved(document, one) for one in document["paths"][path][method].get("parameters", [])]


def responses(document: Json, path: str, method: str) -> dict[int, Json]:
    """The responses of an operation by status."""
    described = document["paths"][path][method]["responses"]
    return {int(status): resolved(document, one) for status, one in described.items()}


def check_answer(document: Json, path: str, method: str, status: int, headers: Mapping[str, str], body: bytes) -> None:
    """Fail where an answer to `method` on `path` is none of those described. Names of headers are in lower case."""
    described = responses(document, path, method)
    assert status in described, f"{method} {path}: {status} is not described: {body[:200]!r}"
    response = described[status]
    for name, header in response["headers"].items():
        value = headers.get(name.lower())
        assert value is not None, f"{method} {path}: {status} lacks {name}"
        schema = resolved(document, header)["schema"]
        OAS31Validator(schema).validate(int(value) if schema["type"] == "integer" else value)
    if "etag" in headers:
        assert "ETag" in response["headers"]
    if "retry-after" in headers:
        assert "Retry-After" in response["headers"]
    if "content" not in response:
        assert body == b""
        return
    content_type = headers["content-type"].partition(";")[0]
    assert content_type in response["content"], f"{method} {path}: {status} as {content_type} is not described"
    schema = response["content"][content_type]["schema"]
    if content_type == "application/json":
        OAS31Validator(schema).validate(json.loads(body))
    elif content_type.startswith(("text/", "image/svg", "application/")):
        OAS31Validator(schema).validate(body.decode())


def example(path: str, **values: object) -> str:
    """The path with values in it."""
    return re.sub(r"{(\w+)}", lambda match: str(values[match.group(1)]), path)
