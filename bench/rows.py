"""A row of the table: what was measured in each round, its median, and whether that is what it should be."""

from __future__ import annotations

import statistics
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Goal:
    """What a median should be at most, or at least. `note` says under which condition."""

    at_most: float | None = None
    at_least: float | None = None
    note: str = ""

    def is_met_by(self, value: float) -> bool:
        """Whether `value` is as it should be."""
        return (self.at_most is None or value <= self.at_most) and (self.at_least is None or value >= self.at_least)

    def said(self, unit: str) -> str:
        """As the table says it."""
        sign, limit = ("<=", self.at_most) if self.at_most is not None else (">=", self.at_least)
        return " ".join(filter(None, (sign, f"{limit:g}", unit, self.note)))


@dataclass
class Row:
    """One row. `values` has one figure for each round; a row without a `goal` is for comparison only."""

    key: str
    what: str
    goal: Goal | None = None
    unit: str = ""
    values: list[float] = field(default_factory=list)
    details: dict[str, Any] = field(default_factory=dict)

    @property
    def median(self) -> float:
        """The median of all rounds."""
        return statistics.median(self.values)

    def note(self, name: str, value: float, digits: int = 1) -> None:
        """Keep what a value was made of, round by round."""
        self.details.setdefault(name, []).append(round(value, digits))

    @property
    def is_met(self) -> bool | None:
        """Whether the median is as it should be; None without a goal."""
        return None if self.goal is None else self.goal.is_met_by(self.median)

    def as_json(self) -> dict[str, Any]:
        """For the file of results."""
        return {
            "key": self.key,
            "what": self.what,
            "goal": self.goal.said(self.unit) if self.goal else "",
            "unit": self.unit,
            "median": self.median,
            "met": self.is_met,
            "values": self.values,
            "details": self.details,
        }
