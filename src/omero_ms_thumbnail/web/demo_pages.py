"""What the demo adds to the paths of the service, which has no pages for people itself."""

from __future__ import annotations

from typing import Protocol

from .asgi import Headers
from .response import Response


class DemoPages(Protocol):
    """Pages beside the service's own paths."""

    def answer(self, path: str, headers: Headers, query_string: str) -> Response | None:
        """The answer, or None if the path is none of theirs."""
