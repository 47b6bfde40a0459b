"""The dashboard and the alert rules use what /metrics has: every metric, every label, and values that can occur."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families

from omero_ms_thumbnail.telemetry.observer import Telemetry
from tests.support.parts import ROOT

DASHBOARD = ROOT / "deploy" / "grafana" / "omero-ms-thumbnail.json"
RULES = ROOT / "deploy" / "prometheus" / "omero-ms-thumbnail.rules.yaml"

_FUNCTIONS = {"sum", "max", "rate", "increase", "histogram_quantile", "absent", "by", "or", "and", "label_values"}
#: what Prometheus adds to whatever it scrapes
_ADDED = {"instance", "job", "le"}
_SELECTOR = re.compile(r"([a-zA-Z_:][a-zA-Z0-9_:]*)\s*(?:\{([^}]*)\})?")
_BY = re.compile(r"\bby\s*\(([^)]*)\)")


class Answer:
    status = 404
    body = b""
    cause = ""


class Unavailable(Answer):
    status = 503
    cause = "OMERO hangs"


@pytest.fixture(scope="module")
def served() -> dict[str, set[str]]:
    """Sample names and their labels, from a service to which everything has happened once."""
    telemetry = Telemetry("1", has_shared_cache=True, access_log_wanted=False)
    metrics = telemetry.metrics
    of_omero = (metrics.sessions, metrics.sessions_max, metrics.cache_bytes, metrics.cache_entries)
    for family in (*of_omero, metrics.cache_failures, metrics.facts_remembered, metrics.tasks):
        family.read(lambda: 1)
    for state in ("in use", "free"):
        metrics.stores.read(lambda: 1, state)
    for kind in ("calls", "joins"):
        for shared in (metrics.permits, metrics.permits_in_use, metrics.permits_given_up, metrics.oldest_permit):
            shared.read(lambda: 4, kind, "")
    for response in (Answer(), Unavailable()):
        request = telemetry.began({})
        telemetry.answered(
            request, method="GET", path="/", route="get_thumbnails", response=response, seconds=1, user=None
        )
    telemetry.made(settings=1, thumbnails=2)
    telemetry.cache_used(1, 1, 1)
    telemetry.pictures("memory", 2)
    telemetry.facts_asked(0.008, 50)
    telemetry.disagreed(1)
    telemetry.file_refused("missing")
    telemetry.batch(3)
    telemetry.session_read("found", 0.1)
    for name in ("join_omero_session",):
        with telemetry.spans(name):
            pass
    with telemetry.call("projection"):
        pass
    _, text = telemetry.exposition(None)
    found: dict[str, set[str]] = {}
    for family in text_string_to_metric_families(text.decode()):
        for sample in family.samples:
            found.setdefault(sample.name, set()).update(sample.labels)
    return found


def _expressions() -> Iterator[tuple[str, str]]:
    for panel in json.loads(DASHBOARD.read_text())["panels"]:
        for target in panel["targets"]:
            yield panel["title"], target["expr"]
    for variable in json.loads(DASHBOARD.read_text())["templating"]["list"]:
        if variable["type"] == "query":
            yield variable["name"], variable["query"]
    for group in yaml.safe_load(RULES.read_text())["groups"]:
        for rule in group["rules"]:
            yield rule["alert"], rule["expr"]


@pytest.mark.parametrize(("title", "expression"), list(_expressions()), ids=lambda value: str(value)[:40])
def test_it_uses_what_there_is(title: str, expression: str, served: dict[str, set[str]]) -> None:
    assert expression.count("(") == expression.count(")")
    used: set[str] = set()
    grouped = {label.strip() for labels in _BY.findall(expression) for label in labels.split(",")}
    plain = re.sub(r"\[[^]]*\]", "", _BY.sub("", expression)).replace(", instance)", ")")
    for name, selector in _SELECTOR.findall(plain):
        if name in _FUNCTIONS:
            continue
        assert name in served, f"{title}: there is no {name}"
        used.add(name)
        labels = set(re.findall(r"(\w+)\s*(?:=~|!=|!~|=)", selector))
        assert labels <= served[name] | _ADDED, f"{title}: {name} has no label {labels - served[name] - _ADDED}"
        assert grouped <= served[name] | _ADDED, f"{title}: {name} has no label {grouped - served[name] - _ADDED}"
    assert used


def test_every_metric_of_the_service_is_on_the_dashboard(served: dict[str, set[str]]) -> None:
    text = DASHBOARD.read_text()
    own = {name for name in served if name.startswith("omero_ms_thumbnail_")}
    shown = {name for name in own if name in text}
    missing = {name for name in own - shown if not re.search(r"_(count|sum|created)$", name)}
    assert missing == set()


def test_legends_use_labels_that_there_are(served: dict[str, set[str]]) -> None:
    known = set().union(*served.values()) | _ADDED
    assert set(re.findall(r"\{\{(\w+)\}\}", DASHBOARD.read_text())) <= known


def test_rules_say_what_to_do() -> None:
    for group in yaml.safe_load(RULES.read_text())["groups"]:
        for rule in group["rules"]:
            assert set(rule) == {"alert", "expr", "for", "labels", "annotations"}
            assert rule["labels"]["severity"] in ("warning", "critical")
            assert rule["annotations"]["summary"]
            assert rule["annotations"]["description"]
