"""That an OMERO which breaks a fact of the real one turns the replay red, be it kinder or not."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.real.omero.all_drivers import EMBEDDED, driving
from tests.real.omero.mutants import MUTANTS
from tests.real.omero.replay import replay
from tests.real.omero.scenario import STORE_SCENARIOS, read_scenarios

pytestmark = pytest.mark.long

if TYPE_CHECKING:
    from pathlib import Path

#: enough of all kinds of scenarios, and few enough to be played for each of the mutants
_ONE_OF = 5


@pytest.mark.parametrize("name", MUTANTS)
async def test_an_omero_that_breaks_a_fact_is_found_out(
    name: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    async with driving(EMBEDDED, tmp_path) as driver:
        MUTANTS[name](monkeypatch)
        outcomes = await replay(read_scenarios(STORE_SCENARIOS)[::_ONE_OF], driver, tmp_path)
    different = [outcome.scenario.id for outcome in outcomes if outcome.differs]
    assert different, f"no scenario tells that {name}"
    print(f"{len(different)} of {len(outcomes)} scenarios, such as: {different[0]}")
