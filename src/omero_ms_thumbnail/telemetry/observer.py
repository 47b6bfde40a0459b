"""What is told of requests and of the rooms' work, and where it goes: log lines, metrics, traces.

The rooms do not know this. The composition root gives each the part of it that it needs, as a plain callable.
"""

from __future__ import annotations

import asyncio
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final, Protocol

from prometheus_client import CollectorRegistry, Gauge, PlatformCollector
from prometheus_client.exposition import choose_encoder

from .access import access_log
from .families import Collector, Counter, Histogram
from .metrics import SOURCES, Metrics, ProcessMetrics
from .request import Headers, ObservedRequest, RequestIds, RequestSpan, current
from .shared_values import SharedValues
from .spans import JOIN, LEAVING, Ended, Spans, SpanTracer, of_operation

#: seconds between two looks at what is counted elsewhere
_REFRESH: Final = 1.0

#: why there was no thumbnail, by status
_REASONS: Final = {
    400: "bad request",
    403: "no session",
    404: "not found",
    405: "bad request",
    499: "client left",
    500: "failed",
    503: "unavailable",
    504: "too slow",
}

#: the spans that the Java microservice has around the work for a request, before and behind its event bus; there is no
#: bus here, so both take as long as the request
_SPANS_OF_ROUTE: Final = {
    "render_thumbnail": ("ms_render_thumbnail", "render_thumbnail"),
    "render_birds_eye_view": ("ms_render_thumbnail", "render_thumbnail"),
    "get_thumbnail": ("ms_render_thumbnail", "render_thumbnail"),
    "get_thumbnails": ("ms_get_thumbnails", "get_thumbnails"),
}


def _ignore(name: str, seconds: float, error: str) -> None:
    """Nobody is told of the span but a trace."""


class ObservedResponse(Protocol):
    """An HTTP answer, as far as it is told of."""

    @property
    def status(self) -> int:
        """The status."""

    @property
    def body(self) -> bytes:
        """The body."""

    @property
    def cause(self) -> str:
        """Of status 503, why."""


class RequestTracer(SpanTracer, Protocol):
    """Traces: `tracing.OpenTelemetryTracer`."""

    def begin_request(self, name: str, headers: Headers) -> RequestSpan:
        """Begin the span of a request, below the one that its headers name."""

    def close(self) -> None:
        """Send what has not been sent."""


@dataclass(frozen=True, slots=True)
class _RouteMetrics:
    """What is counted for a route and a status; found once, since finding costs more than counting.

    Numbers by their places among the shared values.
    """

    requests: int
    seconds: Histogram
    size: int
    spans: tuple[Histogram, ...]
    rejected: int | None


class Telemetry:
    """One worker's telemetry.

    `metrics` are for who composes the rooms, to say what is read where. `folder` is where all workers keep their
    numbers, None if there is only this one.
    """

    def __init__(
        self,
        version: str,
        *,
        folder: Path | None = None,
        access_log_wanted: bool = True,
        has_shared_cache: bool = False,
        tracer: RequestTracer | None = None,
    ) -> None:
        self._tracer = tracer
        self._has_shared_cache = has_shared_cache
        self._ids = RequestIds()
        self._write = access_log() if access_log_wanted else None
        self._numbers = SharedValues(folder)
        self._values = self._numbers.values
        self.metrics: Final = Metrics(self._numbers)
        self._process = ProcessMetrics(self._numbers)
        self._registry = CollectorRegistry()
        self._registry.register(Collector(self._numbers, (*self.metrics.families(), *self._process.families())))
        PlatformCollector(registry=self._registry)
        Gauge("omero_ms_thumbnail_build_info", "The version.", ["version"], registry=self._registry).labels(
            version
        ).set(1)
        self._by_route: dict[tuple[str, int], _RouteMetrics] = {}
        self._spans: dict[tuple[str, str], Histogram] = {}
        self._calls: dict[str, Ended] = {}
        self._in_flight = self.metrics.in_flight.labels().at
        self._memory_hits = self.metrics.cache_lookups.labels("memory", "hit")
        self._memory_misses = self.metrics.cache_lookups.labels("memory", "miss")
        self._lookups: dict[str, Counter] = {}
        # from zero: a rate needs a value before the first
        self._pictures = {source: self.metrics.pictures.labels(source) for source in SOURCES}
        self._disagreed = self.metrics.pictures_disagreed.labels()
        self.metrics.workers.labels().set(1)
        self._refreshing: asyncio.TimerHandle | None = None
        #: makes spans; for the rooms
        self.spans = Spans(self._span_ended, tracer)

    # life

    def start(self) -> None:
        """Look every second at what is counted elsewhere, so that other workers can say it too."""
        self._refresh()
        self._refreshing = asyncio.get_running_loop().call_later(_REFRESH, self.start)

    def stop(self) -> None:
        """Stop looking, and send the spans that have not been sent."""
        if self._refreshing is not None:
            self._refreshing.cancel()
        if self._tracer is not None:
            self._tracer.close()

    # requests

    def began(self, headers: Headers) -> ObservedRequest:
        """A request has come; what is told from now on in its task is told of it."""
        request = ObservedRequest(self._ids.of(headers))
        current.set(request)
        if self._tracer is not None:
            request.span = self._tracer.begin_request("request", headers)
        self._values[self._in_flight] += 1.0
        return request

    def answered(
        self,
        request: ObservedRequest,
        *,
        method: str,
        path: str,
        route: str,
        response: ObservedResponse,
        seconds: float,
        user: int | None,
    ) -> None:
        """Its answer was given. `path` has no query, so no session key."""
        status, size = response.status, len(response.body)
        counted = self._by_route.get((route, status))
        if counted is None:
            counted = self._by_route[route, status] = self._route_metrics(route, status)
        values = self._values
        values[counted.requests] += 1.0
        values[counted.size] += size
        counted.seconds.observe(seconds)
        for span in counted.spans:
            values[span.sum_at] += seconds * 1000
            values[span.count_at] += 1.0
        if counted.rejected is not None:
            values[counted.rejected] += 1.0
        if status == 503 and response.cause:
            self.metrics.unavailable.labels(response.cause).add()
        values[self._in_flight] -= 1.0
        if request.span is not None:
            request.span.end_request(name=f"{method} {route}", method=method, path=path, status=status)
        if self._write is not None:
            self._write(request, method, path, status, size, seconds, user)

    def exposition(self, accept: str | None) -> tuple[str, bytes]:
        """Content type and body of the metrics of all workers, in the format that `accept` prefers."""
        self._refresh()
        encode, content_type = choose_encoder(accept or "")
        return content_type, encode(self._registry)

    # what the rooms tell

    def cache_used(self, memory: int, shared: int, asked: int) -> None:
        """For one request, so many thumbnails came from memory, from the shared cache, and had to be asked for."""
        request = current.get()
        if request is not None:
            request.cache = "hit" if not asked else "part" if memory or shared else "miss"
        if memory:
            self._memory_hits.add(memory)
        if shared or asked:
            self._memory_misses.add(shared + asked)
        if self._has_shared_cache and shared:
            self.metrics.cache_lookups.labels("shared", "hit").add(shared)
        if self._has_shared_cache and asked:
            self.metrics.cache_lookups.labels("shared", "miss").add(asked)

    def remembered(self, count: int) -> None:
        """For one request, all thumbnails, so many, came from memory without a question: the shortest way there is."""
        request = current.get()
        if request is not None:
            request.cache = "hit"
        self._values[self._memory_hits.at] += count
        self._values[self._pictures["memory"].at] += count

    def pictures(self, source: str, count: int) -> None:
        """So many thumbnails were answered from `source`, one of `metrics.SOURCES`; raises KeyError for another."""
        self._pictures[source].add(count)

    def facts_asked(self, seconds: float, ids: int) -> None:
        """A query for the facts of so many images has been answered after so many seconds."""
        self.metrics.facts_seconds.labels().observe(seconds)
        self.metrics.facts_ids.labels().observe(ids)

    def disagreed(self, count: int) -> None:
        """So many thumbnails were not kept: a query that began after each was had gave another key."""
        self._disagreed.add(count)

    def file_refused(self, reason: str) -> None:
        """A file of OMERO's was not shown. `reason` is one of a few words of the code's, never of the file's."""
        self.metrics.files_refused.labels(reason).add()

    def batch(self, size: int) -> None:
        """So many thumbnails were asked for in one call."""
        self.metrics.batch_size.labels().observe(size)

    def made(self, settings: int = 0, thumbnails: int = 0) -> None:
        """Calls of ours had OMERO make so many rendering settings, and store so many thumbnails."""
        if settings:
            self.metrics.settings_made.labels().add(settings)
        if thumbnails:
            self.metrics.thumbnails_stored.labels().add(thumbnails)

    def session_read(self, outcome: str, seconds: float) -> None:
        """The session store was asked for a session."""
        counted = self._lookups.get(outcome)
        if counted is None:
            counted = self._lookups[outcome] = self.metrics.store_reads.labels(outcome)
        counted.add()
        self.metrics.store_seconds.labels().observe(seconds)

    def work(self, name: str) -> AbstractContextManager[None]:
        """To be entered around the work for a request where `is_tracing`; its time is the request's own."""
        return self.spans(name, ended=_ignore)

    @property
    def is_tracing(self) -> bool:
        """Whether spans are sent anywhere."""
        return self._tracer is not None

    def call(self, operation: str) -> AbstractContextManager[None]:
        """To be entered around a call of that operation of OMERO's."""
        call = self._calls.get(operation)
        if call is None:
            call = self._calls[operation] = partial(self._call_ended, operation)
        # leaving a session comes long after the request that it was joined for
        is_root = operation == LEAVING
        return self.spans(of_operation(operation), ended=call, is_call=True, is_root=is_root)

    def _call_ended(self, operation: str, span: str, seconds: float, error: str) -> None:
        self._span_ended(span, seconds, error)
        self.metrics.calls.labels(operation, error).add()
        self.metrics.call_seconds.labels(operation).observe(seconds)

    def _span_ended(self, name: str, seconds: float, error: str) -> None:
        span = self._spans.get((name, error))
        if span is None:
            span = self._spans[name, error] = self.metrics.spans.labels(name, error)
        span.observe(seconds * 1000)
        if name == JOIN:
            self.metrics.joins.labels(error).add()
            self.metrics.join_seconds.labels().observe(seconds)

    def _route_metrics(self, route: str, status: int) -> _RouteMetrics:
        metrics = self.metrics
        # as Brave, which the Java microservice uses: whatever is no success is an error
        error = str(status) if status >= 400 else ""
        return _RouteMetrics(
            metrics.requests.labels(route, str(status)).at,
            metrics.request_seconds.labels(route, str(status)),
            metrics.response_bytes.labels(route).at,
            tuple(metrics.spans.labels(name, error) for name in _SPANS_OF_ROUTE.get(route, ())),
            metrics.rejected.labels(_REASONS.get(status, "other")).at if status >= 400 else None,
        )

    def _refresh(self) -> None:
        for family in self.metrics.families():
            family.refresh()
        self._process.refresh()
