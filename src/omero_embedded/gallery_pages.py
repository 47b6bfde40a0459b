"""The demo's gallery: a page at ``/`` that loads thumbnails as OMERO.web's own scripts do. Served by the demo only."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib import resources
from typing import Any, Final

from omero_ms_thumbnail.web.asgi import Headers
from omero_ms_thumbnail.web.parsing import Query
from omero_ms_thumbnail.web.response import Response, body, json_body, sentence

_TYPES: Final = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}

_SECURITY: Final = (
    (
        "content-security-policy",
        (
            "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
            "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
        ),
    ),
    ("referrer-policy", "no-referrer"),
    ("cache-control", "no-cache"),
)


@dataclass(frozen=True, slots=True)
class DemoUser:
    """Somebody whom the demo has logged in."""

    name: str
    full_name: str
    role: str
    session_id: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Gallery:
    """What the page shows: `users`, of whom the first opens it, and datasets and plates as JSON values."""

    users: tuple[DemoUser, ...]
    contents: Mapping[str, Any]
    cookie_name: str


class GalleryPages:
    """Answers the gallery's paths."""

    def __init__(self, gallery: Gallery) -> None:
        self._gallery = gallery
        folder = resources.files(__package__) / "gallery"
        self._files = {
            entry.name: (_TYPES["." + entry.name.rpartition(".")[2]], entry.read_bytes())
            for entry in folder.iterdir()
            if "." + entry.name.rpartition(".")[2] in _TYPES
        }

    def answer(self, path: str, headers: Headers, query_string: str) -> Response | None:
        """The answer, or None if the path is not the gallery's."""
        if path == "/":
            return self._page(headers)
        if path == "/gallery/contents.json":
            return self._contents(headers)
        if path == "/gallery/switch":
            return self._switch(Query(query_string).first("user"))
        content_type, content = self._files.get(path.removeprefix("/gallery/"), ("", b""))
        return body(content_type, content, extra=_SECURITY) if content and path.startswith("/gallery/") else None

    def _page(self, headers: Headers) -> Response:
        content_type, content = self._files["index.html"]
        # whoever opens the page is logged in, as OMERO.web would have done
        cookies = () if self._user(headers) else (self._cookie(self._gallery.users[0]),)
        return body(content_type, content, extra=(*_SECURITY, *cookies))

    def _contents(self, headers: Headers) -> Response:
        user = self._user(headers) or self._gallery.users[0]
        users = [{"name": one.name, "full_name": one.full_name, "role": one.role} for one in self._gallery.users]
        who = {"name": user.name, "full_name": user.full_name}
        return json_body(
            {"user": who, "users": users, **self._gallery.contents}, extra=(("cache-control", "no-store"),)
        )

    def _switch(self, name: str | None) -> Response:
        user = next((one for one in self._gallery.users if one.name == name), None)
        if user is None:
            return sentence(404, "the demo has no such user")
        return Response(303, (("location", "/"), ("content-length", "0"), self._cookie(user)))

    def _user(self, headers: Headers) -> DemoUser | None:
        cookies = "; ".join(headers.get_all("cookie"))
        return next(
            (one for one in self._gallery.users if f"{self._gallery.cookie_name}={one.session_id}" in cookies), None
        )

    def _cookie(self, user: DemoUser) -> tuple[str, str]:
        return ("set-cookie", f"{self._gallery.cookie_name}={user.session_id}; Path=/; HttpOnly; SameSite=Lax")
