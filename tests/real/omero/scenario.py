"""Scenarios as they were recorded: who asks what of which images in which group, what came, and what was left.

A line of a file is one as JSON. Its images are prepared by steps such as "owner saves red"; a call is a list, of which
the first is its name. "answers" has one for each call, "after" one for each image, "events" how many rows of OMERO's
table `event` whoever called had more afterwards.
"""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from tests.support.parts import ROOT

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

TRUTH: Final = ROOT / "tests" / "data" / "omero-truth"

#: what a ThumbnailStore answered, and what OMERO.web answered
STORE_SCENARIOS: Final = TRUTH / "scenarios.jsonl"
WEB_SCENARIOS: Final = TRUTH / "http.jsonl"

#: who takes part in any of them; `root` is an administrator in none of the groups, `leader` the owner of them all
ROLES: Final = ("owner", "member", "leader", "root")

#: the kinds of groups
GROUPS: Final = ("rw----", "rwr---", "rwra--", "rwrw--")

OF_MEMBER: Final = "of member"


@dataclass(frozen=True, slots=True)
class Left:
    """What there is of one image in the database: rows of `thumbnail` and numbers of RenderingDefs, by their owner."""

    rows: Mapping[str, tuple[str, ...]]
    settings: Mapping[str, int]

    @classmethod
    def of(cls, said: Mapping[str, Any]) -> Left:
        """From JSON; the order of rows means nothing."""
        rows = {role: tuple(sorted(some)) for role, some in said["rows"].items() if some}
        return cls(rows, {role: count for role, count in said["settings"].items() if count})

    def rows_of(self, role: str) -> Counter[str]:
        """How often there is which row of one person's."""
        return Counter(self.rows.get(role, ()))


@dataclass(frozen=True, slots=True)
class Scenario:
    """One line of a file."""

    id: str
    group: str
    images: tuple[tuple[str, ...], ...]
    who: str
    calls: tuple[tuple[Any, ...], ...]
    answers: tuple[Any, ...]
    after: tuple[Left, ...]
    events: int | None

    @classmethod
    def of(cls, said: Mapping[str, Any]) -> Scenario:
        """From JSON. Raises ValueError where it takes part who or what is not known here."""
        scenario = cls(
            said["id"],
            said["group"],
            tuple(map(tuple, said["images"])),
            said["who"],
            tuple(map(tuple, said["calls"])),
            tuple(said["answers"]),
            tuple(map(Left.of, said["after"])),
            said.get("events"),
        )
        if scenario.group not in GROUPS or scenario.who not in ROLES:
            raise ValueError(f"{scenario.id}: no group {scenario.group!r} or nobody {scenario.who!r} is known here")
        if len(scenario.calls) != len(scenario.answers) or len(scenario.images) != len(scenario.after):
            raise ValueError(f"{scenario.id}: an answer for each call and an end for each image are needed")
        return scenario

    @property
    def is_of_requests(self) -> bool:
        """Whether it is asked over HTTP."""
        return any(call[0] == "GET" for call in self.calls)

    def owner_of(self, image: int) -> str:
        """To whom an image belongs."""
        return "member" if OF_MEMBER in self.images[image] else "owner"


def read_scenarios(path: Path) -> list[Scenario]:
    """All scenarios of a file. Raises OSError, or ValueError that names the line."""
    scenarios = []
    with path.open(encoding="utf-8") as lines:
        for number, line in enumerate(lines, 1):
            if not line.strip():
                continue
            try:
                scenarios.append(Scenario.of(json.loads(line)))
            except (ValueError, KeyError, TypeError) as error:
                raise ValueError(f"{path}, line {number}: {error}") from error
    return scenarios
