"""A session's key leaves the service by none of its ways out, whatever OMERO and its router quote of it."""

from __future__ import annotations

import uuid
from pathlib import Path

import httpx
import pytest

from tests.support.embedded_thread import EmbeddedThread
from tests.support.service_process import DEADLINE
from tests.unit.omero.refusals import IN_A_CALL, NOT_NOW, UNKNOWN, cannot_read, saying, throwing
from tests.unit.telemetry.collector import Collector
from tests.unit.telemetry.serving import client, serving


def _configuration(collector: Collector) -> str:
    return (
        f'http-tracing: {{enabled: true, zipkin-url: "{collector.address}/api/v2/spans"}}\n'
        "logging: {level: DEBUG}\n"
        "cache: {life: 0, picture-life: 0}\n"
    )


@pytest.mark.parametrize("page", ["/webclient/render_thumbnail/{}/", "/webgateway/get_thumbnails/?id={}"])
def test_no_key_in_answer_log_span_or_metric(page: str, tmp_path: Path) -> None:
    omero, collector = EmbeddedThread(), Collector()
    path = page.format(omero.readable("researcher")[0])
    keys: list[str] = []
    said: list[httpx.Response] = []
    try:
        with serving(tmp_path, omero, _configuration(collector)) as service:

            def ask(status: int, key: str | None = None) -> None:
                keys.append(key or str(uuid.uuid4()))
                with client(service, keys[-1]) as asking:
                    said.append(asking.get(path))
                assert said[-1].status_code == status, said[-1].text

            for refusal in UNKNOWN:
                with saying(omero.omero, refusal):
                    ask(403)
            for thrown in IN_A_CALL:
                key = omero.session_key("researcher")
                with throwing(omero.omero, "projection", lambda key=key, thrown=thrown: thrown(key)):
                    ask(403, key)
            key = omero.session_key("researcher")
            with throwing(omero.omero, "getThumbnail", lambda: cannot_read(key)):
                ask(200 if "get_thumbnails" in page else 404, key)
            for refusal in NOT_NOW:
                with saying(omero.omero, refusal):
                    ask(503)
                assert "retry-after" in said[-1].headers
            metrics = httpx.get(f"{service.address}/metrics", timeout=DEADLINE).text
            ready = httpx.get(f"{service.address}/readyz", timeout=DEADLINE).text
            # an INFO and a DEBUG line are there, so both levels are
            service.wait_for(r"is missing")
            service.wait_for(r"DEBUG")
            collector.wait(lambda spans: any(span["name"] == "join_omero_session" for span in spans))
            service.end()
    finally:
        omero.stop()
        collector.stop()
    assert len(set(keys)) == len(UNKNOWN) + len(IN_A_CALL) + 1 + len(NOT_NOW)
    for key in keys:
        assert key not in service.output
        assert key not in metrics + ready
        assert key.encode() not in collector.raw
        for answer in said:
            assert key not in answer.text + str(answer.headers)
