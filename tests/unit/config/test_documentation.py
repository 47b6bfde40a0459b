"""What is written about the keys says the same as their definitions."""

from __future__ import annotations

import re
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from omero_ms_thumbnail.config import SessionStoreSettings, Settings, load_settings
from omero_ms_thumbnail.config.table import FILE_KEYS, KEYS
from tests.support.parts import ROOT
from tools.reference.configuration import reference

if TYPE_CHECKING:
    from pathlib import Path

    from omero_ms_thumbnail.config.definition import Key

SHIPPED = ROOT / "conf" / "config.yaml"

_COMMENTED_KEY = re.compile(r"^( *)#(?=[a-z-])", re.MULTILINE)
_FILE_KEY = re.compile(
    r"^ *(uri-file|redis-uri-file|secret_key_file|secret_key_fallbacks_file|password_file|secret_file):.*\n",
    re.MULTILINE,
)

_SERVERS = """\
    servers:
        - id: 1
          host: omero.example.org
          port: 4064
          secure: true
          # Its name there, for sessions that say that in place of the number.
          name: ""
          data_dir: /OMERO
"""


def test_the_reference_is_as_generated() -> None:
    written = (ROOT / "docs" / "configuration.md").read_text()
    assert written == reference(), "run make reference"
    module = [sys.executable, "-m", "tools.reference.configuration"]
    assert subprocess.run(module, cwd=ROOT, capture_output=True, text=True, check=True).stdout == written


@pytest.mark.parametrize("key", KEYS.values(), ids=lambda key: key.name)
def test_the_reference_has_each_key(key: Key) -> None:
    text = reference()
    assert f"**`{key.name}`**" in text
    assert f"`{key.variable}`" in text


def test_the_shipped_file_has_the_defaults() -> None:
    settings = load_settings(SHIPPED, {})
    assert settings == Settings(session_stores=(SessionStoreSettings(uri="redis://:@localhost:6379/1"),))


def test_the_shipped_file_shows_every_key_with_its_default(tmp_path: Path) -> None:
    text = _COMMENTED_KEY.sub(r"\1", SHIPPED.read_text())
    for name in (*KEYS, *FILE_KEYS):
        assert re.search(rf"^ *(- )?{re.escape(name.rpartition('.')[2])}:", text, re.MULTILINE), name
    everything = tmp_path / "config.yaml"
    # What has no default is shown with an example, and stays out of the comparison.
    for example in (
        _SERVERS,
        "user: public-user\n",
        'password: "..."\n',
        'secret: "... 32 characters or more"',
        'url_filter: "^/(webclient|webgateway)/"\n',
        "worker-ports: 8081",
        "shutdown-timeout: 15",
        'secret_key: "..."',
        "data_dir: /OMERO\n",
        "ca_file: /etc/ssl/certs/omero.pem",
        "directory: /tmp",
        'synchronicity: "async"',
        'redis-uri: "redis://:password@localhost:6379/2"',
        'zipkin-url: "http://localhost:9411/api/v2/spans"',
        'otlp-url: "http://localhost:4318/v1/traces"',
        "file: logs/omero-ms.log",
    ):
        assert example in text
        text = text.replace(example, "")
    everything.write_text(_FILE_KEY.sub("", text))
    settings = load_settings(everything, {})
    assert len(settings.notes) == 2
    assert settings == Settings(
        session_stores=(SessionStoreSettings(uri="redis://:@localhost:6379/1"),), notes=settings.notes
    )


def test_the_shipped_file_shows_the_files_of_secrets() -> None:
    shown = {match.strip().split(":")[0] for match in re.findall(r"^ *#\S*file:.*$", SHIPPED.read_text(), re.MULTILINE)}
    assert shown - {"#ca_file", "#file"} == {f"#{name.rpartition('.')[2]}" for name in FILE_KEYS}
