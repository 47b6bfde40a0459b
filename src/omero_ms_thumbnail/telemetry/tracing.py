"""Traces by OpenTelemetry: to Zipkin, to an OTLP collector, or to the log. Imported only where tracing is on.

The parent comes in with the request, in B3 headers (one or several) or W3C ``traceparent``; where both are there, B3
counts, since it is what the Java microservice reads. Needs the extra ``tracing``.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from contextvars import Token
from typing import Final

from opentelemetry import context as contexts
from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.exporter.zipkin.json import ZipkinExporter
from opentelemetry.propagators.b3 import B3SingleFormat
from opentelemetry.propagators.textmap import Getter
from opentelemetry.sdk.resources import SERVICE_NAME, SERVICE_VERSION, Resource
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.trace import SpanKind, Status, StatusCode
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from .formats import without_keys
from .request import Headers

log: Final = logging.getLogger("omero_ms_thumbnail.trace")

#: in the order in which they are tried: the last that finds a parent counts; both forms of B3 are one to read
_PROPAGATORS: Final = (TraceContextTextMapPropagator(), B3SingleFormat())

#: seconds that spans are collected before they are sent
_DELAY: Final = 1.0

#: seconds from one line about spans that cannot be sent to the next
_LINE_EVERY: Final = 60.0


class _HeaderGetter(Getter[Headers]):
    def get(self, carrier: Headers, key: str) -> list[str] | None:
        value = carrier.get(key.encode())
        return None if value is None else [value.decode("latin-1")]

    def keys(self, carrier: Headers) -> list[str]:
        # baggage alone would need it
        return []


_GETTER: Final = _HeaderGetter()


class LogExporter(SpanExporter):
    """Writes a line to the log for each span."""

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Write them."""
        for span in spans:
            context, parent = span.get_span_context(), span.parent
            if context is None:
                continue
            log.info(
                "trace %032x span %016x parent %s %s %.1f ms%s",
                context.trace_id,
                context.span_id,
                "-" if parent is None else f"{parent.span_id:016x}",
                span.name,
                ((span.end_time or 0) - (span.start_time or 0)) / 1e6,
                f" {span.status.description}" if span.status.status_code is StatusCode.ERROR else "",
            )
        return SpanExportResult.SUCCESS


class Sent(SpanExporter):
    """Sends spans to a place by `exporter`, and says once a minute at most that it cannot: the service does without."""

    def __init__(self, exporter: SpanExporter, place: str) -> None:
        self._exporter = exporter
        self._place = place
        self._lost = 0
        self._next_line = 0.0

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Send them."""
        why = "it refuses them"
        try:
            if self._exporter.export(spans) is SpanExportResult.SUCCESS:
                return SpanExportResult.SUCCESS
        except Exception as error:  # noqa: BLE001 - whatever the client for HTTP raises, none of it is the service's
            why = type(error).__name__
        self._lost += len(spans)
        now = time.monotonic()
        if now >= self._next_line:
            self._next_line = now + _LINE_EVERY
            log.warning(
                "spans cannot be sent to %s (%s); %d are lost so far; check http-tracing and that it runs (at most one "
                "such line a minute)",
                self._place,
                why,
                self._lost,
            )
        return SpanExportResult.FAILURE

    def shutdown(self) -> None:
        """Let go of it."""
        self._exporter.shutdown()


class Traced:
    """A span that has begun; the running task is in it until it ends."""

    __slots__ = ("_span", "_token")

    def __init__(self, span: trace.Span, token: Token[Context]) -> None:
        self._span = span
        self._token = token

    def end(self, error: str) -> None:
        """End it; `error` is the class of what went wrong, or empty."""
        contexts.detach(self._token)
        if error:
            self._span.set_status(Status(StatusCode.ERROR, error))
        self._span.end()

    def end_request(self, *, name: str, method: str, path: str, status: int) -> None:
        """End the span of a request."""
        span = self._span
        span.update_name(name)
        span.set_attributes(
            {"http.request.method": method, "url.path": without_keys(path), "http.response.status_code": status}
        )
        # as Brave, which the Java microservice uses: whatever is no success is an error
        self.end(str(status) if status >= 400 else "")


class OpenTelemetryTracer:
    """Begins spans and sends them when they have ended."""

    def __init__(self, version: str, exporters: Sequence[SpanExporter]) -> None:
        resource = Resource.create({SERVICE_NAME: "omero-ms-thumbnail", SERVICE_VERSION: version})
        self._provider = TracerProvider(resource=resource, shutdown_on_exit=False)
        for exporter in exporters:
            self._provider.add_span_processor(BatchSpanProcessor(exporter, schedule_delay_millis=_DELAY * 1000))
        self._tracer = self._provider.get_tracer("omero_ms_thumbnail", version)

    def begin(self, name: str, *, is_call: bool = False, is_root: bool = False) -> Traced:
        """Begin a span."""
        return self._begin(name, SpanKind.CLIENT if is_call else SpanKind.INTERNAL, Context() if is_root else None)

    def begin_request(self, name: str, headers: Headers) -> Traced:
        """Begin the span of a request, below the one that its headers name."""
        context = Context()
        for propagator in _PROPAGATORS:
            context = propagator.extract(headers, context, _GETTER)
        return self._begin(name, SpanKind.SERVER, context)

    def close(self) -> None:
        """Send what has not been sent; waits for it, but not for ever."""
        self._provider.shutdown()

    def _begin(self, name: str, kind: SpanKind, parent: Context | None) -> Traced:
        span = self._tracer.start_span(name, parent, kind, record_exception=False, set_status_on_exception=False)
        return Traced(span, contexts.attach(trace.set_span_in_context(span)))


def exporters(zipkin_url: str | None, otlp_url: str | None) -> list[SpanExporter]:
    """Where spans go: to each of the URLs that is given, or else to the log."""
    # they say it for each batch, some with a traceback; `Sent` says it
    logging.getLogger("opentelemetry.exporter").setLevel(logging.CRITICAL + 1)
    found: list[SpanExporter] = []
    if zipkin_url is not None:
        found.append(Sent(ZipkinExporter(endpoint=zipkin_url), zipkin_url))
    if otlp_url is not None:
        found.append(Sent(OTLPSpanExporter(endpoint=otlp_url), otlp_url))
    return found or [LogExporter()]
