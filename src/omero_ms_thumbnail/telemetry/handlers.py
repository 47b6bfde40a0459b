"""Where log lines go: a stream, or a file that is renewed every day. Many lines may be handed over together.

A line of the access log is cheap because it waits: lines that come within `SECONDS_HELD` are written with one call of
the system. Any ordinary record brings them out before itself, so the order of lines is the order of events.

Several processes may write to one file. Each writes under a shared lock of the file, and looks first whether the path
still leads to it: whoever is first on a new day renames it under the exclusive lock and compresses it; logrotate may
rename it at any time.
"""

from __future__ import annotations

import asyncio
import datetime
import fcntl
import gzip
import logging
import os
import re
import shutil
import threading
from pathlib import Path
from typing import BinaryIO, Final, TextIO

SECONDS_HELD: Final = 0.2

#: lines that are held at most
_LINES_HELD: Final = 2_000


class LineHandler(logging.Handler):
    """Writes lines to `_write`, which a subclass has."""

    def __init__(self) -> None:
        super().__init__()
        self._held: list[str] = []
        self._release: asyncio.TimerHandle | None = None

    def write_later(self, line: str) -> None:
        """Write a line soon, with those that come with it. To be called by the event loop's thread."""
        held = self._held
        held.append(line)
        if self._release is None:
            self._release = asyncio.get_running_loop().call_later(SECONDS_HELD, self._released)
        elif len(held) >= _LINES_HELD:
            self.flush()

    def emit(self, record: logging.LogRecord) -> None:
        """Write a record, and what was held before it."""
        try:
            self._held.append(self.format(record))
            self.flush()
        except Exception:  # noqa: BLE001 - as logging has it: a log that cannot be written ends no request
            self.handleError(record)

    def flush(self) -> None:
        """Write what is held."""
        self.acquire()
        try:
            held, self._held = self._held, []
            if held:
                held.append("")
                self._write("\n".join(held))
        finally:
            self.release()

    def close(self) -> None:
        """Write what is held, for the last time."""
        self._cancel()
        self.flush()
        super().close()

    def _write(self, text: str) -> None:
        raise NotImplementedError

    def _cancel(self) -> None:
        if self._release is not None:
            self._release.cancel()
            self._release = None

    def _released(self) -> None:
        self._release = None
        try:
            self.flush()
        except OSError:
            self.handleError(logging.makeLogRecord({"msg": "lines of the access log were lost"}))


class StreamLines(LineHandler):
    """Lines to a stream."""

    def __init__(self, stream: TextIO) -> None:
        super().__init__()
        self.stream = stream

    def _write(self, text: str) -> None:
        self.stream.write(text)
        self.stream.flush()


class DailyFile(LineHandler):
    """Lines to `path`. On the first line of a new day what there is becomes ``name.2026-11-24.log.gz`` beside it.

    `keep` of those are kept. Raises OSError where the file cannot be opened.
    """

    def __init__(self, path: Path | str, *, keep: int = 7) -> None:
        super().__init__()
        self._path = Path(path).absolute()
        #: logging's own name for it
        self.baseFilename = str(self._path)
        self._keep = keep
        self._day = datetime.date.min
        self._path.parent.mkdir(parents=True, exist_ok=True)
        self._file = self._open()

    def close(self) -> None:
        super().close()
        self._file.close()

    def reopen(self) -> None:
        """Let go of a file that was renamed now, and not with the next line. Raises OSError; it then goes on."""
        self.acquire()
        try:
            if not self._is_current():
                file = self._open()
                self._file.close()
                self._file = file
        finally:
            self.release()

    def _open(self) -> BinaryIO:
        return self._path.open("ab", buffering=0)

    def _write(self, text: str) -> None:
        content = text.encode("utf-8", "backslashreplace")
        while True:
            fcntl.flock(self._file, fcntl.LOCK_SH)
            if self._is_current():
                today = datetime.datetime.now().astimezone().date()
                if today == self._day or not self._is_of_yesterday(today):
                    self._day = today
                    self._file.write(content)
                    fcntl.flock(self._file, fcntl.LOCK_UN)
                    return
                fcntl.flock(self._file, fcntl.LOCK_EX)
                # while the exclusive lock was waited for, another process may have renamed it
                if self._is_current():
                    self._renew()
            self._file.close()
            self._file = self._open()

    def _is_current(self) -> bool:
        """Whether the path leads to the file that is open."""
        try:
            there = self._path.stat()
        except FileNotFoundError:
            return False
        own = os.fstat(self._file.fileno())
        return (there.st_ino, there.st_dev) == (own.st_ino, own.st_dev)

    def _is_of_yesterday(self, today: datetime.date) -> bool:
        """Whether the last line was written on a day before."""
        found = os.fstat(self._file.fileno())
        return found.st_size > 0 and datetime.datetime.fromtimestamp(found.st_mtime).astimezone().date() < today

    def _renew(self) -> None:
        last = datetime.datetime.fromtimestamp(os.fstat(self._file.fileno()).st_mtime).astimezone().date()
        renamed = self._path.with_name(f"{self._path.stem}.{last.isoformat()}{self._path.suffix}")
        self._path.rename(renamed)
        threading.Thread(target=self._compress, args=(renamed,), name="log compression").start()

    def _compress(self, renamed: Path) -> None:
        """Compress a file that nobody writes to any more, and delete the oldest."""
        packed = renamed.with_name(f"{renamed.name}.gz")
        # appended to: files of gzip follow one another, and a service may have been started twice since
        with renamed.open("rb") as source, gzip.open(packed, "ab") as target:
            shutil.copyfileobj(source, target)
        renamed.unlink()
        dated = re.compile(
            rf"{re.escape(self._path.stem)}\.\d{{4}}-\d\d-\d\d{re.escape(self._path.suffix)}\.gz",
        )
        former = sorted(one for one in self._path.parent.iterdir() if dated.fullmatch(one.name))
        for old in former[: max(len(former) - self._keep, 0)]:
            old.unlink(missing_ok=True)
