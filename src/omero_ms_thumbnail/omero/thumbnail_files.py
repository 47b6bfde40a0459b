"""Stored thumbnails from OMERO's own folder, beside the event loop, and when it is better left alone.

A page is one job of a thread. A file system that hangs costs the pages that met it one time limit, and nobody else
anything: for a while the folder is not read at all, then by one page, and no more than `THREADS` threads ever hang.
"""

from __future__ import annotations

import asyncio
import errno
import logging
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, Final

from .folder_proof import FolderProof
from .reading_threads import Job, ReadingThreads
from .thumbnail_folder import THUMBNAILS, FileRefusal, FolderRead, read_files

log: Final = logging.getLogger(__name__)

THREADS: Final = 2
#: seconds that a page may wait for its files; reading them ends between two files at half of that
TIME_LIMIT: Final = 1.0
#: seconds in which a folder that did not answer is left alone
FOLDER_REST: Final = 30.0
#: seconds between two sentences in the log
_WARNED_EVERY: Final = 60.0


class ThumbnailFiles:
    """The files of one OMERO.server, in the folder ``Thumbnails`` of `data_dir`; nothing else in there is opened.

    `key` is that of the configuration which names it. `refused` is told of each file that is not given, and why.
    `time_limit` and `rest` are in seconds; `now` is in seconds, `read_folder` what reads.
    """

    def __init__(
        self,
        data_dir: Path,
        *,
        key: str = "omero.data_dir",
        time_limit: float = TIME_LIMIT,
        rest: float = FOLDER_REST,
        proof: FolderProof | None = None,
        refused: Callable[[FileRefusal], None] = lambda reason: None,
        now: Callable[[], float] = time.monotonic,
        read_folder: Callable[[Path, Iterable[int], Callable[[], bool]], FolderRead] = read_files,
    ) -> None:
        self.folder: Final = data_dir / THUMBNAILS
        self._key = key
        self._time_limit = time_limit
        self._rest = rest
        self._proof = proof or FolderProof(now=now)
        self._refused = refused
        self._now = now
        self._read_folder = read_folder
        self._threads: ReadingThreads[FolderRead] = ReadingThreads(THREADS, "thumbnail-files")
        #: done when a rest begins: whoever waits then is let go
        self._rest_begins: asyncio.Future[None] | None = None
        self._rests_until: float | None = None
        self._is_probed = False
        self._warned_at: float | None = None

    async def read(self, row_ids: Sequence[int]) -> dict[int, bytes]:
        """The files of those rows which are whole JPEGs, by row id: of others OMERO is to be asked. Raises nothing."""
        if not row_ids:
            return {}
        if self._proof.is_distrusted:
            return self._none_of(row_ids, "differs")
        if not self._may_read():
            return self._none_of(row_ids, "resting")
        self._is_probed = is_probe = self._rests_until is not None
        try:
            return await self._read(row_ids)
        finally:
            if is_probe:
                self._is_probed = False

    def wants_comparison(self) -> bool:
        """Whether the next file that was read is not to be shown, but OMERO asked, and `compared` told; see there."""
        return self._proof.wants_comparison()

    def compared(self, row_id: int, stored: bytes, given: bytes) -> bool:
        """Whether the file of a row holds what OMERO gave for that row, which has not changed between the two.

        If not, this is another OMERO's folder, or an old copy, and is not read any more for an hour.
        """
        is_same = self._proof.compared(row_id, stored, given)
        if not is_same:
            log.error(
                "The folder %s is not the one of this OMERO: the file of thumbnail %d is another picture than OMERO"
                " gives. It is not read any more; correct %s, which has to be OMERO's own omero.data.dir or a mount of"
                " the folder that OMERO writes to, no copy, and restart the service",
                self.folder,
                row_id,
                self._key,
            )
        return is_same

    def close(self) -> None:
        """Let go of the threads."""
        self._threads.close()

    def _may_read(self) -> bool:
        if self._rests_until is None:
            return True
        return self._now() >= self._rests_until and not self._is_probed and not self._threads.is_stuck

    async def _read(self, row_ids: Sequence[int]) -> dict[int, bytes]:
        rest_begins = self._rest_begins
        if rest_begins is None or rest_begins.done():
            rest_begins = self._rest_begins = asyncio.get_running_loop().create_future()
        half_time = time.monotonic() + self._time_limit / 2

        def work(job: Job[FolderRead]) -> FolderRead | None:
            def may_go_on() -> bool:
                return not job.is_given_up and time.monotonic() < half_time

            # too late at its begin, it says nothing of the folder: there was too much before it
            return self._read_folder(self.folder, row_ids, may_go_on) if may_go_on() else None

        job = self._threads.submit(work)
        waited_for: set[asyncio.Future[Any]] = {job.answer, rest_begins}
        try:
            await asyncio.wait(waited_for, timeout=self._time_limit, return_when=asyncio.FIRST_COMPLETED)
        finally:
            job.is_given_up = not job.answer.done()
        if job.is_given_up:
            if not rest_begins.done():
                self._begin_rest(f"did not answer within {self._time_limit:g} s; check the file system that it is on")
            return self._none_of(row_ids, "too-slow")
        try:
            found = job.answer.result()
        except OSError as error:
            self._begin_rest(_advice(error, self._key))
            return self._none_of(row_ids, "unreadable")
        if found is None:
            return self._none_of(row_ids, "too-slow")
        self._take_result(found, is_resting=rest_begins.done())
        return found.files

    def _take_result(self, found: FolderRead, *, is_resting: bool) -> None:
        for reason in found.refused:
            self._refused(reason)
        if found.error is not None:
            self._warn(f"has files that cannot be read: a file or folder in it {_advice(found.error, self._key)}")
        if not found.files and "too-slow" in found.refused:
            self._begin_rest(f"gave nothing within {self._time_limit / 2:g} s; check the file system that it is on")
        elif not is_resting:
            self._rests_until = None

    def _begin_rest(self, what: str) -> None:
        self._rests_until = self._now() + self._rest
        if self._rest_begins is not None and not self._rest_begins.done():
            self._rest_begins.set_result(None)
        self._warn(f"{what}. It is looked at again in {self._rest:g} s")

    def _none_of(self, row_ids: Sequence[int], reason: FileRefusal) -> dict[int, bytes]:
        for _ in row_ids:
            self._refused(reason)
        return {}

    def _warn(self, what: str) -> None:
        """Once a minute at most: OMERO is asked for what is not read, and nobody sees it."""
        now = self._now()
        if self._warned_at is not None and now < self._warned_at + _WARNED_EVERY:
            return
        self._warned_at = now
        log.warning("OMERO is asked for stored thumbnails: the folder %s (%s) %s", self.folder, self._key, what)


def _advice(error: OSError, key: str) -> str:
    """What is the matter with the folder, or a file in it, and what to do."""
    match error:
        case FileNotFoundError() | NotADirectoryError():
            return f"is not there; check {key}, which is OMERO's omero.data.dir, and that it is mounted"
        case PermissionError():
            return "may not be read by this service's user; add that user to the group that the files have"
        case _:
            reason = errno.errorcode.get(error.errno or 0, "without a reason")
            return f"cannot be read ({reason}); check its file system"
