"""The harness itself: the official client, through the real router, finds an OMERO in the stand-in."""

from __future__ import annotations

import base64
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest

from tests.real.conformance import harness
from tests.real.conformance.glacier2 import TRANSPORTS
from tests.real.conformance.harness import (
    ALICE,
    ALICE_KEY,
    BOB_KEY,
    EXPIRED_KEY,
    LAB,
    ROOT_KEY,
    pixels,
    surprises,
    tour,
)
from tests.real.conformance.standin.pictures import what_is_shown

pytestmark = pytest.mark.long

if TYPE_CHECKING:
    from tests.real.conformance.harness import OfficialClient, OmeroStandin

JOIN: dict[str, Any] = {"do": "join", "name": ALICE_KEY, "password": ALICE_KEY}
JOIN_BOB: dict[str, Any] = {"do": "join", "name": BOB_KEY, "password": BOB_KEY}
JOIN_ROOT: dict[str, Any] = {"do": "join", "name": ROOT_KEY, "password": ROOT_KEY}
DETACH: dict[str, Any] = {"do": "detach"}
STORE: dict[str, Any] = {"do": "store"}
LEAVE: dict[str, Any] = {"do": "leave"}


def shown(result: dict[str, Any]) -> dict[str, Any]:
    return what_is_shown(base64.b64decode(result["ok"]))


def failure(result: dict[str, Any]) -> str:
    return str(result["error"]["type"])


def a_tour() -> list[dict[str, Any]]:
    return tour(
        key=ALICE_KEY,
        name="alice",
        password="alice-password",
        images=[11, 12, 13],
        missing_image=1404,
        rendering_def=602,
        missing_rendering_def=777,
        group=LAB,
    )


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_official_client_tours_the_standin(
    transport: str, omero_standin: OmeroStandin, official_client: OfficialClient
) -> None:
    steps = a_tour()
    results = official_client.run_at(omero_standin.routers[transport], steps)
    assert surprises(steps, results) == []
    by_step = {step["do"]: result for step, result in zip(steps, results, strict=True)}
    assert by_step["pixels"]["ok"] == [
        [pixels(11), 11, LAB, ALICE],
        [pixels(12), 12, LAB, ALICE],
        [pixels(13), 13, LAB, harness.BOB],
    ]
    stats = omero_standin.stats()
    assert stats["refused"] == 2
    assert stats["joins"] == 3
    assert stats["overlaps"] == 0
    assert stats["left_open"] == []
    assert ALICE_KEY in stats["sessions"]
    assert stats["without_client_uuid"].keys() <= {"checkPermissions", "destroy"}


@pytest.mark.parametrize("transport", ["self_signed", "ca_signed"])
def test_official_client_verifies_the_certificate(
    transport: str, omero_standin: OmeroStandin, official_client: OfficialClient
) -> None:
    router = omero_standin.routers[transport]
    verify = {"IceSSL.VerifyPeer": "2", "IceSSL.CheckCertName": "1"}
    trusted = official_client.run_at(
        router, [JOIN, DETACH, LEAVE], properties=verify | {"IceSSL.CertAuthFile": str(router.ca_file)}
    )
    assert "ok" in trusted[0]
    other = omero_standin.ca_signed if transport == "self_signed" else omero_standin.self_signed
    distrusted = official_client.run_at(router, [JOIN], properties=verify | {"IceSSL.CertAuthFile": str(other.ca_file)})
    assert failure(distrusted[0]).startswith("Ice.")


def test_an_anonymous_router_is_refused_by_a_client_that_allows_no_anonymous_cipher(
    omero_standin: OmeroStandin, official_client: OfficialClient
) -> None:
    router = omero_standin.adh
    steps = [{**JOIN, "expect": "ok"}]
    properties = {"IceSSL.Ciphers": "HIGH:!aNULL"}
    (result,) = official_client.run(router.host, router.port, steps, secure=True, properties=properties)
    assert failure(result).startswith("Ice.")


def test_a_thumbnail_says_what_it_shows(omero_standin: OmeroStandin, official_client: OfficialClient) -> None:
    steps = [
        JOIN_BOB,
        DETACH,
        {"do": "pixels", "images": [11, 12, 21]},
        STORE,
        {"do": "set_pixels", "image": 11},
        {"do": "thumbnail", "size": 96},
        # a store that has drawn an image draws what is chosen later with what it had
        {"do": "set_rendering_def", "rendering_def": 601},
        {"do": "thumbnail", "size": 96, "direct": True},
        STORE,
        {"do": "set_pixels", "image": 11},
        {"do": "set_rendering_def", "rendering_def": 601},
        {"do": "thumbnail", "size": 96, "direct": True},
        {"do": "thumbnail", "size": 96, "z": 7, "t": 1},
        {"do": "pixels", "images": [13]},
        {"do": "thumbnails", "images": [13], "size": 96},
    ]
    results = official_client.run_at(omero_standin.plain, steps)
    assert [row[1] for row in results[2]["ok"]] == [11, 12]
    bob = {"image": 11, "width": 96, "height": 96}
    assert shown(results[5]) == {**bob, "rendering_def": 602, "z": 1, "t": 0}
    assert shown(results[7]) == {**bob, "rendering_def": 602, "z": 5, "t": 2}
    assert shown(results[11]) == {**bob, "rendering_def": 601, "z": 5, "t": 2}
    assert shown(results[12]) == {**bob, "rendering_def": 601, "z": 7, "t": 1}
    many = what_is_shown(base64.b64decode(results[14]["ok"][str(pixels(13))]))
    assert (many["width"], many["height"], many["image"]) == (48, 96, 13)


def test_many_at_once_leaves_out_fails_and_shows_clocks(
    omero_standin: OmeroStandin, official_client: OfficialClient
) -> None:
    images = [44, 11, 41, 43, 45, 46, 47, 48]
    steps = [
        JOIN,
        DETACH,
        {"do": "pixels", "images": images},
        STORE,
        {"do": "thumbnails", "images": images, "size": 32},
        {"do": "in_progress"},
        {"do": "thumbnails", "images": [44], "size": 32},
        {"do": "in_progress"},
    ]
    results = official_client.run_at(omero_standin.plain, steps)
    many = {int(key) - 1_000_000: value for key, value in results[4]["ok"].items()}
    assert sorted(many) == [11, 41, 43, 44, 46, 47, 48]
    assert [image for image, jpeg in sorted(many.items()) if not jpeg] == [43, 46, 47, 48]
    assert what_is_shown(base64.b64decode(many[44]))["clock"]
    assert results[5]["ok"] is False
    assert results[7]["ok"] is True
    assert omero_standin.calls("getThumbnailByLongestSideSet")[0]["arguments"] == [32, [pixels(one) for one in images]]
    assert omero_standin.calls("getThumbnailByLongestSideSet")[0]["group"] == str(LAB)


def test_missing_rendering_settings_are_made_by_the_owner_alone(
    omero_standin: OmeroStandin, official_client: OfficialClient
) -> None:
    careful = [
        {"do": "pixels", "images": [41]},
        STORE,
        {"do": "set_pixels", "image": 41},
        {"do": "thumbnail", "size": 96},
        {"do": "reset_defaults"},
        {"do": "set_pixels", "image": 41},
        {"do": "thumbnail", "size": 96},
    ]
    bob = official_client.run_at(omero_standin.plain, [JOIN_BOB, DETACH, *careful])
    assert bob[4] == {"ok": False}
    assert failure(bob[5]) == "omero.ResourceError"
    assert failure(bob[6]) == "omero.ApiUsageException"
    alice = official_client.run_at(omero_standin.plain, [JOIN, DETACH, *careful])
    assert alice[4] == {"ok": False}
    assert failure(alice[5]) == "omero.InternalException"
    assert alice[6] == {"ok": None}
    assert alice[7] == {"ok": True}
    assert shown(alice[8])["image"] == 41


def test_an_administrator_acts_for_the_owner_and_nobody_else_does(
    omero_standin: OmeroStandin, official_client: OfficialClient
) -> None:
    for_bob = [
        {"do": "pixels", "images": [42]},
        STORE,
        {"do": "set_pixels", "image": 42, "user": harness.BOB},
        {"do": "reset_defaults", "user": harness.BOB},
        {"do": "set_pixels", "image": 42},
    ]
    alice = official_client.run_at(omero_standin.plain, [JOIN, DETACH, *for_bob])
    assert failure(alice[4]) == "omero.SecurityViolation"
    root = official_client.run_at(omero_standin.plain, [JOIN_ROOT, DETACH, *for_bob])
    assert [result.get("ok") for result in root[4:]] == [False, None, True]


def test_calls_in_a_wrong_group_are_refused(omero_standin: OmeroStandin, official_client: OfficialClient) -> None:
    steps = [
        JOIN,
        DETACH,
        {"do": "pixels", "images": [11, 31]},
        {"do": "pixels", "images": [11, 31], "group": harness.SHARED},
        STORE,
        {"do": "set_pixels", "image": 31, "group": LAB},
        {"do": "set_pixels", "image": 31},
        {"do": "thumbnail", "size": 96, "group": LAB},
        {"do": "thumbnail", "size": 96, "group": -1},
        {"do": "thumbnails", "images": [11, 31], "size": 96},
        {"do": "thumbnails", "images": [11, 31], "size": 96, "group": harness.SHARED},
        {"do": "pixels", "images": [11], "group": harness.SYSTEM},
    ]
    results = official_client.run_at(omero_standin.plain, steps)
    assert [row[1] for row in results[2]["ok"]] == [11, 31]
    assert [row[1] for row in results[3]["ok"]] == [31]
    assert failure(results[5]) == "omero.ResourceError"
    assert failure(results[7]) == "omero.InternalException"
    assert failure(results[8]) == "omero.SecurityViolation"
    assert failure(results[9]) == "omero.ResourceError"
    assert list(results[10]["ok"]) == [str(pixels(31))]
    assert failure(results[11]) == "omero.SecurityViolation"


@pytest.mark.parametrize(
    ("refuse", "kind"),
    [
        ("AuthenticationException", "omero.AuthenticationException"),
        ("ConcurrencyException", "omero.ClientError"),  # omero-py tries a WrappedCreateSessionException of these again
        ("ApiUsageException", "omero.WrappedCreateSessionException"),
        ("CannotCreateSessionException", "Glacier2.CannotCreateSessionException"),
    ],
)
def test_refusals_keep_their_type_through_the_router(
    refuse: str, kind: str, omero_standin: OmeroStandin, official_client: OfficialClient
) -> None:
    key = omero_standin.start_session("bob", refuse=refuse)
    results = official_client.run_at(omero_standin.plain, [{"do": "join", "name": key, "password": key}])
    assert failure(results[0]) == kind
    assert omero_standin.stats()["joins"] == 0
    expired = {"do": "join", "name": EXPIRED_KEY, "password": EXPIRED_KEY}
    assert failure(official_client.run_at(omero_standin.plain, [expired])[0]) == "omero.ExpiredCredentialException"


def test_a_key_that_is_only_name_or_only_password_is_refused(
    omero_standin: OmeroStandin, official_client: OfficialClient
) -> None:
    steps = [
        {"do": "join", "name": ALICE_KEY, "password": "alice-password"},
        {"do": "join", "name": "alice", "password": ALICE_KEY},
    ]
    for result in official_client.run_at(omero_standin.plain, steps):
        assert result["error"] == {
            "type": "Glacier2.PermissionDeniedException",
            "message": "username and password must be equal; use joinSession",
        }


def test_a_join_needs_a_client_uuid(omero_standin: OmeroStandin, official_client: OfficialClient) -> None:
    (result,) = official_client.run_at(omero_standin.plain, [{**JOIN, "without_uuid": True}])
    assert failure(result) == "omero.WrappedCreateSessionException"
    assert "omero.client.uuid" in result["error"]["message"]
    assert omero_standin.stats()["without_client_uuid"]["create"] == 1


@pytest.mark.parametrize(
    ("exception", "kind"),
    [("", "Ice.ObjectNotExistException"), ("RemovedSessionException", "omero.RemovedSessionException")],
)
def test_calls_in_a_session_that_ended(
    exception: str, kind: str, omero_standin: OmeroStandin, official_client: OfficialClient
) -> None:
    set_pixels = {"do": "set_pixels", "image": 11}
    steps = [
        JOIN,
        DETACH,
        {"do": "pixels", "images": [11]},
        STORE,
        set_pixels,
        {"do": "pause"},
        set_pixels,
        STORE,
        JOIN,
    ]
    results = official_client.run_at(
        omero_standin.plain, steps, at_pause=lambda: omero_standin.end_session(ALICE_KEY, exception)
    )
    assert results[4] == {"ok": True}
    assert failure(results[6]) == failure(results[7]) == kind
    assert failure(results[8]) == "Glacier2.PermissionDeniedException"


def test_leaving_without_detaching_ends_the_session_and_a_store_outlives_a_join_that_detached(
    omero_standin: OmeroStandin, official_client: OfficialClient
) -> None:
    official_client.run_at(omero_standin.plain, [JOIN, DETACH, STORE, LEAVE, JOIN_BOB, STORE, LEAVE])
    omero_standin.wait_until_left()
    stats = omero_standin.stats()
    assert ALICE_KEY in stats["sessions"]
    assert BOB_KEY not in stats["sessions"]
    assert len(stats["left_open"]) == 1
    alice = next(client for client in stats["clients"].values() if client["key"] == ALICE_KEY)
    assert alice == {
        "key": ALICE_KEY,
        "agent": "conformance",
        "present": False,
        "detachOnDestroy": 1,
        "services_created": 1,
        "services_closed": 0,
    }


def test_overlapping_calls_on_one_store_are_counted(
    omero_standin: OmeroStandin, official_client: OfficialClient
) -> None:
    at_once = {"do": "thumbnail_at_once", "size": 96, "times": 2}
    steps = [JOIN, DETACH, {"do": "pixels", "images": [49]}, STORE, {"do": "set_pixels", "image": 49}, at_once]
    with ThreadPoolExecutor() as pool:
        running = pool.submit(official_client.run_at, omero_standin.plain, steps)
        try:
            omero_standin.wait_for("overlaps", 1)
        finally:
            omero_standin.release()
        first, second = running.result()[5]["ok"]
    assert first == second
    assert omero_standin.stats()["overlaps"] == 1


def test_a_frozen_omero_answers_when_it_thaws(omero_standin: OmeroStandin, official_client: OfficialClient) -> None:
    omero_standin.freeze()
    with ThreadPoolExecutor() as pool:
        running = pool.submit(official_client.run_at, omero_standin.plain, [JOIN, DETACH, LEAVE])
        omero_standin.wait_for("checkPermissions", 1)
        with pytest.raises(TimeoutError, match="create was not called"):
            omero_standin.wait_for("create", 1, seconds=0.2)
        omero_standin.thaw()
        assert running.result()[0] == {"ok": ALICE_KEY}


def test_a_router_that_was_killed_comes_back_on_its_port(
    omero_standin: OmeroStandin, official_client: OfficialClient
) -> None:
    router = omero_standin.plain
    port = router.port

    def crash() -> None:
        router.kill()
        assert not router.accepts()
        router.restart()

    steps = [JOIN, DETACH, {"do": "pause"}, {"do": "pixels", "images": [11]}, {"do": "forget"}, JOIN, DETACH, LEAVE]
    results = official_client.run_at(router, steps, at_pause=crash)
    assert failure(results[3]).startswith("Ice.")
    assert results[5] == {"ok": ALICE_KEY}
    assert router.port == port


def test_a_router_ends_a_session_that_nobody_uses(omero_standin: OmeroStandin, official_client: OfficialClient) -> None:
    router = omero_standin.start_router(session_timeout=1)
    pixels_of = {"do": "pixels", "images": [11]}
    results = official_client.run_at(
        router, [JOIN, DETACH, {"do": "pause"}, pixels_of], at_pause=omero_standin.wait_until_left
    )
    assert failure(results[3]).startswith("Ice.")


def test_an_exception_is_thrown_where_the_world_says_so(
    omero_standin: OmeroStandin, official_client: OfficialClient
) -> None:
    omero_standin.set_image(11, behaviour="throws omero.LockTimeout in setPixelsId")
    omero_standin.set_image(12, behaviour=["slow 1", "throws omero.InternalException"])
    steps = [
        JOIN,
        DETACH,
        {"do": "pixels", "images": [11, 12, 48]},
        STORE,
        {"do": "set_pixels", "image": 11},
        {"do": "set_pixels", "image": 12},
        {"do": "thumbnail", "size": 96},
        {"do": "set_pixels", "image": 48},
        {"do": "thumbnail", "size": 96},
    ]
    results = official_client.run_at(omero_standin.plain, steps)
    assert failure(results[4]) == "omero.LockTimeout"
    assert results[5] == {"ok": True}
    assert failure(results[6]) == "omero.InternalException"
    assert failure(results[8]) == "Ice.UnknownException"


def test_a_command_that_makes_no_sense_says_why(omero_standin: OmeroStandin) -> None:
    with pytest.raises(harness.CommandRefused, match="no behaviour 'sulks'"):
        omero_standin.set_image(11, behaviour="sulks")
