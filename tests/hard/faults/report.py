"""``python -m tests.hard.faults.report [NAME…]``: every fault and abuse in turn, and its row in docs/reliability.md.

Prints what was seen and ends with 1 where a promise was broken. With names only those run, and nothing is written.
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterable
from pathlib import Path

from bench.machine import machine
from tests.hard.faults import omero_faults, process_faults, router_faults, store_faults
from tests.hard.faults.striking import Seen
from tests.hard.overload import crowds
from tests.support.parts import ROOT

Scenario = Callable[[Path], Awaitable[Seen]]

DOCUMENT = ROOT / "docs" / "reliability.md"

SCENARIOS: dict[str, Scenario] = {
    scenario.__name__: scenario
    for module in (omero_faults, router_faults, store_faults, process_faults, crowds)
    for scenario in module.ALL
}

_BEGIN, _END = "<!-- faults: begin -->\n", "<!-- faults: end -->\n"
_HEAD = "| fault or abuse | load | what was seen | what is promised |\n| --- | --- | --- | --- |\n"
_TITLE = "# Reliability\n\n"


def see(scenario: Scenario) -> Seen:
    """Let it happen in a folder of its own."""
    with tempfile.TemporaryDirectory(prefix="faults-") as folder:
        return asyncio.run(scenario(Path(folder)))  # type: ignore[arg-type]


def with_rows(document: str, rows: Iterable[str]) -> str:
    """The document with these rows between its marks, which are added at its end where it has none."""
    found = machine()
    system = f"Linux {found['kernel']}, Python {found['Python']}"
    told = f"On {found['cores']} cores of {found['processor']}, {found['memory']}, {system}."
    written = f"{told}\n\n{_HEAD}" + "".join(f"{row}\n" for row in rows)
    if _BEGIN not in document:
        return f"{document or _TITLE}{_BEGIN}{written}{_END}"
    before, _, rest = document.partition(_BEGIN)
    return before + _BEGIN + written + _END + rest.partition(_END)[2]


def main(names: list[str]) -> int:
    seen = []
    for name in names or SCENARIOS:
        began = time.monotonic()
        seen.append(see(SCENARIOS[name]))
        print(f"{name} ({time.monotonic() - began:.0f} s)\n{seen[-1].row()}\n", flush=True)
    broken = [one for one in seen if one.broken]
    if not names:
        document = DOCUMENT.read_text() if DOCUMENT.exists() else ""
        DOCUMENT.write_text(with_rows(document, [one.row() for one in seen]))
    print(f"{len(seen)} faults, {len(broken)} broke a promise")
    for one in broken:
        print(f"{one.fault}: {'; '.join(one.broken)}")
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
