"""Ice's run-time exceptions, under Ice's own names.

`IceException` is what Ice calls a local exception: something went wrong on the way. What an operation declares with
``throws`` is a `~omero_ms_thumbnail.ice.types.UserException` and lives with the classes it is declared like.
Every message is a sentence for the person who reads it; none carries a session key or a payload.
"""

from __future__ import annotations

from enum import Enum, auto
from typing import Final

#: characters that are shown of a text that a peer chose
_SHOWN_MAX: Final = 300


def shortened(text: str) -> str:
    """A peer's text as a message may quote it: what it says must not fill a log."""
    return text if len(text) <= _SHOWN_MAX else f"{text[:_SHOWN_MAX]}…"


class IceException(Exception):
    """Root of everything that Ice itself reports (``Ice::LocalException``)."""


class ProtocolException(IceException):
    """The peer broke the Ice protocol; the connection is of no further use."""


class BadMagicException(ProtocolException):
    """A message did not begin with ``IceP``: whatever is on that port does not speak Ice."""


class UnsupportedProtocolException(ProtocolException):
    """The peer speaks a protocol version other than 1.0."""


class UnsupportedEncodingException(ProtocolException):
    """An encapsulation uses an encoding other than 1.1, or an endpoint's other than 1.0 or 1.1."""


class UnknownMessageException(ProtocolException):
    """A message type that Ice does not have, or one that may not come now or from this side."""


class IllegalMessageSizeException(ProtocolException):
    """A message says that it is shorter than its own header, or than what it contains."""


class MemoryLimitException(ProtocolException):
    """A message says that it is larger than ``MessageSizeMax``, or would take far more memory than that."""


class CompressionNotSupportedException(ProtocolException):
    """A compressed message came though this side never offers compression."""


class ConnectionNotValidatedException(ProtocolException):
    """The first message from a server was not ValidateConnection."""


class MarshalException(ProtocolException):
    """Bytes are not a value of the Slice type that should be there: truncated, oversized or malformed."""


class NoValueFactoryException(MarshalException):
    """A class instance has a type that is not known here, and its format does not allow slicing it off.

    `type_id` is the most derived Slice type id, such as ``::omero::RArray``.
    """

    def __init__(self, type_id: str) -> None:
        super().__init__(
            f"no class is known for Slice type {shortened(type_id)} and it cannot be sliced to a known base"
        )
        self.type_id = type_id


class ConnectFailedException(IceException):
    """No connection could be made: refused, unreachable, name unknown, or TLS did not come to terms."""


class ConnectTimeoutException(ConnectFailedException):
    """The peer did not accept the connection, or did not validate it, in time."""


class UpgradeRefusal(Enum):
    """Why no WebSocket came about where a connection did."""

    #: it sends elsewhere (status 3xx)
    REDIRECTED = auto()
    #: there is something else at the path (404, or a page)
    NO_SUCH_PATH = auto()
    #: it wants a password or another client (401, 403, 407, 429)
    NOT_LET_IN = auto()
    #: it does not take the request for one that upgrades (400, 426, …)
    NOT_UPGRADED = auto()
    #: a web server in front has nobody behind it who answers (500 to 504)
    NOBODY_BEHIND = auto()
    #: Ice is spoken there without WebSocket
    PLAIN_ICE = auto()
    #: TLS is spoken there, and this side does not
    NEEDS_TLS = auto()
    #: neither HTTP nor Ice came
    NOT_HTTP = auto()
    #: it upgrades to something else than was asked for
    OTHER_PROTOCOL = auto()


class UpgradeRefusedException(ConnectFailedException):
    """What listens does not agree to carry Ice over WebSocket."""

    def __init__(self, sentence: str, refusal: UpgradeRefusal) -> None:
        # both are needed to make another one of the same kind
        super().__init__(sentence, refusal)
        self.refusal = refusal

    def __str__(self) -> str:
        return str(self.args[0])


class ConnectionLostException(IceException):
    """The connection broke while it was in use: calls on their way may or may not have been carried out."""


class CloseConnectionException(IceException):
    """The peer closed the connection gracefully: calls on their way were not carried out."""


class ConnectionManuallyClosedException(IceException):
    """This side closed the connection."""


class InvocationTimeoutException(IceException):
    """No reply came within the time given for the call."""


class RequestFailedException(IceException):
    """The peer received the call and has nothing to dispatch it to."""

    def __init__(self, identity: str, facet: str, operation: str) -> None:
        super().__init__(f"{type(self).__name__.removesuffix('Exception')} on calling {shortened(operation)!r}")
        self.identity = identity
        self.facet = facet
        self.operation = operation


class ObjectNotExistException(RequestFailedException):
    """Reply status 2: no servant has the identity; through Glacier2 also: the proxy was not added."""


class FacetNotExistException(RequestFailedException):
    """Reply status 3: the servant exists, the facet does not."""


class OperationNotExistException(RequestFailedException):
    """Reply status 4: the servant has no such operation."""


class UnknownException(IceException):
    """Reply status 7: the servant failed with something that is not an Ice exception."""


class UnknownLocalException(UnknownException):
    """Reply status 5: the servant failed with an Ice run-time exception."""


class UnknownUserException(UnknownException):
    """Reply status 6, or a user exception whose type is not known here and cannot be sliced to a known base."""
