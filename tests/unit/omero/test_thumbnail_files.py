"""Stored thumbnails beside the event loop: folders that hang, come back, are not there, or are another OMERO's."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Final

import pytest

from omero_ms_thumbnail.omero.thumbnail_files import FOLDER_REST, THREADS, ThumbnailFiles
from omero_ms_thumbnail.omero.thumbnail_folder import FileRefusal, FolderRead, path_of, read_files

JPEG: Final = b"\xff\xd8 a picture \xff\xd9"
#: seconds after which a folder hangs, where one does, and where none does
SOON, NEVER = 0.05, 60.0
#: that a test waits for what has to happen
PATIENCE: Final = 30.0


class Mount:
    """A folder with the files of some rows that can hang, with threads of the service's in it."""

    def __init__(self, data_dir: Path) -> None:
        self.data_dir = data_dir
        self.now = 1000.0
        self.refused: Counter[FileRefusal] = Counter()
        self.reads: list[list[int]] = []
        self.inside = threading.Semaphore(0)
        self._goes_on = threading.Event()
        self._goes_on.set()
        self._made: list[ThumbnailFiles] = []

    def put(self, *row_ids: int, content: bytes = JPEG) -> None:
        for row_id in row_ids:
            path = self.data_dir / path_of(row_id)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)

    def files(self, time_limit: float = NEVER) -> ThumbnailFiles:
        made = ThumbnailFiles(
            self.data_dir,
            time_limit=time_limit,
            refused=self._refuse,
            now=lambda: self.now,
            read_folder=self._read,
        )
        self._made.append(made)
        return made

    def hang(self) -> None:
        self._goes_on.clear()

    def go_on(self) -> None:
        self._goes_on.set()

    def close(self) -> None:
        self.go_on()
        for made in self._made:
            made.close()

    def _refuse(self, reason: FileRefusal) -> None:
        self.refused[reason] += 1

    def _read(self, folder: Path, row_ids: Iterable[int], may_go_on: Callable[[], bool]) -> FolderRead:
        self.reads.append(list(row_ids))
        self.inside.release()
        self._goes_on.wait(PATIENCE)
        return read_files(folder, row_ids, may_go_on)


@pytest.fixture
def mount(tmp_path: Path) -> Iterator[Mount]:
    made = Mount(tmp_path)
    made.put(1, 2, 12345)
    yield made
    made.close()


def said(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING]


async def within(mount: Mount, count: int = 1) -> None:
    """Wait until so many more threads are in the folder."""
    for _ in range(count):
        assert await asyncio.to_thread(mount.inside.acquire, timeout=PATIENCE)


async def test_whole_files_are_given_and_the_others_counted(mount: Mount) -> None:
    mount.put(3, content=JPEG[:-1])
    assert await mount.files().read([1, 3, 12345, 4]) == {1: JPEG, 12345: JPEG}
    assert mount.refused == {"incomplete": 1, "missing": 1}


async def test_a_page_is_one_job_and_none_is_no_job(mount: Mount) -> None:
    files = mount.files()
    await files.read([1, 2])
    assert await files.read([]) == {}
    assert mount.reads == [[1, 2]]


async def test_many_pages_at_once_need_few_threads(mount: Mount) -> None:
    files = mount.files()
    before = threading.active_count()
    assert await asyncio.gather(*(files.read([1]) for _ in range(50))) == [{1: JPEG}] * 50
    assert threading.active_count() <= before + THREADS


async def test_a_folder_that_hangs_costs_whoever_waits_and_nobody_else(
    mount: Mount, caplog: pytest.LogCaptureFixture
) -> None:
    files = mount.files(SOON)
    mount.hang()
    assert await asyncio.gather(*(files.read([1, 2]) for _ in range(5))) == [{}] * 5
    assert mount.refused == {"too-slow": 10}
    assert len(mount.reads) <= THREADS
    assert await files.read([1]) == {}
    assert mount.refused["resting"] == 1
    (sentence,) = said(caplog)
    assert sentence == (
        f"OMERO is asked for stored thumbnails: the folder {mount.data_dir}/Thumbnails (omero.data_dir) did not answer"
        f" within {SOON:g} s; check the file system that it is on. It is looked at again in 30 s"
    )


async def test_after_a_while_one_page_tries_again(mount: Mount) -> None:
    files = mount.files(SOON)
    mount.hang()
    await files.read([1])
    await within(mount)
    mount.now += FOLDER_REST
    trying = asyncio.create_task(files.read([2]))
    await within(mount)
    # meanwhile nobody else does
    assert await files.read([1]) == {}
    assert mount.refused["resting"] == 1
    mount.go_on()
    assert await trying in ({2: JPEG}, {})
    assert mount.reads == [[1], [2]]


async def test_a_folder_that_is_back_is_read_again(tmp_path: Path) -> None:
    mount = Mount(tmp_path / "OMERO")
    files = mount.files()
    assert await files.read([1]) == {}
    mount.put(1)
    assert await files.read([1]) == {}
    mount.now += FOLDER_REST
    assert await files.read([1]) == {1: JPEG}
    assert await asyncio.gather(files.read([1]), files.read([1])) == [{1: JPEG}] * 2
    mount.close()


async def test_no_more_threads_hang_than_there_are(mount: Mount) -> None:
    files = mount.files(SOON)
    mount.hang()
    for _ in range(10):
        assert await files.read([1]) == {}
        mount.now += FOLDER_REST
    assert len(mount.reads) == THREADS
    assert mount.refused == {"too-slow": THREADS, "resting": 10 - THREADS}


async def test_a_page_that_is_given_up_while_the_folder_hangs_leaves_no_thread_to_more_than_there_are(
    mount: Mount,
) -> None:
    files = mount.files()
    mount.hang()
    waiting = [asyncio.create_task(files.read([1])) for _ in range(THREADS)]
    await within(mount, THREADS)
    for task in waiting:
        task.cancel()
    await asyncio.wait(waiting)
    impatient = asyncio.create_task(files.read([2]))
    mount.go_on()
    assert await impatient == {2: JPEG}
    assert mount.reads == [[1]] * THREADS + [[2]]


async def test_a_folder_that_gives_nothing_in_time_is_left_alone(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    def slow(folder: Path, row_ids: Iterable[int], may_go_on: Callable[[], bool]) -> FolderRead:
        return FolderRead(refused=["unreadable", "too-slow"])

    files = ThumbnailFiles(tmp_path, read_folder=slow, time_limit=NEVER)
    assert await files.read([1, 2]) == {}
    files.close()
    assert "gave nothing within 30 s" in said(caplog)[0]


async def test_a_slow_folder_gives_what_it_has_in_time(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    def slow(folder: Path, row_ids: Sequence[int], may_go_on: Callable[[], bool]) -> FolderRead:
        return FolderRead({row_ids[0]: JPEG}, refused=["too-slow"] * (len(row_ids) - 1))

    files = ThumbnailFiles(tmp_path, read_folder=slow, time_limit=NEVER)
    assert await files.read([1, 2]) == {1: JPEG}
    assert await files.read([2, 1]) == {2: JPEG}
    files.close()
    assert not said(caplog)


@pytest.mark.parametrize("is_there", [False, True])
async def test_a_folder_that_is_not_there_says_which_key_once_a_minute(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, is_there: bool
) -> None:
    data_dir = tmp_path / "OMERO"
    if is_there:
        data_dir.mkdir()
        (data_dir / "Thumbnails").write_text("no folder")
    mount = Mount(data_dir)
    files = mount.files()
    for _ in range(3):
        assert await files.read([1]) == {}
        mount.now += FOLDER_REST
    mount.close()
    assert mount.refused == {"unreadable": 3}
    first, again = said(caplog)
    assert first == again
    assert first == (
        f"OMERO is asked for stored thumbnails: the folder {data_dir}/Thumbnails (omero.data_dir) is not there; check"
        " omero.data_dir, which is OMERO's omero.data.dir, and that it is mounted. It is looked at again in 30 s"
    )


async def test_files_that_may_not_be_read_say_who_has_to_be_in_which_group(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    def forbidden(folder: Path, row_ids: Iterable[int], may_go_on: Callable[[], bool]) -> FolderRead:
        return FolderRead({2: JPEG}, ["unreadable"], PermissionError(13, "Permission denied"))

    files = ThumbnailFiles(tmp_path, read_folder=forbidden)
    assert await files.read([1, 2]) == {2: JPEG}
    assert await files.read([1, 2]) == {2: JPEG}
    files.close()
    (sentence,) = said(caplog)
    assert "add that user to the group that the files have" in sentence


async def test_another_omeros_folder_is_read_no_more(mount: Mount, caplog: pytest.LogCaptureFixture) -> None:
    files = mount.files()
    assert files.wants_comparison()
    assert files.compared(1, JPEG, JPEG)
    assert not files.compared(12345, JPEG, JPEG + b"of another OMERO")
    assert await files.read([1, 2]) == {}
    assert mount.refused == {"differs": 2}
    (sentence,) = said(caplog)
    assert sentence.startswith(
        f"The folder {mount.data_dir}/Thumbnails is not the one of this OMERO: the file of thumbnail 12345 is another"
    )
    assert "omero.data_dir" in sentence


async def test_a_thread_that_hangs_keeps_no_process_from_ending(mount: Mount) -> None:
    files = mount.files(SOON)
    mount.hang()
    await files.read([1])
    await within(mount)
    assert [thread.daemon for thread in threading.enumerate() if thread.name.startswith("thumbnail-files")] == [True]
