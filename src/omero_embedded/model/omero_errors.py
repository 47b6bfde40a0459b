"""What OMERO throws, as one plain class: the name of OMERO's exception, and OMERO's own words."""

from __future__ import annotations


class OmeroError(Exception):
    """An exception of OMERO. `kind` is the name of its class in ``omero/ServerErrors.ice``, `back_off` is in ms.

    `members` are the other members of that class, by their Slice names (``pixelsID`` of a MissingPyramidException).
    """

    def __init__(self, kind: str, message: str, back_off: int = 0, **members: object) -> None:
        super().__init__(f"{kind}: {message}")
        self.kind = kind
        self.message = message
        self.back_off = back_off
        self.members = members

    def __reduce__(self) -> tuple[object, ...]:
        return _again, (self.kind, self.message, self.back_off, self.members)


def _again(kind: str, message: str, back_off: int, members: dict[str, object]) -> OmeroError:
    return OmeroError(kind, message, back_off, **members)


#: kinds that are a ConcurrencyException: OMERO has them for "worth another try"
CONCURRENCY = frozenset(
    {
        "ConcurrencyException",
        "ConcurrentModification",
        "DatabaseBusyException",
        "LockTimeout",
        "MissingPyramidException",
        "OptimisticLockException",
        "TryAgain",
    }
)

#: kinds that are a SecurityViolation
SECURITY = frozenset(
    {
        "SecurityViolation",
        "GroupSecurityViolation",
        "PermissionMismatchGroupSecurityViolation",
        "ReadOnlyGroupSecurityViolation",
    }
)


def null_pointer() -> OmeroError:
    """What a NullPointerException inside OMERO becomes on its way out."""
    return OmeroError("InternalException", "Wrapped Exception: (java.lang.NullPointerException):\nnull")
