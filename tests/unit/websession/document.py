"""The parts of docs/sessions.md that a run writes: each between two comments that have its name."""

from __future__ import annotations

from tests.support.parts import ROOT

DOCUMENT = ROOT / "docs" / "sessions.md"


def write(part: str, text: str) -> None:
    """Put text, with its last line's end, in place of what a former run wrote."""
    begin, end = f"<!-- {part}: begin -->\n", f"<!-- {part}: end -->\n"
    before, begun, rest = DOCUMENT.read_text().partition(begin)
    _, ended, after = rest.partition(end)
    if not begun or not ended:
        raise ValueError(f"{DOCUMENT} has no place for {part}")
    DOCUMENT.write_text(before + begin + text + end + after)
