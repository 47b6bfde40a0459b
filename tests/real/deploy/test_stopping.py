"""What becomes of requests in flight and of joined OMERO sessions when the service is told to stop."""

from __future__ import annotations

import signal
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx

from omero_embedded.workload import Latency
from tests.support.embedded_thread import EmbeddedThread
from tests.support.service_process import DEADLINE
from tests.unit.telemetry.serving import client, serving

THUMBNAILS = "getThumbnailByLongestSideSet"


def _wait_for_call(omero: EmbeddedThread) -> None:
    """Wait until OMERO works on a thumbnail."""
    deadline = time.monotonic() + DEADLINE
    while not omero.do(lambda: omero.omero.workload.calls.get(THUMBNAILS)):
        assert time.monotonic() < deadline


def _has_left(omero: EmbeddedThread) -> bool:
    """Whether the service has left OMERO as it should: each store closed, nobody joined."""
    shared = omero.omero.omero
    return omero.do(lambda: len(omero.omero.router) == 0 and shared.stores_created == shared.stores_closed > 0)


def _stopped_in_flight(folder: Path, omero: EmbeddedThread, configuration: str) -> tuple[httpx.Response, str, int]:
    """The answer to a request that OMERO works on when the service is told to stop; its log and exit status."""
    image = omero.readable("researcher")[0]
    with (
        serving(folder, omero, configuration) as service,
        client(service, omero.session_key("researcher", "a-key")) as asking,
        ThreadPoolExecutor(1) as pool,
    ):
        # on a connection that is kept open, as nginx has it
        assert asking.get("/healthz").status_code == 200
        answer = pool.submit(asking.get, f"/webclient/render_thumbnail/{image}/")
        _wait_for_call(omero)
        service.process.send_signal(signal.SIGTERM)
        answered = answer.result(DEADLINE)
        status = service.process.wait(DEADLINE)
        return answered, service.output, status


def test_a_request_in_flight_gets_its_thumbnail(tmp_path: Path) -> None:
    omero = EmbeddedThread(latency=Latency(thumbnail=700))
    try:
        answer, output, status = _stopped_in_flight(tmp_path, omero, "")
        assert (answer.status_code, answer.headers["content-type"]) == (200, "image/jpeg")
        assert status == 0
        assert _has_left(omero)
        # the user's own session is as alive as before
        assert omero.do(lambda: omero.omero.sessions.find("a-key")) is not None
        assert "shutdown-timeout" not in output
    finally:
        omero.stop()


def test_a_request_that_takes_longer_than_allowed_is_told_to_come_again(tmp_path: Path) -> None:
    omero = EmbeddedThread(latency=Latency(thumbnail=2 * DEADLINE * 1000))
    try:
        answer, output, status = _stopped_in_flight(tmp_path, omero, "shutdown-timeout: 0.2\n")
        assert answer.status_code == 503
        assert "retry-after" in answer.headers
        assert status == 0
        assert "the service stops: what was not answered within 0.2 s is answered with status 503" in output
        assert omero.do(lambda: len(omero.omero.router)) == 0
        assert omero.do(lambda: omero.omero.sessions.find("a-key")) is not None
    finally:
        omero.stop()
