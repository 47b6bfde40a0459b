"""What each exception means for whoever asked: a table that leaves no class out."""

from __future__ import annotations

import pytest

from omero_ms_thumbnail.ice import errors, glacier2
from omero_ms_thumbnail.ice.glacier2 import CannotCreateSessionException, PermissionDeniedException
from omero_ms_thumbnail.ice.types import UserException
from omero_ms_thumbnail.omero import exceptions
from omero_ms_thumbnail.omero.faults import Fault, back_off, described, fault_of

#: every exception that does not merely mean that OMERO refuses (user exceptions) or is unavailable (Ice's)
EXPECTED = {
    "PermissionDeniedException": Fault.NOT_LET_IN,
    "CannotCreateSessionException": Fault.NOT_LET_IN,
    "AuthenticationException": Fault.NOT_LET_IN,
    "ExpiredCredentialException": Fault.NOT_LET_IN,
    "WrappedCreateSessionException": Fault.NOT_LET_IN,
    "SessionException": Fault.JOIN_GONE,
    "RemovedSessionException": Fault.SESSION_GONE,
    "SessionTimeoutException": Fault.SESSION_GONE,
    "ShutdownInProgress": Fault.UNAVAILABLE,
    "ConcurrencyException": Fault.UNAVAILABLE,
    "ConcurrentModification": Fault.UNAVAILABLE,
    "DatabaseBusyException": Fault.UNAVAILABLE,
    "OptimisticLockException": Fault.UNAVAILABLE,
    "LockTimeout": Fault.UNAVAILABLE,
    "TryAgain": Fault.UNAVAILABLE,
    "MissingPyramidException": Fault.UNAVAILABLE,
    "SessionNotExistException": Fault.JOIN_GONE,
    "ObjectNotExistException": Fault.JOIN_GONE,
    "ConnectionManuallyClosedException": Fault.JOIN_GONE,
    "InvocationTimeoutException": Fault.TOO_SLOW,
    "UnknownException": Fault.REFUSED,
    "UnknownUserException": Fault.REFUSED,
}

CLASSES = {
    name: kind
    for module in (errors, glacier2, exceptions)
    for name, kind in vars(module).items()
    if isinstance(kind, type) and issubclass(kind, errors.IceException | UserException) and kind is not UserException
}


def an(kind: type[Exception]) -> Exception:
    if issubclass(kind, errors.RequestFailedException):
        return kind("identity", "", "operation")
    if issubclass(kind, exceptions.WrappedCreateSessionException):
        return kind(reason="no", concurrency=False, backOff=0, type="")
    if issubclass(kind, errors.UpgradeRefusedException):
        return kind("went wrong", errors.UpgradeRefusal.NOBODY_BEHIND)
    return kind() if issubclass(kind, UserException) else kind("went wrong")


@pytest.mark.parametrize("name", sorted(CLASSES))
def test_every_exception_means_one_thing(name: str) -> None:
    kind = CLASSES[name]
    usual = Fault.REFUSED if issubclass(kind, UserException) else Fault.UNAVAILABLE
    assert fault_of(an(kind)) is EXPECTED.get(name, usual)


def test_the_table_names_classes_that_there_are() -> None:
    assert EXPECTED.keys() <= CLASSES.keys()


KEY = "f6a1c2d3-0b4e-4f5a-8c7d-9e8f7a6b5c4d"


def test_omero_says_of_a_key_that_it_is_not_known_in_one_way_alone() -> None:
    for data in ("", f"user=ada, created=2026-11-30, closed={KEY}"):
        refused = PermissionDeniedException(reason=f"Password check failed for '{KEY}': [{data}]")
        assert fault_of(refused) is Fault.SESSION_GONE
        assert KEY not in described(refused)
    # a router does not say it of a session that could not be made
    assert fault_of(CannotCreateSessionException(reason=f"Password check failed for '{KEY}': []")) is Fault.NOT_LET_IN


@pytest.mark.parametrize(
    ("reason", "fault", "said"),
    [
        ("internal server error", Fault.UNAVAILABLE, "not the OMERO.server behind it"),
        ("router is shutting down", Fault.UNAVAILABLE, "is shutting down"),
        (
            f"Internal error. Please contact your administrator:\nno connection for {KEY}",
            Fault.UNAVAILABLE,
            "look for 'Exception thrown while checking password'",
        ),
        ("Server not fully initialized", Fault.UNAVAILABLE, "is starting"),
        ("ConcurrencyException: busy\nPlease retry in 5000ms. Cause: busy", Fault.UNAVAILABLE, "try again later"),
        ("session exists", Fault.NOT_LET_IN, "nothing against its key"),
        ("permission denied", Fault.NOT_LET_IN, "nothing against its key"),
        ("username and password must be equal; use joinSession", Fault.NOT_LET_IN, "nothing against its key"),
        (f"SecurityViolation of {KEY}", Fault.NOT_LET_IN, "nothing against its key"),
        ("", Fault.NOT_LET_IN, "nothing against its key"),
    ],
)
@pytest.mark.parametrize("kind", [PermissionDeniedException, CannotCreateSessionException])
def test_all_else_refuses_nobody_for_good(
    kind: type[PermissionDeniedException | CannotCreateSessionException], reason: str, fault: Fault, said: str
) -> None:
    refused = kind(reason=reason)
    assert fault_of(refused) is fault
    assert said in described(refused)
    assert KEY not in described(refused)


def test_a_session_that_could_be_made_later_is_not_gone() -> None:
    later = exceptions.WrappedCreateSessionException(reason="later", concurrency=True, backOff=1500, type="")
    assert fault_of(later) is Fault.UNAVAILABLE
    assert back_off(later) == 1.5
    never = exceptions.WrappedCreateSessionException(reason="no", concurrency=False, backOff=-1, type="")
    assert back_off(never) is None


@pytest.mark.parametrize(
    ("error", "seconds"),
    [
        (exceptions.TryAgain(backOff=250), 0.25),
        (exceptions.LockTimeout(backOff=0, seconds=30), 0.0),
        (exceptions.DatabaseBusyException(backOff=-1), 0.0),
        (exceptions.OptimisticLockException(), 0.0),
        (exceptions.ResourceError(message="gone"), None),
        (errors.ConnectionLostException("lost"), None),
    ],
)
def test_omero_says_when_the_same_is_worth_another_try(error: Exception, seconds: float | None) -> None:
    assert back_off(error) == seconds


@pytest.mark.parametrize(
    ("said", "fault"),
    [
        # as glacier2router 3.7.8 says it
        ("src/Ice/Network.cpp:2714: ::Ice::ConnectionRefusedException:\nconnection refused", Fault.JOIN_GONE),
        ("::Ice::ConnectionLostException:\nconnection lost: recv() returned zero", Fault.JOIN_GONE),
        ("::Ice::ConnectTimeoutException:\ntimeout while establishing a connection", Fault.JOIN_GONE),
        ("::Ice::MemoryLimitException:\nprotocol error: memory limit exceeded", Fault.UNAVAILABLE),
    ],
)
def test_a_join_with_an_omero_that_is_gone_behind_its_router_is_gone(said: str, fault: Fault) -> None:
    assert fault_of(errors.UnknownLocalException(said)) is fault


def test_what_no_call_raises_is_a_mistake() -> None:
    with pytest.raises(TypeError, match="KeyError did not come from a call"):
        fault_of(KeyError("x"))
