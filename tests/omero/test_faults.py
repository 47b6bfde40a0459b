"""What each exception means for whoever asked: a table that leaves no class out."""

from __future__ import annotations

import pytest

from omero_ms_thumbnail.ice import errors, glacier2
from omero_ms_thumbnail.ice.glacier2 import PermissionDeniedException
from omero_ms_thumbnail.ice.values import UserException
from omero_ms_thumbnail.omero import exceptions
from omero_ms_thumbnail.omero.faults import Fault, fault_of

#: every exception that does not merely mean that OMERO refuses (user exceptions) or is unavailable (Ice's)
EXPECTED = {
    "PermissionDeniedException": Fault.SESSION_GONE,
    "CannotCreateSessionException": Fault.SESSION_GONE,
    "AuthenticationException": Fault.SESSION_GONE,
    "ExpiredCredentialException": Fault.SESSION_GONE,
    "WrappedCreateSessionException": Fault.SESSION_GONE,
    "SessionException": Fault.SESSION_GONE,
    "RemovedSessionException": Fault.SESSION_GONE,
    "SessionTimeoutException": Fault.SESSION_GONE,
    "ShutdownInProgress": Fault.UNAVAILABLE,
    "DatabaseBusyException": Fault.UNAVAILABLE,
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
    return kind() if issubclass(kind, UserException) else kind("went wrong")


@pytest.mark.parametrize("name", sorted(CLASSES))
def test_every_exception_means_one_thing(name: str) -> None:
    kind = CLASSES[name]
    usual = Fault.REFUSED if issubclass(kind, UserException) else Fault.UNAVAILABLE
    assert fault_of(an(kind)) is EXPECTED.get(name, usual)


def test_the_table_names_classes_that_there_are() -> None:
    assert EXPECTED.keys() <= CLASSES.keys()


def test_a_session_that_could_be_made_later_is_not_gone() -> None:
    later = exceptions.WrappedCreateSessionException(reason="later", concurrency=True, backOff=1000, type="")
    assert fault_of(later) is Fault.UNAVAILABLE


def test_a_router_without_its_omero_refuses_nobody_for_good() -> None:
    assert fault_of(PermissionDeniedException(reason="internal server error")) is Fault.UNAVAILABLE
    assert fault_of(PermissionDeniedException(reason="no such session")) is Fault.SESSION_GONE


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
