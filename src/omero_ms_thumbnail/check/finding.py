"""What a step of the walk has to say: the common value of all steps."""

from __future__ import annotations

import time
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .diagnosis import Diagnosis


class Outcome(Enum):
    """How a step went; the values are the words of the JSON report."""

    OK = "ok"
    #: thumbnails work, and something should be looked at
    WARNING = "warning"
    FAILED = "failed"
    #: not tried: an earlier step failed, or something was not given
    SKIPPED = "skipped"


@dataclass(frozen=True, slots=True)
class Finding:
    """One step: its name, what was found in a sentence without any secret, and the seconds that it took.

    `diagnosis` says what is likely wrong and what to change, for a warning or a failure.
    """

    step: str
    outcome: Outcome
    found: str
    seconds: float = 0.0
    diagnosis: Diagnosis | None = None


class Trouble(Exception):
    """A step cannot go on; raised with what was found, and caught by the walk."""

    def __init__(self, diagnosis: Diagnosis, found: str) -> None:
        super().__init__(found)
        self.diagnosis = diagnosis
        self.found = found


class Stopwatch:
    """The seconds since it was made."""

    def __init__(self) -> None:
        self._began = time.monotonic()

    @property
    def seconds(self) -> float:
        """Until now."""
        return time.monotonic() - self._began
