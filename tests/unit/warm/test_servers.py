"""`warm` where there are several OMERO.servers: of the one that is named, and of no other."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml

from tests.support.embedded_thread import EmbeddedThread
from tests.unit.check.fragile_session import fragile_session
from tests.unit.warm.conftest import SESSION_KEY, Bench

STACKS = "Dataset:3"


@pytest.fixture(scope="module")
def second() -> Iterator[EmbeddedThread]:
    omero = EmbeddedThread()
    fragile_session(omero, "researcher", SESSION_KEY)
    yield omero
    omero.stop()


@dataclass
class SeveralOmeros(Bench):
    """That of the others is the first, `second` the other."""

    second: EmbeddedThread | None = None

    @property
    def config(self) -> Path:
        assert self.second is not None
        path = self.folder / "config.yaml"
        servers = [
            {"id": number, "name": name, "host": "127.0.0.1", "port": omero.omero.ssl_port}
            for number, name, omero in ((1, "first", self.omero), (2, "second", self.second))
        ]
        path.write_text(yaml.safe_dump({"omero": {"servers": servers}, "session-store": {"type": "memory"}}))
        return path


@pytest.fixture
def several(bench: Bench, second: EmbeddedThread) -> SeveralOmeros:
    return SeveralOmeros(bench.folder, bench.omero, second=second)


def _joined(omero: EmbeddedThread) -> int:
    return sum(number for name, number in omero.omero.workload.calls.items() if "Thumbnail" in name)


@pytest.mark.parametrize("named", ["2", "second"])
def test_the_one_that_is_named_is_warmed(named: str, several: SeveralOmeros, second: EmbeddedThread) -> None:
    before = _joined(several.omero), _joined(second)
    ended = several.run(STACKS, "--server", named)
    assert (ended.returncode, ended.stderr) == (0, "")
    assert _joined(several.omero) == before[0]
    assert _joined(second) > before[1]


def test_the_first_where_none_is_named(several: SeveralOmeros, second: EmbeddedThread) -> None:
    before = _joined(several.omero), _joined(second)
    assert several.run(STACKS).returncode == 0
    assert _joined(several.omero) > before[0]
    assert _joined(second) == before[1]


def test_what_is_done_on_one_is_not_done_on_another(several: SeveralOmeros) -> None:
    """Not even where another OMERO is at the address now."""
    state = several.folder / "state"
    assert several.run(STACKS, "--state", str(state), "--server", "2").returncode == 0
    assert "0 thumbnails of" in several.run(STACKS, "--state", str(state), "--server", "second").stdout
    other = several.run(STACKS, "--state", str(state))
    assert other.returncode == 1
    assert "(server 2), not size 96 at" in other.stderr
    assert "(server 1): name another file" in other.stderr
    # by its number too, not only by its address
    state.write_text(state.read_text().replace('"server": 2', '"server": 1'))
    assert several.run(STACKS, "--state", str(state), "--server", "2").returncode == 1


@pytest.mark.parametrize("named", ["3", "third", ""])
def test_one_that_is_not_there_is_a_sentence(named: str, several: SeveralOmeros) -> None:
    ended = several.run(STACKS, "--server", named)
    assert ended.returncode == 1
    assert f"--server {named}: none of omero.servers has that number or name; there are 1 (first), 2 (second)" in (
        ended.stderr
    )


def test_where_there_is_one_only_none_can_be_named(bench: Bench) -> None:
    ended = bench.run(STACKS, "--server", "1")
    assert ended.returncode == 1
    assert "the configuration names one OMERO only" in ended.stderr
