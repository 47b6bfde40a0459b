"""Whatever is cut off wherever is refused as a MarshalException, never read past and never something else."""

from __future__ import annotations

from typing import Any

import pytest

from omero_ms_thumbnail.ice.errors import MarshalException, UnknownUserException
from omero_ms_thumbnail.ice.messages import OperationMode
from omero_ms_thumbnail.ice.operations import Operation
from omero_ms_thumbnail.ice.references import PROXY, Identity, ObjectPrx, socket_endpoint
from omero_ms_thumbnail.ice.streams import InputStream
from omero_ms_thumbnail.ice.types import CONTEXT, DOUBLE, LONG, STRING, STRING_SEQ, Dictionary, Sequence, SliceType
from tests.unit.ice.coding import decoded, decoded_exception, encoded, encoded_exception, in_every_format
from tests.unit.ice.sample import EVERYTHING, NODE, SHAPE, Circle, DetailedFailure, Everything, Sphere, a_ring

VALUES: dict[str, tuple[SliceType[Any], Any]] = {
    "strings": (STRING_SEQ, ["", "a", "µ" * 200]),
    "context": (CONTEXT, {"a": "b", "": ""}),
    "rows": (Sequence(Sequence(DOUBLE)), [[1.0], [], [2.0, 3.0]]),
    "dictionary": (Dictionary(LONG, STRING_SEQ), {1: ["a"], 2: []}),
    "proxies": (
        Sequence(PROXY),
        [
            None,
            ObjectPrx(Identity("n", "c"), facet="f", adapter_id="a"),
            ObjectPrx(Identity("n"), endpoints=(socket_endpoint("h", 1, secure=True),)),
        ],
    ),
    "ring": (NODE, a_ring()),
    "derived": (Sequence(SHAPE), [Sphere("a", 1.0, "b", Circle("c", 2.0)), None, Circle("d", 3.0)]),
    "everything": (EVERYTHING, Everything(text="text", blob=b"bytes", numbers=[1], rows=[[2]], strings={3: ["4"]})),
}


@in_every_format
@pytest.mark.parametrize("name", VALUES)
def test_values(name: str, sliced: bool) -> None:
    kind, value = VALUES[name]
    data = encoded(kind, value, sliced=sliced)
    for length in range(len(data)):
        with pytest.raises(MarshalException):
            decoded(kind, data[:length])


@in_every_format
def test_exceptions(sliced: bool) -> None:
    failure = DetailedFailure(reason="r", code=1, culprit=Sphere("a", 1.0, "b", Circle("c", 2.0)))
    data = encoded_exception(failure, sliced=sliced)
    for length in range(len(data)):
        # a type id that is cut short is one that nobody knows
        with pytest.raises((MarshalException, UnknownUserException)):
            decoded_exception(data[:length])


@in_every_format
def test_arguments(sliced: bool) -> None:
    members = (("a", STRING), ("b", NODE), ("c", SHAPE))
    operation = Operation("several", OperationMode.NORMAL, members, STRING, sliced=sliced)
    data = operation.encode_arguments(("text", a_ring(), Circle("c", 1.0)))
    for length in range(len(data)):
        with pytest.raises(MarshalException):
            operation.decode_arguments(InputStream(data[:length]))
    assert len(operation.decode_arguments(InputStream(data))) == 3
