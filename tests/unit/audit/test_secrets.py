"""The search for secrets finds one, and finds none in this repository."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from audit.secrets import search

# put together here, so that none stands in this file
PRIVATE_KEY = f"-----BEGIN RSA {'PRIVATE'} KEY-----\nMIIEpAIBAAKCAQEA"
ACCESS_KEY = "AKIA" + "QYLPMN5HHHFPZAM2"
PASSWORD = "password" + ' = "hunter2-and-more"'


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    subprocess.run(["git", "init", "-q", tmp_path], check=True)
    return tmp_path


def _has_secret(repository: Path, text: str, **how: tuple[str, ...]) -> bool:
    (repository / "file.py").write_text(text + "\n")
    subprocess.run(["git", "-C", repository, "add", "-A"], check=True)
    return search(".", root=repository, **how)


@pytest.mark.parametrize(
    "text", [PRIVATE_KEY, f'key = "{ACCESS_KEY}"', PASSWORD], ids=["private key", "access key", "password"]
)
def test_a_secret_is_found(repository: Path, text: str) -> None:
    assert _has_secret(repository, text)


def test_a_password_in_a_test_is_none_and_a_key_is_one(repository: Path) -> None:
    assert not _has_secret(repository, PASSWORD, without=("KeywordDetector",))
    assert _has_secret(repository, PRIVATE_KEY, without=("KeywordDetector",))


def test_placeholders_are_none(repository: Path) -> None:
    assert not _has_secret(repository, 'password_file = "/run/secrets/session_store"\n# redis://:password@host:6379/1')
