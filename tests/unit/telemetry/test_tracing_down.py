"""A Zipkin or a collector that is down costs a line a minute, and nothing else."""

from __future__ import annotations

import logging

import pytest

from omero_ms_thumbnail.telemetry.tracing import OpenTelemetryTracer, Sent, exporters
from tests.support.service_process import free_port


def test_zipkin_down(caplog: pytest.LogCaptureFixture) -> None:
    url = f"http://127.0.0.1:{free_port()}/api/v2/spans"
    (exporter,) = exporters(url, None)
    assert isinstance(exporter, Sent)
    tracer = OpenTelemetryTracer("1", [exporter])
    with caplog.at_level(logging.DEBUG):
        for _ in range(5):
            tracer.begin("a span").end("")
            tracer._provider.force_flush()
        tracer.close()
    lines = [record for record in caplog.records if record.levelno >= logging.WARNING]
    assert [record.name for record in lines] == ["omero_ms_thumbnail.trace"]
    assert url in lines[0].getMessage()
    assert all(record.exc_info is None for record in lines)
