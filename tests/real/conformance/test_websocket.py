"""Ice over WebSocket through the real router, alone and with a real nginx in front of it."""

from __future__ import annotations

import json
from pathlib import Path

import httpx
import pytest

from omero_ms_thumbnail.check.diagnoses import Diagnosis
from omero_ms_thumbnail.check.finding import Outcome, Trouble
from omero_ms_thumbnail.check.transport import greet_router, reach, secure
from omero_ms_thumbnail.check.websocket import upgrade
from omero_ms_thumbnail.ice.errors import ConnectFailedException, IceException, UpgradeRefusedException
from omero_ms_thumbnail.ice.tls import client_context
from omero_ms_thumbnail.omero.session import JoinedSession, OmeroServer
from omero_ms_thumbnail.omero.stores import create_thumbnail_store
from tests.real.conformance.glacier2 import HOST, free_port
from tests.real.conformance.harness import ALICE, ALICE_KEY, OfficialClient, OmeroStandin
from tests.real.conformance.standin.pictures import what_is_shown
from tests.real.conformance.thumbnail_client import LEAVE_WITHIN, assert_left_clean, heart_at, joined, server_of, told
from tests.real.conformance.websocket_front import PATH, Front, documented_location, front
from tests.support.service_process import DEADLINE, run, start


def _behind(
    at: Front, *, tls: bool = True, verify: bool = False, path: str = PATH, patience: float = DEADLINE
) -> OmeroServer:
    """OMERO as it is reached through that nginx."""
    context = client_context(verify=verify, ca_file=at.certificate if verify else None) if tls else None
    port = at.tls_port if tls else at.plain_port
    return OmeroServer("localhost", port, context, path=path, connect_timeout=patience)


async def _event_context_of(server: OmeroServer) -> int:
    session = await JoinedSession.join(server, ALICE_KEY)
    try:
        return (await session.event_context()).userId
    finally:
        await session.leave(LEAVE_WITHIN)


@pytest.mark.parametrize(("transport", "verify"), [("plain", False), ("adh", False), ("ca_signed", True)])
async def test_thumbnails_over_the_routers_own_websocket(
    transport: str, verify: bool, omero_standin: OmeroStandin
) -> None:
    router = await told(omero_standin.start_router, transport, websocket=True)
    async with heart_at(router, verify=verify) as heart:
        assert (await heart.get(11))["image"] == 11
        assert await heart.get_all(range(1000, 1050)) == list(range(1000, 1050))
    await assert_left_clean(omero_standin)


async def test_a_message_larger_than_many_reads(omero_standin: OmeroStandin) -> None:
    router = await told(omero_standin.start_router, "plain", websocket=True)
    async with heart_at(router) as heart:
        assert await heart.get_all(range(1000, 1200), 500) == list(range(1000, 1200))


async def test_a_router_that_crashes_ends_what_is_asked(omero_standin: OmeroStandin) -> None:
    router = await told(omero_standin.start_router, "plain", websocket=True)
    session = await JoinedSession.join(server_of(router), ALICE_KEY)
    await told(router.kill)
    await session.wait_closed()
    with pytest.raises(IceException):
        await create_thumbnail_store(session.calls)
    await session.leave(0.1)


@pytest.mark.parametrize("transport", ["plain", "ca_signed"])
@pytest.mark.parametrize("tls", [True, False])
async def test_through_nginx_as_documented(
    tls: bool, transport: str, omero_standin: OmeroStandin, tmp_path: Path
) -> None:
    router = await told(omero_standin.start_router, transport, websocket=True)
    location = documented_location(router.port)
    if transport == "ca_signed":
        location = location.replace("http://", "https://")
    with front(tmp_path, location) as at:
        assert await _event_context_of(_behind(at, tls=tls, verify=tls)) == ALICE
    await assert_left_clean(omero_standin)


async def test_omeros_own_client_takes_the_same_url(
    omero_standin: OmeroStandin, official_client: OfficialClient, tmp_path: Path
) -> None:
    router = await told(omero_standin.start_router, "plain", websocket=True)
    with front(tmp_path, documented_location(router.port)) as at:
        join = {"do": "join", "name": ALICE_KEY, "password": ALICE_KEY}
        steps = [join, {"do": "detach"}, {"do": "event_context"}, {"do": "leave"}]
        url = f"wss://localhost:{at.tls_port}{PATH}"
        results = await told(official_client.run, url, at.tls_port, steps)
        assert [list(result) for result in results] == [["ok"]] * len(steps)
        assert await _event_context_of(_behind(at)) == ALICE


def test_a_picture_comes_the_whole_way_by_http(omero_standin: OmeroStandin, tmp_path: Path) -> None:
    router = omero_standin.start_router("plain", websocket=True)
    with front(tmp_path, documented_location(router.port)) as at:
        config = tmp_path / "config.yaml"
        config.write_text(
            f"omero: {{host: 'wss://localhost:{at.tls_port}{PATH}'}}\n"
            f"omero.tls: {{verify: true, ca_file: {at.certificate}}}\n"
            "session-store: {type: memory}\n"
        )
        with start("serve", "--config", str(config)) as service, httpx.Client(base_url=service.address) as browser:
            browser.headers["X-OMERO-Session-Key"] = ALICE_KEY
            answer = browser.get("/webclient/render_thumbnail/11/", timeout=DEADLINE)
            assert (answer.status_code, answer.headers["content-type"]) == (200, "image/jpeg")
            assert what_is_shown(answer.content)["image"] == 11
            page = browser.get("/webclient/get_thumbnails/?id=11&id=12&id=13", timeout=DEADLINE).json()
            assert [value is not None for value in page.values()] == [True] * 3
            assert browser.get("/readyz", timeout=DEADLINE).status_code == 200
            service.wait_for(rf"OMERO at wss://localhost:{at.tls_port}{PATH} \(WebSocket over TLS\)")
    omero_standin.wait_until_left()


# what `check` finds


async def _codes(server: OmeroServer) -> tuple[str, str]:
    """Of the steps from the network to the router, which ends the walk and by what diagnosis."""
    finding = await reach(server)
    for step in (secure, upgrade, greet_router):
        try:
            finding = await step(server)
        except Trouble as trouble:
            return trouble.diagnosis.code, trouble.found
        if finding.outcome is not Outcome.OK:
            assert isinstance(finding.diagnosis, Diagnosis)
            return finding.diagnosis.code, finding.found
    return "", finding.found


async def test_check_says_what_is_there(omero_standin: OmeroStandin, tmp_path: Path) -> None:
    router = await told(omero_standin.start_router, "plain", websocket=True)
    with front(tmp_path, documented_location(router.port)) as at:
        server = _behind(at, verify=True)
        tls = await secure(server)
        assert tls.outcome is Outcome.WARNING
        assert tls.found.startswith("TLSv1.")
        assert "certificate of localhost (self-signed)" in tls.found
        assert tls.found.endswith(", verified")
        assert tls.diagnosis is not None
        assert tls.diagnosis.code == "tls-certificate-ends-soon"
        found = (await upgrade(server)).found
        assert found.startswith(f"wss://localhost:{at.tls_port}{PATH} agrees to ice.zeroc.com, answered by nginx")
        assert (await greet_router(server)).found == "OMERO.Glacier2/router answers"
        plain = _behind(at, tls=False)
        assert await _codes(plain) == ("", "OMERO.Glacier2/router answers")
        assert (await secure(plain)).found == "none, as configured: session keys cross the network unencrypted"


def test_the_command_walks_over_it(omero_standin: OmeroStandin, tmp_path: Path) -> None:
    router = omero_standin.start_router("plain", websocket=True)
    with front(tmp_path, documented_location(router.port)) as at:
        url = f"wss://localhost:{at.tls_port}{PATH}"
        config = tmp_path / "config.yaml"
        config.write_text(f"omero.host: '{url}'\nsession-store: {{type: files, directory: {tmp_path}}}\n")
        report = json.loads(run("check", "--json", "--config", str(config)).stdout)
        found = {step["step"]: step["found"] for step in report["steps"]}
        assert f"OMERO at {url} (WebSocket over TLS)" in found["configuration"]
        steps = [step for step in found if step in ("OMERO reachable", "TLS", "WebSocket", "router", "join")]
        assert steps == ["OMERO reachable", "TLS", "WebSocket", "router", "join"]
        assert found["OMERO reachable"].startswith(f"{url} (")
        assert found["TLS"].endswith("not verified, as configured")
        assert found["WebSocket"].startswith(f"{url} agrees to ice.zeroc.com")
        assert found["router"] == "OMERO.Glacier2/router answers"


_MISTAKES = """
location = /no-upgrade {{ proxy_pass http://127.0.0.1:{port}; }}
location = /no-connection {{ proxy_pass http://127.0.0.1:{port}; proxy_http_version 1.1;
                             proxy_set_header Upgrade $http_upgrade; }}
location = /closed {{ proxy_pass http://127.0.0.1:{closed}; proxy_http_version 1.1; }}
location = /moved {{ return 301 https://elsewhere.example.org/omero-wss; }}
location = /login {{ return 302 /accounts/login?next=/omero-wss; }}
location = /forbidden {{ deny all; }}
location = /password {{ auth_basic "OMERO"; auth_basic_user_file /dev/null; }}
location = /missing {{ return 404; }}
location = /bad {{ return 400; }}
"""


@pytest.mark.parametrize("tls", [True, False])
async def test_each_mistake_of_a_web_server_is_told(tls: bool, omero_standin: OmeroStandin, tmp_path: Path) -> None:
    router = await told(omero_standin.start_router, "plain", websocket=True)
    locations = _MISTAKES.format(port=router.port, closed=free_port())
    expected = {
        "/no-upgrade": "websocket-nobody-behind",
        "/no-connection": "websocket-nobody-behind",
        "/closed": "websocket-nobody-behind",
        "/moved": "websocket-redirected",
        "/login": "websocket-redirected",
        "/forbidden": "websocket-not-let-in",
        "/password": "websocket-not-let-in",
        "/missing": "websocket-path",
        "/a-page": "websocket-path",
        "/bad": "websocket-not-upgraded",
    }
    with front(tmp_path, locations) as at:
        found = {}
        for path in expected:
            server = _behind(at, tls=tls, path=path)
            with pytest.raises(Trouble) as trouble:
                await upgrade(server)
            found[path] = trouble.value.diagnosis.code
            with pytest.raises(UpgradeRefusedException) as refused:
                await server.connect()
            assert trouble.value.found == str(refused.value)
            assert trouble.value.found.startswith(f"{server} ")
    assert found == expected


async def test_a_web_server_that_leads_to_the_port_for_ice_alone(omero_standin: OmeroStandin, tmp_path: Path) -> None:
    """nginx takes Ice's first word for HTTP 0.9 and hands it on, if it has come before the router hangs up."""
    with front(tmp_path, documented_location(omero_standin.plain.port)) as at:
        # where nothing is handed on, nobody ever says anything
        server = _behind(at, tls=False, patience=3)
        code, _ = await _codes(server)
        assert code in ("websocket-plain-ice", "websocket-silent", "websocket-nobody-behind")
        # on a busy machine nginx has nothing to hand on
        sentence = r"OMERO's port for (ws|Ice alone)|did not answer the request for WebSocket"
        with pytest.raises(ConnectFailedException, match=sentence):
            await server.connect()


async def test_each_mistake_of_scheme_and_port_is_told(omero_standin: OmeroStandin, tmp_path: Path) -> None:
    plain = await told(omero_standin.start_router, "plain", websocket=True)
    secured = await told(omero_standin.start_router, "ca_signed", websocket=True)
    with front(tmp_path, documented_location(plain.port)) as at:
        unsecured, tls = None, client_context()
        expected = {
            (at.tls_port, unsecured): "ws-to-tls-port",
            (at.plain_port, tls): "wss-to-plain-port",
            (secured.port, unsecured): "ws-to-tls-port",
            (plain.port, tls): "wss-to-plain-port",
            (omero_standin.plain.port, unsecured): "websocket-plain-ice",
            (omero_standin.plain.port, tls): "tls-to-plain-port",
            (omero_standin.ca_signed.port, unsecured): "ws-to-tls-port",
            (omero_standin.ca_signed.port, tls): "websocket-plain-ice",
            (omero_standin.adh.port, tls): "websocket-plain-ice",
        }
        found = {}
        for port, context in expected:
            # OMERO's port for ws takes TLS for the beginning of a request, and waits for the rest
            waits = (port, context) == (plain.port, tls)
            server = OmeroServer(HOST, port, context, path=PATH, connect_timeout=2 if waits else DEADLINE)
            found[port, context] = (await _codes(server))[0]
            with pytest.raises(ConnectFailedException) as info:
                await server.connect()
            assert f"{HOST}:{port}{PATH}" in str(info.value)
    assert found == expected


@pytest.mark.parametrize("verify", [False, True])
async def test_a_certificate_that_is_not_trusted(verify: bool, omero_standin: OmeroStandin, tmp_path: Path) -> None:
    router = await told(omero_standin.start_router, "plain", websocket=True)
    with front(tmp_path, documented_location(router.port)) as at:
        server = OmeroServer(
            "localhost", at.tls_port, client_context(verify=verify), path=PATH, connect_timeout=DEADLINE
        )
        if not verify:
            assert await _event_context_of(server) == ALICE
            return
        assert (await _codes(server))[0] == "tls-certificate-untrusted"
        with pytest.raises(ConnectFailedException, match=r"the certificate of wss://localhost:.* was not accepted"):
            await server.connect()


async def test_the_router_takes_heartbeats_in_frames(omero_standin: OmeroStandin) -> None:
    """They are what keeps a web server between from hanging up on who says nothing."""
    router = await told(omero_standin.start_router, "plain", websocket=True)
    async with joined(router) as session:
        session._router._connection.keep_alive(0.001)
        assert (await session.event_context()).userId == ALICE
        await create_thumbnail_store(session.calls)
