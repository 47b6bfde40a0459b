"""Set-ups whose OMERO is broken for real: `check` names the true cause of each."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
import subprocess
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from omero_embedded.ice_server import ObjectAdapter
from omero_embedded.model.omero_sessions import OmeroSession
from omero_embedded.model.projections import QUERIES, ProjectionQuery, Row
from omero_embedded.workload import Latency
from omero_embedded.world import ImageState
from omero_ms_thumbnail.ice.errors import ObjectNotExistException
from omero_ms_thumbnail.omero.queries import FACTS_AND_CONTENT
from omero_ms_thumbnail.thumbnails.question_mode import SLOW
from tests.real.conformance.glacier2 import Router
from tests.support.parts import require
from tests.unit.check.certificates import make
from tests.unit.check.site import SESSION_KEY, Site
from tests.unit.websession.redis_server import free_port


def listening(site: Site, context: ssl.SSLContext) -> int:
    """Another port of the site's OMERO, with TLS of its own."""
    omero = site.omero
    return omero._run(omero.omero._adapter.listen("127.0.0.1", 0, context))


def with_tls(site: Site, port: int, **tls: Any) -> dict[str, Any]:
    return {"port": port, "tls": tls}


def test_omero_down(site: Site) -> None:
    checked = site.check(omero={"port": free_port()})
    assert checked.failed == ["omero-refused"]
    assert checked.step("the session")["outcome"] == "ok"
    assert [checked.step(step)["outcome"] for step in ("TLS", "router", "join")] == ["skipped"] * 3


def test_host_name_unknown(site: Site) -> None:
    assert site.check(omero={"host": "omero.invalid"}).failed == ["omero-host-name"]


def test_firewall_that_drops_packets(site: Site) -> None:
    with _full_queue() as port:
        assert site.check(omero={"port": port, "connect_timeout": 0.5}).failed == ["omero-firewall"]


def test_wrong_port(site: Site) -> None:
    assert site.check(omero={"port": site.redis.port, "connect_timeout": 0.2}).failed == ["omero-not-ice"]


def test_a_port_that_says_nothing(site: Site) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        assert site.check(omero={"port": port, "connect_timeout": 0.2}).failed == ["omero-not-ice"]
        plain = {"port": port, "connect_timeout": 0.2, "secure": False}
        assert site.check(omero=plain).failed == ["omero-not-ice"]


def test_tls_to_the_plain_port(site: Site) -> None:
    assert site.check(omero={"port": site.omero.omero.tcp_port}).failed == ["tls-to-plain-port"]


def test_plain_tcp_to_the_tls_port(site: Site) -> None:
    assert site.check(omero={"secure": False, "connect_timeout": 2}).failed == ["plain-to-tls-port"]


def test_a_certificate_that_nobody_verifies(site: Site) -> None:
    context, _ = make(site.folder)
    checked = site.check(omero=with_tls(site, listening(site, context)))
    assert checked.status == 0
    assert "certificate of omero.example.org (self-signed)" in checked.step("TLS")["found"]
    assert "not verified" in checked.step("TLS")["found"]


def test_a_certificate_that_is_verified(site: Site) -> None:
    context, pem = make(site.folder)
    checked = site.check(omero=with_tls(site, listening(site, context), verify=True, ca_file=str(pem)))
    assert checked.status == 0
    assert checked.step("TLS")["found"].endswith(", verified")


def test_certificate_not_trusted(site: Site) -> None:
    context, _ = make(site.folder)
    checked = site.check(omero=with_tls(site, listening(site, context), verify=True))
    assert checked.failed == ["tls-certificate-untrusted"]


def test_certificate_for_another_host(site: Site) -> None:
    context, pem = make(site.folder, host="elsewhere.example.org")
    checked = site.check(omero=with_tls(site, listening(site, context), verify=True, ca_file=str(pem)))
    assert checked.failed == ["tls-certificate-name"]


def test_certificate_expired(site: Site) -> None:
    context, pem = make(site.folder, days=-1)
    checked = site.check(omero=with_tls(site, listening(site, context), verify=True, ca_file=str(pem)))
    assert checked.failed == ["tls-certificate-dates"]


def test_certificate_that_expires_and_nobody_verifies(site: Site) -> None:
    context, _ = make(site.folder, days=3)
    checked = site.check(omero=with_tls(site, listening(site, context)))
    assert (checked.status, checked.codes) == (0, ["tls-certificate-ends-soon"])


def test_certificate_asked_of_a_stock_omero(site: Site) -> None:
    assert site.check(omero={"tls": {"verify": True}}).failed == ["tls-anonymous-only"]


def test_no_common_cipher(site: Site) -> None:
    port = free_port()
    command = [str(require("openssl")), "s_server", "-accept", f"127.0.0.1:{port}", "-nocert", "-tls1_2"]
    command += ["-cipher", "PSK-AES128-GCM-SHA256", "-psk", "1a2b3c4d"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as server:
        assert server.stdout is not None
        try:
            while b"ACCEPT" not in server.stdout.readline():
                assert server.poll() is None
            assert site.check(omero={"port": port, "connect_timeout": 0.3}).failed == ["tls-no-common-cipher"]
        finally:
            server.kill()


def test_https_instead_of_omero(site: Site) -> None:
    """TLS comes about, and then nothing is said: what waits for a request is no Ice server."""
    context, _ = make(site.folder)
    with _silent_tls(site, context) as port:
        assert site.check(omero={"port": port, "connect_timeout": 0.5}).failed == ["omero-router-silent"]


def test_ice_that_is_not_the_router(site: Site) -> None:
    adapter = site.omero.do(lambda: ObjectAdapter(_Nothing()))
    port = site.omero._run(adapter.listen("127.0.0.1", 0))
    try:
        assert site.check(omero={"port": port, "secure": False}).failed == ["omero-not-router"]
    finally:
        site.omero._run(adapter.close())


def test_the_omero_session_has_ended(site: Site) -> None:
    site.omero.do(lambda: site.omero.omero.sessions.end(SESSION_KEY))
    checked = site.check()
    assert checked.failed == ["omero-session-ended"]
    assert checked.step("query")["outcome"] == "skipped"


@pytest.mark.parametrize("latency", [Latency(join=400), Latency(query=400), Latency(thumbnail=400)])
def test_slow_omero(site: Site, latency: Latency, monkeypatch: pytest.MonkeyPatch) -> None:
    omero = site.omero.omero
    leaving: list[bool] = []
    left = omero.sessions.left

    def noted(session: OmeroSession, *, detached: bool) -> None:
        leaving.append(detached)
        left(session, detached=detached)

    monkeypatch.setattr(omero.sessions, "left", noted)
    monkeypatch.setattr(omero.workload, "latency", latency)
    checked = site.check(event__bus__send__timeout=200)
    assert checked.failed == ["omero-slow"]
    # a join that is given up on is waited for and left properly: broken off, it would log the user out
    assert leaving == [True]
    assert omero.sessions.find(SESSION_KEY) is not None


def test_omero_that_is_nearly_too_slow(site: Site) -> None:
    workload = site.omero.omero.workload
    workload.latency = Latency(join=400)
    try:
        checked = site.check(event__bus__send__timeout=700)
    finally:
        workload.latency = Latency()
    assert (checked.status, checked.codes) == (0, ["omero-slow"])


def test_nothing_works_behind_the_real_router(site: Site, tmp_path_factory: pytest.TempPathFactory) -> None:
    router = Router("plain", tmp_path_factory.mktemp("router"), require("glacier2router"), blitz_port=free_port())
    router.start()
    try:
        checked = site.check(omero={"port": router.port, "secure": False})
    finally:
        router.stop()
    assert checked.step("router")["outcome"] == "ok"
    assert checked.failed == ["omero-behind-router"]


def test_image_that_does_not_exist(site: Site) -> None:
    checked = site.check("--image", "99999999")
    assert checked.failed == ["image-unavailable"]
    assert checked.step("join")["outcome"] == "ok"


def test_image_that_the_user_may_not_read(site: Site) -> None:
    readable = set(site.omero.readable("researcher"))
    image = next(image for image in site.omero.omero.world.images if image not in readable)
    assert site.check("--image", str(image)).failed == ["image-unavailable"]


@pytest.mark.parametrize(
    ("state", "status", "code"),
    [(ImageState.FAILING, 1, "rendering-failed"), (ImageState.IN_PROGRESS, 0, "import-in-progress")],
)
def test_image_that_omero_cannot_render(site: Site, state: ImageState, status: int, code: str) -> None:
    image = next(image for image in site.omero.omero.world.images.values() if image.state is state)
    checked = site.check("--image", str(image.id))
    assert (checked.status, checked.codes) == (status, [code])


def test_user_without_images(site: Site) -> None:
    database = site.omero.omero.world.database
    images, database.images = database.images, {}
    try:
        checked = site.check()
    finally:
        database.images = images
    assert (checked.status, checked.codes) == (0, ["no-images"])


def test_a_database_that_does_not_say_what_pictures_show(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(QUERIES, FACTS_AND_CONTENT)
    checked = site.check()
    assert (checked.status, checked.codes) == (0, ["content-query-slow"])


def test_a_database_that_takes_long_for_it(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    facts_and_content = QUERIES[FACTS_AND_CONTENT]

    def slow(asked: ProjectionQuery) -> Iterable[Row]:
        # in the thread of that OMERO, where nobody waits for anything else
        time.sleep(SLOW + 0.1)
        return facts_and_content(asked)

    monkeypatch.setitem(QUERIES, FACTS_AND_CONTENT, slow)
    checked = site.check()
    assert (checked.status, checked.codes) == (0, ["content-query-slow"])
    assert "plain one" in checked.step("query")["found"]


class _Nothing:
    """An Ice server without objects."""

    def locate(self, request: Any, _connection: Any) -> Any:
        raise ObjectNotExistException("", request.facet, request.operation)

    def connection_closed(self, _connection: Any) -> None:
        pass


@contextmanager
def _full_queue() -> Iterator[int]:
    """A port whose queue of connections is full: further ones are not answered, as behind a firewall."""
    with socket.socket() as listener, contextlib.ExitStack() as clients:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        for _ in range(3):
            client = clients.enter_context(socket.socket())
            client.setblocking(False)
            client.connect_ex(listener.getsockname())
        yield listener.getsockname()[1]


@contextmanager
def _silent_tls(site: Site, context: ssl.SSLContext) -> Iterator[int]:
    async def start() -> asyncio.Server:
        async def wait(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            with contextlib.suppress(OSError):
                await reader.read()
            writer.close()

        return await asyncio.start_server(wait, "127.0.0.1", 0, ssl=context)

    server = site.omero._run(start())
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        site.omero.do(server.close)


@pytest.fixture(autouse=True)
def _only_known_folders(site: Site) -> Iterator[None]:
    yield
    assert {path.suffix for path in Path(site.folder).iterdir()} <= {".yaml", ".pem"}
