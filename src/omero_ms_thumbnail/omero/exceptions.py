"""OMERO's exceptions, under OMERO's names. Source: ``omero/ServerErrors.ice`` of omero-blitz.

What they say is useful to an administrator, but for those about sessions and joins: these quote the session's key, so
they say what their type means and nothing else.
"""

from __future__ import annotations

import re
from typing import ClassVar, Final

from ..ice.glacier2 import CannotCreateSessionException
from ..ice.types import BOOL, INT, LONG, STRING, STRING_SEQ, Dictionary, Members, Sequence, UserException

#: what OMERO's session keys look like (``java.util.UUID``), wherever one may be quoted, such as in a file's path
_KEY: Final = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")


def without_keys(text: str) -> str:
    """A text of OMERO's as it may be shown: whatever looks like a session key is left out."""
    return _KEY.sub("<uuid>", text)


class ServerError(UserException):
    """Base of what OMERO's services throw.

    `serverStackTrace` is OMERO's own Java stack trace, for its log; it must never reach a client.
    """

    ICE_ID = "::omero::ServerError"
    MEMBERS: ClassVar[Members] = (
        ("serverStackTrace", STRING),
        ("serverExceptionClass", STRING),
        ("message", STRING),
    )
    serverStackTrace: str  # noqa: N815 - Slice's name
    serverExceptionClass: str  # noqa: N815 - Slice's name
    message: str

    @property
    def sentence(self) -> str:
        return without_keys(self.message or "")


class SessionException(ServerError):
    """The OMERO session cannot be used. `message` holds the session's key: it is never shown."""

    ICE_ID = "::omero::SessionException"
    MEMBERS: ClassVar[Members] = ()
    #: what the type says
    SAYS: ClassVar[str] = "the OMERO session cannot be used"

    @property
    def sentence(self) -> str:
        return self.SAYS


class RemovedSessionException(SessionException):
    """The OMERO session was ended."""

    ICE_ID = "::omero::RemovedSessionException"
    SAYS = "the OMERO session has ended"


class SessionTimeoutException(SessionException):
    """The OMERO session has timed out."""

    ICE_ID = "::omero::SessionTimeoutException"
    SAYS = "the OMERO session has timed out"


class ShutdownInProgress(SessionException):
    """The OMERO server is shutting down."""

    ICE_ID = "::omero::ShutdownInProgress"
    SAYS = "OMERO is shutting down"


class AuthenticationException(CannotCreateSessionException):
    """The credentials are wrong."""

    ICE_ID = "::omero::AuthenticationException"
    MEMBERS: ClassVar[Members] = ()

    @property
    def sentence(self) -> str:
        return "the credentials are wrong"


class ExpiredCredentialException(CannotCreateSessionException):
    """The credentials have expired."""

    ICE_ID = "::omero::ExpiredCredentialException"
    MEMBERS: ClassVar[Members] = ()

    @property
    def sentence(self) -> str:
        return "the credentials have expired"


class WrappedCreateSessionException(CannotCreateSessionException):
    """Something else went wrong on creating the session; `concurrency` says that it is worth another try."""

    ICE_ID = "::omero::WrappedCreateSessionException"
    MEMBERS: ClassVar[Members] = (("concurrency", BOOL), ("backOff", LONG), ("type", STRING))
    concurrency: bool
    backOff: int  # noqa: N815 - Slice's name
    type: str


class InternalException(ServerError):
    """A fault inside OMERO."""

    ICE_ID = "::omero::InternalException"
    MEMBERS: ClassVar[Members] = ()


class ResourceError(ServerError):
    """Something that OMERO needs is missing or broken, such as an image's file."""

    ICE_ID = "::omero::ResourceError"
    MEMBERS: ClassVar[Members] = ()


class ConcurrencyException(ServerError):
    """Worth another try, in `backOff` ms."""

    ICE_ID = "::omero::ConcurrencyException"
    MEMBERS: ClassVar[Members] = (("backOff", LONG),)
    backOff: int  # noqa: N815 - Slice's name


class ApiUsageException(ServerError):
    """The call is not one that OMERO takes."""

    ICE_ID = "::omero::ApiUsageException"
    MEMBERS: ClassVar[Members] = ()


class ValidationException(ApiUsageException):
    """An argument names something that does not exist or is not valid."""

    ICE_ID = "::omero::ValidationException"


class SecurityViolation(ServerError):
    """The user may not do that."""

    ICE_ID = "::omero::SecurityViolation"
    MEMBERS: ClassVar[Members] = ()


_NO_MEMBERS: Final[Members] = ()

#: the exceptions that nothing here names: base, and the members beyond the base's. They are declared all the same: what
#: OMERO throws is in the compact format, of which no base can be read alone
_OTHERS: Final[dict[str, tuple[type[ServerError], Members]]] = {
    "NoProcessorAvailable": (ResourceError, (("processorCount", INT),)),
    "ConcurrentModification": (ConcurrencyException, _NO_MEMBERS),
    "DatabaseBusyException": (ConcurrencyException, _NO_MEMBERS),
    "OptimisticLockException": (ConcurrencyException, _NO_MEMBERS),
    "LockTimeout": (ConcurrencyException, (("seconds", INT),)),
    "TryAgain": (ConcurrencyException, _NO_MEMBERS),
    "MissingPyramidException": (ConcurrencyException, (("pixelsID", LONG),)),
    "OverUsageException": (ApiUsageException, _NO_MEMBERS),
    "QueryException": (ApiUsageException, _NO_MEMBERS),
    "ChecksumValidationException": (ValidationException, (("failingChecksums", Dictionary(INT, STRING)),)),
    "FilePathNamingException": (
        ValidationException,
        (
            ("illegalFilePath", STRING),
            ("illegalCodePoints", Sequence(INT)),
            ("illegalPrefixes", STRING_SEQ),
            ("illegalSuffixes", STRING_SEQ),
            ("illegalNames", STRING_SEQ),
        ),
    ),
    "GroupSecurityViolation": (SecurityViolation, _NO_MEMBERS),
    "PermissionMismatchGroupSecurityViolation": (SecurityViolation, _NO_MEMBERS),
    "ReadOnlyGroupSecurityViolation": (SecurityViolation, _NO_MEMBERS),
    "OmeroFSError": (ServerError, (("reason", STRING),)),
}


def _declare_others() -> None:
    for name, (base, members) in _OTHERS.items():
        globals()[name] = type(
            name, (base,), {"__module__": __name__, "ICE_ID": f"::omero::{name}", "MEMBERS": members}
        )


_declare_others()
