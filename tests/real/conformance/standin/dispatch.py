"""From an Ice dispatch to one of our methods: what happens around every call, whatever the service.

Each call is counted, waits while the stand-in is frozen, and ends with the exception of a session that is gone. A class
that `serves` an interface names the operations it has; every other operation of that interface is answered with an
omero.InternalException rather than with what the generated stub does (an AMD stub never answers at all).
"""

from __future__ import annotations

import numbers
from typing import TYPE_CHECKING, Any

import Ice
import omero
import omero.clients

if TYPE_CHECKING:
    from collections.abc import Callable

    from omero_embedded.model.omero_errors import OmeroError


#: what a method returns for Ice's null; None stands for no result at all
NULL = object()


def error(kind: type, message: str, **fields: Any) -> Any:
    """An omero.ServerError of this kind, filled as OMERO's IceMapper fills one."""
    return kind("standin", f"ome.conditions.{kind.__name__}", message, **fields)


def thrown(raised: OmeroError) -> Any:
    """What the model raised, as Ice has it."""
    if raised.kind == "ObjectNotExistException":
        return Ice.ObjectNotExistException()
    kind = getattr(omero, raised.kind)
    more = dict(raised.members)
    if issubclass(kind, omero.ConcurrencyException):
        more["backOff"] = raised.back_off
    return error(kind, raised.message, **more)


def operation(name: str) -> Callable[[Any], Any]:
    """Mark a method `(self, current, *arguments)` as the Ice operation of this name."""

    def mark(method: Any) -> Any:
        method.operation_name = name
        return method

    return mark


def _plain(argument: Any) -> Any:
    """An argument as JSON can say it, for the log."""
    value = getattr(argument, "val", argument)
    if isinstance(value, (list, tuple)):
        return [_plain(one) for one in value]
    return value if isinstance(value, (str, numbers.Number, type(None))) else type(value).__name__


def _run(servant: Any, name: str, method: Any, arguments: tuple[Any, ...], current: Any) -> Any:
    stage = servant.stage
    logged = [] if servant.secretive else [_plain(one) for one in arguments]
    stage.ledger.begin(name, logged, current.ctx)
    stage.gate.wait()
    if method is None:
        raise error(omero.InternalException, f"the stand-in has no {type(servant).__name__}.{name}")
    servant.check(current)
    return method(servant, current, *arguments)


def _amd(name: str, method: Any) -> Any:
    def dispatch(self: Any, callback: Any, *arguments: Any) -> None:
        try:
            result = _run(self, name, method, arguments[:-1], arguments[-1])
        except Exception as raised:
            callback.ice_exception(raised)
            return
        if result is None:
            callback.ice_response()
        else:
            callback.ice_response(None if result is NULL else result)

    return dispatch


def _direct(name: str, method: Any) -> Any:
    def dispatch(self: Any, *arguments: Any) -> Any:
        result = _run(self, name, method, arguments[:-1], arguments[-1])
        return None if result is NULL else result

    return dispatch


def serves(interface: type) -> Callable[[type], type]:
    """Dispatch every operation of a generated interface, in the style (AMD or not) that it was generated in."""

    def complete(servant: type) -> type:
        ours = {method.operation_name: method for method in vars(servant).values() if hasattr(method, "operation_name")}
        declared = [name for name in dir(interface) if not name.startswith(("_", "ice_"))]
        for attribute in declared:
            name = attribute.removesuffix("_async")
            make = _amd if attribute.endswith("_async") else _direct
            setattr(servant, attribute, make(name, ours.pop(name, None)))
        if ours:
            raise TypeError(f"{interface.__name__} declares no {', '.join(ours)}")
        return servant

    return complete


class Servant:
    """What every servant of the stand-in has: the stage it stands on, and its own condition for being called."""

    secretive = False
    """Whether its arguments are passwords or keys, which are not logged."""

    def __init__(self, stage: Any) -> None:
        self.stage = stage

    def check(self, current: Any) -> None:
        """Raise if this call must not be answered at all."""
