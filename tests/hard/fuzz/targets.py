"""What is fuzzed: for each target the function that must survive any bytes, and the corpus that it begins with."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

UNIT = Path(__file__).resolve().parents[2] / "unit"


@dataclass(frozen=True)
class Target:
    """`function` of `module` takes bytes and lets no exception out; `covers` is the package whose code guides it."""

    name: str
    covers: str
    module: str
    function: str
    corpus: Path

    @property
    def seeds(self) -> list[Path]:
        """The files of its corpus."""
        return sorted(self.corpus.iterdir())


TARGETS = {
    target.name: target
    for target in (
        Target(
            "sessions",
            "omero_ms_thumbnail.websession",
            "tests.unit.websession.decoding",
            "decode_everywhere",
            UNIT / "websession" / "corpus",
        ),
        Target(
            "ice", "omero_ms_thumbnail.ice", "tests.unit.ice.any_bytes", "read_as_anything", UNIT / "ice" / "corpus"
        ),
        Target(
            "websocket",
            "omero_ms_thumbnail.ice",
            "tests.unit.ice.any_frames",
            "read_as_websocket",
            UNIT / "ice" / "websocket_corpus",
        ),
        Target(
            "configuration",
            "omero_ms_thumbnail.config",
            "tests.unit.config.any_file",
            "load_anything",
            UNIT / "config" / "corpus",
        ),
    )
}
