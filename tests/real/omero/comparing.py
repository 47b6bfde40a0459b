"""What was played beside what was recorded: the answers, the rows, the settings and the events that differ."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.real.omero.scenario import Left, Scenario

ANSWERS: Final = "answers"
ROWS: Final = "rows"
SETTINGS: Final = "settings"
EVENTS: Final = "events"


@dataclass(frozen=True, slots=True)
class Played:
    """What came of a scenario; `events` is None where this OMERO counts none, `before` what preparing had left."""

    answers: tuple[Any, ...]
    after: tuple[Left, ...]
    events: int | None = None
    before: tuple[Left, ...] = ()


@dataclass(frozen=True, slots=True)
class Outcome:
    """One scenario's: what differs, as a sentence for each kind, or why it was not played."""

    scenario: Scenario
    differs: dict[str, str] = field(default_factory=dict)
    rules: frozenset[str] = frozenset()
    left_out: str = ""

    @property
    def is_as_recorded(self) -> bool:
        """Whether it was played and nothing differs, nor had to be excused by a rule."""
        return not self.differs and not self.rules and not self.left_out


def compare(scenario: Scenario, played: Played) -> Outcome:
    """Whether all came as recorded; of errors the class counts, and events where they are counted."""
    differs = {}
    came = list(map(_without_words, played.answers))
    recorded = list(map(_without_words, scenario.answers))
    if came != recorded:
        differs[ANSWERS] = "; ".join(
            f"{shown(call)}: {shown(answer)}, recorded {shown(wanted)}"
            for call, answer, wanted in zip(scenario.calls, played.answers, scenario.answers, strict=True)
            if _without_words(answer) != _without_words(wanted)
        )
    ends = list(zip(played.after, scenario.after, strict=True))
    differs |= _ends(ROWS, [(end.rows, wanted.rows) for end, wanted in ends])
    differs |= _ends(SETTINGS, [(end.settings, wanted.settings) for end, wanted in ends])
    if played.events is not None and scenario.events is not None and played.events != scenario.events:
        differs[EVENTS] = f"{played.events}, recorded {scenario.events}"
    return Outcome(scenario, differs)


def _ends(kind: str, ends: Sequence[tuple[Any, Any]]) -> dict[str, str]:
    different = [
        f"image {number}: {shown(end)}, recorded {shown(wanted)}"
        for number, (end, wanted) in enumerate(ends)
        if end != wanted
    ]
    return {kind: "; ".join(different)} if different else {}


def _without_words(answer: Any) -> Any:
    if isinstance(answer, dict) and "error" in answer:
        return {"error": answer["error"]}
    return answer


def shown(value: Any) -> str:
    """A value on one line."""
    return json.dumps(value, ensure_ascii=False)
