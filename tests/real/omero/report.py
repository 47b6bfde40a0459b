"""What a replay says: what differs, scenario by scenario, and in the end how many were as recorded."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.real.omero.comparing import Outcome


def failed(outcomes: Sequence[Outcome]) -> list[Outcome]:
    """Those that differ."""
    return [outcome for outcome in outcomes if outcome.differs]


def lines_of(outcome: Outcome) -> list[str]:
    """A scenario that differs, by what; or that was left out, and why."""
    if outcome.left_out:
        return [f"left out: {outcome.scenario.id}: {outcome.left_out}"]
    return [outcome.scenario.id, *(f"    {kind}: {text}" for kind, text in outcome.differs.items())]


def summary(outcomes: Sequence[Outcome]) -> str:
    """The last line."""
    as_recorded = sum(outcome.is_as_recorded for outcome in outcomes)
    rules = Counter(" + ".join(sorted(outcome.rules)) for outcome in outcomes if outcome.rules and not outcome.differs)
    kinds = Counter(kind for outcome in outcomes for kind in outcome.differs)
    left_out = sum(bool(outcome.left_out) for outcome in outcomes)
    parts = [f"{as_recorded} of {len(outcomes)} scenarios as recorded"]
    if rules:
        by_rule = ", ".join(f"{count} by {names}" for names, count in rules.most_common())
        parts.append(f"{rules.total()} by a rule ({by_rule})")
    if left_out:
        parts.append(f"{left_out} left out")
    if kinds:
        by_kind = ", ".join(f"{count} in {kind}" for kind, count in kinds.most_common())
        parts.append(f"{len(failed(outcomes))} differ ({by_kind})")
    return ", ".join(parts)
