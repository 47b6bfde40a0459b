"""Operations: one description from which a call is encoded, dispatched and answered, on either side of a connection."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, Generic, TypeVar

from .encoding import expect_encoding_1_1, read_exception, write_exception
from .errors import MarshalException
from .instance_reader import skip_optionals
from .messages import OperationMode, Reply, ReplyStatus
from .streams import InputStream, OutputStream
from .types import BOOL, STRING, STRING_SEQ, VOID, Members, SliceType, UserException, item_setter

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

    def encode_arguments(self, arguments: Sequence[Any]) -> bytes:
        """The content of a request's encapsulation. Raises MarshalException if the arguments do not fit."""
        out = OutputStream(sliced=self.sliced)
        for (_, kind), argument in zip(self.parameters, arguments, strict=True):
            kind.write(out, argument)
        out.instances = None
        return bytes(out.buffer)

    def decode_arguments(self, inp: InputStream) -> list[Any]:
        """The arguments in a request's encapsulation. Raises UnsupportedEncodingException, MarshalException."""
        expect_encoding_1_1(inp, f"a call of {self.name}")
        arguments: list[Any] = [None] * len(self.parameters)
        for index, (_, kind) in enumerate(self.parameters):
            kind.read_into(inp, item_setter(arguments, index))
        _finish(inp)
        return arguments

    def encode_result(self, result: R) -> bytes:
        """The content of a reply's encapsulation."""
        out = OutputStream(sliced=self.sliced)
        self.result.write(out, result)
        out.instances = None
        return bytes(out.buffer)

    def encode_exception(self, exception: UserException) -> bytes:
        """The content of a reply's encapsulation where the operation throws."""
        out = OutputStream(sliced=self.sliced)
        write_exception(out, exception)
        return bytes(out.buffer)

    def decode_reply(self, reply: Reply) -> R:
        """What the operation returned; raises what it threw, or the run-time exception that the reply tells of.

        A reply has the encoding of its request (``IncomingBase::startWriteParams`` of Ice 3.6 and 3.7), so one in
        another is refused with UnsupportedEncodingException: what answers so was not asked to.
        """
        if reply.failure is not None:
            raise reply.failure
        if reply.content is None:
            raise MarshalException(f"the reply to {self.name} is empty")
        expect_encoding_1_1(reply.content, f"the reply to {self.name}")
        if reply.status is ReplyStatus.USER_EXCEPTION:
            raise read_exception(reply.content)
        result: list[R] = []
        self.result.read_into(reply.content, result.append)
        _finish(reply.content)
        return result[0]


def _finish(inp: InputStream) -> None:
    if inp.remaining:
        skip_optionals(inp)
    # parted at the end: see encoding
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
