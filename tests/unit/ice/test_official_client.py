"""ZeroC's own client (Ice 3.6.5) calls our server: both formats, all ways of calling."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from omero_ms_thumbnail.ice.tls import anonymous_server_context
from tests.unit.ice.conftest import OfficialClient
from tests.unit.ice.official.graphs import describe
from tests.unit.ice.sample import Circle, Everything, Node, Sphere, a_ring
from tests.unit.ice.serving import PeerServant, listening

in_both_formats = pytest.mark.parametrize("suffix", ["", "Sliced"], ids=["compact", "sliced"])

EXTREMES = Everything(
    flag=True,
    octet=255,
    small=-(2**15),
    medium=2**31 - 1,
    large=-(2**63),
    single=1.5,
    precise=-1e300,
    text="größe \N{MICROSCOPE} \x00",
    blob=bytes(range(256)) * 2,
    numbers=[-(2**31), 0, 2**31 - 1],
    rows=[[], [1], [2, 3]],
    strings={-1: [], 2**63 - 1: ["", "a" * 300]},
)


async def _call(client: OfficialClient, port: int, operation: str, *arguments: Any, **how: str) -> dict[str, Any]:
    return await asyncio.to_thread(client.call, port, operation, *map(describe, arguments), **how)


def test_it_is_the_ice_that_omero_py_pins(official_client: OfficialClient) -> None:
    assert official_client.version == "3.6.5"


@in_both_formats
@pytest.mark.parametrize("value", [EXTREMES, Everything(), None], ids=["extremes", "defaults", "null"])
async def test_every_basic_type(official_client: OfficialClient, suffix: str, value: Everything | None) -> None:
    servant = PeerServant()
    async with listening(servant) as server:
        answer = await _call(official_client, server.port, f"echoEverything{suffix}", value)
    assert servant.received == [value]
    assert answer == {"ok": describe(value)}


@in_both_formats
async def test_cycles_and_shared_instances(official_client: OfficialClient, suffix: str) -> None:
    servant = PeerServant()
    ring = describe(a_ring())
    async with listening(servant) as server:
        answer = await _call(official_client, server.port, f"echoNode{suffix}", a_ring())
        seen = await _call(official_client, server.port, f"seen{suffix}", a_ring())
    (received,) = servant.received
    assert isinstance(received, Node)
    assert describe(received) == ring
    assert answer == {"ok": ring}
    assert json.loads(seen["ok"]) == ring


async def test_a_class_that_only_ice_knows_is_sliced(official_client: OfficialClient) -> None:
    disc = {
        "is": "Disc",
        "number": 1,
        "members": {"name": "d", "radius": 1.0, "colour": "red", "inner": describe(Circle("inner", 2.0))},
    }
    servant = PeerServant()
    async with listening(servant) as server:
        answer = await asyncio.to_thread(official_client.call, server.port, "echoShapeSliced", disc)
    assert servant.received == [Circle("d", 1.0)]
    assert answer == {"ok": describe(Circle("d", 1.0))}


async def test_a_class_that_only_ice_knows_cannot_be_sliced_in_the_compact_format(
    official_client: OfficialClient,
) -> None:
    disc = {"is": "Disc", "number": 1, "members": {"name": "d", "radius": 1.0, "colour": "red", "inner": None}}
    async with listening(PeerServant()) as server:
        answer = await asyncio.to_thread(official_client.call, server.port, "echoShape", disc)
        assert answer["error"] == "UnknownLocalException"
        assert "NoValueFactoryException" in answer["members"]["unknown"]
        assert "::Sample::Disc" in answer["members"]["unknown"]
        assert (await _call(official_client, server.port, "twice", 21)) == {"ok": 42}


async def test_a_class_that_only_we_know_is_sliced_by_ice(official_client: OfficialClient) -> None:
    async with listening(PeerServant()) as server:
        answer = await _call(official_client, server.port, "makeShapeSliced", "sphere")
    assert answer == {"ok": describe(Circle("sphere", 2.0))}


async def test_a_class_that_only_we_know_is_refused_by_ice_in_the_compact_format(
    official_client: OfficialClient,
) -> None:
    async with listening(PeerServant()) as server:
        answer = await _call(official_client, server.port, "makeShape", "sphere")
    assert answer["error"] == "NoObjectFactoryException"
    assert answer["members"]["type"] == Sphere.ICE_ID


@in_both_formats
async def test_exceptions(official_client: OfficialClient, suffix: str) -> None:
    async with listening(PeerServant()) as server:
        plain = await _call(official_client, server.port, f"fail{suffix}", "failure")
        detailed = await _call(official_client, server.port, f"fail{suffix}", "detailed")
    assert plain == {"error": "Failure", "members": {"reason": "plain"}}
    culprit = describe(Circle("culprit", 3.5))
    assert detailed == {
        "error": "DetailedFailure",
        "members": {"reason": "detailed", "code": 7, "culprit": culprit},
    }


async def test_operations_that_every_object_has(official_client: OfficialClient) -> None:
    async with listening(PeerServant()) as server:
        for operation, arguments, expected in (
            ("ice_ping", (), None),
            ("ice_id", (), "::Sample::Peer"),
            ("ice_ids", (), ["::Ice::Object", "::Sample::Peer"]),
            ("ice_isA", ("::Sample::Peer",), True),
            ("ice_isA", ("::Sample::Other",), False),
        ):
            answer = await _call(official_client, server.port, operation, *arguments)
            assert answer == {"ok": expected}, operation


async def test_encoding_1_0_is_refused_in_words(official_client: OfficialClient) -> None:
    async with listening(PeerServant()) as server:
        answer = await _call(official_client, server.port, "twice", 21, encoding="1.0")
        assert answer["error"] == "UnknownLocalException"
        assert "UnsupportedEncodingException: a call of twice came in Ice encoding 1.0" in answer["members"]["unknown"]
        assert await _call(official_client, server.port, "twice", 21) == {"ok": 42}


async def test_what_is_not_there(official_client: OfficialClient) -> None:
    async with listening(PeerServant()) as server:
        nobody = await _call(official_client, server.port, "twice", 1, identity="nobody")
        no_facet = await _call(official_client, server.port, "twice", 1, facet="side")
        no_operation = await _call(official_client, server.port, "withOptional", 1, identity="peer")
    assert (nobody["error"], nobody["members"]["operation"]) == ("ObjectNotExistException", "twice")
    assert (no_facet["error"], no_facet["members"]["facet"]) == ("FacetNotExistException", "side")
    # declared, and not implemented by the servant
    assert no_operation["error"] == "UnknownException"


async def test_oneway(official_client: OfficialClient) -> None:
    servant = PeerServant()
    async with listening(servant) as server:
        assert await _call(official_client, server.port, "note", "hello", how="oneway") == {"ok": None}
        assert await servant.notes.get() == "hello"


async def test_a_batch_is_refused_and_the_server_goes_on(official_client: OfficialClient) -> None:
    servant = PeerServant()
    async with listening(servant) as server:
        # written and gone, as far as the client can know
        assert await _call(official_client, server.port, "note", "hello", how="batch") == {"ok": None}
        await server.locator.gone.get()
        assert servant.notes.empty()
        assert await _call(official_client, server.port, "twice", 21) == {"ok": 42}


async def test_over_tls(official_client: OfficialClient) -> None:
    async with listening(PeerServant(), tls=anonymous_server_context()) as server:
        answer = await _call(official_client, server.port, "echoEverything", EXTREMES, scheme="ssl")
    assert answer == {"ok": describe(EXTREMES)}
