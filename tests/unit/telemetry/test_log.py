"""Log lines as a person and as a collector get them."""

from __future__ import annotations

import io
import json
import logging
import re
import sys
from typing import TYPE_CHECKING

import pytest

from omero_ms_thumbnail.telemetry.log import configure_logging

if TYPE_CHECKING:
    from collections.abc import Iterator

LOGGER = logging.getLogger("omero_ms_thumbnail.web")


@pytest.fixture(autouse=True)
def _root_logger_as_it_was() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)


def test_a_line_of_text() -> None:
    stream = io.StringIO()
    configure_logging(stream=stream)
    LOGGER.info("listening on %s", "127.0.0.1:8080")
    LOGGER.warning("slow")
    LOGGER.debug("not shown")
    first, second = stream.getvalue().splitlines()
    assert re.fullmatch(
        r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3} INFO  omero_ms_thumbnail\.web listening on 127\.0\.0\.1:8080", first
    )
    assert second.endswith(" WARNING omero_ms_thumbnail.web slow")


@pytest.mark.parametrize("end", ["\n", "\r\n", "\x0b", "\x0c", "\x1c", "\x85", "\u2028", "\x1b[2J"])
def test_a_message_cannot_begin_a_line_of_its_own(end: str) -> None:
    stream = io.StringIO()
    configure_logging(stream=stream)
    LOGGER.info("no image %s", f"1{end}2026-11-24 13:20:01,123 INFO  forged")
    assert len(stream.getvalue().splitlines()) == 1
    assert "\x1b" not in stream.getvalue()


def test_a_traceback_follows_the_line() -> None:
    stream = io.StringIO()
    configure_logging(stream=stream)
    try:
        raise RuntimeError("broken")
    except RuntimeError:
        LOGGER.exception("no answer")
    lines = stream.getvalue().splitlines()
    assert lines[0].endswith(" ERROR omero_ms_thumbnail.web no answer")
    assert lines[1] == "Traceback (most recent call last):"
    assert lines[-1] == "RuntimeError: broken"


def test_a_line_of_json() -> None:
    stream = io.StringIO()
    configure_logging("debug", "json", stream)
    try:
        raise RuntimeError("broken")
    except RuntimeError:
        LOGGER.debug("status %d\nfor good", 503, exc_info=True, extra={"status": 503, "peer": (1,), "level": {1}})
    (line,) = stream.getvalue().splitlines()
    record = json.loads(line)
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", record.pop("time"))
    assert record.pop("exception").endswith("RuntimeError: broken")
    assert record == {
        "level": "DEBUG",
        "logger": "omero_ms_thumbnail.web",
        "message": "status 503\nfor good",
        "status": 503,
        "peer": [1],
    }


def test_an_extra_field_that_json_cannot_hold_is_text() -> None:
    stream = io.StringIO()
    configure_logging(format="json", stream=stream)
    LOGGER.info("x", extra={"store": {1}})
    assert json.loads(stream.getvalue())["store"] == "{1}"


def test_configuring_again_replaces_the_handler(capsys: pytest.CaptureFixture[str]) -> None:
    former = io.StringIO()
    configure_logging(stream=former)
    configure_logging("ERROR")
    LOGGER.warning("not shown")
    LOGGER.error("shown once")
    assert former.getvalue() == ""
    assert capsys.readouterr().err.count("shown once") == 1
    assert logging.getLogger().handlers[0].stream is sys.stderr  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("level", "form", "sentence"),
    [
        ("LOUD", "text", "'LOUD' is not a level of logging; choose DEBUG, INFO, WARNING, ERROR or CRITICAL"),
        ("INFO", "xml", "'xml' is not a format of log lines; choose text or json"),
    ],
)
def test_what_is_unknown_changes_nothing(level: str, form: str, sentence: str) -> None:
    before = logging.getLogger().handlers[:]
    with pytest.raises(ValueError, match=re.escape(sentence)):
        configure_logging(level, form)  # type: ignore[arg-type]
    assert logging.getLogger().handlers == before
