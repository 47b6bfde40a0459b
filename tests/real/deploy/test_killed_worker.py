"""A worker is killed while it has requests of nginx: its shipped snippets ask once more, or say 503 and never 502."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest

from omero_embedded.workload import Latency
from tests.real.deploy.nginx_process import nginx
from tests.support.embedded_thread import EmbeddedThread
from tests.support.service_process import DEADLINE, ServiceProcess, free_port
from tests.unit.telemetry.serving import KEY_HEADER, serving

pytestmark = pytest.mark.long

#: browsers that ask at once
VISITORS = 16

LOCATIONS = ("locations.conf", "six-locations.conf")


def _wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + DEADLINE
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.005)


def _workers(service: ServiceProcess) -> list[int]:
    """The processes that answer requests."""
    return [pid for pid in service.children() if b"resource_tracker" not in Path(f"/proc/{pid}/cmdline").read_bytes()]


def _sockets(pid: int) -> int:
    return sum(1 for file in Path(f"/proc/{pid}/fd").iterdir() if str(file.readlink()).startswith("socket:"))


@pytest.mark.parametrize("locations", LOCATIONS)
def test_what_a_killed_worker_had_open_is_answered_by_another(tmp_path: Path, locations: str) -> None:
    # the join is what all of them wait for, so that all have been asked when the worker is killed
    omero = EmbeddedThread(latency=Latency(join=1_000))
    key = omero.session_key("researcher")
    image = omero.readable("researcher")[0]
    with (
        serving(tmp_path, omero, "", "--workers", "2") as service,
        nginx(tmp_path, locations, [service.port]) as address,
        ThreadPoolExecutor(VISITORS) as pool,
    ):
        before = {pid: _sockets(pid) for pid in _workers(service)}

        def asked(size: int) -> int:
            path = f"{address}/webclient/render_thumbnail/size/{size}/{image}/"
            return httpx.get(path, headers={KEY_HEADER: key}, timeout=DEADLINE).status_code

        def connected() -> dict[int, int]:
            return {pid: _sockets(pid) - had for pid, had in before.items()}

        answers = [pool.submit(asked, 16 + number) for number in range(VISITORS)]
        _wait_until(lambda: sum(connected().values()) >= VISITORS)
        busiest = max(before, key=lambda pid: connected()[pid])
        os.kill(busiest, signal.SIGKILL)
        statuses = [answer.result() for answer in answers]
        _wait_until(lambda: len(_workers(service)) == 2)
    omero.stop()
    # its connections are closed before its listening socket: what is asked again meanwhile may come to it once more
    assert set(statuses) <= {200, 503}
    tried = (tmp_path / "access.log").read_text().splitlines()
    # each of these came to the killed worker first
    assert any(line.startswith("200 by ") and line.count("127.0.0.1") > 1 for line in tried), tried


@pytest.mark.parametrize("locations", LOCATIONS)
def test_while_nobody_listens_it_is_503_and_says_when_to_come_again(tmp_path: Path, locations: str) -> None:
    with nginx(tmp_path, locations, [free_port()]) as address:
        for path in ("webgateway/render_thumbnail/1/", "webclient/get_thumbnails/?id=1"):
            answer = httpx.get(f"{address}/{path}")
            assert answer.status_code == 503
            assert answer.headers["retry-after"] == "2"
            assert answer.headers["content-type"] == "text/plain"
            assert answer.text == "The thumbnail microservice cannot be reached\n"
        # what is OMERO.web's is its own
        assert httpx.get(f"{address}/webclient/").text == "OMERO.web"
