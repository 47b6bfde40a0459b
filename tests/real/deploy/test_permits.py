"""One permit for two workers of a real service: killed with it, told to open its logs anew, and asked what there is."""

from __future__ import annotations

import os
import signal
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.support.embedded_thread import EmbeddedThread
from tests.support.service_process import DEADLINE, ServiceProcess
from tests.unit.omero.small_omero import hold
from tests.unit.telemetry.serving import client, serving

PREFIX = "omero_ms_thumbnail_omero_"


def _permits(service: ServiceProcess) -> dict[str, float]:
    text = httpx.get(f"{service.address}/metrics", timeout=DEADLINE).text
    return {
        sample.name.removeprefix(PREFIX): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if sample.name.startswith(PREFIX) and sample.labels.get("kind") == "calls"
    }


def _wait_until(service: ServiceProcess, *, in_use: int, given_up: int) -> None:
    """Until whichever worker is asked says so."""
    deadline = time.monotonic() + DEADLINE
    while True:
        try:
            found = _permits(service)
        except httpx.TransportError:
            # it went to a worker that was killed
            found = {}
        if (found.get("permits_in_use"), found.get("permits_given_up")) == (in_use, given_up):
            assert found["permits"] == 1
            assert (found["permit_oldest_seconds"] > 0) == (in_use > 0)
            return
        assert time.monotonic() < deadline, found
        time.sleep(0.02)


def _workers(service: ServiceProcess) -> list[int]:
    return [pid for pid in service.children() if b"resource_tracker" not in Path(f"/proc/{pid}/cmdline").read_bytes()]


@pytest.mark.long
def test_a_permit_outlives_the_workers_that_are_killed_with_it_and_comes_back(tmp_path: Path) -> None:
    omero = EmbeddedThread()
    key = omero.session_key("researcher")
    image, other, *_ = omero.readable("researcher")
    renderer = omero.omero.omero.renderer
    held = omero.do(lambda: hold(omero.omero))
    more = "worker_pool_size: 1\ncache: {life: 0, picture-life: 0}\n"
    with (
        serving(tmp_path, omero, more, "--workers", "2") as service,
        client(service, key) as browser,
        ThreadPoolExecutor() as pool,
    ):
        _wait_until(service, in_use=0, given_up=0)
        asking = pool.submit(browser.get, f"/webclient/render_thumbnail/{image}/")
        _wait_until(service, in_use=1, given_up=0)
        service.process.send_signal(signal.SIGHUP)
        service.wait_for("SIGHUP")
        _wait_until(service, in_use=1, given_up=0)
        former = _workers(service)
        for pid in former:
            os.kill(pid, signal.SIGKILL)
        assert isinstance(asking.exception(DEADLINE), httpx.TransportError)
        # those that came in their place know of it, as OMERO still works on the call
        _wait_until(service, in_use=1, given_up=1)
        assert not set(former) & set(_workers(service))
        omero.do(held.release.set)
        omero.do(lambda: setattr(omero.omero.omero, "renderer", renderer))
        # and it comes back
        answer = browser.get(f"/webclient/render_thumbnail/{other}/")
        assert answer.status_code == 200
        _wait_until(service, in_use=0, given_up=0)
    omero.stop()
