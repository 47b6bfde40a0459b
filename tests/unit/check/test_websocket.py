"""What is no WebSocket of OMERO's, told by its bytes; and OMERO.web's server_list with URLs in it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from omero_ms_thumbnail.check import configuration
from omero_ms_thumbnail.check.finding import Finding, Outcome, Stopwatch, Trouble
from omero_ms_thumbnail.check.omero_web import OmeroWeb, read_omero_web
from omero_ms_thumbnail.check.transport import greet_router
from omero_ms_thumbnail.check.websocket import upgrade
from omero_ms_thumbnail.config import OmeroSettings, SessionStoreSettings, Settings
from omero_ms_thumbnail.omero.session import OmeroServer
from tests.unit.check.site import omero_web
from tests.unit.ice.websocket_wire import BINARY, answer, frame, read_request
from tests.unit.ice.websocket_wire import upgrade as agreement
from tests.unit.ice.wire import HOST, Handler, Wire, raw_server


def _saying(said: bytes, *, hang_up: bool = False) -> Handler:
    async def say(wire: Wire) -> None:
        await read_request(wire)
        wire.send(said)
        if not hang_up:
            await wire.ended()

    return say


def _server(port: int) -> OmeroServer:
    return OmeroServer(HOST, port, None, path="/omero-wss", connect_timeout=0.2)


@pytest.mark.parametrize(
    ("said", "hang_up", "code"),
    [
        (answer("301 Moved Permanently", "Location: /elsewhere"), False, "websocket-redirected"),
        (answer("400 Bad Request"), False, "websocket-not-upgraded"),
        (answer("403 Forbidden"), False, "websocket-not-let-in"),
        (answer("404 Not Found"), False, "websocket-path"),
        (answer("502 Bad Gateway"), False, "websocket-nobody-behind"),
        (b"SSH-2.0-OpenSSH_10.0\r\n", False, "websocket-not-http"),
        (b"HTTP/1.1 101 Switching Protocols\r\n\r\n", False, "websocket-other-application"),
        (b"", True, "websocket-silent"),
        (b"", False, "websocket-silent"),
        (b"HTTP/1.1 200", False, "websocket-silent"),
    ],
)
async def test_what_does_not_agree(said: bytes, hang_up: bool, code: str) -> None:
    async with raw_server(_saying(said, hang_up=hang_up)) as port:
        with pytest.raises(Trouble) as info:
            await upgrade(_server(port))
        assert info.value.diagnosis.code == code
        assert info.value.found.startswith(f"ws://127.0.0.1:{port}/omero-wss ")


async def test_what_agrees_without_the_subprotocol_is_looked_at_further() -> None:
    async def chat(wire: Wire) -> None:
        agreed = agreement(await read_request(wire), "Server: chat/1.0", subprotocol=None)
        wire.send(agreed, frame(BINARY, b"welcome to the chat"))
        await wire.ended()

    async with raw_server(chat) as port:
        finding = await upgrade(_server(port))
        assert finding.outcome is Outcome.WARNING
        where = f"ws://127.0.0.1:{port}/omero-wss"
        assert finding.found == f"{where} agrees to WebSocket, and not to ice.zeroc.com, answered by chat/1.0"
        with pytest.raises(Trouble) as info:
            await greet_router(_server(port))
        assert info.value.diagnosis.code == "websocket-other-application"


def _web(folder: Path, *servers: tuple[str, int]) -> OmeroWeb:
    listed = json.dumps([[host, port, "omero"] for host, port in servers])
    return read_omero_web(omero_web(folder, {"omero.web.server_list": listed}), {})


def _compared(web: OmeroWeb, omero: OmeroSettings) -> list[Finding]:
    settings = Settings(omero=omero, session_stores=(SessionStoreSettings(type="files", directory=Path("/tmp")),))
    return [*configuration.compare(settings, web, Stopwatch())]


@pytest.mark.parametrize(
    "servers",
    [
        [("wss://omero.example.org/omero-wss", 443)],
        # the port in the URL counts, and none is the transport's own
        [("wss://omero.example.org:443/omero-wss", 4064)],
        [("wss://omero.example.org/omero-wss", 0)],
    ],
)
def test_a_server_list_with_the_same_url(tmp_path: Path, servers: list[tuple[str, int]]) -> None:
    omero = OmeroSettings(host="wss://omero.example.org/omero-wss", port=443)
    (finding,) = _compared(_web(tmp_path, *servers), omero)
    assert finding.outcome is Outcome.OK


@pytest.mark.parametrize(
    ("host", "port"),
    [("wss://omero.example.org/other", 443), ("omero.example.org", 4064), ("https://omero.example.org", 443)],
)
def test_a_server_list_with_another(tmp_path: Path, host: str, port: int) -> None:
    omero = OmeroSettings(host="wss://omero.example.org/omero-wss", port=443)
    (finding,) = _compared(_web(tmp_path, (host, port)), omero)
    assert (finding.outcome, finding.diagnosis and finding.diagnosis.code) == (Outcome.WARNING, "omeroweb-server")
    assert finding.found.endswith(", the configuration wss://omero.example.org:443/omero-wss")


def test_settings_of_an_omero_web_with_a_url(tmp_path: Path) -> None:
    settings = configuration.settings_of(_web(tmp_path, ("ws://omero.example.org/omero-ws", 4065)))
    assert str(settings.omero.address) == "ws://omero.example.org:4065/omero-ws"
    assert "OMERO at ws://omero.example.org:4065/omero-ws (WebSocket)" in (
        configuration.describe("here", settings, Stopwatch()).found
    )


def test_settings_of_an_omero_web_with_a_url_that_means_nothing(tmp_path: Path) -> None:
    with pytest.raises(Trouble) as info:
        configuration.settings_of(_web(tmp_path, ("https://user:Very-Secret@omero.example.org", 443)))
    assert info.value.diagnosis.code == "omeroweb-unreadable"
    assert " of omero.web.server_list: https:// is no transport of OMERO" in info.value.found
    assert "Secret" not in info.value.found
