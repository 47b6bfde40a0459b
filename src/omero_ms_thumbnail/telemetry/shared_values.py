"""Numbers that all workers of a service can read: each worker writes its own file, whoever is scraped adds them up.

A file holds one double for each number; what the numbers are stands in a second file beside it, a line of JSON each, in
their order. A number is changed in place in shared memory: at once visible to the other workers, still there when its
worker has crashed, at the price of adding to an element of an array. Only the event loop's thread of a worker writes to
its numbers. A worker holds a lock on its file as long as it lives, so nothing has to be guessed from process ids.

Gauges of a worker that has ended mean nothing any more; what it has counted goes on counting, or every sum would fall
and a monitoring system take that for a restart. A worker that starts gathers the counts of those that ended.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import mmap
import os
import secrets
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final

#: numbers of one worker; labels are routes, statuses, operations and classes of errors, which the code bounds
NUMBERS_MAX: Final = 8_192

_BYTES_EACH: Final = 8
_VALUES: Final = ".values"
_NAMES: Final = ".names"
_FORMER: Final = "former.json"
_LOCK: Final = "lock"


@dataclass(frozen=True, slots=True)
class Name:
    """What a number is: a sample of a family, its labels by name in order. `is_gauge`: it ends with its worker."""

    sample: str
    labels: tuple[tuple[str, str], ...] = ()
    is_gauge: bool = False


class SharedValues:
    """One worker's numbers. `folder` is shared by all workers of a service; without one they are this process's own.

    Raises OSError where the folder cannot be written to.
    """

    def __init__(self, folder: Path | None = None) -> None:
        self._folder = folder
        self._names: list[Name] = []
        self._index: dict[Name, int] = {}
        self._files: list[IO[bytes]] = []
        if folder is None:
            buffer = mmap.mmap(-1, NUMBERS_MAX * _BYTES_EACH)
        else:
            with _locked(folder, fcntl.LOCK_EX):
                _gather_former(folder)
                buffer = self._open(folder)
        #: the numbers; add to one by its index
        self.values = memoryview(buffer).cast("d")

    def index(self, name: Name) -> int:
        """The place of a number, made if need be. Raises OverflowError where there are too many."""
        found = self._index.get(name)
        if found is None:
            found = len(self._names)
            if found >= NUMBERS_MAX:
                raise OverflowError(f"more than {NUMBERS_MAX} numbers are told of; labels must come from a bounded set")
            if self._files:
                line = json.dumps([name.sample, name.labels, name.is_gauge])
                # in one write, after which readers see the number
                self._files[1].write(line.encode() + b"\n")
                self._files[1].flush()
            self._names.append(name)
            self._index[name] = found
        return found

    def sums(self) -> dict[Name, float]:
        """Every number, added up over all workers."""
        if self._folder is None:
            return dict(zip(self._names, self.values, strict=False))
        found: dict[Name, float] = {}
        with _locked(self._folder, fcntl.LOCK_SH):
            _add(found, _read_former(self._folder))
            for path in self._folder.glob(f"*{_VALUES}"):
                with path.open("rb") as file:
                    has_ended = _try_lock(file, fcntl.LOCK_SH)
                    numbers = _read(path, file)
                _add(found, ((name, value) for name, value in numbers if not (has_ended and name.is_gauge)))
        return found

    def close(self) -> None:
        """Let go of the files; the counts in them remain."""
        self.values.release()
        for file in self._files:
            file.close()
        self._files.clear()

    def _open(self, folder: Path) -> mmap.mmap:
        path = folder / f"{os.getpid()}-{secrets.token_hex(4)}{_VALUES}"
        values = path.open("w+b")
        self._files.append(values)
        self._files.append(path.with_suffix(_NAMES).open("wb"))
        fcntl.flock(values, fcntl.LOCK_EX)
        values.truncate(NUMBERS_MAX * _BYTES_EACH)
        return mmap.mmap(values.fileno(), NUMBERS_MAX * _BYTES_EACH)


def _gather_former(folder: Path) -> None:
    """Add the counts of workers that have ended to those of the ones before them."""
    gathered: dict[Name, float] = {}
    ended: list[Path] = []
    for path in folder.glob(f"*{_VALUES}"):
        with path.open("rb") as file:
            if _try_lock(file, fcntl.LOCK_SH):
                _add(gathered, ((name, value) for name, value in _read(path, file) if not name.is_gauge))
                ended.append(path)
    if not ended:
        return
    _add(gathered, _read_former(folder))
    renewed = folder / f"{_FORMER}.new"
    renewed.write_text(json.dumps([[name.sample, name.labels, value] for name, value in gathered.items()]))
    renewed.replace(folder / _FORMER)
    for path in ended:
        path.unlink()
        path.with_suffix(_NAMES).unlink(missing_ok=True)


def _read_former(folder: Path) -> list[tuple[Name, float]]:
    try:
        text = (folder / _FORMER).read_text()
    except FileNotFoundError:
        return []
    return [(Name(sample, tuple(map(tuple, labels))), value) for sample, labels, value in json.loads(text)]


def _read(path: Path, file: IO[bytes]) -> list[tuple[Name, float]]:
    """The numbers in a worker's file."""
    # names first: one whose name is known has its number already
    lines = path.with_suffix(_NAMES).read_bytes().split(b"\n")[:-1]
    values = memoryview(file.read(len(lines) * _BYTES_EACH)).cast("d")
    names = (json.loads(line) for line in lines)
    return [
        (Name(sample, tuple((label, text) for label, text in labels), is_gauge), value)
        for (sample, labels, is_gauge), value in zip(names, values, strict=False)
    ]


def _add(sums: dict[Name, float], numbers: Iterable[tuple[Name, float]]) -> None:
    for name, value in numbers:
        sums[name] = sums.get(name, 0.0) + value


def _try_lock(file: IO[bytes], kind: int) -> bool:
    try:
        fcntl.flock(file, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


@contextlib.contextmanager
def _locked(folder: Path, kind: int) -> Iterator[None]:
    with (folder / _LOCK).open("ab") as file:
        fcntl.flock(file, kind)
        yield
