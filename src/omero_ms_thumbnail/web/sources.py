"""Which OMERO.server a request is for: the one that its session names, or none that this service knows."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

from ..thumbnails.model import NotModified, Thumbnail, ThumbnailError, ThumbnailRequest
from .response import RequestRefused, quoted

Outcome = Thumbnail | NotModified | ThumbnailError


class ThumbnailSource(Protocol):
    """Where thumbnails of one OMERO.server come from: `thumbnails.service.Thumbnails`."""

    def remembered(self, session_key: str, requests: Sequence[ThumbnailRequest]) -> Sequence[Outcome] | None:
        """What is in memory, without waiting for anything: all of `requests`, or None."""

    async def get_all(
        self, session_key: str, requests: Sequence[ThumbnailRequest], tags: frozenset[str] = frozenset()
    ) -> Sequence[Outcome]:
        """Thumbnails for a session, in the order of the requests; NotModified where the client has what `tags` name."""

    async def default_size(self, session_key: str) -> int | None:
        """The longest side of thumbnails on pages, in pixels, where the server sets one. Raises ThumbnailError."""


#: the source for what a session says of its OMERO.server, a number or a name; None for one that is not known
Sources = Callable[[int | str | None], ThumbnailSource | None]


def source_of(sources: Sources, server_id: int | str | None) -> ThumbnailSource:
    """The source for that OMERO.server. Raises RequestRefused (403) if it is not known."""
    source = sources(server_id)
    if source is None:
        raise RequestRefused(403, unknown_server(server_id))
    return source


def unknown_server(server_id: int | str | None) -> str:
    """What is wrong with a session of an OMERO.server that is none of ``omero.servers``, and what to do."""
    return (
        f"the session is of the OMERO.server {quoted(str(server_id))} of OMERO.web's omero.web.server_list, which is "
        "none of omero.servers in this service's configuration; an administrator has to add it there"
    )
