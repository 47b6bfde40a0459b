"""Our client through the real router: joining over every transport, calls, refusals, OMERO's exceptions, leaving."""

from __future__ import annotations

import dataclasses
import ssl
from typing import Any

import pytest

from omero_ms_thumbnail.ice.errors import ConnectFailedException, ConnectTimeoutException, UnknownException
from omero_ms_thumbnail.ice.glacier2 import CannotCreateSessionException, PermissionDeniedException
from omero_ms_thumbnail.omero import exceptions
from omero_ms_thumbnail.omero.exceptions import (
    AuthenticationException,
    ExpiredCredentialException,
    QueryException,
    ResourceError,
    ServerError,
    ValidationException,
    WrappedCreateSessionException,
)
from omero_ms_thumbnail.omero.probe import reach
from omero_ms_thumbnail.omero.rtypes import RLong, rlong_list
from omero_ms_thumbnail.omero.session import GROUP, JoinedSession
from tests.real.conformance.glacier2 import TRANSPORTS
from tests.real.conformance.harness import (
    ALICE,
    ALICE_KEY,
    BOB,
    BOB_KEY,
    EXPIRED_KEY,
    LAB,
    PRIVATE,
    ROOT_KEY,
    OmeroStandin,
    pixels,
)
from tests.real.conformance.standin.pictures import what_is_shown
from tests.real.conformance.thumbnail_client import LEAVE_WITHIN, assert_left_clean, joined, server_of

PIXELS_OF_IMAGES = (
    "select p.id, i.id, i.details.group.id, i.details.owner.id from Pixels p join p.image i where i.id in (:ids)"
)
SECTION_OF_RENDERING_DEF = "select r.defaultZ, r.defaultT from RenderingDef r where r.id = :id"

IN_LAB = {GROUP: str(LAB)}

SERVER_ERRORS = sorted(
    name for name, kind in vars(exceptions).items() if isinstance(kind, type) and issubclass(kind, ServerError)
)


@pytest.mark.parametrize(
    ("transport", "verify"),
    [*((transport, False) for transport in TRANSPORTS), ("self_signed", True), ("ca_signed", True)],
)
async def test_joins_by_key_asks_and_leaves_over(transport: str, verify: bool, omero_standin: OmeroStandin) -> None:
    async with joined(omero_standin.routers[transport], verify=verify) as session:
        context = await session.event_context()
        rows = await session.projection(PIXELS_OF_IMAGES, {"ids": rlong_list([11, 21, 22, 1404])})
        async with session.stores.lend() as store:
            assert await store.set_pixels_id(pixels(11), IN_LAB) is True
            jpeg = await store.get_thumbnail_by_longest_side(96, IN_LAB)
    assert (context.userId, context.userName, context.sessionUuid) == (ALICE, "alice", ALICE_KEY)
    assert rows == [[pixels(11), 11, LAB, ALICE], [pixels(21), 21, PRIVATE, ALICE]]
    assert what_is_shown(jpeg)["image"] == 11
    await assert_left_clean(omero_standin)
    (client,) = omero_standin.stats()["clients"].values()
    assert (client["key"], client["agent"]) == (ALICE_KEY, "omero-ms-thumbnail")
    assert omero_standin.stats()["without_client_uuid"].keys() <= {"checkPermissions", "destroy"}


@pytest.mark.parametrize("transport", ["self_signed", "ca_signed"])
async def test_a_certificate_of_another_authority_is_not_accepted(transport: str, omero_standin: OmeroStandin) -> None:
    router = omero_standin.routers[transport]
    other = omero_standin.ca_signed if transport == "self_signed" else omero_standin.self_signed
    tls = server_of(other, verify=True).tls
    server = dataclasses.replace(server_of(router), tls=tls)
    with pytest.raises(ConnectFailedException, match=rf"certificate of 127\.0\.0\.1:{router.port} was not accepted"):
        await JoinedSession.join(server, ALICE_KEY)
    assert omero_standin.stats()["joins"] == 0


async def test_an_anonymous_router_is_not_accepted_where_a_certificate_is_to_be_verified(
    omero_standin: OmeroStandin,
) -> None:
    router = omero_standin.adh
    server = dataclasses.replace(server_of(router), tls=ssl.create_default_context())
    with pytest.raises(ConnectFailedException, match=rf"TLS with 127\.0\.0\.1:{router.port} failed"):
        await JoinedSession.join(server, ALICE_KEY)


async def test_tls_at_a_plain_port_and_plain_at_a_tls_port_are_told_apart(omero_standin: OmeroStandin) -> None:
    plain, adh = server_of(omero_standin.plain), server_of(omero_standin.adh)
    with pytest.raises(ConnectFailedException, match="does not speak TLS"):
        await reach(dataclasses.replace(plain, tls=adh.tls), 5)
    with pytest.raises(ConnectTimeoutException, match="a TLS port waits like this"):
        await reach(dataclasses.replace(adh, tls=None), 0.2)


async def test_reaching_touches_no_session(omero_standin: OmeroStandin) -> None:
    await reach(server_of(omero_standin.adh), 5)
    assert omero_standin.stats()["calls"] == {}


async def test_a_name_and_its_password_make_a_session(omero_standin: OmeroStandin) -> None:
    session = await JoinedSession.create(server_of(omero_standin.plain), "bob", "bob-password")
    context = await session.event_context()
    await session.leave(LEAVE_WITHIN)
    assert (context.userId, context.memberOfGroups[0]) == (BOB, LAB)
    assert context.sessionUuid not in (BOB_KEY, "bob-password")
    await assert_left_clean(omero_standin, context.sessionUuid, BOB_KEY)


@pytest.mark.parametrize(("user", "password"), [("alice", "wrong-secret"), ("no-such-key",) * 2, (ALICE_KEY, "wrong")])
async def test_who_is_not_let_in_is_told_why_and_no_secret(
    user: str, password: str, omero_standin: OmeroStandin
) -> None:
    with pytest.raises(PermissionDeniedException) as refused:
        await JoinedSession.create(server_of(omero_standin.plain), user, password)
    assert refused.value.reason
    assert password not in repr(refused.value).replace(user, "")
    assert omero_standin.stats()["joins"] == 0


@pytest.mark.parametrize(
    ("refuse", "kind", "members"),
    [
        ("AuthenticationException", AuthenticationException, {}),
        ("ExpiredCredentialException", ExpiredCredentialException, {}),
        ("CannotCreateSessionException", CannotCreateSessionException, {}),
        (
            "ConcurrencyException",
            WrappedCreateSessionException,
            {"concurrency": True, "backOff": 1000, "type": "ome.conditions.ConcurrencyException"},
        ),
        (
            "ome.conditions.ApiUsageException",
            WrappedCreateSessionException,
            {"concurrency": False, "backOff": -1, "type": "ome.conditions.ApiUsageException"},
        ),
    ],
)
async def test_a_session_that_cannot_be_made_says_so_with_omeros_class(
    refuse: str, kind: type[CannotCreateSessionException], members: dict[str, Any], omero_standin: OmeroStandin
) -> None:
    key = omero_standin.start_session("bob", refuse=refuse)
    with pytest.raises(CannotCreateSessionException) as refused:
        await JoinedSession.join(server_of(omero_standin.plain), key)
    assert type(refused.value) is kind
    assert {name: getattr(refused.value, name) for name in members} == members
    assert refused.value.reason
    assert key not in repr(refused.value)
    assert key not in str(refused.value)


async def test_an_expired_session_from_the_start(omero_standin: OmeroStandin) -> None:
    with pytest.raises(ExpiredCredentialException):
        await JoinedSession.join(server_of(omero_standin.plain), EXPIRED_KEY)


@pytest.mark.parametrize("name", SERVER_ERRORS)
async def test_omero_throws_and_our_class_arrives(name: str, omero_standin: OmeroStandin) -> None:
    omero_standin.set_image(11, behaviour=f"throws omero.{name}")
    async with joined(omero_standin.plain) as session, session.stores.lend() as store:
        await store.set_pixels_id(pixels(11), IN_LAB)
        with pytest.raises(ServerError) as thrown:
            await store.get_thumbnail_by_longest_side(96, IN_LAB)
        # the connection has read the whole of it: what comes next is understood
        assert await store.is_in_progress(IN_LAB) is False
    error = thrown.value
    assert type(error) is getattr(exceptions, name)
    assert (error.message, error.serverExceptionClass) == ("thrown by image 11", f"ome.conditions.{name}")
    for kind in type(error).__mro__:
        for member, _ in vars(kind).get("MEMBERS", ()):
            assert hasattr(error, member)


async def test_what_no_slice_declares_arrives_as_unknown(omero_standin: OmeroStandin) -> None:
    async with joined(omero_standin.plain) as session, session.stores.lend() as store:
        await store.set_pixels_id(pixels(48), IN_LAB)
        with pytest.raises(UnknownException):
            await store.get_thumbnail_by_longest_side(96, IN_LAB)


async def test_a_query_that_omero_does_not_understand(omero_standin: OmeroStandin) -> None:
    async with joined(omero_standin.plain) as session:
        with pytest.raises(QueryException, match="does not know the query"):
            await session.projection("select nothing", {})
        assert await session.projection(SECTION_OF_RENDERING_DEF, {"id": RLong(601)}) == [[5, 2]]
        assert await session.projection(SECTION_OF_RENDERING_DEF, {"id": RLong(777)}) == []


async def test_every_way_to_ask_a_thumbnail_store(omero_standin: OmeroStandin) -> None:
    async with joined(omero_standin.adh) as session, session.stores.lend() as store:
        assert await store.set_pixels_id(pixels(12), IN_LAB) is True
        longest = what_is_shown(await store.get_thumbnail_by_longest_side(64, IN_LAB))
        direct = what_is_shown(await store.get_thumbnail_by_longest_side_direct(64, IN_LAB))
        exact = what_is_shown(await store.get_thumbnail_direct(30, 70, IN_LAB))
        section = what_is_shown(await store.get_thumbnail_for_section_by_longest_side(7, 3, 64, IN_LAB))
        exact_section = what_is_shown(await store.get_thumbnail_for_section(1, 2, 30, 70, IN_LAB))
        await store.set_pixels_id(pixels(11), IN_LAB)
        await store.set_rendering_def_id(602, IN_LAB)
        assert await store.get_rendering_def_id(IN_LAB) == 602
        with pytest.raises(ValidationException):
            await store.set_rendering_def_id(777, IN_LAB)
        with pytest.raises(ResourceError):
            await store.set_pixels_id(pixels(1404), IN_LAB)
        many = await store.get_thumbnail_by_longest_side_set(32, [pixels(11), pixels(43), pixels(45)], IN_LAB)
    assert (longest["width"], longest["height"]) == (direct["width"], direct["height"]) == (64, 32)
    assert (exact["width"], exact["height"]) == (30, 70)
    assert (section["width"], section["height"], section["z"], section["t"]) == (64, 32, 7, 3)
    assert (exact_section["width"], exact_section["height"], exact_section["z"], exact_section["t"]) == (30, 70, 1, 2)
    assert what_is_shown(many.pop(pixels(11)))["width"] == 32
    assert many == {pixels(43): b""}


async def test_an_administrator_is_in_the_system_group(omero_standin: OmeroStandin) -> None:
    async with joined(omero_standin.plain, ROOT_KEY) as session:
        context = await session.event_context()
    assert context.isAdmin
    assert 0 in context.memberOfGroups
    assert ROOT_KEY not in repr(context)


async def test_a_service_is_got_once_however_many_ask_at_once(omero_standin: OmeroStandin) -> None:
    async with joined(omero_standin.plain) as session:
        await session.event_context()
        await session.event_context()
        await session.projection(PIXELS_OF_IMAGES, {"ids": rlong_list([11])})
        await session.projection(PIXELS_OF_IMAGES, {"ids": rlong_list([11])})
    calls = omero_standin.stats()["calls"]
    assert calls["getAdminService"] == calls["getEventContext"] == calls["getQueryService"] == 1
    assert calls["projection"] == 2
