"""The step about OMERO's own files: whether the folder is there, may be read, and is that of this OMERO."""

from __future__ import annotations

import asyncio
import grp
import itertools
import os
import pwd
import re
import stat
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final, TypeVar

from ..omero.reading_threads import ReadingThreads
from ..omero.thumbnail_folder import THUMBNAILS, FolderRead, path_of, read_files
from .finding import Finding, Outcome, Stopwatch, Trouble
from .folder_diagnoses import (
    FOLDER_EMPTY,
    FOLDER_FILE_UNUSABLE,
    FOLDER_IS_NONE,
    FOLDER_MISSING,
    FOLDER_OF_ANOTHER,
    FOLDER_SLOW,
    FOLDER_UNREADABLE,
)
from .names import FOLDER

T = TypeVar("T")

#: seconds that a file system may take over each question
_TIMEOUT: Final = 5.0
#: entries of a folder that are looked at, and folders below one another
_ENTRIES: Final = 1000
_DEPTH: Final = 6

_DIR: Final = re.compile(r"Dir-\d{3}")
_ROW: Final = re.compile(r"[1-9]\d{0,18}")


async def look_at_folder(data_dir: Path) -> Finding:
    """Whether `data_dir` has a folder ``Thumbnails`` of OMERO's that this user may read."""
    watch = Stopwatch()
    try:
        found = await _in_time(lambda: _look(data_dir), data_dir / THUMBNAILS)
    except Trouble as trouble:
        # OMERO is asked instead
        return Finding(FOLDER, Outcome.WARNING, trouble.found, watch.seconds, trouble.diagnosis)
    return Finding(FOLDER, Outcome.OK, found, watch.seconds)


async def compare_file(data_dir: Path, row_id: int, given: bytes) -> Finding:
    """Whether the file of a row is what OMERO gave for it."""
    watch = Stopwatch()
    path = data_dir / path_of(row_id)
    try:
        found = await _in_time(lambda: read_files(data_dir / THUMBNAILS, [row_id]), data_dir / THUMBNAILS)
        said = _compared(path, found, given)
    except OSError:
        return Finding(FOLDER, Outcome.SKIPPED, f"not compared: {data_dir / THUMBNAILS} cannot be entered")
    except Trouble as trouble:
        is_another = trouble.diagnosis is FOLDER_OF_ANOTHER
        outcome = Outcome.FAILED if is_another else Outcome.WARNING
        return Finding(FOLDER, outcome, trouble.found, watch.seconds, trouble.diagnosis)
    return Finding(FOLDER, Outcome.OK, said, watch.seconds)


def _compared(path: Path, found: FolderRead, given: bytes) -> str:
    for stored in found.files.values():
        if stored != given:
            raise Trouble(FOLDER_OF_ANOTHER, f"{path} is another picture than OMERO gives for that thumbnail")
        return f"{path} has the {len(given)} bytes that OMERO gives"
    (reason,) = found.refused
    if reason == "missing":
        raise Trouble(FOLDER_OF_ANOTHER, f"there is no {path}, and OMERO gives a picture for that thumbnail")
    if reason == "unreadable":
        raise Trouble(FOLDER_UNREADABLE, f"{_user()} may not read {path}{_owner(path)}")
    raise Trouble(FOLDER_FILE_UNUSABLE, f"{path} is not used ({reason}), and OMERO gives a picture for that thumbnail")


def _look(data_dir: Path) -> str:
    folder = data_dir / THUMBNAILS
    try:
        status = folder.stat()
    except (FileNotFoundError, NotADirectoryError):
        raise Trouble(FOLDER_MISSING, f"there is no {folder}{_hint(data_dir)}") from None
    except PermissionError:
        raise Trouble(FOLDER_UNREADABLE, f"{_user()} may not see what is in {data_dir}{_owner(data_dir)}") from None
    except OSError as error:
        raise Trouble(FOLDER_MISSING, f"{folder} cannot be looked at ({error.strerror})") from None
    if not stat.S_ISDIR(status.st_mode):
        raise Trouble(FOLDER_IS_NONE, f"{folder} is no folder")
    # to open files by their names it need not be listed
    if not os.access(folder, os.X_OK, effective_ids=os.access in os.supports_effective_ids):
        raise Trouble(FOLDER_UNREADABLE, f"{_user()} may not enter {folder}{_owner(folder)}")
    if not os.access(folder, os.R_OK, effective_ids=os.access in os.supports_effective_ids):
        return f"{folder} is there; it may not be listed, which is not needed: --image looks at a file"
    names = _names(folder)
    if not names:
        raise Trouble(FOLDER_EMPTY, f"{folder} is empty")
    if not any(_DIR.fullmatch(name) or _ROW.fullmatch(name) for name in names):
        raise Trouble(FOLDER_IS_NONE, f"nothing in {folder} is named as OMERO names thumbnails")
    sample = next(_rows(folder), None)
    if sample is None:
        return f"{folder} is there"
    if "unreadable" in read_files(folder, [sample]).refused:
        path = data_dir / path_of(sample)
        raise Trouble(FOLDER_UNREADABLE, f"{_user()} may not read {path}{_owner(path)}")
    return f"{folder} is there, and {_user()} may read it"


def _rows(folder: Path, depth: int = _DEPTH) -> Iterator[int]:
    """Rows that have a file, wherever that is found first."""
    try:
        names = _names(folder)
    except OSError:
        return
    yield from (int(name) for name in names if _ROW.fullmatch(name))
    if depth:
        for name in names:
            if _DIR.fullmatch(name):
                yield from _rows(folder / name, depth - 1)


def _names(folder: Path) -> list[str]:
    with os.scandir(folder) as entries:
        return [entry.name for entry in itertools.islice(entries, _ENTRIES)]


def _hint(data_dir: Path) -> str:
    """What was probably meant, where the folder itself was named."""
    if data_dir.name == THUMBNAILS and data_dir.is_dir():
        return f"; name the folder above it, {data_dir.parent}"
    return ""


def _user() -> str:
    return f"user {_name(lambda: pwd.getpwuid(os.geteuid()).pw_name, os.geteuid())}"


def _owner(path: Path) -> str:
    """Whose a file or folder is, where that can be seen."""
    try:
        status = path.stat()
    except OSError:
        return ""
    user = _name(lambda: pwd.getpwuid(status.st_uid).pw_name, status.st_uid)
    group = _name(lambda: grp.getgrgid(status.st_gid).gr_name, status.st_gid)
    return f", which is {user}:{group}, mode {stat.S_IMODE(status.st_mode):04o}"


def _name(name: Callable[[], str], number: int) -> str:
    try:
        return name()
    except KeyError:
        return str(number)


async def _in_time(work: Callable[[], T], folder: Path) -> T:
    """What `work` gives, in a thread of its own: a file system that hangs must not keep this from its end."""
    threads: ReadingThreads[T] = ReadingThreads(1, "folder")
    job = threads.submit(lambda _: work())
    threads.close()
    await asyncio.wait({job.answer}, timeout=_TIMEOUT)
    if not job.answer.done():
        raise Trouble(FOLDER_SLOW, f"{folder} does not answer within {_TIMEOUT:g} s")
    found = job.answer.result()
    assert found is not None  # noqa: S101 - it is what `work` returned
    return found
