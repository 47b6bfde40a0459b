"""What is told of every answer: one log line, and metrics for Prometheus."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Final, Protocol

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, PlatformCollector, ProcessCollector
from prometheus_client.exposition import choose_encoder

access: Final = logging.getLogger("omero_ms_thumbnail.access")

#: seconds; from a cache hit to the reference's time-out
_BUCKETS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 15.0)


class Answer(Protocol):
    """An HTTP answer, as far as it is told of."""

    @property
    def status(self) -> int:
        """The status."""

    @property
    def body(self) -> bytes:
        """The body."""


class RequestObserver:
    """Tells of answers. `sessions` says how many sessions are joined; `access_log` wants a line for each answer."""

    def __init__(self, version: str, sessions: Callable[[], int], *, access_log: bool = True) -> None:
        self._access_log = access_log
        self._registry = CollectorRegistry()
        ProcessCollector(registry=self._registry)
        PlatformCollector(registry=self._registry)
        self._requests = Counter(
            "omero_ms_thumbnail_requests", "Requests answered.", ["route", "status"], registry=self._registry
        )
        self._seconds = Histogram(
            "omero_ms_thumbnail_request_duration_seconds",
            "Time from a request to its answer.",
            ["route"],
            buckets=_BUCKETS,
            registry=self._registry,
        )
        self._counters: dict[tuple[str, int], tuple[Counter, Histogram]] = {}
        Gauge("omero_ms_thumbnail_joined_sessions", "OMERO sessions joined.", registry=self._registry).set_function(
            sessions
        )
        Gauge("omero_ms_thumbnail_build_info", "The version.", ["version"], registry=self._registry).labels(
            version
        ).set(1)

    def answered(
        self, *, method: str, path: str, route: str, response: Answer, seconds: float, user: int | None
    ) -> None:
        """An answer was given. `path` has no query, so no session key."""
        counter = self._counters.get((route, response.status))
        if counter is None:
            # finding a child by its labels costs more than all the rest
            counter = self._counters[route, response.status] = (
                self._requests.labels(route, str(response.status)),
                self._seconds.labels(route),
            )
        counter[0].inc()
        counter[1].observe(seconds)
        if self._access_log and access.isEnabledFor(logging.INFO):
            access.info(
                "%s %s %d %d bytes %.1f ms user %s",
                method,
                path,
                response.status,
                len(response.body),
                seconds * 1000,
                "-" if user is None else user,
            )

    def exposition(self, accept: str | None) -> tuple[str, bytes]:
        """Content type and body of the metrics, in the format that `accept` prefers."""
        encode, content_type = choose_encoder(accept or "")
        return content_type, encode(self._registry)
