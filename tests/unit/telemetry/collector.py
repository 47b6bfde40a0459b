"""A collector of spans: Zipkin's ``POST /api/v2/spans`` and OTLP's ``POST /v1/traces``, as far as tests need them."""

from __future__ import annotations

import gzip
import json
import threading
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from tests.support.service_process import DEADLINE


class Collector:
    """Spans as Zipkin has them, whatever way they came; `raw` is all that was sent."""

    def __init__(self) -> None:
        self.spans: list[dict[str, Any]] = []
        self.raw = b""
        self._changed = threading.Condition()
        collector = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                if self.headers.get("Content-Encoding") == "gzip":
                    body = gzip.decompress(body)
                collector._take(self.path, body)
                self.send_response(202 if self.path == "/api/v2/spans" else 200)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def _take(self, path: str, body: bytes) -> None:
        spans = json.loads(body) if path == "/api/v2/spans" else _from_otlp(body)
        with self._changed:
            self.raw += body
            self.spans += spans
            self._changed.notify_all()

    def wait(self, enough: Callable[[list[dict[str, Any]]], bool]) -> list[dict[str, Any]]:
        """Wait until there are enough spans."""
        deadline = time.monotonic() + DEADLINE
        with self._changed:
            while not enough(self.spans):
                left = deadline - time.monotonic()
                assert left > 0, self.spans
                self._changed.wait(left)
            return list(self.spans)

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(DEADLINE)


def _from_otlp(body: bytes) -> list[dict[str, Any]]:
    request = ExportTraceServiceRequest.FromString(body)
    return [
        {
            "traceId": span.trace_id.hex(),
            "id": span.span_id.hex(),
            "parentId": span.parent_span_id.hex(),
            "name": span.name,
            "tags": {one.key: one.value.string_value for one in span.attributes},
        }
        for resource in request.resource_spans
        for scope in resource.scope_spans
        for span in scope.spans
    ]
