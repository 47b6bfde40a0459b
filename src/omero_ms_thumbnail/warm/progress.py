"""What a person sees while it runs: a bar that is drawn over itself on a terminal, plain lines elsewhere."""

from __future__ import annotations

import shutil
import time
from dataclasses import dataclass
from typing import Final, Protocol, TextIO

_BAR: Final = 24
#: plain lines come at each so many percent, and at least so often in seconds
_PLAIN_PERCENT: Final = 10
_PLAIN_SECONDS: Final = 30.0


@dataclass(slots=True)
class Count:
    """How far it is, in images.

    `done` have a thumbnail now, `before` had one already, `failed` have none; `others` are left out, since what would
    be made of them would help nobody.
    """

    total: int = 0
    before: int = 0
    others: int = 0
    done: int = 0
    failed: int = 0

    @property
    def over(self) -> int:
        """Images that nothing more will be done about."""
        return self.before + self.others + self.done + self.failed


class Progress(Protocol):
    """Shows how far it is."""

    def show(self, count: Count, note: str = "") -> None:
        """It is so far; `note` says why it rests."""

    def say(self, line: str) -> None:
        """A line that stays."""

    def end(self) -> None:
        """Nothing more is shown."""


def progress_on(out: TextIO) -> Progress:
    """The bar on a terminal, lines elsewhere."""
    return TerminalProgress(out) if out.isatty() else PlainProgress(out)


class _TimedProgress:
    def __init__(self, out: TextIO) -> None:
        self._out = out
        self._began = time.monotonic()

    def _line(self, count: Count, note: str) -> str:
        seconds = time.monotonic() - self._began
        percent = 100 * count.over // count.total if count.total else 100
        parts = [f"{count.over}/{count.total}", f"{percent} %"]
        worked = count.done + count.failed
        if worked and seconds > 0:
            parts.append(f"{worked / seconds:.1f}/s")
            left = (count.total - count.over) * seconds / worked
            if left >= 1:
                parts.append(f"{_duration(left)} left")
        if count.failed:
            parts.append(f"{count.failed} failed")
        return "  ".join((*parts, note) if note else parts)


class TerminalProgress(_TimedProgress):
    """One line, drawn over itself."""

    def __init__(self, out: TextIO) -> None:
        super().__init__(out)
        self._width = 0

    def show(self, count: Count, note: str = "") -> None:
        filled = _BAR * count.over // count.total if count.total else _BAR
        line = f"[{'#' * filled}{'.' * (_BAR - filled)}] {self._line(count, note)}"
        # a line that the terminal would break could not be drawn over
        self._draw(line[: shutil.get_terminal_size().columns - 1])

    def say(self, line: str) -> None:
        self._draw("")
        self._out.write(f"\r{line}\n")
        self._out.flush()

    def end(self) -> None:
        self._out.write("\n")
        self._out.flush()

    def _draw(self, line: str) -> None:
        self._out.write(f"\r{line:<{self._width}}")
        self._out.flush()
        self._width = len(line)


class PlainProgress(_TimedProgress):
    """A line now and then, for logs."""

    def __init__(self, out: TextIO) -> None:
        super().__init__(out)
        self._shown = -1
        self._shown_at = self._began

    def show(self, count: Count, note: str = "") -> None:
        step = 100 * count.over // count.total // _PLAIN_PERCENT if count.total else 0
        now = time.monotonic()
        if step != self._shown or now - self._shown_at >= _PLAIN_SECONDS:
            self._shown, self._shown_at = step, now
            self.say(self._line(count, note))

    def say(self, line: str) -> None:
        self._out.write(f"{line}\n")
        self._out.flush()

    def end(self) -> None:
        """Every line has been written."""


def _duration(seconds: float) -> str:
    minutes, hours = int(seconds // 60), int(seconds // 3600)
    if hours:
        return f"{hours} h {minutes % 60} min"
    return f"{minutes} min {int(seconds % 60)} s" if minutes else f"{int(seconds)} s"
