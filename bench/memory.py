"""What a worker has in memory: idle, with 2,000 joined users, and for each further one."""

from __future__ import annotations

from pathlib import Path

from .omeros import big_omero
from .priming import ask_once
from .processes import children, get, resident_bytes, service
from .rows import Goal, Row


def memory(folder: Path) -> list[Row]:
    """The rows, measured once: they hardly vary."""
    idle = Row("memory/idle", "memory of an idle worker", Goal(at_most=70), "MB")
    joined = Row("memory/2000", "memory with 2,000 joined users", Goal(at_most=200), "MB")
    further = Row("memory/user", "memory for each further user", Goal(at_most=40), "kB")
    with big_omero(2_000) as omero, service(folder, omero.configuration(cache_life=0)) as (address, pid):
        (worker,) = children(pid)
        get(f"{address}/healthz", {})
        idle.values.append(resident_bytes(worker) / 1e6)
        ask_once(address, omero.keys[:1_000])
        half = resident_bytes(worker)
        ask_once(address, omero.keys[1_000:])
        full = resident_bytes(worker)
    joined.values.append(full / 1e6)
    further.values.append((full - half) / 1_000 / 1e3)
    return [idle, joined, further]
