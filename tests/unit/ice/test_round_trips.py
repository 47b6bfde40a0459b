"""What is written is what is read, for whatever values, in every format."""

from __future__ import annotations

import struct
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from omero_ms_thumbnail.ice.errors import IceException
from omero_ms_thumbnail.ice.references import IDENTITY, PROXY, Endpoint, Identity, ObjectPrx
from omero_ms_thumbnail.ice.streams import ENCODING_1_0, ENCODING_1_1, EncodingVersion, InputStream
from omero_ms_thumbnail.ice.types import (
    BOOL,
    BYTE,
    BYTE_SEQ,
    DOUBLE,
    FLOAT,
    INT,
    LONG,
    SHORT,
    STRING,
    Dictionary,
    Sequence,
    SliceType,
)
from omero_ms_thumbnail.omero.rtypes import RTYPE, RBool, RDouble, RInt, RList, RLong, RMap, RSet, RString, RTime, RType
from tests.unit.ice.coding import decoded, encoded, in_every_format
from tests.unit.ice.official.graphs import describe
from tests.unit.ice.sample import NODE, Node

_FEW = settings(max_examples=40, deadline=None)

_text = st.text(st.characters(exclude_categories=["Cs"]), max_size=300)
_long = st.integers(-(2**63), 2**63 - 1)

_SCALARS: dict[str, tuple[SliceType[Any], st.SearchStrategy[Any]]] = {
    "bool": (BOOL, st.booleans()),
    "byte": (BYTE, st.integers(0, 255)),
    "short": (SHORT, st.integers(-(2**15), 2**15 - 1)),
    "int": (INT, st.integers(-(2**31), 2**31 - 1)),
    "long": (LONG, _long),
    "float": (FLOAT, st.floats(width=32, allow_nan=False)),
    "double": (DOUBLE, st.floats(allow_nan=False)),
    "string": (STRING, _text),
    "bytes": (BYTE_SEQ, st.binary(max_size=300)),
}
_versions = st.builds(EncodingVersion, st.integers(0, 255), st.integers(0, 255))
_identities = st.builds(Identity, _text.filter(bool), _text)
_endpoints = st.builds(
    Endpoint, st.integers(-(2**15), 2**15 - 1), st.binary(max_size=40), st.sampled_from([ENCODING_1_0, ENCODING_1_1])
)
_proxies = st.builds(
    ObjectPrx,
    identity=_identities,
    facet=_text,
    mode=st.integers(0, 4),
    secure=st.booleans(),
    protocol=_versions,
    encoding=_versions,
    endpoints=st.lists(_endpoints, min_size=1, max_size=3).map(tuple),
) | st.builds(ObjectPrx, identity=_identities, adapter_id=_text)

_rtypes: st.SearchStrategy[RType | None] = st.recursive(
    st.none()
    | st.builds(RBool, st.booleans())
    | st.builds(RInt, st.integers(-(2**31), 2**31 - 1))
    | st.builds(RLong, _long)
    | st.builds(RDouble, st.floats(allow_nan=False))
    | st.builds(RString, _text)
    | st.builds(RTime, _long),
    lambda inner: (
        st.builds(RList, st.lists(inner, max_size=4))
        | st.builds(RSet, st.lists(inner, max_size=4))
        | st.builds(RMap, st.dictionaries(_text, inner, max_size=4))
    ),
    max_leaves=12,
)


@st.composite
def _graphs(draw: st.DrawFn) -> Node:
    """Nodes that lead to one another in whatever way."""
    nodes = [Node(number) for number in range(draw(st.integers(1, 6)))]
    links = st.none() | st.sampled_from(nodes)
    for node in nodes:
        node.next = draw(links)
        node.others = draw(st.lists(links, max_size=4))
        node.named = draw(st.dictionaries(_text, links, max_size=3))
    return nodes[0]


@pytest.mark.parametrize("name", _SCALARS)
@_FEW
@given(data=st.data())
def test_basic_types_and_what_is_made_of_them(name: str, data: st.DataObject) -> None:
    kind, values = _SCALARS[name]
    value = data.draw(values)
    assert decoded(kind, encoded(kind, value)) == value
    rows = data.draw(st.lists(st.lists(values, max_size=4), max_size=4))
    assert decoded(Sequence(Sequence(kind)), encoded(Sequence(Sequence(kind)), rows)) == rows
    table = data.draw(st.dictionaries(_text, values, max_size=4))
    by_name = Dictionary(STRING, kind)
    assert decoded(by_name, encoded(by_name, table)) == table


@_FEW
@given(_identities)
def test_identities(identity: Identity) -> None:
    assert decoded(IDENTITY, encoded(IDENTITY, identity)) == identity


@_FEW
@given(_proxies)
def test_proxies(proxy: ObjectPrx) -> None:
    assert decoded(PROXY, encoded(PROXY, proxy)) == proxy


@in_every_format
@_FEW
@given(value=_rtypes)
def test_class_instances(sliced: bool, value: RType | None) -> None:
    assert decoded(RTYPE, encoded(RTYPE, value, sliced=sliced)) == value


@in_every_format
@_FEW
@given(graph=_graphs())
def test_graphs_of_class_instances(sliced: bool, graph: Node) -> None:
    returned = decoded(NODE, encoded(NODE, graph, sliced=sliced))
    assert describe(returned) == describe(graph)


@_FEW
@given(st.floats(width=32))
def test_a_float_keeps_its_bits(value: float) -> None:
    assert encoded(FLOAT, decoded(FLOAT, encoded(FLOAT, value))) == struct.pack("<f", value)


@pytest.mark.parametrize(
    "kind", [STRING, Sequence(PROXY), NODE, Sequence(RTYPE)], ids=["string", "proxies", "class", "classes"]
)
@_FEW
@given(data=st.binary(max_size=120))
def test_whatever_bytes_are_a_value_or_refused(kind: SliceType[Any], data: bytes) -> None:
    with suppress(IceException):
        kind.read_into(InputStream(data), lambda _value: None)


@in_every_format
@_FEW
@given(graph=_graphs(), data=st.data())
def test_one_changed_byte_is_a_value_or_refused(sliced: bool, graph: Node, data: st.DataObject) -> None:
    changed = bytearray(encoded(NODE, graph, sliced=sliced))
    changed[data.draw(st.integers(0, len(changed) - 1))] = data.draw(st.integers(0, 255))
    with suppress(IceException):
        inp = InputStream(bytes(changed))
        NODE.read_into(inp, lambda _value: None)
