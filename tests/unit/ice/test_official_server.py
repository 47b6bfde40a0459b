"""Our client calls a server of ZeroC's own (Ice 3.6.5)."""

from __future__ import annotations

import json
from typing import Any

import pytest

from omero_ms_thumbnail.ice.connection import proxy_for
from omero_ms_thumbnail.ice.errors import (
    NoValueFactoryException,
    ObjectNotExistException,
    OperationNotExistException,
    UnknownException,
    UnknownLocalException,
    UnknownUserException,
    UnsupportedEncodingException,
)
from omero_ms_thumbnail.ice.messages import OperationMode
from omero_ms_thumbnail.ice.operations import OBJECT_OPERATIONS, Operation
from omero_ms_thumbnail.ice.references import Identity, ObjectPrx, socket_endpoint
from omero_ms_thumbnail.ice.streams import ENCODING_1_0, ENCODING_1_1
from omero_ms_thumbnail.ice.tls import client_context
from omero_ms_thumbnail.ice.types import INT, VOID
from tests.unit.ice.official.graphs import describe
from tests.unit.ice.sample import PEER, Circle, DetailedFailure, Failure, Node, Sphere, Tagged, TaggedFurther, a_ring
from tests.unit.ice.serving import connected
from tests.unit.ice.test_official_client import EXTREMES, in_both_formats
from tests.unit.ice.wire import request_bytes, validated_client

THE_PEER = proxy_for("peer")


async def _call(port: int, name: str, *arguments: Any) -> Any:
    async with connected(port) as connection:
        return await connection.call(THE_PEER, PEER.get(name) or OBJECT_OPERATIONS[name], *arguments)


async def test_an_answer_has_the_encoding_of_its_request_and_no_other_is_taken(official_ports: list[int]) -> None:
    for encoding in (ENCODING_1_0, ENCODING_1_1):
        async with validated_client(official_ports[0]) as wire:
            wire.send(request_bytes(1, PEER["twice"], 21, encoding=encoding))
            reply = await wire.reply()
        assert reply.content is not None
        assert reply.content.encoding == encoding
        if encoding == ENCODING_1_1:
            assert PEER["twice"].decode_reply(reply) == 42
        else:
            with pytest.raises(UnsupportedEncodingException, match=r"encoding 1\.0"):
                PEER["twice"].decode_reply(reply)


@in_both_formats
async def test_every_basic_type(official_ports: list[int], suffix: str) -> None:
    assert await _call(official_ports[0], f"echoEverything{suffix}", EXTREMES) == EXTREMES
    assert await _call(official_ports[0], f"echoEverything{suffix}", None) is None


@in_both_formats
async def test_cycles_and_shared_instances(official_ports: list[int], suffix: str) -> None:
    returned = await _call(official_ports[0], f"echoNode{suffix}", a_ring())
    assert isinstance(returned, Node)
    assert describe(returned) == describe(a_ring())
    seen = await _call(official_ports[0], f"seen{suffix}", a_ring())
    assert json.loads(seen) == describe(a_ring())


async def test_what_only_ice_knows_is_sliced(official_ports: list[int]) -> None:
    disc = await _call(official_ports[0], "makeShapeSliced", "disc")
    assert disc == Circle("disc", 2.0)


async def test_what_only_ice_knows_is_refused_in_the_compact_format(official_ports: list[int]) -> None:
    async with connected(official_ports[0]) as connection:
        with pytest.raises(NoValueFactoryException, match="::Sample::Disc"):
            await connection.call(THE_PEER, PEER["makeShape"], "disc")
        # the message was whole, so the connection is as good as before
        assert await connection.call(THE_PEER, PEER["makeShape"], "circle") == Circle("circle", 1.5)


async def test_what_only_we_know_is_sliced_by_ice(official_ports: list[int]) -> None:
    sphere = Sphere("s", 3.0, "blue", Circle("inner", 1.0))
    returned = await _call(official_ports[0], "echoShapeSliced", sphere)
    # IcePy keeps no slices that it does not know
    assert returned == Circle("s", 3.0)


@in_both_formats
async def test_exceptions(official_ports: list[int], suffix: str) -> None:
    with pytest.raises(Failure) as info:
        await _call(official_ports[0], f"fail{suffix}", "failure")
    assert type(info.value) is Failure
    assert info.value.reason == "plain"
    with pytest.raises(DetailedFailure) as detailed:
        await _call(official_ports[0], f"fail{suffix}", "detailed")
    assert (detailed.value.reason, detailed.value.code) == ("detailed", 7)
    assert detailed.value.culprit == Circle("culprit", 3.5)


async def test_an_exception_that_only_ice_knows_is_sliced(official_ports: list[int]) -> None:
    with pytest.raises(DetailedFailure) as info:
        await _call(official_ports[0], "failSliced", "novel")
    assert type(info.value) is DetailedFailure
    assert (info.value.reason, info.value.code, info.value.culprit) == ("novel", 8, Circle("culprit", 3.5))


@pytest.mark.parametrize(("kind", "type_id"), [("novel", "::Sample::Novel"), ("strange", "::Sample::Strange")])
async def test_an_exception_that_only_ice_knows_is_named_in_the_compact_format(
    official_ports: list[int], kind: str, type_id: str
) -> None:
    with pytest.raises(UnknownUserException, match=type_id):
        await _call(official_ports[0], "fail", kind)


async def test_an_exception_without_a_known_base_is_named(official_ports: list[int]) -> None:
    with pytest.raises(UnknownUserException, match="::Sample::Strange"):
        await _call(official_ports[0], "failSliced", "strange")


async def test_an_undeclared_exception(official_ports: list[int]) -> None:
    with pytest.raises(UnknownException, match="RuntimeError"):
        await _call(official_ports[0], "fail", "undeclared")


@in_both_formats
async def test_optional_members_are_passed_over(official_ports: list[int], suffix: str) -> None:
    async with connected(official_ports[0]) as connection:
        tagged = await connection.call(THE_PEER, PEER[f"makeTagged{suffix}"])
    assert isinstance(tagged, Tagged)
    assert tagged == TaggedFurther(5, 6)


async def test_optional_results_are_passed_over(official_ports: list[int]) -> None:
    async with connected(official_ports[0]) as connection:
        assert await connection.call(THE_PEER, PEER["withOptional"], 11) == 11


async def test_proxies(official_ports: list[int]) -> None:
    plain = socket_endpoint("127.0.0.1", 4063, secure=False)
    tls = socket_endpoint("::1", 4064, secure=True, timeout_ms=-1)
    proxies = [
        None,
        ObjectPrx(Identity("name", "category"), encoding=ENCODING_1_0, adapter_id="adapter"),
        ObjectPrx(Identity("name"), facet="facet", mode=1),
        ObjectPrx(Identity("name"), secure=True, endpoints=(plain, tls)),
    ]
    assert await _call(official_ports[0], "echoProxies", proxies) == proxies


async def test_operations_that_every_object_has(official_ports: list[int]) -> None:
    port = official_ports[0]
    assert await _call(port, "ice_ping") is None
    assert await _call(port, "ice_id") == "::Sample::Peer"
    assert await _call(port, "ice_ids") == ["::Ice::Object", "::Sample::Peer"]
    assert await _call(port, "ice_isA", "::Sample::Peer") is True
    assert await _call(port, "ice_isA", "::Sample::Other") is False


async def test_what_is_not_there(official_ports: list[int]) -> None:
    nothing: Operation[None] = Operation("nothing", OperationMode.NORMAL, (), VOID)
    async with connected(official_ports[0]) as connection:
        with pytest.raises(ObjectNotExistException) as info:
            await connection.call(proxy_for("nobody", "somewhere"), PEER["twice"], 1)
        assert (info.value.identity, info.value.operation) == ("somewhere/nobody", "twice")
        with pytest.raises(OperationNotExistException, match="'nothing'"):
            await connection.call(THE_PEER, nothing)


async def test_a_wrong_mode_is_refused(official_ports: list[int]) -> None:
    wrong = Operation("twice", OperationMode.NORMAL, (("value", INT),), INT)
    async with connected(official_ports[0]) as connection:
        with pytest.raises(UnknownLocalException, match="unexpected operation mode"):
            await connection.call(THE_PEER, wrong, 1)


async def test_a_context_arrives(official_ports: list[int]) -> None:
    async with connected(official_ports[0]) as connection:
        context = {"omero.group": "-1", "größe": "µ"}
        assert await connection.call(THE_PEER, PEER["context"], "größe", context=context) == "µ"


async def test_over_tls(official_ports: list[int]) -> None:
    async with connected(official_ports[1], client_context()) as connection:
        assert await connection.call(THE_PEER, PEER["echoEverything"], EXTREMES) == EXTREMES
