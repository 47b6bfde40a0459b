"""OMERO's folder ``Thumbnails``: where the file of a row is in it, and reading files so that nothing else is read.

All of it blocks; `thumbnail_files` keeps it off the event loop.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path, PurePath
from typing import Final, Literal, get_args

#: the folder's name in OMERO's data directory (``AbstractFileSystemService.THUMBNAILS_PATH`` of omero-romio)
THUMBNAILS: Final = "Thumbnails"

#: bytes of a file at most. OMERO.web stores one size, 96 pixels unless a site changed it; 1024 x 1024 of noise as a
#: JPEG of the best quality takes 2 MiB
SIZE_MAX: Final = 4 << 20

#: why a file is not shown. ``link``: a link or anything else that is no file of OMERO's; ``incomplete``: no whole JPEG,
#: as while OMERO writes it, which it does in place; ``too-slow``: the file system took too long; ``resting``: it did
#: before, and is left alone for a while; ``differs``: the folder is not that of this OMERO (`folder_proof`)
FileRefusal = Literal[
    "missing", "empty", "incomplete", "link", "too-large", "unreadable", "too-slow", "resting", "differs"
]
FILE_REFUSALS: Final[tuple[FileRefusal, ...]] = get_args(FileRefusal)

#: begin and end of a JPEG: ITU-T T.81, table B.1. Within it each 0xFF of the picture is followed by 0x00
_BEGIN: Final = b"\xff\xd8"
_END: Final = b"\xff\xd9"

_FOLDER: Final = os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC
#: without waiting, should it be a pipe; without following, should it be a link to somebody else's file
_FILE: Final = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


@dataclass(slots=True)
class FolderRead:
    """What was read: JPEGs by the ids of their rows, and what was refused of the others."""

    files: dict[int, bytes] = field(default_factory=dict)
    refused: list[FileRefusal] = field(default_factory=list)
    #: why files could not be read, where that is the file system's or the administrator's doing
    error: OSError | None = None


def path_of(row_id: int) -> PurePath:
    """The path of a row's file in OMERO's data directory: a folder for each three digits in front of the last three.

    ``Thumbnails/123``, ``Thumbnails/Dir-012/12345``, ``Thumbnails/Dir-123/Dir-456/123456789``.
    Source: ``AbstractFileSystemService.getPath`` of omero-romio.
    """
    return PurePath(THUMBNAILS, *_folders(row_id), str(row_id))


def read_files(folder: Path, row_ids: Iterable[int], may_go_on: Callable[[], bool] = lambda: True) -> FolderRead:
    """The files of those rows in `folder`, which is OMERO's ``Thumbnails``; links lead nowhere below it.

    Before each file `may_go_on` is asked; the rest is refused as too slow when it says no. Raises OSError where the
    folder itself cannot be entered. Files need no permission to list the folder.
    """
    found = FolderRead()
    # in the order of their ids those of one folder follow one another, and few folders are open at a time
    waiting = sorted(set(row_ids))
    with _Folders(folder) as folders:
        for done, row_id in enumerate(waiting):
            if not may_go_on():
                found.refused += ["too-slow"] * (len(waiting) - done)
                break
            try:
                jpeg = _read(folders.enter(_folders(row_id)), str(row_id))
            except _Refused as refused:
                found.refused.append(refused.reason)
            except OSError as error:
                reason = _reason(error)
                found.refused.append(reason)
                if reason == "unreadable":
                    found.error = error
            else:
                found.files[row_id] = jpeg
    return found


def _folders(row_id: int) -> list[str]:
    names: list[str] = []
    remaining = row_id
    while remaining > 999:
        remaining //= 1000
        names.insert(0, f"Dir-{remaining % 1000:03d}")
    return names


class _Folders:
    """The folders from the root to the file that is read: one open descriptor each."""

    def __init__(self, root: Path) -> None:
        # the root may be a link: it is where the administrator says
        self._open = [("", os.open(root, _FOLDER))]

    def enter(self, names: list[str]) -> int:
        """The descriptor of the folder with that path below the root. Raises OSError."""
        common = 0
        while common < min(len(names), len(self._open) - 1) and self._open[common + 1][0] == names[common]:
            common += 1
        self._leave(common + 1)
        for name in names[common:]:
            # a link is no folder then: ENOTDIR
            self._open.append((name, os.open(name, _FOLDER | os.O_NOFOLLOW, dir_fd=self._open[-1][1])))
        return self._open[-1][1]

    def __enter__(self) -> _Folders:
        return self

    def __exit__(self, *_: object) -> None:
        self._leave(0)

    def _leave(self, depth: int) -> None:
        while len(self._open) > depth:
            os.close(self._open.pop()[1])


def _read(folder: int, name: str) -> bytes:
    """A whole JPEG. Raises _Refused, or OSError."""
    file = os.open(name, _FILE, dir_fd=folder)
    try:
        before = os.fstat(file)
        if not stat.S_ISREG(before.st_mode):
            raise _Refused("link")
        if before.st_size == 0:
            raise _Refused("empty")
        if before.st_size > SIZE_MAX:
            raise _Refused("too-large")
        # in one call: of a file, less than was asked for is all that there is
        jpeg = os.read(file, before.st_size + 1)
        after = os.fstat(file)
    finally:
        os.close(file)
    # OMERO cuts a file off and writes it anew: of one that changed meanwhile, what was read may be of two pictures
    is_whole = len(jpeg) == before.st_size and jpeg.startswith(_BEGIN) and jpeg.endswith(_END)
    if not is_whole or (after.st_size, after.st_mtime_ns) != (before.st_size, before.st_mtime_ns):
        raise _Refused("incomplete")
    return jpeg


def _reason(error: OSError) -> FileRefusal:
    if error.errno == errno.ENOENT:
        return "missing"
    # a link as a file; a link, or a file, as a folder; a socket
    if error.errno in (errno.ELOOP, errno.ENOTDIR, errno.ENXIO):
        return "link"
    return "unreadable"


class _Refused(Exception):
    def __init__(self, reason: FileRefusal) -> None:
        super().__init__(reason)
        self.reason: Final[FileRefusal] = reason
