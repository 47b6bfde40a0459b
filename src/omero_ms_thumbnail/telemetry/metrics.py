"""Every metric of the service: its name, its labels and what it means. Names do not change without a major version."""

from __future__ import annotations

import gc
import os
from collections.abc import Iterator
from typing import Final

from prometheus_client import CollectorRegistry, GCCollector, ProcessCollector
from prometheus_client.core import Metric

from .families import Counters, Distributions, Family, Gauges, Shared
from .shared_values import SharedValues

#: seconds; from a cache hit to the reference's time-out
_TIME_BOUNDS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 15.0)
_SIZES: Final = (1, 2, 5, 10, 20, 30, 40, 50)
#: ids in one query; up to a plate of 384 and more
_IDS: Final = (1, 2, 5, 10, 25, 50, 100, 200, 400, 800)

#: where a thumbnail can have come from, as the label ``source`` has it
SOURCES: Final = ("memory", "redis", "disk", "set", "direct", "single", "not_modified")

_PREFIX: Final = "omero_ms_thumbnail_"


class Metrics:
    """The families, on one worker's numbers."""

    def __init__(self, numbers: SharedValues) -> None:
        def counters(name: str, meaning: str, *labels: str) -> Counters:
            return Counters(numbers, _PREFIX + name, meaning, labels)

        def gauges(name: str, meaning: str, *labels: str) -> Gauges:
            return Gauges(numbers, _PREFIX + name, meaning, labels)

        def shared(name: str, meaning: str, *labels: str) -> Shared:
            return Shared(numbers, _PREFIX + name, meaning, labels)

        def distributions(
            name: str, meaning: str, *labels: str, bounds: tuple[float, ...] = _TIME_BOUNDS
        ) -> Distributions:
            return Distributions(numbers, _PREFIX + name, meaning, labels, bounds)

        self.requests = counters("requests", "Requests answered.", "route", "status")
        self.request_seconds = distributions(
            "request_duration_seconds", "Time from a request to its answer.", "route", "status"
        )
        self.response_bytes = counters("response_bytes", "Bytes of the bodies of answers.", "route")
        self.in_flight = gauges("requests_in_flight", "Requests that are being answered.")
        self.rejected = counters("requests_rejected", "Requests that were answered with no thumbnail.", "reason")
        self.unavailable = counters("requests_unavailable", "Requests that were answered with status 503.", "cause")
        self.calls = counters("omero_calls", "Calls to OMERO that have ended.", "operation", "error")
        self.call_seconds = distributions("omero_call_duration_seconds", "Time of a call to OMERO.", "operation")
        self.joins = counters("omero_joins", "Attempts to join an OMERO session that have ended.", "error")
        self.join_seconds = distributions("omero_join_duration_seconds", "Time of joining an OMERO session.")
        self.permits = shared(
            "omero_permits",
            "Calls, and joins, that OMERO may be given at once by all workers together.",
            "kind",
            "server",
        )
        self.permits_in_use = shared(
            "omero_permits_in_use", "Calls, and joins, that OMERO works on or may still work on.", "kind", "server"
        )
        self.permits_given_up = shared(
            "omero_permits_given_up",
            "Those of them that nobody waits for any more, or whose connection went.",
            "kind",
            "server",
        )
        self.oldest_permit = shared(
            "omero_permit_oldest_seconds",
            "For how long OMERO has been working on the oldest of them.",
            "kind",
            "server",
        )
        self.settings_made = counters(
            "omero_settings_made", "Rendering settings that OMERO made because of calls of ours; an estimate."
        )
        self.thumbnails_stored = counters(
            "omero_thumbnails_stored", "Thumbnails that OMERO stored because of calls of ours; an estimate."
        )
        self.sessions = gauges("joined_sessions", "OMERO sessions that are joined or being joined.")
        self.sessions_max = gauges("joined_sessions_max", "OMERO sessions that all workers together may join.")
        self.stores = gauges("thumbnail_stores", "ThumbnailStores that are open, by whether they are in use.", "state")
        self.batch_size = distributions("batch_size", "Thumbnails in one call to OMERO.", bounds=_SIZES)
        self.cache_lookups = counters(
            "cache_lookups", "Thumbnails looked for in a cache, in the order of the caches.", "cache", "outcome"
        )
        self.cache_bytes = gauges("cache_bytes", "Memory that thumbnails take in the workers' caches.")
        self.cache_entries = gauges("cache_entries", "Thumbnails in the workers' caches.")
        self.cache_failures = counters("cache_failures", "Times that the shared cache could not be used.")
        self.pictures = counters("pictures", "Thumbnails answered, by where each came from.", "source")
        self.pictures_disagreed = counters(
            "pictures_disagreed",
            "Thumbnails not kept, since a second query for facts said that they show something else.",
        )
        self.files_refused = counters(
            "files_refused", "Files in OMERO's folder of thumbnails that were not shown; OMERO was asked.", "reason"
        )
        self.facts_seconds = distributions("facts_query_duration_seconds", "Time of a query for facts of images.")
        self.facts_ids = distributions("facts_query_ids", "Images in one query for facts.", bounds=_IDS)
        self.facts_remembered = gauges(
            "facts_remembered", "Images of which the workers remember what OMERO said to a session or of the image."
        )
        self.store_reads = counters(
            "session_store_reads", "OMERO.web sessions that were looked up in the session store.", "outcome"
        )
        self.store_seconds = distributions("session_store_read_duration_seconds", "Time of looking a session up.")
        self.workers = gauges("workers", "Worker processes.")
        self.tasks = gauges("tasks", "Tasks of asyncio that have not ended.")
        self.spans = Distributions(
            numbers, "spanDuration", "The duration of spans, in milliseconds.", ("spanName", "error")
        )

    def families(self) -> Iterator[Family]:
        """All of them."""
        for value in vars(self).values():
            if isinstance(value, Family):
                yield value


class ProcessMetrics:
    """What every worker says of itself: `prometheus_client`'s process and garbage metrics, with a label ``pid``."""

    def __init__(self, numbers: SharedValues) -> None:
        self._pid = str(os.getpid())
        self._numbers = numbers
        self._sources = (
            ProcessCollector(registry=CollectorRegistry()),
            *((GCCollector(registry=CollectorRegistry()),) if hasattr(gc, "get_stats") else ()),
        )
        self._families: dict[str, Gauges | Counters] = {}
        self.refresh()

    def families(self) -> Iterator[Family]:
        """All of them."""
        yield from self._families.values()

    def refresh(self) -> None:
        """Say how it is now."""
        for source in self._sources:
            for metric in source.collect():
                self._take(metric)

    def _take(self, metric: Metric) -> None:
        family = self._families.get(metric.name)
        for sample in metric.samples:
            if family is None:
                family = self._families[metric.name] = self._family(metric, ("pid", *sample.labels))
            family.labels(self._pid, *sample.labels.values()).set(sample.value)

    def _family(self, metric: Metric, labels: tuple[str, ...]) -> Gauges | Counters:
        if metric.type == "counter":
            return Counters(self._numbers, metric.name, metric.documentation, labels, is_mortal=True)
        return Gauges(self._numbers, metric.name, metric.documentation, labels)
