"""How logging is configured: the block of the configuration, a whole file of one's own, and what `--log-debug` says."""

from __future__ import annotations

import json
import logging
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from omero_ms_thumbnail.telemetry.log import LoggingFailed, LogOptions, explain, start_logging
from tests.support.parts import ROOT

LOGGER = logging.getLogger("omero_ms_thumbnail.web")


def test_the_block(tmp_path: Path) -> None:
    file = tmp_path / "logs" / "x.log"
    start_logging(LogOptions("WARNING", "json", file))
    LOGGER.info("not shown")
    LOGGER.warning("shown")
    assert [json.loads(line)["message"] for line in file.read_text().splitlines()] == ["shown"]


def test_a_whole_configuration_with_the_request_id(tmp_path: Path) -> None:
    config = tmp_path / "logging.yaml"
    config.write_text(
        f"""
formatters: {{own: {{format: "[%(request_id)s] %(message)s"}}}}
handlers: {{file: {{class: logging.FileHandler, filename: {tmp_path}/new/x.log, formatter: own}}}}
root: {{level: INFO, handlers: [file]}}
"""
    )
    start_logging(LogOptions(config=config))
    LOGGER.info("shown")
    assert (tmp_path / "new" / "x.log").read_text() == "[-] shown\n"


def test_the_example_can_be_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    example = ROOT / "conf" / "logging.yaml.example"
    start_logging(LogOptions(config=example))
    LOGGER.info("shown")
    assert (tmp_path / "logs" / "omero-ms.log").read_text().endswith(" INFO  omero_ms_thumbnail.web shown\n")
    # what is not used in it is right too
    content = yaml.safe_load(example.read_text())
    content["root"]["handlers"] = list(content["handlers"])
    (tmp_path / "all.yaml").write_text(yaml.safe_dump(content))
    start_logging(LogOptions(config=tmp_path / "all.yaml"))


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("root: {level: LOUD}", "Unable to configure root logger"),
        ("handlers: {x: {class: nowhere.Handler}}\nroot: {handlers: [x]}", "Unable to configure handler 'x'"),
        ("just text", "it holds no keys; see conf/logging.yaml.example"),
        ("a: [", "while parsing"),
        (None, "No such file"),
    ],
)
def test_a_configuration_that_is_wrong_is_named(text: str | None, reason: str, tmp_path: Path) -> None:
    config = tmp_path / "logging.yaml"
    if text is not None:
        config.write_text(text)
    with pytest.raises(LoggingFailed) as raised:
        start_logging(LogOptions(config=config))
    assert str(raised.value).startswith(f"{config}: logging cannot be configured by it: ")
    assert reason in str(raised.value)


def test_what_came_of_it(tmp_path: Path) -> None:
    options = LogOptions("DEBUG", "json", tmp_path / "x.log", 3)
    start_logging(options)
    lines = list(explain(options))
    assert lines[0] == (
        f"logging is configured by the block logging: DEBUG, json, to {tmp_path}/x.log, renewed daily, 3 days kept"
    )
    assert "logger root: level DEBUG" in lines
    assert f"  handler DailyFile, level NOTSET, JsonFormatter, to {tmp_path}/x.log" in lines


def test_the_options_of_the_command_line(tmp_path: Path) -> None:
    config = tmp_path / "config.yaml"
    config.write_text("session-store: {type: memory}\nport: 1\nlogging: {format: json}\n")
    wrong = tmp_path / "logging.yaml"
    wrong.write_text("root: {level: LOUD}")
    command = [sys.executable, "-m", "omero_ms_thumbnail", "serve", "--config", str(config), "--host", "192.0.2.1"]

    def run(*more: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run([*command, *more], capture_output=True, text=True, timeout=30)

    # the address cannot be had, so it ends; what was said before is what counts
    said = run("--log-debug", "--log-level", "debug")
    assert said.returncode == 1
    assert said.stderr.splitlines()[0] == "logging is configured by the block logging: DEBUG, json, to standard error"
    assert "cannot listen on 192.0.2.1:1" in said.stderr.splitlines()[-1]
    said = run("--log-config", str(wrong))
    assert said.returncode == 1
    assert said.stderr.startswith(f"omero-ms-thumbnail: {wrong}: logging cannot be configured by it: Unable to")
