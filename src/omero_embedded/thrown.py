"""What the embedded OMERO throws: what the model throws, as exceptions of Ice."""

from __future__ import annotations

from typing import Any, Final, TypeVar

from omero_ms_thumbnail.ice.errors import ObjectNotExistException
from omero_ms_thumbnail.ice.glacier2 import PermissionDeniedException
from omero_ms_thumbnail.omero import exceptions
from omero_ms_thumbnail.omero.exceptions import InternalException, ServerError, WrappedCreateSessionException

from .model.omero_errors import OmeroError

ErrorT = TypeVar("ErrorT", bound=ServerError)

_KINDS: Final[dict[str, type[ServerError]]] = {
    name: kind for name, kind in vars(exceptions).items() if isinstance(kind, type) and issubclass(kind, ServerError)
}


def thrown(kind: type[ErrorT], message: str, **members: object) -> ErrorT:
    """An OMERO exception as a server throws it: with the name of the Java class that it stands for."""
    return kind(message=message, serverExceptionClass=f"ome.conditions.{kind.__name__}", serverStackTrace="", **members)


def over_ice(error: OmeroError) -> Exception:
    """What a client gets of `error`."""
    members: dict[str, Any] = dict(error.members)
    if error.kind == "ObjectNotExistException":
        return ObjectNotExistException("", "", "")
    if error.kind == "PermissionDeniedException":
        return PermissionDeniedException(reason=error.message)
    if error.kind == "WrappedCreateSessionException":
        return WrappedCreateSessionException(reason=error.message, **members)
    kind = _KINDS.get(error.kind, InternalException)
    if issubclass(kind, exceptions.ConcurrencyException):
        members.setdefault("backOff", error.back_off)
    return thrown(kind, error.message, **members)
