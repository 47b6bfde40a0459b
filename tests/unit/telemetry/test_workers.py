"""/metrics of three workers under load, read by a real parser: whichever worker answers, the sums are of all three."""

from __future__ import annotations

import os
import signal
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families as parse_text
from prometheus_client.samples import Sample

from tests.support.embedded_thread import EmbeddedThread
from tests.support.service_process import DEADLINE, ServiceProcess
from tests.unit.telemetry.serving import client, serving

P = "omero_ms_thumbnail_"
WORKERS = 3


@pytest.fixture(scope="module")
def omero() -> Iterator[EmbeddedThread]:
    thread = EmbeddedThread()
    yield thread
    thread.stop()


@pytest.fixture
def service(tmp_path: Path, omero: EmbeddedThread) -> Iterator[ServiceProcess]:
    with serving(tmp_path, omero, "", "--workers", str(WORKERS)) as running:
        yield running


def _samples(text: str) -> list[Sample]:
    return [sample for family in parse_text(text) for sample in family.samples]


def _value(samples: list[Sample], name: str, **labels: str) -> float:
    """The sum of those that have the labels."""
    return sum(one.value for one in samples if one.name == name and labels.items() <= one.labels.items())


def _scrape(service: ServiceProcess) -> list[Sample]:
    """On a connection of its own, so that it may be any worker."""
    answer = httpx.get(f"{service.address}/metrics", timeout=DEADLINE)
    assert answer.status_code == 200
    return _samples(answer.text)


def _scrape_until(service: ServiceProcess, wanted: float, name: str, **labels: str) -> list[Sample]:
    """The first samples in which the sum of those that have the labels is as `wanted`.

    A worker counts a request when it has handed the answer on, so whoever has the answer may be sooner.
    """
    deadline = time.monotonic() + DEADLINE
    while _value(samples := _scrape(service), name, **labels) != wanted:
        assert time.monotonic() < deadline, service.output
    return samples


def _all_workers(service: ServiceProcess) -> list[Sample]:
    return _scrape_until(service, WORKERS, f"{P}workers")


@pytest.mark.long
def test_sums_equal_the_requests_sent(service: ServiceProcess, omero: EmbeddedThread) -> None:
    _all_workers(service)
    key = omero.session_key("researcher")
    image = omero.readable("researcher")[0]
    paths = [
        *(f"/webclient/render_thumbnail/{image}/" for _ in range(100)),
        *(f"/webgateway/get_thumbnails/?id={image}" for _ in range(50)),
        *("/webclient/render_thumbnail/999999999/" for _ in range(30)),
        *("/webclient/render_thumbnail/x/" for _ in range(20)),
    ]

    def ask(path: str) -> tuple[int, int]:
        # a connection each: the kernel then shares them out among the workers
        with client(service, key) as asking:
            answer = asking.get(path)
            return answer.status_code, len(answer.content)

    with ThreadPoolExecutor(12) as pool:
        answers = pool.map(ask, paths)
        # scrapes meanwhile: each is well-formed, and none falls behind the one before
        former = 0.0
        for _ in range(10):
            now = _value(_scrape(service), f"{P}requests_total", route="render_thumbnail")
            assert now >= former
            former = now
        answered = list(answers)
    assert Counter(status for status, _ in answered) == {200: 150, 404: 30, 400: 20}
    _scrape_until(service, 150, f"{P}requests_total", route="render_thumbnail")
    _scrape_until(service, 50, f"{P}requests_total", route="get_thumbnails")

    seen = set()
    for _ in range(20):
        samples = _scrape(service)
        seen.add(_value(samples, f"{P}requests_total", route="render_thumbnail", status="200"))
        assert _value(samples, f"{P}requests_total", route="get_thumbnails", status="200") == 50
        assert _value(samples, f"{P}requests_total", status="404") == 30
        assert _value(samples, f"{P}requests_rejected_total", reason="not found") == 30
        assert _value(samples, f"{P}requests_rejected_total", reason="bad request") == 20
    assert seen == {100.0}
    count = _value(samples, f"{P}request_duration_seconds_count", route="render_thumbnail")
    assert count == 150
    assert _value(samples, f"{P}request_duration_seconds_bucket", route="render_thumbnail", le="+Inf") == 150
    assert _value(samples, f"{P}response_bytes_total", route="get_thumbnails") == sum(
        size for (_, size), path in zip(answered, paths, strict=True) if "get_thumbnails" in path
    )
    # as the Java microservice tells them
    assert _value(samples, "spanDuration_count", spanName="ms_render_thumbnail") == 150
    assert _value(samples, "spanDuration_count", spanName="ms_render_thumbnail", error="") == 100
    assert _value(samples, "spanDuration_count", spanName="get_thumbnails") == 50
    joins = _value(samples, f"{P}omero_joins_total", error="")
    assert 1 <= joins <= WORKERS
    assert _value(samples, "spanDuration_count", spanName="join_omero_session") == joins
    # every thumbnail that was looked for was found or was not
    looked_for = _value(samples, f"{P}cache_lookups_total", cache="memory")
    assert looked_for == 100 + 50 + 30
    calls = _value(samples, f"{P}omero_calls_total", operation="getThumbnailByLongestSideSet")
    assert calls == _value(samples, f"{P}batch_size_count") >= 1
    # gauges are summed, with what this second's look at them says
    deadline = time.monotonic() + DEADLINE
    while _value(samples, f"{P}joined_sessions") != joins or _value(samples, f"{P}cache_entries") < joins:
        assert time.monotonic() < deadline
        samples = _scrape(service)
    assert _value(samples, f"{P}joined_sessions_max") == WORKERS * 2000
    # the scrape itself
    assert _value(samples, f"{P}requests_in_flight") == 1
    pids = {one.labels["pid"] for one in samples if one.name == "process_resident_memory_bytes"}
    assert len(pids) == WORKERS
    assert pids <= {str(pid) for pid in service.children()}
    assert {one.labels["pid"] for one in samples if one.name == "python_gc_collections_total"} == pids


def test_openmetrics(service: ServiceProcess) -> None:
    accept = {"Accept": "application/openmetrics-text; version=1.0.0"}
    answer = httpx.get(f"{service.address}/metrics", headers=accept, timeout=DEADLINE)
    assert answer.headers["content-type"].startswith("application/openmetrics-text")
    families = {family.name for family in parse_openmetrics(answer.text)}
    assert {f"{P}requests", f"{P}build_info", "process_cpu_seconds", "python_info"} <= families


def test_the_id_of_a_request_comes_back_and_is_in_the_log(service: ServiceProcess) -> None:
    given = httpx.get(f"{service.address}/nothing", headers={"X-Request-ID": "abc.1"}, timeout=DEADLINE)
    assert given.headers["x-request-id"] == "abc.1"
    service.wait_for(r"access \[abc\.1\] GET /nothing 404 \d+ bytes [\d.]+ ms user - cache -\n")
    own = httpx.get(f"{service.address}/nothing?bsession=secret", timeout=DEADLINE).headers["x-request-id"]
    service.wait_for(rf"access \[{own}\] GET /nothing 404")
    assert "secret" not in service.output


def test_counts_of_a_worker_that_was_killed_remain(service: ServiceProcess, omero: EmbeddedThread) -> None:
    samples = _all_workers(service)
    with client(service) as asking:
        for _ in range(7):
            assert asking.get("/nothing").status_code == 404
    before = _scrape_until(service, 7, f"{P}requests_total", route="other", status="404")
    pids = sorted({one.labels["pid"] for one in samples if one.name == "process_open_fds"})
    for pid in pids:
        os.kill(int(pid), signal.SIGKILL)
    deadline = time.monotonic() + DEADLINE
    while True:
        assert time.monotonic() < deadline, service.output
        try:
            after = _scrape(service)
        except httpx.HTTPError:
            continue
        if _value(after, f"{P}workers") == WORKERS:
            break
    assert _value(after, f"{P}requests_total", route="other", status="404") == 7
    # the last one may have been answered and not yet counted when its worker was killed
    assert _value(after, f"{P}requests_total", route="metrics") >= _value(before, f"{P}requests_total", route="metrics")
    assert not {one.labels["pid"] for one in after if one.name == "process_open_fds"} & set(pids)
