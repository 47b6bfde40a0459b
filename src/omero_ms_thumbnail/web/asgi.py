"""ASGI: what Granian hands over of a request, and takes of an answer.

Header values are bytes (RFC 9110, section 5.5). Whoever reads text out of them gets that of Latin-1, as WSGI hands it
to OMERO.web, so that no byte is lost: Granian's own interface, RSGI, leaves out every value that is not ASCII
throughout (see ``docs/decisions/headers.md``).
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from functools import lru_cache
from typing import Any, Final

Scope = Mapping[str, Any]
Receive = Callable[[], Awaitable[Mapping[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]

#: headers of answers that are remembered as bytes: a page asks again for what it has, and is answered alike
_REMEMBERED_HEADERS: Final = 512


class Headers:
    """The headers of a request, names in lower case; `first` has the first value of each, as bytes.

    `has_repeated` is true where a name is there twice, as in hardly any request.
    """

    __slots__ = ("_pairs", "first", "has_repeated")

    def __init__(self, pairs: list[tuple[bytes, bytes]]) -> None:
        self._pairs = pairs
        # a dictionary keeps the last of several with one name; what counts is the first
        self.first: Final = dict(reversed(pairs))
        self.has_repeated: Final = len(self.first) != len(pairs)

    def __contains__(self, name: str) -> bool:
        return name.encode() in self.first

    def get(self, name: str) -> str | None:
        """The first value of that name, as text of Latin-1."""
        value = self.first.get(name.encode())
        return None if value is None else value.decode("latin-1")

    def get_all(self, name: str) -> list[str]:
        """All values of that name, in their order."""
        wanted = name.encode()
        if wanted not in self.first:
            return []
        if not self.has_repeated:
            return [self.first[wanted].decode("latin-1")]
        return [value.decode("latin-1") for one, value in self._pairs if one == wanted]


async def disconnected(receive: Receive) -> None:
    """Return when the client has closed its connection. What it sends of a body is nobody's."""
    while (await receive())["type"] != "http.disconnect":
        pass


def beginning(status: int, headers: tuple[tuple[str, str], ...], request_id: str) -> dict[str, Any]:
    """The message that an answer begins with."""
    pairs = [*_encoded(headers), (b"x-request-id", request_id.encode("latin-1"))]
    return {"type": "http.response.start", "status": status, "headers": pairs}


@lru_cache(_REMEMBERED_HEADERS)
def _encoded(headers: tuple[tuple[str, str], ...]) -> tuple[tuple[bytes, bytes], ...]:
    return tuple([(name.encode("latin-1"), value.encode("latin-1")) for name, value in headers])
