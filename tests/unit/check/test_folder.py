"""What `check` says of OMERO's own files: of folders that are wrong in every way, and of the file of one image."""

from __future__ import annotations

import os
import shutil
import threading
from pathlib import Path
from typing import Any

import pytest

from omero_embedded.model.data_folder import ThumbnailFolder
from omero_ms_thumbnail.check import folder
from omero_ms_thumbnail.check.diagnosis import Diagnosis
from omero_ms_thumbnail.check.finding import Finding, Outcome
from omero_ms_thumbnail.check.folder import compare_file, look_at_folder
from omero_ms_thumbnail.check.folder_diagnoses import (
    FOLDER_EMPTY,
    FOLDER_FILE_UNUSABLE,
    FOLDER_IS_NONE,
    FOLDER_MISSING,
    FOLDER_OF_ANOTHER,
    FOLDER_SLOW,
    FOLDER_UNREADABLE,
)
from omero_ms_thumbnail.check.stored import look_at_stored
from omero_ms_thumbnail.omero.thumbnail_folder import FolderRead
from tests.support.embedded_thread import EmbeddedThread
from tests.unit.check.fragile_session import fragile_session
from tests.unit.check.site import SESSION_KEY, Site
from tests.unit.check.test_stored import BLUE, RED, Omero
from tests.unit.websession.redis_server import RedisServer

ROW = 12345


@pytest.fixture
def files(tmp_path: Path) -> ThumbnailFolder:
    made = ThumbnailFolder(tmp_path / "OMERO")
    made[ROW] = RED
    return made


async def warned(data_dir: Path) -> tuple[Diagnosis | None, str]:
    found = await look_at_folder(data_dir)
    # OMERO is asked instead: thumbnails work
    assert found.outcome is Outcome.WARNING
    return found.diagnosis, found.found


async def test_a_folder_of_omeros_is_one(files: ThumbnailFolder) -> None:
    found = await look_at_folder(files.data_dir)
    assert found.outcome is Outcome.OK
    assert f"{files.data_dir}/Thumbnails is there, and user " in found.found


async def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    assert await warned(tmp_path / "none") == (FOLDER_MISSING, f"there is no {tmp_path}/none/Thumbnails")
    (tmp_path / "Thumbnails").symlink_to("nowhere")
    assert (await warned(tmp_path))[0] is FOLDER_MISSING


async def test_the_folder_itself_in_place_of_the_one_above(files: ThumbnailFolder) -> None:
    diagnosis, said = await warned(files.data_dir / "Thumbnails")
    assert diagnosis is FOLDER_MISSING
    assert said.endswith(f"; name the folder above it, {files.data_dir}")


async def test_a_mount_that_is_missing(tmp_path: Path) -> None:
    (tmp_path / "Thumbnails").mkdir()
    assert (await warned(tmp_path))[0] is FOLDER_EMPTY


@pytest.mark.parametrize("name", ["holiday.jpg", "Dir-12", "012", "-1", "1.jpg"])
async def test_something_elses_folder(tmp_path: Path, name: str) -> None:
    (tmp_path / "Thumbnails" / name).mkdir(parents=True)
    assert (await warned(tmp_path))[0] is FOLDER_IS_NONE


async def test_a_file_in_its_place(tmp_path: Path) -> None:
    (tmp_path / "Thumbnails").write_bytes(RED)
    assert (await warned(tmp_path))[0] is FOLDER_IS_NONE


@pytest.mark.parametrize("asked", [os.X_OK, os.R_OK])
async def test_who_may_not_enter_it_and_who_may_not_list_it(
    files: ThumbnailFolder, monkeypatch: pytest.MonkeyPatch, asked: int
) -> None:
    monkeypatch.setattr(folder.os, "access", lambda _path, mode, **_: mode != asked)
    found = await look_at_folder(files.data_dir)
    if asked == os.X_OK:
        assert found.diagnosis is FOLDER_UNREADABLE
        # who, and who may
        assert "may not enter" in found.found
        assert ", mode 0" in found.found
    else:
        assert found.outcome is Outcome.OK
        assert "may not be listed, which is not needed" in found.found


async def test_files_that_may_not_be_read(files: ThumbnailFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Any] = []

    def forbidden(_folder: Path, row_ids: list[int]) -> FolderRead:
        asked.append(row_ids)
        return FolderRead(refused=["unreadable"])

    monkeypatch.setattr(folder, "read_files", forbidden)
    diagnosis, said = await warned(files.data_dir)
    assert diagnosis is FOLDER_UNREADABLE
    assert "Thumbnails/Dir-012/12345, which is " in said
    assert asked == [[ROW]]
    compared = await compare_file(files.data_dir, ROW, RED)
    assert (compared.outcome, compared.diagnosis) == (Outcome.WARNING, FOLDER_UNREADABLE)


async def test_a_mount_that_hangs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    goes_on = threading.Event()
    monkeypatch.setattr(folder, "_TIMEOUT", 0.05)
    monkeypatch.setattr(folder, "_look", lambda _data_dir: str(goes_on.wait(30)))
    assert (await warned(tmp_path))[0] is FOLDER_SLOW
    goes_on.set()


async def test_the_file_that_omero_gives(files: ThumbnailFolder) -> None:
    found = await compare_file(files.data_dir, ROW, RED)
    assert found.outcome is Outcome.OK
    assert f"Dir-012/12345 has the {len(RED)} bytes that OMERO gives" in found.found


@pytest.mark.parametrize("stored", [BLUE, None])
async def test_another_omeros_folder(files: ThumbnailFolder, stored: bytes | None) -> None:
    if stored is None:
        del files[ROW]
    else:
        files[ROW] = stored
    found = await compare_file(files.data_dir, ROW, RED)
    assert (found.outcome, found.diagnosis) == (Outcome.FAILED, FOLDER_OF_ANOTHER)


async def test_a_file_that_is_being_written(files: ThumbnailFolder) -> None:
    files[ROW] = RED[:-1]
    found = await compare_file(files.data_dir, ROW, RED)
    assert (found.outcome, found.diagnosis) == (Outcome.WARNING, FOLDER_FILE_UNUSABLE)
    assert "(incomplete)" in found.found


async def of_image(omero: Omero, data_dir: Path) -> Finding:
    session: Any = omero
    return (await look_at_stored(session, 7, 96, data_dir))[-1]


async def test_the_row_that_counts_is_the_one_whose_file_is_compared(tmp_path: Path) -> None:
    omero, files = Omero(), ThumbnailFolder(tmp_path)
    files[11] = RED
    assert (await of_image(omero, tmp_path)).outcome is Outcome.OK
    # the viewer's own, of this size
    omero.rows += [(12, 3, 96, 72, None), (13, 3, 48, 36, None)]
    assert (await of_image(omero, tmp_path)).diagnosis is FOLDER_OF_ANOTHER
    files[12] = RED
    assert (await of_image(omero, tmp_path)).outcome is Outcome.OK


async def test_where_omero_has_stored_nothing_there_is_nothing_to_compare(tmp_path: Path) -> None:
    omero = Omero()
    omero.stored = None
    assert (await of_image(omero, tmp_path)).outcome is Outcome.SKIPPED
    omero = Omero()
    omero.is_clock = True
    assert (await of_image(omero, tmp_path)).outcome is Outcome.SKIPPED


def test_on_a_site(tmp_path: Path, check_redis: RedisServer) -> None:
    data_dir, copy = tmp_path / "OMERO", tmp_path / "copy"
    omero = EmbeddedThread(data_dir=data_dir)
    site = Site(tmp_path, omero, check_redis)
    fragile_session(omero, "researcher", SESSION_KEY)
    site.put()
    image = str(omero.readable("researcher")[0])

    def files(folder: Path) -> tuple[int, list[tuple[str, str | None]]]:
        checked = site.check("--image", image, omero={"data_dir": str(folder)})
        steps = [step for step in checked.steps if step["step"] == "OMERO's files"]
        return checked.status, [(step["outcome"], step.get("diagnosis", {}).get("code")) for step in steps]

    try:
        assert files(data_dir) == (0, [("warning", "folder-empty"), ("skipped", None)])
        # that look has stored it
        assert files(data_dir) == (0, [("ok", None), ("ok", None)])
        shutil.copytree(data_dir, copy)
        for path in copy.glob("Thumbnails/*"):
            path.write_bytes(RED)
        assert files(copy) == (1, [("ok", None), ("failed", "folder-of-another-omero")])
    finally:
        omero.stop()
