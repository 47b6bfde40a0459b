"""Identities, endpoints and proxies, byte for byte. Source: "Data Encoding for Proxies"."""

from __future__ import annotations

from typing import Any

import pytest

from omero_ms_thumbnail.ice.errors import MarshalException, UnsupportedEncodingException
from omero_ms_thumbnail.ice.messages import MessageReader, Reply, ReplyStatus, encode_request_failed
from omero_ms_thumbnail.ice.references import (
    FACET,
    IDENTITY,
    PROXY,
    Endpoint,
    Identity,
    ObjectPrx,
    socket_endpoint,
)
from omero_ms_thumbnail.ice.streams import ENCODING_1_0, ENCODING_1_1, EncodingVersion, OutputStream
from tests.unit.ice.coding import decoded, encoded


def test_an_identity_is_name_then_category() -> None:
    assert encoded(IDENTITY, Identity("n", "cat")).hex() == "016e03636174"


def test_nothing_prints_an_identity_or_an_endpoint() -> None:
    # in OMERO both the name and the category of a session's objects are its key
    proxy = ObjectPrx(Identity("key-1", "key-2"), endpoints=(Endpoint(1, b"key-3"),), adapter_id="adapter")
    assert "key-" not in f"{proxy!r} {proxy} {proxy.identity!r} {proxy.endpoints!r}"


def test_a_null_proxy_is_an_empty_identity() -> None:
    assert encoded(PROXY, None) == b"\x00\x00"
    assert decoded(PROXY, b"\x00\x00") is None


def test_a_proxy_in_encoding_1_1() -> None:
    proxy = ObjectPrx(Identity("n", "c"), "f", 2, True, ENCODING_1_0, ENCODING_1_1, (), "a")
    # name, category, facet, mode, secure, versions of protocol and encoding, no endpoints, adapter
    expected = bytes.fromhex("016e 0163 010166 02 01 01000101 00 0161")
    assert encoded(PROXY, proxy) == expected
    assert decoded(PROXY, expected) == proxy


def test_an_adapter_is_named_only_where_there_is_no_endpoint() -> None:
    endpoint = Endpoint(1, b"")
    with_endpoint = encoded(PROXY, ObjectPrx(Identity("n"), endpoints=(endpoint,), adapter_id="left out"))
    assert b"left out" not in with_endpoint
    assert decoded(PROXY, with_endpoint) == ObjectPrx(Identity("n"), endpoints=(endpoint,))


@pytest.mark.parametrize("encoding", [ENCODING_1_0, ENCODING_1_1], ids=str)
@pytest.mark.parametrize("kind", [1, 2, 4, 5, 99, -1])
def test_an_endpoint_of_any_type_is_kept_byte_for_byte(kind: int, encoding: EncodingVersion) -> None:
    content = bytes(range(256))
    data = bytearray(encoded(PROXY, ObjectPrx(Identity("n")))[:-2])
    out = OutputStream()
    out.write_size(1)
    out.write_short(kind)
    out.write_encapsulation(content, encoding)
    data += out.buffer
    proxy = decoded(PROXY, bytes(data))
    assert proxy.endpoints == (Endpoint(kind, content, encoding),)
    assert encoded(PROXY, proxy) == bytes(data)


def test_a_socket_endpoint() -> None:
    endpoint = socket_endpoint("host", 4063, secure=False)
    assert endpoint.type == 1
    # host, port, time-out, compression
    assert endpoint.content == bytes.fromhex("04686f7374 df0f0000 60ea0000 00")
    assert socket_endpoint("host", 4064, secure=True).type == 2


@pytest.mark.parametrize(("facet", "hexadecimal"), [("", "00"), ("f", "010166")])
def test_a_facet_is_a_path_of_at_most_one(facet: str, hexadecimal: str) -> None:
    assert encoded(FACET, facet).hex() == hexadecimal
    assert decoded(FACET, bytes.fromhex(hexadecimal)) == facet


def test_a_longer_facet_path_is_refused() -> None:
    with pytest.raises(MarshalException, match="more than one element"):
        decoded(FACET, bytes.fromhex("0201660167"))


def test_an_endpoint_in_an_encoding_of_the_future_is_refused() -> None:
    data = encoded(PROXY, ObjectPrx(Identity("n"), endpoints=(Endpoint(1, b"", EncodingVersion(1, 2)),)))
    with pytest.raises(UnsupportedEncodingException, match=r"uses Ice encoding 1\.2; 1\.0 and 1\.1 are understood"):
        decoded(PROXY, data)


@pytest.mark.parametrize("value", ["text", 5, Identity("n")])
def test_what_is_no_proxy_cannot_be_written(value: Any) -> None:
    with pytest.raises(MarshalException, match="is not a proxy"):
        PROXY.write(OutputStream(), value)


def test_a_failed_request_names_the_object_without_printing_it() -> None:
    data = encode_request_failed(1, ReplyStatus.OBJECT_NOT_EXIST, Identity("key-1", "key-2"), "", "op")
    (reply,) = MessageReader().receive(data)
    assert isinstance(reply, Reply)
    assert reply.failure is not None
    assert "key-" not in f"{reply!r} {reply.failure!r} {reply.failure}"
