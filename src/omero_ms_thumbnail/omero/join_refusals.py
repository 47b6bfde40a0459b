"""Why a join was refused, told by OMERO's and the router's own words: the one place that reads them.

Of all of them one alone is about the key: that its check failed. A router says the same exceptions where it cannot
reach OMERO, where OMERO starts or is overloaded, and with words that OMERO chose for the occasion; a user whose session
is as good as ever must not be sent to log in. The words may quote the key, so what is shown is written here.

Sources: ``cpp/src/Glacier2/SessionRouterI.cpp`` of Ice 3.6.5 and 3.7; ``PermissionsVerifierI`` and ``SessionManagerI``
of omero-blitz. A router may slice OMERO's exceptions to CannotCreateSessionException: only the reason is left then.
"""

from __future__ import annotations

from enum import Enum
from typing import Final

from ..ice.glacier2 import (
    ROUTER_CANNOT_ASK,
    ROUTER_SHUTS_DOWN,
    CannotCreateSessionException,
    PermissionDeniedException,
)
from .exceptions import AuthenticationException, ExpiredCredentialException, WrappedCreateSessionException

#: what a router throws that does not let somebody in
RefusedJoin = PermissionDeniedException | CannotCreateSessionException


class JoinRefusal(Enum):
    """Why somebody was not let in; the values are what an administrator is told."""

    KEY_UNKNOWN = "OMERO does not know this session, or it has ended"
    ROUTER_ALONE = "OMERO's router answers, but not the OMERO.server behind it; look whether it runs"
    ROUTER_ENDS = "OMERO's router is shutting down"
    INTERNAL_ERROR = (
        "OMERO could not check a session key because of an error of its own;"
        " look for 'Exception thrown while checking password' in Blitz's log"
    )
    STARTING = "OMERO.server is starting"
    BUSY = "OMERO is under load and asks to try again later"
    CREDENTIALS_WRONG = "OMERO says that the user name or the password is wrong"
    CREDENTIALS_EXPIRED = "OMERO says that the password has expired: log in to OMERO.web and change it"
    OTHER = "OMERO did not let a session in, for a reason that says nothing against its key; look into Blitz's log"

    @property
    def is_of_everybody(self) -> bool:
        """Whether it says something of OMERO, whoever asks."""
        return self in _OF_EVERYBODY


_OF_EVERYBODY: Final = (
    JoinRefusal.ROUTER_ALONE,
    JoinRefusal.ROUTER_ENDS,
    JoinRefusal.INTERNAL_ERROR,
    JoinRefusal.STARTING,
    JoinRefusal.BUSY,
)

#: how each reason begins; that of a key goes on with the key, and is PermissionDeniedException's alone
_KEY_CHECK_FAILED: Final = "Password check failed for "
_BEGINNINGS: Final = (
    (ROUTER_CANNOT_ASK, JoinRefusal.ROUTER_ALONE),
    (ROUTER_SHUTS_DOWN, JoinRefusal.ROUTER_ENDS),
    ("Internal error. Please contact your administrator", JoinRefusal.INTERNAL_ERROR),
    ("Server not fully initialized", JoinRefusal.STARTING),
    ("ConcurrencyException: ", JoinRefusal.BUSY),
)


def refusal_of(error: RefusedJoin) -> JoinRefusal:
    """Why the join was refused."""
    if isinstance(error, AuthenticationException):
        return JoinRefusal.CREDENTIALS_WRONG
    if isinstance(error, ExpiredCredentialException):
        return JoinRefusal.CREDENTIALS_EXPIRED
    reason = error.reason or ""
    if isinstance(error, PermissionDeniedException) and reason.startswith(_KEY_CHECK_FAILED):
        return JoinRefusal.KEY_UNKNOWN
    for beginning, refusal in _BEGINNINGS:
        if reason.startswith(beginning):
            return refusal
    if isinstance(error, WrappedCreateSessionException) and error.concurrency:
        return JoinRefusal.BUSY
    return JoinRefusal.OTHER
