"""`docs/metrics.md`, written from what `/metrics` exposes.

``python -m tools.reference.metrics > docs/metrics.md`` renews it, on Linux, where processes tell most of
themselves; a test compares the two.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from prometheus_client.parser import text_string_to_metric_families

from omero_ms_thumbnail.telemetry.metrics import Metrics
from omero_ms_thumbnail.telemetry.observer import Telemetry
from omero_ms_thumbnail.telemetry.shared_values import SharedValues

_OPENING: Final = """\
# Metrics

`/metrics` answers in the Prometheus text format, or in OpenMetrics where `Accept` asks for it. Whichever worker is
asked says the sums over all workers. Counts of a worker that has ended go on counting; its gauges end with it.

`deploy/grafana` has a dashboard and `deploy/prometheus` alert rules for these metrics. Names and labels do not change
without a new major version.
"""

#: what the values of a label are
_LABELS: Final = {
    "route": "the kind of path: `render_thumbnail`, `render_birds_eye_view`, `get_thumbnail`, `get_thumbnails`,"
    " `healthz`, `readyz`, `metrics`, `openapi`, `options`, `gallery` (of the demo), `other`",
    "status": "the HTTP status",
    "reason": "of requests `bad request`, `no session`, `not found`, `failed`, `unavailable`, `too slow`, `other`;"
    " of files `missing`, `empty`, `incomplete`, `link`, `too-large`, `unreadable`, `too-slow`, `resting` (was too"
    " slow), `differs` (another OMERO's folder)",
    "operation": "OMERO's name of what is called, such as `getThumbnailByLongestSideSet`",
    "error": "empty where there was none; else the class of OMERO's exception, or of a request the status",
    "cause": "`OMERO hangs`, `OMERO unavailable`, `sessions full`, `too many waiting`, `session store`, `stopping`",
    "kind": "`calls`, `joins`",
    "server": "the number of an OMERO.server in `omero.servers`; empty where there is one only",
    "state": "`in use`, `free`",
    "cache": "`memory`, `shared`",
    "source": "kept in `memory` or `redis`; OMERO's file on `disk`; asked of OMERO's ThumbnailStore in a `set`, by its"
    " `direct` calls, or alone by a stored call (`single`); `not_modified` where the browser had it already",
    "outcome": "of a cache `hit`, `miss`; of the session store `found`, `unknown`, `unreadable`, `unavailable`",
    "spanName": "the name of a span, as in the Java microservice: `join_omero_session`, `get_images`, …",
    "pid": "the worker's process id",
    "generation": "the garbage collector's generation",
    "version": "the version of the service, or of Python",
    "implementation": "of Python",
    "major": "of Python's version",
    "minor": "of Python's version",
    "patchlevel": "of Python's version",
}


@dataclass(frozen=True, slots=True)
class Exposed:
    """A family of metrics as Prometheus finds it; a counter's name is with ``_total``."""

    name: str
    type: str
    meaning: str
    labels: tuple[str, ...]


def exposed() -> Iterator[Exposed]:
    """Every family of `/metrics`, in its order."""
    _, text = Telemetry("0").exposition(None)
    # a family without a sample does not say its labels
    labels = {family.name: family.label_names for family in Metrics(SharedValues()).families()}
    for metric in text_string_to_metric_families(text.decode()):
        found = labels.get(metric.name) or tuple(metric.samples[0].labels if metric.samples else ())
        suffix = "_total" if metric.type == "counter" else ""
        yield Exposed(f"{metric.name}{suffix}", metric.type, metric.documentation, found)


def reference() -> str:
    """The whole of `docs/metrics.md`."""
    families = list(exposed())
    own = [family for family in families if family.name.startswith("omero_ms_thumbnail_")]
    used = dict.fromkeys(label for family in families for label in family.labels)
    return "\n".join(
        [
            _OPENING,
            "## Of the service\n",
            *_table(own),
            "## As the Java microservice's, of processes and of Python\n",
            *_table([family for family in families if family not in own]),
            "## Labels\n",
            "| label | its values |",
            "| --- | --- |",
            *(f"| `{label}` | {_LABELS[label]} |" for label in used),
            "",
        ]
    )


def _table(families: list[Exposed]) -> Iterator[str]:
    yield "| metric | type | labels | meaning |"
    yield "| --- | --- | --- | --- |"
    for family in families:
        labels = ", ".join(f"`{label}`" for label in family.labels)
        yield f"| `{family.name}` | {family.type} | {labels or '–'} | {family.meaning} |"
    yield ""


if __name__ == "__main__":
    sys.stdout.write(reference())
