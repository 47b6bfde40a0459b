"""Every hostile payload through every store, over HTTP: 403 with a sentence, nothing runs, and the service goes on."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.real.end_to_end import hostile_sessions
from tests.support.parts import require
from tests.unit.websession import hostile

pytestmark = pytest.mark.long

#: far above the 0.1 s that it takes at most on a quiet machine: a bound, not a measurement
SECONDS = 3.0
MEBIBYTES = 32


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[hostile_sessions.Site]:
    require("postgres")
    require("redis-server")
    with hostile_sessions.site(tmp_path_factory.mktemp("hostile")) as one:
        yield one


@pytest.mark.parametrize("kind", hostile_sessions.KINDS, ids=str)
async def test_hostile_sessions(kind: hostile_sessions.Kind, site: hostile_sessions.Site, tmp_path: Path) -> None:
    run = await site.run(kind)
    assert len(hostile.live(tmp_path)) >= 40
    assert len(run.refusals) == len(hostile.live(tmp_path)) + len(hostile.bombs())
    assert [refusal for refusal in run.refusals if refusal.status != 403] == []
    assert {refusal.body.strip() for refusal in run.refusals} == {hostile_sessions.SENTENCE}
    assert run.ran == ()
    assert (run.sound_before, run.sound_after) == (200, 200)

    costs = [(refusal, max(refusal.seconds, refusal.processor_seconds)) for refusal in run.refusals]
    assert [refusal for refusal, seconds in costs if seconds > SECONDS] == []
    assert [refusal for refusal in run.refusals if refusal.mebibytes > MEBIBYTES] == []
    assert run.mebibytes < MEBIBYTES

    # A line for each reason and store that says what was wrong, not one for each session.
    complaints = [line for line in run.output.splitlines() if "cannot be read" in line]
    assert any("its pickle names os.system" in line for line in complaints)
    assert len(complaints) <= 8 * len(kind.stores)
    assert "Traceback" not in run.output
