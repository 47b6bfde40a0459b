"""Operations: one description from which a call is encoded, dispatched and answered, on either side of a connection."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, Generic, TypeVar

from .classes import finish_reading, finish_writing, read_exception, write_exception
from .encoding_1_1 import skip_optionals
from .errors import MarshalException
from .messages import OperationMode, Reply, ReplyStatus
from .streams import ENCODING_1_0, EncodingVersion, InputStream, OutputStream
from .types import BOOL, STRING, STRING_SEQ, VOID, Members, SliceType, item_setter
from .values import UserException

R = TypeVar("R")


@dataclass(frozen=True, slots=True)
class Operation(Generic[R]):
    """One operation of a Slice interface.

    `throws` are the user exceptions that it declares (with all that derive from them); `sliced` is the format in
    which this side sends class instances and exceptions (``["format:sliced"]``).
    """

    name: str
    mode: OperationMode
    parameters: Members
    result: SliceType[R]
    throws: tuple[type[UserException], ...] = ()
    sliced: bool = False

    def encode_arguments(self, arguments: Sequence[Any], encoding: EncodingVersion) -> bytes:
        """The content of a request's encapsulation. Raises MarshalException if the arguments do not fit."""
        out = OutputStream(encoding, sliced=self.sliced)
        for (_, kind), argument in zip(self.parameters, arguments, strict=True):
            kind.write(out, argument)
        if any(kind.uses_classes for _, kind in self.parameters):
            finish_writing(out)
        return bytes(out.buffer)

    def decode_arguments(self, inp: InputStream) -> list[Any]:
        """The arguments in a request's encapsulation."""
        arguments: list[Any] = [None] * len(self.parameters)
        for index, (_, kind) in enumerate(self.parameters):
            kind.read_into(inp, item_setter(arguments, index))
        _finish(inp, any(kind.uses_classes for _, kind in self.parameters))
        return arguments

    def encode_result(self, result: R, encoding: EncodingVersion) -> bytes:
        """The content of a reply's encapsulation."""
        out = OutputStream(encoding, sliced=self.sliced)
        self.result.write(out, result)
        if self.result.uses_classes:
            finish_writing(out)
        return bytes(out.buffer)

    def encode_exception(self, exception: UserException, encoding: EncodingVersion) -> bytes:
        """The content of a reply's encapsulation where the operation throws."""
        out = OutputStream(encoding, sliced=self.sliced)
        write_exception(out, exception)
        return bytes(out.buffer)

    def decode_reply(self, reply: Reply) -> R:
        """What the operation returned; raises what it threw, or the run-time exception that the reply tells of."""
        if reply.failure is not None:
            raise reply.failure
        if reply.content is None:
            raise MarshalException(f"the reply to {self.name} is empty")
        if reply.status is ReplyStatus.USER_EXCEPTION:
            raise read_exception(reply.content)
        result: list[R] = []
        self.result.read_into(reply.content, result.append)
        _finish(reply.content, self.result.uses_classes)
        return result[0]


def _finish(inp: InputStream, uses_classes: bool) -> None:
    if uses_classes:
        finish_reading(inp)
    if inp.remaining and inp.encoding != ENCODING_1_0:
        skip_optionals(inp)
    # parted at the end: see classes
    inp.instances = None
    if inp.remaining:
        raise MarshalException(f"{inp.remaining} bytes are left over behind arguments or a result")


#: operations that every Ice object has
OBJECT_OPERATIONS: Final[dict[str, Operation[Any]]] = {
    operation.name: operation
    for operation in (
        Operation("ice_ping", OperationMode.NONMUTATING, (), VOID),
        Operation("ice_isA", OperationMode.NONMUTATING, (("id", STRING),), BOOL),
        Operation("ice_id", OperationMode.NONMUTATING, (), STRING),
        Operation("ice_ids", OperationMode.NONMUTATING, (), STRING_SEQ),
    )
}
