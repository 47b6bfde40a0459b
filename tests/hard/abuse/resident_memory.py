"""How much memory a process takes while something is done to it, as Linux counts it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path


@dataclass
class Growth:
    """Of the resident memory, the highest point over where it began; known once the block has ended."""

    bytes: int = 0


def _status(pid: int, name: str) -> int:
    found = re.search(rf"^{name}:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text(), re.MULTILINE)
    assert found is not None
    return int(found.group(1)) * 1024


@contextmanager
def peak_growth(pid: int) -> Iterator[Growth]:
    """Measures `pid` while the block runs."""
    growth = Growth()
    # "5" sets the peak back to what is resident now (proc(5))
    Path(f"/proc/{pid}/clear_refs").write_text("5")
    before = _status(pid, "VmRSS")
    yield growth
    growth.bytes = _status(pid, "VmHWM") - before
