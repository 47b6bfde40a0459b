"""What OMERO.server and its router say, word for word, when they let nobody in: some of it quotes the session's key.

Sources: `PermissionsVerifierI` and `SessionManagerI` of omero-blitz, ``SessionRouterI.cpp`` of Ice.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from typing import Any

from omero_embedded.embedded_omero import EmbeddedOmero
from omero_embedded.joins import OmeroJoin
from omero_ms_thumbnail.ice.glacier2 import CannotCreateSessionException, PermissionDeniedException
from omero_ms_thumbnail.ice.types import UserException
from omero_ms_thumbnail.omero.exceptions import (
    RemovedSessionException,
    ResourceError,
    SessionTimeoutException,
    WrappedCreateSessionException,
)

#: of a key that OMERO does not know, by what it knows of it
UNKNOWN: tuple[Callable[[str], UserException], ...] = (
    lambda key: PermissionDeniedException(reason=f"Password check failed for '{key}': []"),
    lambda key: PermissionDeniedException(
        reason=f"Password check failed for '{key}': [user=ada, created=2026-11-30 08:00:00.0, closed=2026-11-30 09:00]"
    ),
)

#: of a key that may be as good as ever
NOT_NOW: tuple[Callable[[str], UserException], ...] = (
    lambda _key: PermissionDeniedException(reason="internal server error"),
    lambda _key: PermissionDeniedException(reason="permission denied"),
    lambda key: PermissionDeniedException(
        reason=f"Internal error. Please contact your administrator:\nno JDBC connection for {key}"
    ),
    lambda key: PermissionDeniedException(reason=f"ome.conditions.SecurityViolation: {key}"),
    lambda _key: CannotCreateSessionException(reason="router is shutting down"),
    lambda _key: CannotCreateSessionException(reason="session exists"),
    # sliced by a router
    lambda key: CannotCreateSessionException(reason=f"No session with uuid: {key}"),
    lambda _key: WrappedCreateSessionException(
        reason="Server not fully initialized", concurrency=True, backOff=1000, type="ApiUsageException"
    ),
    lambda key: WrappedCreateSessionException(
        reason=f"ConcurrencyException: {key} is busy\nPlease retry in 5000ms. Cause: {key} is busy",
        concurrency=True,
        backOff=5000,
        type="ome.conditions.DatabaseBusyException",
    ),
    lambda key: WrappedCreateSessionException(
        reason=f"User of {key} is in no group", concurrency=False, backOff=-1, type="ome.conditions.ApiUsageException"
    ),
)

#: in a call of one who is in
IN_A_CALL: tuple[Callable[[str], UserException], ...] = (
    lambda key: _thrown(RemovedSessionException, f"No session with uuid: {key}"),
    lambda key: _thrown(SessionTimeoutException, f"Session (started=2026-11-30) has timed out: {key}"),
)


def cannot_read(key: str) -> UserException:
    """What an administrator should see, but for the key that is in a path."""
    return _thrown(ResourceError, f"Error instantiating pixel buffer: /OMERO/ManagedRepository/{key}/a.tif is missing")


def _thrown(kind: type[UserException], message: str) -> UserException:
    trace = f"{kind.__name__}: {message}\n\tat ome.services.sessions.SessionManagerImpl"
    return kind(message=message, serverExceptionClass=f"ome.conditions.{kind.__name__}", serverStackTrace=trace)


@contextmanager
def saying(omero: EmbeddedOmero, refusal: Callable[[str], UserException]) -> Iterator[None]:
    """Let nobody in."""

    async def refuse(user: str, _password: str, _context: Mapping[str, str]) -> OmeroJoin:
        raise refusal(user)

    kept, omero.router._login = omero.router._login, refuse
    try:
        yield
    finally:
        omero.router._login = kept


@contextmanager
def throwing(omero: EmbeddedOmero, operation: str, error: Callable[[], UserException]) -> Iterator[None]:
    """Let those who are in have no answer to calls whose names begin so."""
    kept = omero.workload.call

    @asynccontextmanager
    async def call(name: str, milliseconds: float = 0.0) -> Any:
        async with kept(name, milliseconds):
            if name.startswith(operation):
                raise error()
            yield

    omero.workload.call = call  # type: ignore[method-assign]
    try:
        yield
    finally:
        omero.workload.call = kept  # type: ignore[method-assign]
