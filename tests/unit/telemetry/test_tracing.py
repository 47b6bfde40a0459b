"""A whole trace of a request, received by a collector: its parent is the client's, its spans the reference's."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from omero_embedded.workload import Latency
from tests.support.embedded_thread import EmbeddedThread
from tests.unit.telemetry.collector import Collector
from tests.unit.telemetry.serving import client, serving

TRACE = "463ac35c9f6413ad48485a3953bb6124"
PARENT = "a2fb4a1d1a96d312"
SESSION_ID = "abcdefghijklmnopqrstuvwxyz012345"

Spans = list[dict[str, Any]]


@pytest.fixture(scope="module")
def omero() -> Iterator[EmbeddedThread]:
    thread = EmbeddedThread()
    yield thread
    thread.stop()


@pytest.fixture
def collector() -> Iterator[Collector]:
    receiving = Collector()
    yield receiving
    receiving.stop()


def _tracing(url: str) -> str:
    return f"http-tracing: {{enabled: true, {url}}}\n"


def _zipkin(collector: Collector) -> str:
    return _tracing(f'zipkin-url: "{collector.address}/api/v2/spans"')


def _otlp(collector: Collector) -> str:
    return _tracing(f'otlp-url: "{collector.address}/v1/traces"')


def _below(spans: Spans, parent: str) -> dict[str, Any]:
    """The tree of names below a span; those of one name are folded."""
    found: dict[str, Any] = {}
    for span in spans:
        if span.get("parentId") == parent:
            found.setdefault(span["name"], {}).update(_below(spans, span["id"]))
    return found


@pytest.mark.parametrize("send", [_zipkin, _otlp])
def test_a_whole_trace_below_the_b3_header(
    send: Any, omero: EmbeddedThread, collector: Collector, tmp_path: Path
) -> None:
    key = omero.session_key("researcher")
    image = omero.readable("researcher")[0]
    with serving(tmp_path, omero, send(collector)) as service, client(service, key) as asking:
        headers = {"b3": f"{TRACE}-{PARENT}-1", "Cookie": f"sessionid={SESSION_ID}"}
        path = f"/webclient/render_thumbnail/{image}/?bsession={key}"
        assert asking.get(path, headers=headers).status_code == 200
        spans = collector.wait(lambda spans: any(span["name"] == "GET render_thumbnail" for span in spans))
        # what was begun for the request but goes on behind it comes later
        spans = collector.wait(lambda spans: any(span["name"] == "get_event_context" for span in spans))
    assert {span["traceId"] for span in spans} == {TRACE}
    (root,) = [span for span in spans if span.get("parentId") == PARENT]
    assert root["name"] == "GET render_thumbnail"
    assert root["tags"]["url.path"] == f"/webclient/render_thumbnail/{image}/"
    tree = _below(spans, root["id"])
    assert set(tree) == {"render_thumbnail"}
    below = tree["render_thumbnail"]
    assert {"join_omero_session", "get_images", "get_thumbnail_by_longest_side", "create_thumbnail_store"} <= set(below)
    assert "detach_on_destroy" in below["join_omero_session"]
    # no span hangs in the air
    ids = {span["id"] for span in spans} | {PARENT}
    assert {span.get("parentId") for span in spans} <= ids
    for secret in (key, SESSION_ID):
        assert secret.encode() not in collector.raw
        assert secret not in service.output


@pytest.mark.long
@pytest.mark.parametrize(
    "headers",
    [
        {"X-B3-TraceId": TRACE, "X-B3-SpanId": PARENT, "X-B3-Sampled": "1"},
        {"traceparent": f"00-{TRACE}-{PARENT}-01"},
        {"b3": f"{TRACE}-{PARENT}-1", "traceparent": f"00-{'1' * 32}-{'2' * 16}-01"},
    ],
    ids=["several B3 headers", "W3C", "both: B3 counts"],
)
def test_other_ways_to_name_the_parent(
    headers: dict[str, str], omero: EmbeddedThread, collector: Collector, tmp_path: Path
) -> None:
    with serving(tmp_path, omero, _zipkin(collector)) as service, client(service) as asking:
        assert asking.get("/nothing", headers=headers).status_code == 404
        (span,) = collector.wait(bool)
    assert (span["traceId"], span["parentId"], span["name"]) == (TRACE, PARENT, "GET other")
    assert span["tags"]["error"] == "404"


def test_the_client_may_say_that_it_is_not_traced(omero: EmbeddedThread, collector: Collector, tmp_path: Path) -> None:
    with serving(tmp_path, omero, _zipkin(collector)) as service, client(service) as asking:
        asking.get("/unsampled", headers={"b3": f"{'5' * 32}-{PARENT}-0"})
        asking.get("/sampled", headers={"b3": f"{TRACE}-{PARENT}-1"})
        spans = collector.wait(bool)
    assert {span["traceId"] for span in spans} == {TRACE}


def test_what_waits_for_another_request_is_in_its_own_trace(
    collector: Collector, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One ThumbnailStore, three sizes: whatever ends one call starts the next."""
    monkeypatch.setenv("OMERO_MS_THUMBNAIL_OMERO_THUMBNAIL_STORES", "1")
    slow = EmbeddedThread(latency=Latency(thumbnail=50))
    key = slow.session_key("researcher")
    image = slow.readable("researcher")[0]
    try:
        with serving(tmp_path, slow, _zipkin(collector)) as service, client(service, key) as asking:

            def ask(number: int) -> int:
                path = f"/webgateway/render_thumbnail/{image}/{50 + number}/"
                return asking.get(path, headers={"b3": f"{number:032x}-{PARENT}-1"}).status_code

            with ThreadPoolExecutor(3) as pool:
                assert list(pool.map(ask, (1, 2, 3))) == [200, 200, 200]
            name = "get_thumbnail_by_longest_side"
            spans = collector.wait(lambda spans: sum(span["name"] == name for span in spans) == 3)
    finally:
        slow.stop()
    assert sorted(int(span["traceId"], 16) for span in spans if span["name"] == name) == [1, 2, 3]
    assert sum(span["name"] == "join_omero_session" for span in spans) == 1


def test_without_a_url_spans_are_logged(omero: EmbeddedThread, tmp_path: Path) -> None:
    with serving(tmp_path, omero, "http-tracing: {enabled: true}\n") as service, client(service) as asking:
        asking.get("/nothing", headers={"b3": f"{TRACE}-{PARENT}-1"})
        line = service.wait_for(rf"(?m)^.* omero_ms_thumbnail\.trace trace {TRACE} span .*$").group()
    assert re.search(rf"parent {PARENT} GET other \d+\.\d ms 404$", line)


def test_a_collector_that_is_down_costs_no_request(omero: EmbeddedThread, tmp_path: Path) -> None:
    down = _tracing('zipkin-url: "http://127.0.0.1:1/api/v2/spans"')
    with serving(tmp_path, omero, down) as service, client(service) as asking:
        assert asking.get("/healthz").status_code == 200
        service.wait_for("127.0.0.1")
        assert asking.get("/healthz").status_code == 200


def test_off_imports_nothing_of_it(omero: EmbeddedThread, tmp_path: Path) -> None:
    script = (
        "import sys, omero_ms_thumbnail.server as s\n"
        "from omero_ms_thumbnail.config import Settings\n"
        "assert s.tracer(Settings()) is None\n"
        # redis-py imports a part of OpenTelemetry wherever it is installed
        "print({'opentelemetry.sdk.trace', 'omero_ms_thumbnail.telemetry.tracing'} & set(sys.modules))"
    )
    said = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert said.stdout == "set()\n"


def test_without_the_extra_it_says_what_to_install(tmp_path: Path) -> None:
    (tmp_path / "opentelemetry.py").write_text("raise ModuleNotFoundError(\"No module named 'opentelemetry'\")")
    config = tmp_path / "config.yaml"
    config.write_text("session-store: {type: memory}\nhttp-tracing: {enabled: true}\n")
    command = [sys.executable, "-m", "omero_ms_thumbnail", "serve", "--config", str(config), "--host", "127.0.0.1"]
    said = subprocess.run(command, capture_output=True, text=True, env={"PYTHONPATH": str(tmp_path)}, timeout=30)
    assert said.returncode == 1
    assert (
        "No module named 'opentelemetry'; install omero-ms-thumbnail[tracing], or write enabled: false" in said.stderr
    )
