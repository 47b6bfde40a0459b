"""Families of metrics on shared values: counters, gauges, histograms, summaries, and their exposition for Prometheus.

`prometheus_client` formats the exposition; its own counters are not used, since they take a lock for each change and
know one process only.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Final

from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
    SummaryMetricFamily,
)

from .shared_values import Name, SharedValues

Labels = tuple[str, ...]

#: numbers by sample, then by labels
Sums = dict[str, dict[tuple[tuple[str, str], ...], float]]


class Counter:
    """One counter or gauge, of one set of labels; `at` is its place among the shared values."""

    __slots__ = ("_values", "at")

    def __init__(self, values: SharedValues, name: Name) -> None:
        self._values = values.values
        self.at: Final = values.index(name)

    def add(self, amount: float = 1.0) -> None:
        """Add; a gauge may take a negative amount."""
        self._values[self.at] += amount

    def set(self, value: float) -> None:
        """Set a gauge, or a counter that is kept elsewhere."""
        self._values[self.at] = value


class Histogram:
    """One histogram, of one set of labels; without bounds a summary, for which two numbers are enough."""

    __slots__ = ("_bounds", "_buckets", "_values", "count_at", "sum_at")

    def __init__(
        self, values: SharedValues, family: str, labels: tuple[tuple[str, str], ...], bounds: Sequence[float]
    ) -> None:
        self._values = values.values
        self._bounds = tuple(bounds)
        self.sum_at: Final = values.index(Name(f"{family}_sum", labels))
        self.count_at: Final = values.index(Name(f"{family}_count", labels))
        upper = [*(str(float(bound)) for bound in bounds), "+Inf"] if bounds else []
        self._buckets = [values.index(Name(f"{family}_bucket", (*labels, ("le", le)))) for le in upper]

    def observe(self, value: float) -> None:
        """Count a value; a bucket holds those that fall into it alone, and is summed up only when it is read."""
        self._values[self.sum_at] += value
        self._values[self.count_at] += 1.0
        if self._buckets:
            self._values[self._buckets[bisect_left(self._bounds, value)]] += 1.0


class Family:
    """What all families have: a name, what it means, the names of its labels, its children by their values."""

    def __init__(self, numbers: SharedValues, name: str, meaning: str, labels: Sequence[str] = ()) -> None:
        self.name = name
        self.meaning = meaning
        self.label_names = tuple(labels)
        self._readers: dict[Labels, list[Callable[[], float]]] = {}
        self._numbers = numbers

    def _labels(self, values: Labels) -> tuple[tuple[str, str], ...]:
        return tuple(zip(self.label_names, values, strict=True))

    def read(self, value: Callable[[], float], *labels: str) -> None:
        """Have `value` say how it is with these labels, whenever `refresh` asks; several are added up."""
        self._readers.setdefault(labels, []).append(value)

    def refresh(self) -> None:
        """Ask whoever says how it is."""
        for labels, readers in self._readers.items():
            self._set(sum(value() for value in readers), labels)

    def _set(self, value: float, labels: Labels) -> None:
        raise NotImplementedError

    def samples(self) -> tuple[str, ...]:
        """The names of its samples."""
        return (self.name,)

    def metric(self, sums: Sums) -> Metric:
        """The family with its numbers, which are given by sample and labels."""
        raise NotImplementedError


class Counters(Family):
    """Counters; the name is without ``_total``. `is_mortal`: what a worker has counted is gone with it."""

    def __init__(
        self, numbers: SharedValues, name: str, meaning: str, labels: Sequence[str] = (), *, is_mortal: bool = False
    ) -> None:
        super().__init__(numbers, name, meaning, labels)
        self._is_mortal = is_mortal
        self._children: dict[Labels, Counter] = {}

    def labels(self, *labels: str) -> Counter:
        """The counter with these labels. Keep it where it is needed often."""
        child = self._children.get(labels)
        if child is None:
            name = Name(f"{self.name}_total", self._labels(labels), is_gauge=self._is_mortal)
            child = self._children[labels] = Counter(self._numbers, name)
        return child

    def _set(self, value: float, labels: Labels) -> None:
        self.labels(*labels).set(value)

    def samples(self) -> tuple[str, ...]:
        return (f"{self.name}_total",)

    def metric(self, sums: Sums) -> Metric:
        metric = CounterMetricFamily(self.name, self.meaning, labels=self.label_names)
        for labels, value in sums.get(f"{self.name}_total", {}).items():
            metric.add_metric([text for _, text in labels], value)
        return metric


class Gauges(Family):
    """Gauges, added up over the workers that live."""

    def __init__(self, numbers: SharedValues, name: str, meaning: str, labels: Sequence[str] = ()) -> None:
        super().__init__(numbers, name, meaning, labels)
        self._children: dict[Labels, Counter] = {}

    def labels(self, *labels: str) -> Counter:
        """The gauge with these labels."""
        child = self._children.get(labels)
        if child is None:
            name = Name(self.name, self._labels(labels), is_gauge=True)
            child = self._children[labels] = Counter(self._numbers, name)
        return child

    def _set(self, value: float, labels: Labels) -> None:
        self.labels(*labels).set(value)

    def metric(self, sums: Sums) -> Metric:
        metric = GaugeMetricFamily(self.name, self.meaning, labels=self.label_names)
        for labels, value in sums.get(self.name, {}).items():
            metric.add_metric([text for _, text in labels], value)
        return metric


class Shared(Family):
    """Gauges of what all workers share: whichever of them is asked says the same, and nothing is added up."""

    def __init__(self, numbers: SharedValues, name: str, meaning: str, labels: Sequence[str] = ()) -> None:
        super().__init__(numbers, name, meaning, labels)
        self._values: dict[Labels, float] = {}

    def _set(self, value: float, labels: Labels) -> None:
        self._values[labels] = value

    def metric(self, sums: Sums) -> Metric:
        metric = GaugeMetricFamily(self.name, self.meaning, labels=self.label_names)
        for labels, value in self._values.items():
            metric.add_metric(labels, value)
        return metric


class Distributions(Family):
    """Histograms with these upper bounds; without bounds, summaries that have a sum and a count."""

    def __init__(
        self, numbers: SharedValues, name: str, meaning: str, labels: Sequence[str] = (), bounds: Sequence[float] = ()
    ) -> None:
        super().__init__(numbers, name, meaning, labels)
        self._bounds = tuple(bounds)
        self._children: dict[Labels, Histogram] = {}

    def labels(self, *labels: str) -> Histogram:
        """The histogram or summary with these labels."""
        child = self._children.get(labels)
        if child is None:
            child = self._children[labels] = Histogram(self._numbers, self.name, self._labels(labels), self._bounds)
        return child

    def samples(self) -> tuple[str, ...]:
        parts = ("sum", "count", "bucket") if self._bounds else ("sum", "count")
        return tuple(f"{self.name}_{part}" for part in parts)

    def metric(self, sums: Sums) -> Metric:
        counts = sums.get(f"{self.name}_count", {})
        totals = sums.get(f"{self.name}_sum", {})
        if not self._bounds:
            summary = SummaryMetricFamily(self.name, self.meaning, labels=self.label_names)
            for labels, count in counts.items():
                summary.add_metric([text for _, text in labels], int(count), totals[labels])
            return summary
        histogram = HistogramMetricFamily(self.name, self.meaning, labels=self.label_names)
        buckets = sums.get(f"{self.name}_bucket", {})
        for labels, total in totals.items():
            below, cumulated = 0.0, []
            for le in (*(str(float(bound)) for bound in self._bounds), "+Inf"):
                below += buckets.get((*labels, ("le", le)), 0.0)
                cumulated.append((le, below))
            histogram.add_metric([text for _, text in labels], cumulated, total)
        return histogram


class Collector:
    """What `prometheus_client` collects: every family, with the sums over all workers."""

    def __init__(self, numbers: SharedValues, families: Iterable[Family]) -> None:
        self._numbers = numbers
        self._families: Final = tuple(families)

    def collect(self) -> Iterator[Metric]:
        """The families."""
        sums: Sums = defaultdict(dict)
        for name, value in self._numbers.sums().items():
            sums[name.sample][name.labels] = value
        for family in self._families:
            yield family.metric(sums)

    def describe(self) -> list[Metric]:
        """Nothing: names are checked by what is collected."""
        return []
