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
from ..ice.values import UserException
from .exceptions import (
    DatabaseBusyException,
    RemovedSessionException,
    SessionException,
    SessionTimeoutException,
    ShutdownInProgress,
    WrappedCreateSessionException,
)

#: the reason with which Glacier2 refuses everybody while it cannot reach what would let them in
#: (``cpp/src/Glacier2/SessionRouterI.cpp`` of Ice): a user whose session is as good as ever must not be sent to log in
_ROUTER_WITHOUT_OMERO: Final = "internal server error"


#: Ice's exceptions of a connection, as a router quotes them (``slice/Ice/LocalException.ice``)
_UNREACHED: Final = re.compile(
    r"::Ice::(Connect(ion)?(Refused|Failed|Lost|Timeout)|CloseConnection(Timeout)?|Socket|NoEndpoint|DNS)Exception"
)


class Fault(Enum):
    """What went wrong with a call."""

    #: OMERO does not know the session, or not any more: whoever asked must log in again
    SESSION_GONE = auto()
    #: the object or the connection behind it is gone, which may or may not mean that the session is
    JOIN_GONE = auto()
    #: OMERO cannot be reached or cannot work now; later it may
    UNAVAILABLE = auto()
    #: OMERO has not answered in time
    TOO_SLOW = auto()
    #: OMERO answered that it cannot do what was asked for
    REFUSED = auto()


def fault_of(error: Exception) -> Fault:
    """Classify what a call or a join raised."""
    if isinstance(error, InvocationTimeoutException):
        return Fault.TOO_SLOW
    if isinstance(error, ShutdownInProgress | DatabaseBusyException):
        return Fault.UNAVAILABLE
    if isinstance(error, WrappedCreateSessionException) and error.concurrency:
        return Fault.UNAVAILABLE
    if isinstance(error, PermissionDeniedException | CannotCreateSessionException):
        return Fault.UNAVAILABLE if error.reason == _ROUTER_WITHOUT_OMERO else Fault.SESSION_GONE
    if isinstance(error, RemovedSessionException | SessionTimeoutException | SessionException):
        return Fault.SESSION_GONE
    if isinstance(error, ObjectNotExistException | SessionNotExistException | ConnectionManuallyClosedException):
        return Fault.JOIN_GONE
    if isinstance(error, UnknownLocalException):
        # what a router answers for an OMERO behind it that it cannot reach; the one that comes back knows this join not
        return Fault.JOIN_GONE if _UNREACHED.search(str(error)) else Fault.UNAVAILABLE
    if isinstance(error, UserException | UnknownException):
        return Fault.REFUSED
    if isinstance(error, IceException):
        return Fault.UNAVAILABLE
    raise TypeError(f"{type(error).__name__} did not come from a call") from error
