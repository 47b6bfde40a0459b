"""Log files: renewed each day, compressed, seven kept, written by several processes, renamed by others."""

from __future__ import annotations

import gzip
import logging
import os
import subprocess
import sys
import threading
import time
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from omero_ms_thumbnail.telemetry.handlers import DailyFile
from omero_ms_thumbnail.telemetry.log import LoggingFailed, LogOptions, reopen_files, start_logging


def _handler(path: Path, keep: int = 7) -> DailyFile:
    handler = DailyFile(path, keep=keep)
    handler.setFormatter(logging.Formatter("%(message)s"))
    return handler


def _say(handler: logging.Handler, message: str) -> None:
    handler.handle(logging.makeLogRecord({"msg": message}))


def _names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def _compressed() -> None:
    for thread in threading.enumerate():
        if thread.name == "log compression":
            thread.join(10)


def _age(path: Path, days: int) -> str:
    """Make the file's last line one of so many days ago; that day."""
    then = datetime.now().astimezone() - timedelta(days=days)
    os.utime(path, (then.timestamp(), then.timestamp()))
    return then.date().isoformat()


def test_the_folder_is_made_and_lines_are_appended(tmp_path: Path) -> None:
    path = tmp_path / "logs" / "omero-ms.log"
    for message in ("first", "second"):
        handler = _handler(path)
        _say(handler, message)
        handler.close()
    assert path.read_text() == "first\nsecond\n"


def test_a_new_day_begins_a_new_file_for_all_who_write(tmp_path: Path) -> None:
    path = tmp_path / "omero-ms.log"
    one, other = _handler(path), _handler(path)
    _say(one, "before")
    day = _age(path, 1)
    # as at midnight: what both remember is the day before
    one._day = other._day = datetime.now().astimezone().date() - timedelta(days=1)
    _say(one, "after, one")
    _say(other, "after, other")
    _compressed()
    assert path.read_text() == "after, one\nafter, other\n"
    with gzip.open(tmp_path / f"omero-ms.{day}.log.gz", "rt") as former:
        assert former.read() == "before\n"
    assert _names(tmp_path) == [f"omero-ms.{day}.log.gz", "omero-ms.log"]
    one.close()
    other.close()


def test_a_service_that_starts_renews_a_file_of_days_ago_and_deletes_the_oldest(tmp_path: Path) -> None:
    path = tmp_path / "omero-ms.log"
    path.write_text("long ago\n")
    day = _age(path, 3)
    for number in range(10, 19):
        (tmp_path / f"omero-ms.2020-01-{number}.log.gz").write_bytes(b"")
    (tmp_path / "omero-ms.mine.log.gz").write_bytes(b"")
    handler = _handler(path)
    _say(handler, "now")
    handler.close()
    _compressed()
    kept = [f"omero-ms.2020-01-{number}.log.gz" for number in range(13, 19)]
    assert _names(tmp_path) == [*kept, f"omero-ms.{day}.log.gz", "omero-ms.log", "omero-ms.mine.log.gz"]


def test_a_file_that_logrotate_renamed_is_let_go(tmp_path: Path) -> None:
    path = tmp_path / "omero-ms.log"
    handler = _handler(path)
    _say(handler, "before")
    path.rename(tmp_path / "omero-ms.log.1")
    _say(handler, "after")
    (tmp_path / "omero-ms.log").unlink()
    _say(handler, "after that")
    handler.close()
    assert (tmp_path / "omero-ms.log.1").read_text() == "before\n"
    assert path.read_text() == "after that\n"


def test_a_file_that_cannot_be_opened_anew_is_said_and_written_on(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "omero-ms.log"
    handler = logging.FileHandler(path)
    logger = logging.getLogger("tests.reopened")
    logger.addHandler(handler)
    renamed = path.rename(tmp_path / "omero-ms.log.1")
    path.mkdir()
    reopen_files()
    assert (
        f"a log file cannot be opened anew, and the one that was renamed is written on: [Errno 21] Is a directory: \
'{path}'"
        in caplog.text
    )
    _say(handler, "after")
    assert renamed.read_text().endswith("after\n")
    logger.removeHandler(handler)
    handler.close()


_WRITER = """
import logging, sys
from pathlib import Path
from omero_ms_thumbnail.telemetry.handlers import DailyFile
handler = DailyFile(Path(sys.argv[1]))
for number in range(300):
    handler.handle(logging.makeLogRecord({"msg": f"{sys.argv[2]}-{number}"}))
"""


def test_no_line_is_lost_when_several_processes_write_while_the_day_changes(tmp_path: Path) -> None:
    path = tmp_path / "omero-ms.log"
    path.write_text("yesterday\n")
    day = _age(path, 1)
    writers = [
        subprocess.Popen([sys.executable, "-c", _WRITER, str(path), str(number)], env={**os.environ})
        for number in range(3)
    ]
    assert [writer.wait(30) for writer in writers] == [0, 0, 0]
    lines = path.read_text().splitlines()
    with gzip.open(tmp_path / f"omero-ms.{day}.log.gz", "rt") as former:
        lines += former.read().splitlines()
    assert sorted(lines) == sorted(["yesterday", *(f"{w}-{n}" for w in range(3) for n in range(300))])


def test_a_file_that_cannot_be_written_is_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "folder.log").mkdir()
    with pytest.raises(LoggingFailed, match=r"logging\.file: .*folder\.log cannot be written \(Is a directory\); name"):
        start_logging(LogOptions(file=tmp_path / "folder.log"))


def test_time_is_what_the_file_says(tmp_path: Path) -> None:
    path = tmp_path / "omero-ms.log"
    handler = _handler(path)
    _say(handler, "first")
    os.utime(path, (time.time() - 1, time.time() - 1))
    _say(handler, "second")
    handler.close()
    assert _names(tmp_path) == ["omero-ms.log"]
