"""Processor time: of processes with all that they have started, as the kernel counts it."""

from __future__ import annotations

import os
import resource
from collections.abc import Mapping
from pathlib import Path

from .processes import children

_TICKS = os.sysconf("SC_CLK_TCK")


def of_tree(pid: int) -> float:
    """Seconds of processor time, user's and system's, of a process and everything that runs below it."""
    return _of_one(pid) + sum(of_tree(child) for child in children(pid))


def of_all(processes: Mapping[str, int]) -> dict[str, float]:
    """The same for several, by name."""
    return {name: of_tree(pid) for name, pid in processes.items()}


def spent(before: Mapping[str, float], after: Mapping[str, float]) -> dict[str, float]:
    """What was used between two readings."""
    return {name: after[name] - before[name] for name in after}


def of_ended_children() -> float:
    """The same of every process that this one has started and that has ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _of_one(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS
