"""Waking another worker: each has a named pipe in the folder that the workers share, and others write a byte to it.

A pipe that nobody has open for reading belongs to a worker that is no more, which needs no guessing from process ids.
"""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

_DRAINED_AT_ONCE = 4_096


class WakePipes:
    """One worker's pipe, and those of the others by their numbers. Raises OSError where the pipe cannot be made."""

    def __init__(self, folder: Path, name: str, worker: int) -> None:
        self._folder = folder
        self._name = name
        self._path = self._of(worker)
        self._others: dict[int, int] = {}
        os.mkfifo(self._path, 0o600)
        #: readable when somebody has woken this worker; also open for writing here, so that it never ends
        self.file = os.open(self._path, os.O_RDWR | os.O_NONBLOCK)

    def drain(self) -> None:
        """Forget that somebody has woken this worker."""
        with contextlib.suppress(BlockingIOError):
            os.read(self.file, _DRAINED_AT_ONCE)

    def wake(self, worker: int) -> bool:
        """Wake that worker; False if it is no more."""
        try:
            file = self._others.get(worker)
            if file is None:
                file = self._others[worker] = self._open(worker)
            os.write(file, b"\0")
        except BlockingIOError:
            # it has been woken so often that it will look
            return True
        except OSError:
            self._forget(worker)
            return False
        return True

    def is_there(self, worker: int) -> bool:
        """Whether that worker lives."""
        try:
            os.close(self._open(worker))
        except OSError:
            self._forget(worker)
            return False
        return True

    def close(self) -> None:
        """Be woken no more."""
        for worker in tuple(self._others):
            self._forget(worker)
        os.close(self.file)
        self._path.unlink(missing_ok=True)

    def _of(self, worker: int) -> Path:
        return self._folder / f"{self._name}-{worker}.wake"

    def _open(self, worker: int) -> int:
        return os.open(self._of(worker), os.O_WRONLY | os.O_NONBLOCK)

    def _forget(self, worker: int) -> None:
        file = self._others.pop(worker, None)
        if file is not None:
            os.close(file)
