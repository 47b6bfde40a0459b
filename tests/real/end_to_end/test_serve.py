"""The main job: `serve` with a configuration, a Redis that real Django has written to, and an OMERO over Ice."""

from __future__ import annotations

import io
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import httpx
import pytest
import redis
from PIL import Image

from omero_embedded.workload import Latency
from tests.real.end_to_end.site import get_until
from tests.support.embedded_thread import EmbeddedThread
from tests.support.parts import ROOT
from tests.support.service_process import DEADLINE, ServiceProcess, free_port, start
from tests.unit.websession import django_site
from tests.unit.websession.redis_server import RedisServer

#: runs `serve` with that configuration
Serve = Callable[..., AbstractContextManager[ServiceProcess]]


@pytest.fixture(scope="module")
def omero() -> Iterator[EmbeddedThread]:
    thread = EmbeddedThread()
    thread.session_key("researcher", django_site.OMERO_SESSION_KEY)
    yield thread
    thread.stop()


@pytest.fixture(scope="module")
def django_sessions(store: RedisServer) -> dict[str, str]:
    """Session ids by the cache through which real Django saved them."""
    script = [sys.executable, str(Path(django_site.__file__)), str(store.port)]
    written: dict[str, str] = json.loads(subprocess.run(script, capture_output=True, text=True, check=True).stdout)
    return written


def _configuration(omero_port: int, redis_port: int, more: str = "", *, secure: bool = True) -> str:
    return f"""port: 8080
omero: {{host: 127.0.0.1, port: {omero_port}, secure: {str(secure).lower()}}}
omero.web: {{session_cookie_name: "sessionid"}}
session-store: {{type: redis, synchronicity: async, uri: "redis://:@127.0.0.1:{redis_port}/1"}}
jmx-metrics: {{enabled: true}}
{more}"""


@pytest.fixture
def serve(tmp_path: Path) -> Serve:
    def run(configuration: str, *arguments: str) -> AbstractContextManager[ServiceProcess]:
        file = tmp_path / "config.yaml"
        file.write_text(configuration)
        return start("serve", "--config", str(file), *arguments)

    return run


@pytest.fixture(scope="module")
def service(
    omero: EmbeddedThread, store: RedisServer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[ServiceProcess]:
    """One service for the tests that only ask."""
    file = tmp_path_factory.mktemp("serve") / "config.yaml"
    file.write_text(_configuration(omero.omero.ssl_port, store.port))
    with start("serve", "--config", str(file)) as one:
        yield one


def _get(service: ServiceProcess, path: str, session_id: str | None, **headers: str) -> httpx.Response:
    if session_id is not None:
        headers["cookie"] = f"sessionid={session_id}"
    return httpx.get(service.address + path, headers=headers, timeout=DEADLINE)


@pytest.mark.parametrize("cache", django_site.NAMES)
def test_a_thumbnail_from_a_cookie(
    service: ServiceProcess, omero: EmbeddedThread, django_sessions: dict[str, str], cache: str
) -> None:
    image = omero.readable("researcher")[0]
    answer = _get(service, f"/webclient/render_thumbnail/{image}/", django_sessions[cache])
    assert answer.status_code == 200
    with Image.open(io.BytesIO(answer.content)) as picture:
        # what the session's server_settings say
        assert max(picture.size) == django_site.THUMB_DEFAULT_SIZE


def test_sessions_that_cannot_be_used_are_403(service: ServiceProcess, store: RedisServer) -> None:
    client = redis.Redis(port=store.port, db=1)
    prefix = ":1:django.contrib.sessions.cache"
    client.set(prefix + "noconnector000000000000000000000", b"\x80\x04}\x94.")
    client.set(prefix + "notapickle0000000000000000000000", b"\x80\x04garbage")
    expired = "expired0000000000000000000000000"
    client.set(prefix + expired, b"\x80\x04}\x94.", px=1)
    for session_id in (
        "noconnector000000000000000000000",
        "notapickle0000000000000000000000",
        expired,
        "unknown0000000000000000000000000",
        "../../../etc/passwd",
        None,
    ):
        assert _get(service, "/webclient/render_thumbnail/101/", session_id).status_code == 403, session_id
    client.close()


def test_the_session_key_by_header_and_parameter(service: ServiceProcess, omero: EmbeddedThread) -> None:
    key = omero.session_key("colleague")
    assert _get(service, "/webclient/render_thumbnail/101/", None, **{"x-omero-session-key": key}).status_code == 200
    assert _get(service, f"/webclient/render_thumbnail/101/?bsession={key}", None).status_code == 200
    refused = _get(service, "/webclient/render_thumbnail/101/", None, **{"x-omero-session-key": "no-such-key"})
    assert refused.status_code == 403
    # the page's many are refused as a whole then, not answered with placeholders
    assert _get(service, "/webclient/get_thumbnails/?id=101&bsession=no-such-key", None).status_code == 403


def test_each_can_be_switched_off(serve: Serve, omero: EmbeddedThread, store: RedisServer) -> None:
    key = omero.session_key("colleague")
    off = "\n".join(f"omero.web.accept_{what}: false" for what in ("session_key_header", "bsession", "jsonp"))
    with serve(_configuration(omero.omero.ssl_port, store.port, off)) as service:
        assert _get(service, "/webclient/get_thumbnails/?id=101&callback=show", None).status_code == 400
        by_header = _get(service, "/webclient/render_thumbnail/101/", None, **{"x-omero-session-key": key})
        assert by_header.status_code == 403
        assert _get(service, f"/webclient/render_thumbnail/101/?bsession={key}", None).status_code == 403


def test_an_omero_session_that_ends_is_403(service: ServiceProcess, omero: EmbeddedThread) -> None:
    key = omero.session_key("researcher")
    ask: dict[str, Any] = {"x-omero-session-key": key}
    assert _get(service, "/webclient/render_thumbnail/101/?version=1", None, **ask).status_code == 200
    omero.do(lambda: omero.omero.sessions.end(key))
    assert _get(service, "/webclient/render_thumbnail/101/?version=2", None, **ask).status_code == 403
    assert _get(service, "/webclient/get_thumbnails/?id=101&id=102&version=3", None, **ask).status_code == 403


def test_redis_down_is_503_and_comes_back(serve: Serve, omero: EmbeddedThread, tmp_path: Path) -> None:
    server = RedisServer(tmp_path / "redis")
    server.start()
    try:
        script = [sys.executable, str(Path(django_site.__file__)), str(server.port)]
        session = json.loads(subprocess.run(script, capture_output=True, text=True, check=True).stdout)["django"]
        with redis.Redis(port=server.port, db=1) as client:
            (name,) = client.keys(f"*{session}")
            value = client.get(name)
        with serve(_configuration(omero.omero.ssl_port, server.port)) as service:
            assert _get(service, "/webclient/render_thumbnail/101/", session).status_code == 200
            server.kill()
            down = get_until(503, service, "/webclient/render_thumbnail/101/", session)
            assert (down.status_code, down.headers["retry-after"]) == (503, "2")
            ready = httpx.get(f"{service.address}/readyz")
            assert ready.status_code == 503
            assert ready.json()["OMERO"] == "ok"
            assert str(server.port) in ready.json()["session store"]
            service.wait_for(rf"WARNING .*{server.port}")
            server.start()
            with redis.Redis(port=server.port, db=1) as client:
                client.set(name, value)
            assert _get(service, "/webclient/render_thumbnail/101/", session).status_code == 200
    finally:
        server.kill()


def test_omero_down_is_503_and_comes_back(serve: Serve, store: RedisServer, django_sessions: dict[str, str]) -> None:
    port = free_port()
    session = django_sessions["django"]
    with serve(_configuration(port, store.port, secure=False)) as service:
        down = _get(service, "/webclient/render_thumbnail/101/", session)
        assert (down.status_code, down.headers["retry-after"]) == (503, "2")
        assert str(port) not in down.text
        assert _get(service, "/webclient/get_thumbnails/?id=101", session).status_code == 503
        assert str(port) in httpx.get(f"{service.address}/readyz").json()["OMERO"]
        service.wait_for(rf"WARNING .*127\.0\.0\.1:{port}")
        omero = EmbeddedThread(tcp_port=port)
        try:
            omero.session_key("researcher", django_site.OMERO_SESSION_KEY)
            assert _get(service, "/webclient/render_thumbnail/101/", session).status_code == 200
        finally:
            omero.stop()


def test_a_slow_omero_is_504(serve: Serve, store: RedisServer, django_sessions: dict[str, str]) -> None:
    omero = EmbeddedThread(latency=Latency(thumbnail=60_000))
    try:
        omero.session_key("researcher", django_site.OMERO_SESSION_KEY)
        with serve(_configuration(omero.omero.ssl_port, store.port, "event-bus-send-timeout: 700")) as service:
            session = django_sessions["django"]
            assert _get(service, "/webclient/render_thumbnail/101/", session).status_code == 504
            assert _get(service, "/webclient/get_thumbnails/?id=101&id=102", session).status_code == 504
    finally:
        omero.stop()


def test_what_omero_is_left_with(serve: Serve, store: RedisServer, django_sessions: dict[str, str]) -> None:
    omero = EmbeddedThread()
    try:
        key = omero.session_key("researcher", django_site.OMERO_SESSION_KEY)
        with serve(_configuration(omero.omero.ssl_port, store.port), "--workers", "2") as service:
            session = django_sessions["django"]
            images = omero.readable("researcher")[:12]
            with ThreadPoolExecutor(8) as pool:
                paths = [f"/webclient/render_thumbnail/{image}/?version={v}" for v in range(4) for image in images]
                answers = list(pool.map(lambda path: _get(service, path, session).status_code, paths))
            assert set(answers) == {200}
            assert len(service.children()) == 2
            assert service.end(signal.SIGTERM) == 0
            assert service.children() == []
        shared = omero.omero.omero
        assert shared.stores_created == shared.stores_closed > 0
        assert shared.stores_overlapping == 0
        assert len(omero.omero.router) == 0
        # leaving did not end the user's own session
        assert omero.do(lambda: omero.omero.sessions.find(key)) is not None
    finally:
        omero.stop()


def test_no_secret_reaches_the_log_or_the_metrics(
    serve: Serve, omero: EmbeddedThread, store: RedisServer, django_sessions: dict[str, str]
) -> None:
    secrets = [django_site.OMERO_SESSION_KEY, *django_sessions.values(), "no-such-key"]
    with serve(_configuration(omero.omero.ssl_port, store.port)) as service:
        for session in list(django_sessions.values())[:3]:
            _get(service, "/webclient/render_thumbnail/101/", session)
        _get(service, f"/webclient/render_thumbnail/101/?bsession={django_site.OMERO_SESSION_KEY}", None)
        _get(service, "/webclient/render_thumbnail/102/?bsession=no-such-key", None)
        _get(service, "/webclient/render_thumbnail/103/", None, **{"x-omero-session-key": "no-such-key"})
        metrics = httpx.get(f"{service.address}/metrics").text
        service.wait_for(r"GET /metrics 200")
        service.end()
    assert "GET /webclient/render_thumbnail/101/ 200" in service.output
    for secret in secrets:
        assert secret not in service.output
        assert secret not in metrics


def test_a_java_configuration_works_unchanged(
    serve: Serve, omero: EmbeddedThread, store: RedisServer, django_sessions: dict[str, str]
) -> None:
    text = (ROOT / "tests/unit/config/data/java-0.7.0-config.yaml").read_text()
    text = text.replace("port: 4064", f"port: {omero.omero.ssl_port}").replace(":6379/", f":{store.port}/")
    with serve(text) as service:
        assert _get(service, "/webclient/render_thumbnail/101/", django_sessions["django"]).status_code == 200


def test_a_worker_that_dies_is_replaced(serve: Serve, omero: EmbeddedThread, store: RedisServer) -> None:
    with serve(_configuration(omero.omero.ssl_port, store.port)) as service:
        (worker,) = service.children()
        os.kill(worker, signal.SIGKILL)
        service.wait_for("Unexpected exit")
        service.wait_until_listening()
        assert httpx.get(f"{service.address}/healthz", timeout=DEADLINE).status_code == 200
