"""Secrets: the files they come from, and that neither settings nor sentences ever show one."""

from __future__ import annotations

import logging
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from omero_ms_thumbnail.config import ConfigError, Settings, load_settings
from omero_ms_thumbnail.config.table import FILE_KEYS, KEYS
from tests.unit.config.conftest import STORE

if TYPE_CHECKING:
    from omero_ms_thumbnail.config.definition import Key
    from tests.unit.config.conftest import Configure

SECRET = "hunter2"


def test_secrets_from_files_that_keys_name(configure: Configure) -> None:
    for name, text in {"uri": f"redis://:{SECRET}@localhost/1\n", "key": f"{SECRET}\n", "former": "a\r\nb\n"}.items():
        Path(name).write_text(text)
        Path(name).chmod(0o600)
    settings = configure(
        "session-store: {uri-file: uri}\nomero.web: {secret_key_file: key, secret_key_fallbacks_file: former}\n"
    )
    assert settings.session_stores[0].uri == f"redis://:{SECRET}@localhost/1"
    assert settings.omero_web.secret_key == SECRET
    assert settings.omero_web.secret_key_fallbacks == ("a", "b")
    assert settings.warnings == ()


def test_a_secret_that_every_user_can_read_is_warned_of(configure: Configure) -> None:
    for name in ("uri", "port"):
        Path(name).write_text({"uri": "redis://localhost", "port": "81"}[name])
        Path(name).chmod(0o644)
    environ = {"OMERO_MS_THUMBNAIL_SESSION_STORE_URI_FILE": "uri", "OMERO_MS_THUMBNAIL_PORT_FILE": "port"}
    assert configure("", environ).warnings == (
        (
            "environment: OMERO_MS_THUMBNAIL_SESSION_STORE_URI_FILE:"
            " every user of this machine can read uri; run chmod o-r on it"
        ),
    )
    Path("uri").chmod(0o640)
    assert configure("", environ).warnings == ()


def test_files_that_hold_no_secret(configure: Configure) -> None:
    Path("folder").mkdir()
    Path("empty").write_text(" \n")
    Path("large").write_bytes(b"x" * 70_000)
    Path("binary").write_bytes(b"\xff\xfe")
    for value, reason in {
        "gone": "gone cannot be read (No such file or directory); name a file that this user may read",
        "folder": "folder cannot be read (Is a directory); name a file that this user may read",
        "empty": "empty is empty; write the value into it",
        "large": "large is larger than 65536 bytes; name a file that holds the value only",
        "binary": "binary is not UTF-8 text",
        "''": "the value is not the path of a file",
        "5": "the value is not the path of a file",
    }.items():
        assert configure.problems(f"{STORE}omero.web.secret_key_file: {value}\n") == [
            f"c.yaml, line 2: omero.web.secret_key_file: {reason}"
        ]


def test_the_files_relative_path_starts_at_the_configuration(configure: Configure, tmp_path: Path) -> None:
    folder = tmp_path / "etc"
    folder.mkdir()
    (folder / "uri").write_text("redis://localhost")
    (folder / "c.yaml").write_text("session-store: {uri-file: uri}")
    assert load_settings(folder / "c.yaml", {}).session_stores[0].uri == "redis://localhost"


def test_settings_never_show_a_secret(configure: Configure) -> None:
    settings = configure(
        f"""
session-store: {{uri: "redis://:{SECRET}@localhost"}}
omero.web: {{secret_key: {SECRET}, secret_key_fallbacks: [{SECRET}]}}
"""
    )
    assert settings.omero_web.secret_key == SECRET
    for shown in (repr(settings), str(settings), f"{settings}", *settings.notes, *settings.warnings):
        assert SECRET not in shown


@pytest.mark.parametrize("key", [key for key in KEYS.values() if key.is_secret], ids=lambda key: key.name)
@pytest.mark.parametrize(
    "value",
    [
        f"{SECRET}é",
        f"[{SECRET}, 1]",
        f"{{{SECRET}: 1}}",
        f"'redis://:{SECRET}/{SECRET}@{SECRET}'",
        f"!{SECRET} x",
        f"!{SECRET}!{SECRET} x",
        f"*{SECRET}",
        f"&{SECRET} *{SECRET}x",
        f"%{SECRET}",
        f"@{SECRET}",
        f"{SECRET}: {SECRET}",
        f'"{SECRET}\\q"',
        f'"{SECRET}',
    ],
)
def test_sentences_never_show_a_secret(
    configure: Configure, key: Key, value: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    name = key.name
    text = f"{name}: {value}\n" if name == "session-store.uri" else f"{STORE}{name}: {value}\n"
    try:
        told = [repr(configure(text))]
    except ConfigError as error:
        told = [str(error), repr(error), repr(error.__cause__), *caplog.messages]
    assert not any(SECRET in sentence for sentence in told)


def test_no_secret_field_is_in_repr() -> None:
    """The definitions themselves: a field whose key is secret has ``repr=False``."""

    def check(settings: Any) -> int:
        seen = 0
        for member in fields(settings):
            key = member.metadata.get("key")
            if key is not None and key.is_secret:
                assert member.repr is False, key.name
                seen += 1
            inner = member.metadata.get("block") or member.metadata.get("repeated")
            seen += check(inner) if is_dataclass(inner) else 0
        return seen

    assert check(Settings) == len(FILE_KEYS) == 6


@pytest.mark.parametrize(
    "written", ["cache: {secret: 31-characters-are-not-enough-xx}", "cache: {secret_file: secret}"]
)
def test_a_secret_that_could_be_guessed(configure: Configure, written: str) -> None:
    Path("secret").write_text("31-characters-are-not-enough-xx\n")
    (problem,) = configure.problems(f"{STORE}{written}\n")
    assert problem.endswith("the value is not 32 printable characters or more, such as `openssl rand -hex 32` prints")
