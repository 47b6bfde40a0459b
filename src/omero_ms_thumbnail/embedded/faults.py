"""What the embedded OMERO throws."""

from __future__ import annotations

from typing import TypeVar

from ..omero.exceptions import ServerError

ErrorT = TypeVar("ErrorT", bound=ServerError)


def thrown(kind: type[ErrorT], message: str, **members: object) -> ErrorT:
    """An OMERO exception as a server throws it: with the name of the Java class that it stands for."""
    return kind(message=message, serverExceptionClass=f"ome.conditions.{kind.__name__}", serverStackTrace="", **members)
