"""The access log: its lines in both forms, when they are written, and ordinary records for other handlers."""

from __future__ import annotations

import asyncio
import io
import json
import logging
import re
from collections.abc import Callable

import pytest

from omero_ms_thumbnail.telemetry.handlers import SECONDS_HELD
from omero_ms_thumbnail.telemetry.log import configure_logging
from omero_ms_thumbnail.telemetry.observer import Telemetry
from omero_ms_thumbnail.web.response import Response

KEY = "0b9d4d6c-6ac1-4f2a-9b6c-7e7c1f1d3a55"


def _headers(**headers: str) -> dict[bytes, bytes]:
    return {name.replace("_", "-").encode(): value.encode("latin-1") for name, value in headers.items()}


def _answer(telemetry: Telemetry, path: str = "/webclient/render_thumbnail/1/", **headers: str) -> None:
    request = telemetry.began(_headers(**headers))
    telemetry.cache_used(1, 0, 0)
    telemetry.answered(
        request,
        method="GET",
        path=path,
        route="render_thumbnail",
        response=Response(200, (), b"12345"),
        seconds=0.00123,
        user=7,
    )


def _flush() -> None:
    for handler in logging.getLogger().handlers:
        handler.flush()


async def test_a_line_of_text() -> None:
    stream = io.StringIO()
    configure_logging(stream=stream)
    _answer(Telemetry("1"), x_request_id="abc.1")
    _flush()
    assert re.fullmatch(
        r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3} INFO  omero_ms_thumbnail\.access \[abc\.1\] GET "
        r"/webclient/render_thumbnail/1/ 200 5 bytes 1\.2 ms user 7 cache hit\n",
        stream.getvalue(),
    )


async def test_a_line_of_json_has_the_fields_that_a_record_would_have() -> None:
    stream = io.StringIO()
    configure_logging(format="json", stream=stream)
    _answer(Telemetry("1"), '/a"b\\', x_request_id="abc.1")
    _flush()
    line = json.loads(stream.getvalue())
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", line.pop("time"))
    assert line == {
        "level": "INFO",
        "logger": "omero_ms_thumbnail.access",
        "message": "answered",
        "request_id": "abc.1",
        "method": "GET",
        "path": '/a"b\\',
        "status": 200,
        "bytes": 5,
        "ms": 1.2,
        "user": 7,
        "cache": "hit",
    }


async def test_lines_are_held_and_written_together_and_in_order() -> None:
    stream = io.StringIO()
    configure_logging(stream=stream)
    telemetry = Telemetry("1")
    for number in range(3):
        _answer(telemetry, f"/{number}")
    assert stream.getvalue() == ""
    logging.getLogger("omero_ms_thumbnail.web").warning("something else")
    _answer(telemetry, "/3")
    assert [line.split("] ")[1].split(" ")[1] for line in stream.getvalue().splitlines()[:3]] == ["/0", "/1", "/2"]
    assert stream.getvalue().splitlines()[3].endswith("something else")
    _flush()
    assert " /3 " in stream.getvalue().splitlines()[4]


async def test_held_lines_are_written_by_themselves(monkeypatch: pytest.MonkeyPatch) -> None:
    written = asyncio.Event()

    class Stream(io.StringIO):
        def flush(self) -> None:
            written.set()

    stream = Stream()
    configure_logging(stream=stream)
    _answer(Telemetry("1"))
    async with asyncio.timeout(SECONDS_HELD + 5):
        await written.wait()
    assert stream.getvalue().count("\n") == 1


async def test_other_handlers_get_records() -> None:
    stream = io.StringIO()
    configure_logging(stream=stream)
    records: list[logging.LogRecord] = []

    class Handler(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            records.append(record)

    logging.getLogger("omero_ms_thumbnail.access").addHandler(Handler())
    _answer(Telemetry("1"))
    (record,) = records
    assert record.getMessage() == "GET /webclient/render_thumbnail/1/ 200 5 bytes 1.2 ms user 7 cache hit"
    assert (record.__dict__["status"], record.__dict__["cache"]) == (200, "hit")
    # and the line is still there, once
    assert stream.getvalue().count("\n") == 1


def _by_record() -> None:
    logging.getLogger("omero_ms_thumbnail.access").addHandler(logging.NullHandler())


@pytest.mark.parametrize("prepare", [lambda: None, _by_record])
@pytest.mark.parametrize("form", ["text", "json"])
async def test_a_hostile_path_is_one_line_without_keys(prepare: Callable[[], None], form: str) -> None:
    stream = io.StringIO()
    configure_logging(format=form, stream=stream)  # type: ignore[arg-type]
    prepare()
    _answer(Telemetry("1"), f"/a\r\n2026-11-24 13:20:01,123 INFO  forged \x1b[2J{KEY}\u2028x")
    _flush()
    assert len(stream.getvalue().splitlines()) == 1
    assert KEY not in stream.getvalue()
    assert "\x1b" not in stream.getvalue()


@pytest.mark.parametrize("form", ["text", "json"])
@pytest.mark.parametrize("prepare", [lambda: None, _by_record])
async def test_a_key_in_a_path_is_not_written(prepare: Callable[[], None], form: str) -> None:
    stream = io.StringIO()
    configure_logging(format=form, stream=stream)  # type: ignore[arg-type]
    prepare()
    _answer(Telemetry("1"), f"/webclient/render_thumbnail/{KEY}/")
    _flush()
    assert "/webclient/render_thumbnail/…/" in stream.getvalue().replace("\\u2026", "…")


@pytest.mark.parametrize(
    ("headers", "said"),
    [
        ({"x-request-id": "a/b:c=1", "traceparent": f"00-{'1' * 32}-{'2' * 16}-01"}, "a/b:c=1"),
        ({"traceparent": f"00-{'1' * 32}-{'2' * 16}-01"}, "1" * 32),
        ({"x-request-id": "a b", "traceparent": "nonsense"}, None),
        ({"x-request-id": "a\nb"}, None),
        ({"x-request-id": "x" * 65}, None),
        ({}, None),
    ],
)
def test_where_the_id_comes_from(headers: dict[str, str], said: str | None) -> None:
    telemetry = Telemetry("1")
    first, second = telemetry.began(_headers(**headers)).id, telemetry.began(_headers(**headers)).id
    if said is not None:
        assert first == second == said
    else:
        assert re.fullmatch(r"[0-9a-f]{8}-1", first)
        assert re.fullmatch(r"[0-9a-f]{8}-2", second)


async def test_the_id_is_on_every_line_of_a_request() -> None:
    stream = io.StringIO()
    configure_logging(stream=stream)
    telemetry = Telemetry("1", access_log_wanted=False)
    telemetry.began(_headers(x_request_id="abc"))
    logging.getLogger("omero_ms_thumbnail.omero").warning("OMERO says: no session %s", KEY)
    assert stream.getvalue().endswith(" WARNING omero_ms_thumbnail.omero [abc] OMERO says: no session …\n")
