"""Files of OMERO's folder ``Thumbnails``: where they are, and which of them are given."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from omero_embedded.model.data_folder import thumbnail_path
from omero_ms_thumbnail.omero import thumbnail_folder
from omero_ms_thumbnail.omero.thumbnail_folder import SIZE_MAX, path_of, read_files

JPEG: Final = b"\xff\xd8 a picture \xff\xd9"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    thumbnails = tmp_path / "Thumbnails"
    thumbnails.mkdir()
    return thumbnails


def put(folder: Path, row_id: int, content: bytes = JPEG) -> Path:
    path = folder.parent / path_of(row_id)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


def open_files() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


@pytest.mark.parametrize(
    ("row_id", "path"),
    [
        (1, "Thumbnails/1"),
        (123, "Thumbnails/123"),
        (999, "Thumbnails/999"),
        (1000, "Thumbnails/Dir-001/1000"),
        (12345, "Thumbnails/Dir-012/12345"),
        (123456, "Thumbnails/Dir-123/123456"),
        (1000000, "Thumbnails/Dir-001/Dir-000/1000000"),
        (123456789, "Thumbnails/Dir-123/Dir-456/123456789"),
        (1234567890123, "Thumbnails/Dir-001/Dir-234/Dir-567/Dir-890/1234567890123"),
    ],
)
def test_a_rows_file_is_where_omero_romio_has_it(row_id: int, path: str) -> None:
    assert str(path_of(row_id)) == path


@given(st.integers(1, 2**63 - 1))
def test_the_embedded_omero_writes_where_it_is_looked_for(row_id: int) -> None:
    assert str(path_of(row_id)) == thumbnail_path(row_id)


@given(st.lists(st.integers(1, 9_999_999_999), max_size=8))
def test_files_are_found_in_whatever_order_they_are_asked_for(
    tmp_path_factory: pytest.TempPathFactory, row_ids: list[int]
) -> None:
    folder = tmp_path_factory.mktemp("data") / "Thumbnails"
    folder.mkdir()
    wanted = {row_id: JPEG[:2] + str(row_id).encode() + JPEG[-2:] for row_id in row_ids}
    for row_id, jpeg in wanted.items():
        put(folder, row_id, jpeg)
    assert read_files(folder, row_ids).files == wanted


def test_each_file_that_is_no_whole_jpeg_is_left_out_and_says_why(folder: Path) -> None:
    put(folder, 1)
    put(folder, 2, b"")
    put(folder, 3, JPEG[:-1])
    put(folder, 4, JPEG[1:])
    put(folder, 5, JPEG + bytes(SIZE_MAX))
    found = read_files(folder, [1, 2, 3, 4, 5, 6, 7006])
    assert found.files == {1: JPEG}
    assert found.refused == ["empty", "incomplete", "incomplete", "too-large", "missing", "missing"]
    assert found.error is None


@pytest.fixture
def elsewhere(tmp_path: Path) -> Path:
    """A folder outside, in which a file has the name of a row's."""
    outside = tmp_path / "Pixels"
    outside.mkdir()
    (outside / "1001").write_bytes(JPEG)
    return outside


def test_no_link_leads_out_of_the_folder(folder: Path, elsewhere: Path) -> None:
    (folder / "1").symlink_to(elsewhere / "1001")
    (folder / "Dir-001").symlink_to(elsewhere)
    put(folder, 2000000).parent.joinpath("2000001").symlink_to("2000000")
    found = read_files(folder, [1, 1001, 2000000, 2000001])
    assert found.files == {2000000: JPEG}
    assert found.refused == ["link"] * 3


def test_what_is_no_file_is_neither_read_nor_waited_for(folder: Path) -> None:
    (folder / "1").mkdir()
    os.mkfifo(folder / "2")
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(folder / "3"))
        put(folder, 4)
        (folder / "Dir-005").write_bytes(JPEG)
        found = read_files(folder, [1, 2, 3, 4, 5000])
    assert found.files == {4: JPEG}
    assert found.refused == ["link"] * 4


def test_the_folder_itself_may_be_a_link_to_where_an_administrator_moved_it(folder: Path, tmp_path: Path) -> None:
    put(folder, 1)
    (tmp_path / "moved").symlink_to(folder)
    assert read_files(tmp_path / "moved", [1]).files == {1: JPEG}


def test_nothing_beside_the_folder_is_opened(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put(folder, 1001)
    opened: list[tuple[object, object]] = []
    really = os.open

    def open_(path: Path | str, flags: int, mode: int = 0o777, *, dir_fd: int | None = None) -> int:
        opened.append((str(path), None if dir_fd is None else str(Path(f"/proc/self/fd/{dir_fd}").readlink())))
        return really(path, flags, mode, dir_fd=dir_fd)

    monkeypatch.setattr(os, "open", open_)
    assert read_files(folder, [1001]).files
    assert opened == [(str(folder), None), ("Dir-001", str(folder)), ("1001", str(folder / "Dir-001"))]


def test_a_file_that_omero_writes_meanwhile_is_left_out(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = put(folder, 1, JPEG)
    really = os.read

    def read(file: int, size: int) -> bytes:
        found = really(file, size)
        # of the same length, and whole: but nobody knows what was read
        path.write_bytes(JPEG.replace(b"a", b"b"))
        os.utime(path, ns=(0, 1))
        return found

    monkeypatch.setattr(thumbnail_folder.os, "read", read)
    assert read_files(folder, [1]).refused == ["incomplete"]


def test_what_cannot_be_read_says_so_and_keeps_nothing_else_back(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for row_id in (1, 2, 3000):
        put(folder, row_id)
    really = os.open

    def open_(path: Path | str, flags: int, mode: int = 0o777, *, dir_fd: int | None = None) -> int:
        if path == "1":
            raise PermissionError(13, "Permission denied")
        if path == "Dir-003":
            raise OSError(116, "Stale file handle")
        return really(path, flags, mode, dir_fd=dir_fd)

    monkeypatch.setattr(os, "open", open_)
    found = read_files(folder, [1, 2, 3000])
    assert found.files == {2: JPEG}
    assert found.refused == ["unreadable"] * 2
    assert found.error is not None


def test_reading_ends_between_two_files_when_it_is_told_to(folder: Path) -> None:
    for row_id in range(1, 6):
        put(folder, row_id)
    answers: Iterator[bool] = iter([True, True, False])
    found = read_files(folder, range(1, 6), lambda: next(answers))
    assert sorted(found.files) == [1, 2]
    assert found.refused == ["too-slow"] * 3


def test_no_file_stays_open(folder: Path, elsewhere: Path) -> None:
    put(folder, 123456789)
    put(folder, 2, b"")
    (folder / "Dir-001").symlink_to(elsewhere)
    before = open_files()
    read_files(folder, [2, 3, 1001, 123456789, 123457789, 999999999999])
    with pytest.raises(FileNotFoundError):
        read_files(folder / "none", [1])
    assert open_files() == before
