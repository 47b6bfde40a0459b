"""What the service and OMERO hold, sampled now and then, and whether it stays flat."""

from __future__ import annotations

import re
import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path

from bench.processes import children, resident_bytes
from omero_embedded.embedded_omero import EmbeddedOmero


@dataclass(frozen=True)
class Sample:
    """Of all processes of the service together; memory in MiB. `omero_stores` are those that OMERO holds open."""

    at: float
    answers: int
    memory: float
    tasks: float
    descriptors: float
    joined: float
    stores: float
    omero_joins: float
    omero_stores: float


def take(pid: int, metrics: str, omero: EmbeddedOmero, answers: int) -> Sample:
    pids = [pid, *children(pid)]
    return Sample(
        at=time.monotonic(),
        answers=answers,
        memory=sum(resident_bytes(one) for one in pids) / 2**20,
        tasks=_metric(metrics, "tasks"),
        descriptors=sum(len(list(Path(f"/proc/{one}/fd").iterdir())) for one in pids),
        joined=_metric(metrics, "joined_sessions"),
        stores=_metric(metrics, "thumbnail_stores"),
        omero_joins=len(omero.router),
        omero_stores=omero.sessions.stores_open,
    )


def _metric(text: str, name: str) -> float:
    found = re.findall(rf"^omero_ms_thumbnail_{name}(?:\{{[^}}]*\}})? (\S+)$", text, re.MULTILINE)
    return sum(map(float, found))


@dataclass(frozen=True)
class Course:
    """A figure's course: medians of the second and of the last quarter of the time, and the most there was."""

    name: str
    early: float
    late: float
    most: float

    @property
    def is_flat(self) -> bool:
        """Whether it has not grown: what grows all the time is more than twice as large in the last quarter.

        How many are joined follows how many ask, and that follows what else the machine does: a quarter more is no
        growth. Memory, most of which is there from the start, may grow by a tenth.
        """
        return self.late <= self.early * (1.1 if self.name == "memory" else 1.25) + 16


def courses(samples: Sequence[Sample]) -> list[Course]:
    """The courses of all figures. The first quarter is warming up: caches fill."""
    quarter = max(1, len(samples) // 4)
    found = []
    for member in fields(Sample)[2:]:
        values = [getattr(sample, member.name) for sample in samples]
        found.append(
            Course(
                member.name,
                statistics.median(values[quarter : 2 * quarter]),
                statistics.median(values[-quarter:]),
                max(values),
            )
        )
    return found
