"""What an exception from a call to OMERO means for whoever asked: the one place where that is decided."""

from __future__ import annotations

import re
from enum import Enum, auto
from typing import Final

from ..ice.errors import (
    ConnectionManuallyClosedException,
    IceException,
    InvocationTimeoutException,
    ObjectNotExistException,
    UnknownException,
    UnknownLocalException,
)
from ..ice.glacier2 import CannotCreateSessionException, PermissionDeniedException, SessionNotExistException
from ..ice.types import UserException
from .exceptions import (
    ConcurrencyException,
    RemovedSessionException,
    SessionException,
    SessionTimeoutException,
    ShutdownInProgress,
    WrappedCreateSessionException,
)
from .join_refusals import JoinRefusal, refusal_of

#: Ice's exceptions of a connection, as a router quotes them (``slice/Ice/LocalException.ice``)
_UNREACHED: Final = re.compile(
    r"::Ice::(Connect(ion)?(Refused|Failed|Lost|Timeout)|CloseConnection(Timeout)?|Socket|NoEndpoint|DNS)Exception"
)


class Fault(Enum):
    """What went wrong with a call."""

    #: OMERO does not know the session, or not any more: whoever asked must log in again. It never comes back
    SESSION_GONE = auto()
    #: OMERO has not let this session in, for a reason that says nothing against its key: later it may
    NOT_LET_IN = auto()
    #: the object or the connection behind it is gone, which may or may not mean that the session is
    JOIN_GONE = auto()
    #: OMERO cannot be reached or cannot work now; later it may, and `back_off` may know when
    UNAVAILABLE = auto()
    #: OMERO has not answered in time
    TOO_SLOW = auto()
    #: OMERO answered that it cannot do what was asked for
    REFUSED = auto()


def fault_of(error: Exception) -> Fault:
    """Classify what a call or a join raised."""
    if isinstance(error, InvocationTimeoutException):
        return Fault.TOO_SLOW
    if isinstance(error, ShutdownInProgress | ConcurrencyException):
        return Fault.UNAVAILABLE
    if isinstance(error, PermissionDeniedException | CannotCreateSessionException):
        refusal = refusal_of(error)
        if refusal is JoinRefusal.KEY_UNKNOWN:
            return Fault.SESSION_GONE
        return Fault.UNAVAILABLE if refusal.is_of_everybody else Fault.NOT_LET_IN
    if isinstance(error, RemovedSessionException | SessionTimeoutException):
        return Fault.SESSION_GONE
    if isinstance(
        error,
        SessionException | ObjectNotExistException | SessionNotExistException | ConnectionManuallyClosedException,
    ):
        # a session that is only not to be used as it is, is joined anew: that tells
        return Fault.JOIN_GONE
    if isinstance(error, UnknownLocalException):
        # what a router answers for an OMERO behind it that it cannot reach; the one that comes back knows this join not
        return Fault.JOIN_GONE if _UNREACHED.search(str(error)) else Fault.UNAVAILABLE
    if isinstance(error, UserException | UnknownException):
        return Fault.REFUSED
    if isinstance(error, IceException):
        return Fault.UNAVAILABLE
    raise TypeError(f"{type(error).__name__} did not come from a call") from error


def back_off(error: Exception) -> float | None:
    """Seconds after which OMERO says that the same is worth another try; None where it says nothing of the kind.

    ``backOff`` of ConcurrencyException and what derives from it, and of a join that failed by one, is in ms.
    """
    if isinstance(error, ConcurrencyException) or (
        isinstance(error, WrappedCreateSessionException) and error.concurrency
    ):
        return max(error.backOff or 0, 0) / 1000
    return None


def described(error: IceException | UserException) -> str:
    """What `error` means, for a log, a report or a client: none of what OMERO or its router quoted of a key."""
    if isinstance(error, PermissionDeniedException | CannotCreateSessionException):
        return refusal_of(error).value
    return str(error)
