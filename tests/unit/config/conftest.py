"""A configuration of a test's own: a file in an empty working directory, so that sentences about it are exact."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from omero_ms_thumbnail.config import ConfigError, Settings, load_settings

if TYPE_CHECKING:
    from collections.abc import Mapping

#: what has to be there before anything else can be right
STORE = "session-store: {uri: 'redis://localhost'}\n"


class Configure:
    """Loads a text as ``c.yaml``."""

    def __call__(self, text: str, environ: Mapping[str, str] | None = None) -> Settings:
        Path("c.yaml").write_text(text)
        return load_settings(Path("c.yaml"), environ or {})

    def problems(self, text: str, environ: Mapping[str, str] | None = None) -> list[str]:
        """The sentences of the error that the text has to raise."""
        with pytest.raises(ConfigError) as raised:
            self(text, environ)
        sentences = str(raised.value).split("\n")
        assert tuple(sentences) == raised.value.problems
        return sentences


@pytest.fixture
def configure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Configure:
    monkeypatch.chdir(tmp_path)
    return Configure()
