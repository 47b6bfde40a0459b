"""What a diagnosis is, and the registry of all of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """A cause: the step that finds it, what it is, why it is likely so, and what to change."""

    code: str
    step: str
    title: str
    likely: str
    change: str


#: by code, in the order of the walk
DIAGNOSES: Final[dict[str, Diagnosis]] = {}


def diagnosis(code: str, step: str, title: str, likely: str, change: str) -> Diagnosis:
    """A new one, in the registry."""
    DIAGNOSES[code] = made = Diagnosis(code, step, title, likely, change)
    return made
