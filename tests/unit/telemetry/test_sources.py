"""What is told of where thumbnails came from, and of the queries and files that this took."""

from __future__ import annotations

import pytest
from prometheus_client.parser import text_string_to_metric_families

from omero_ms_thumbnail.omero.thumbnail_folder import FILE_REFUSALS
from omero_ms_thumbnail.telemetry.observer import Telemetry
from tools.reference.metrics import reference

_PREFIX = "omero_ms_thumbnail_"


def _samples(telemetry: Telemetry) -> dict[tuple[str, str], float]:
    """Values by name without the prefix, and by the one label's value."""
    _, text = telemetry.exposition(None)
    return {
        (sample.name.removeprefix(_PREFIX), "".join(sample.labels.values())): sample.value
        for family in text_string_to_metric_families(text.decode())
        for sample in family.samples
    }


def test_every_source_is_there_from_zero() -> None:
    samples = _samples(Telemetry("1"))
    sources = {label for name, label in samples if name == "pictures_total"}
    assert sources == {"memory", "redis", "disk", "set", "direct", "single", "not_modified"}
    assert samples["pictures_disagreed_total", ""] == 0
    assert not any(samples["pictures_total", source] for source in sources)


def test_what_was_told_is_added_up() -> None:
    telemetry = Telemetry("1")
    for worth in (900, 100):
        telemetry.metrics.facts_remembered.read(lambda worth=worth: worth)
    for count in (50, 7):
        telemetry.pictures("disk", count)
        telemetry.disagreed(count)
        telemetry.facts_asked(0.008, count)
    telemetry.pictures("not_modified", 1)
    telemetry.file_refused("missing")
    telemetry.file_refused("missing")
    samples = _samples(telemetry)
    assert samples["pictures_total", "disk"] == 57
    assert samples["pictures_total", "not_modified"] == 1
    assert samples["pictures_total", "memory"] == 0
    assert samples["pictures_disagreed_total", ""] == 57
    assert samples["files_refused_total", "missing"] == 2
    assert samples["facts_remembered", ""] == 1_000
    assert samples["facts_query_duration_seconds_count", ""] == 2
    assert samples["facts_query_duration_seconds_bucket", "0.005"] == 0
    assert samples["facts_query_duration_seconds_bucket", "0.01"] == 2
    assert samples["facts_query_ids_bucket", "10.0"] == 1
    assert samples["facts_query_ids_bucket", "50.0"] == 2


def test_a_source_that_is_not_known_is_an_error() -> None:
    with pytest.raises(KeyError):
        Telemetry("1").pictures("somewhere", 1)


def test_every_reason_for_a_refusal_is_documented() -> None:
    assert {reason for reason in FILE_REFUSALS if f"`{reason}`" not in reference()} == set()
