"""What a real OMERO.server and the real OMERO.web were recorded to do, on both stand-ins for OMERO."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.real.omero.all_drivers import EMBEDDED, STUBS, driving
from tests.real.omero.replay import replay
from tests.real.omero.report import lines_of, summary
from tests.real.omero.scenario import STORE_SCENARIOS, WEB_SCENARIOS, Scenario, read_scenarios
from tests.support.parts import require

if TYPE_CHECKING:
    from pathlib import Path

#: `make omero-replay` plays all of them everywhere; where that takes long, every run of the tests plays one of so many
_ONE_OF_ON_STUBS = 13
_ONE_OF_OVER_HTTP = 5


async def _assert_as_recorded(
    omero: str, scenarios: list[Scenario], known: list[Scenario], folder: Path, data_dir: Path | None = None
) -> None:
    async with driving(omero, folder, data_dir=data_dir) as driver:
        outcomes = await replay(scenarios, driver, folder, known=known)
    wrong = [line for outcome in outcomes if outcome.differs or outcome.left_out for line in lines_of(outcome)]
    assert not wrong, "\n".join([*wrong[:200], summary(outcomes)])


async def test_the_embedded_omero_answers_and_leaves_what_a_real_one_does(tmp_path: Path) -> None:
    await _assert_as_recorded(EMBEDDED, read_scenarios(STORE_SCENARIOS), [], tmp_path)


async def test_the_stand_in_on_the_stubs_answers_and_leaves_what_a_real_one_does(tmp_path: Path) -> None:
    require("omero-py (Python 3.10)")
    require("glacier2router")
    await _assert_as_recorded(STUBS, read_scenarios(STORE_SCENARIOS)[::_ONE_OF_ON_STUBS], [], tmp_path)


@pytest.mark.parametrize(("omero", "has_files"), [(EMBEDDED, False), (EMBEDDED, True), (STUBS, False)])
async def test_the_service_answers_and_leaves_what_omero_web_does(omero: str, has_files: bool, tmp_path: Path) -> None:
    known = read_scenarios(WEB_SCENARIOS)
    if omero == STUBS:
        require("omero-py (Python 3.10)")
        require("glacier2router")
    scenarios = known[:: _ONE_OF_OVER_HTTP if omero == EMBEDDED else _ONE_OF_ON_STUBS]
    await _assert_as_recorded(omero, scenarios, known, tmp_path, tmp_path / "OMERO" if has_files else None)
