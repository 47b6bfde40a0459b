"""How findings are shown: lines for people, an object for programs."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from typing import Any, Final

from .finding import Finding, Outcome
from .names import STEPS

_MARKS: Final = {Outcome.OK: "ok", Outcome.WARNING: "warning", Outcome.FAILED: "FAILED", Outcome.SKIPPED: "-"}
_MARK_WIDTH: Final = max(len(mark) for mark in _MARKS.values())
_NAME_WIDTH: Final = max(len(name) for name in STEPS)
_INDENT: Final = " " * (_MARK_WIDTH + 2)
_WIDTH: Final = 100


def as_text(finding: Finding) -> str:
    """A line, and below it the diagnosis where there is one."""
    took = "" if finding.outcome is Outcome.SKIPPED else f" ({finding.seconds * 1000:.0f} ms)"
    first, *others = finding.found.splitlines() or [""]
    lines = [f"{_MARKS[finding.outcome]:<{_MARK_WIDTH}}  {finding.step:<{_NAME_WIDTH}}  {first}{took}"]
    lines += [f"{_INDENT}{line}" for line in others]
    diagnosis = finding.diagnosis
    if diagnosis is not None:
        lines += _paragraph("cause:  ", f"{diagnosis.title}. {diagnosis.likely}")
        lines += _paragraph("change: ", diagnosis.change)
    return "\n".join(lines)


def _paragraph(label: str, text: str) -> list[str]:
    indent = _INDENT + " " * len(label)
    return textwrap.wrap(text, _WIDTH, initial_indent=_INDENT + label, subsequent_indent=indent)


def closing_line(findings: Sequence[Finding]) -> str:
    """What all of it comes to."""
    failed = [finding for finding in findings if finding.outcome is Outcome.FAILED]
    if failed:
        title = failed[0].diagnosis.title if failed[0].diagnosis else failed[0].found
        more = f"; {len(failed) - 1} more failed" if len(failed) > 1 else ""
        return f"Failed at {failed[0].step}: {title}{more}."
    warnings = sum(finding.outcome is Outcome.WARNING for finding in findings)
    untried = sum(finding.outcome is Outcome.SKIPPED for finding in findings)
    with_warnings = f", with {warnings} warning(s)" if warnings else ""
    not_tried = f"; {untried} step(s) not tried" if untried else ""
    return f"Nothing is wrong in what was tried{with_warnings}{not_tried}."


def as_json(findings: Sequence[Finding]) -> dict[str, Any]:
    """``{"ok": bool, "steps": [{"step", "outcome", "found", "milliseconds", "diagnosis"?}]}``."""
    return {
        "ok": not any(finding.outcome is Outcome.FAILED for finding in findings),
        "steps": [_step(finding) for finding in findings],
    }


def _step(finding: Finding) -> dict[str, Any]:
    step: dict[str, Any] = {
        "step": finding.step,
        "outcome": finding.outcome.value,
        "found": finding.found,
        "milliseconds": round(finding.seconds * 1000, 1),
    }
    if finding.diagnosis is not None:
        step["diagnosis"] = {
            "code": finding.diagnosis.code,
            "title": finding.diagnosis.title,
            "likely": finding.diagnosis.likely,
            "change": finding.diagnosis.change,
        }
    return step
