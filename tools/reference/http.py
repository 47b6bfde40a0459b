"""`docs/http.md`, written from the description of the interface.

``python -m tools.reference.http > docs/http.md`` renews it; a test compares the two.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Any, Final

from omero_ms_thumbnail.version import VERSION
from omero_ms_thumbnail.web.auth import SERVER_PARAMETER
from omero_ms_thumbnail.web.openapi import Access, describe
from omero_ms_thumbnail.web.parsing import RequestLimits

_OPENING: Final = """\
# HTTP

A running service describes this interface at `/openapi.json`, in OpenAPI 3.1 and with the limits of its own
configuration; here they are the defaults. `GET` and `HEAD` are answered alike, `OPTIONS` on any path says what the
service is, and any other method is refused with 405. The last slash may be missing, and whatever follows a path is
ignored.

A request says who is asking by one of these, looked at in this order:
"""

_SERVER: Final = f"""\
Where there are several `omero.servers`, `{SERVER_PARAMETER}` in the query says by number or name which of them a key in
the header or the query is of, and is a parameter of every path there; without it, it is the first.
"""


def reference() -> str:
    """The whole of `docs/http.md`."""
    access = Access("sessionid", key_header=True, key_parameter=True)
    document = describe(VERSION, RequestLimits(), access)
    components = document["components"]
    return "\n".join(
        [
            _OPENING,
            *_schemes(components["securitySchemes"]),
            _SERVER,
            "## Paths\n",
            *_paths(document["paths"]),
            "## Parameters\n",
            *_parameters(components["parameters"]),
            "## Answers\n",
            *_answers(document),
        ]
    )


def _schemes(schemes: dict[str, Any]) -> Iterator[str]:
    for scheme in schemes.values():
        yield f"- {scheme['in']} `{scheme['name']}`: {scheme['description']}"
    yield ""


def _paths(paths: dict[str, Any]) -> Iterator[str]:
    yield "| path | answer | parameters |"
    yield "| --- | --- | --- |"
    for path, item in paths.items():
        names = [parameter["$ref"].rpartition("/")[2] for parameter in item["get"].get("parameters", [])]
        inside = {name for name in names if f"{{{name}}}" in path}
        asked = ", ".join(f"`{'id' if name == 'ids' else name}`" for name in names if name not in inside)
        asked = asked.replace("`ifNoneMatch`", "`If-None-Match`")
        yield f"| `{path}` | {item['get']['summary']} | {asked or '–'} |"
    yield ""


def _parameters(parameters: dict[str, Any]) -> Iterator[str]:
    yield "| parameter | in | values | meaning |"
    yield "| --- | --- | --- | --- |"
    for parameter in parameters.values():
        schema = parameter["schema"]
        yield f"| `{parameter['name']}` | {parameter['in']} | {_values(schema)} | {parameter['description']} |"
    yield ""


def _values(schema: dict[str, Any]) -> str:
    if "oneOf" in schema:
        return f"{_values(schema['oneOf'][0])}, or nothing"
    if schema["type"] == "array":
        return f"at most {schema['maxItems']} times {_values(schema['items'])}"
    if schema["type"] == "integer":
        return f"a whole number from {schema['minimum']} to {schema['maximum']}"
    if "pattern" in schema:
        return f"`{schema['pattern']}`, at most {schema['maxLength']} characters"
    return "text"


def _answers(document: dict[str, Any]) -> Iterator[str]:
    yield "| status | of | as | means |"
    yield "| --- | --- | --- | --- |"
    found: dict[tuple[str, str], list[str]] = {}
    for item in document["paths"].values():
        for status, answer in item["get"]["responses"].items():
            name = answer.get("$ref", "").rpartition("/")[2]
            kind = item["get"]["tags"][0]
            if name and kind not in found.setdefault((status, name), []):
                found[status, name].append(kind)
    for (status, name), kinds in sorted(found.items()):
        response = document["components"]["responses"][name]
        types = ", ".join(f"`{one}`" for one in response.get("content", {})) or "–"
        whose = "all" if len(kinds) == len(document["tags"]) - 1 else ", ".join(f"`{kind}`" for kind in kinds)
        yield f"| {status} | {whose} | {types} | {response['description']} |"
    yield ""


if __name__ == "__main__":
    sys.stdout.write(reference())
