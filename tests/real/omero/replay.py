"""Plays scenarios one after the other on one OMERO, each as its kind is played."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from tests.real.omero.calls import Player
from tests.real.omero.comparing import Outcome, compare
from tests.real.omero.drivers import CannotPrepare
from tests.real.omero.requests import RequestPlayer
from tests.real.omero.rules import Rules
from tests.real.omero.web_service import web_service

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Sequence
    from pathlib import Path

    from tests.real.omero.drivers import Driver
    from tests.real.omero.scenario import Scenario


async def replay(
    scenarios: Sequence[Scenario],
    driver: Driver,
    folder: Path,
    *,
    known: Sequence[Scenario] = (),
    say: Callable[[Outcome], None] = lambda outcome: None,
) -> list[Outcome]:
    """Play them and say of each what came of it.

    `known` are other scenarios of HTTP requests, to look up what OMERO.web answered to single views. `folder` is for
    the configuration, the sessions and the log of the service, where one is needed.
    """
    async with _players(scenarios, driver, folder) as (calls, requests):
        rules = Rules([*scenarios, *known])
        outcomes = []
        for scenario in scenarios:
            try:
                if scenario.is_of_requests and requests is not None:
                    outcome = rules.judge(scenario, await requests.play(scenario))
                else:
                    outcome = compare(scenario, await calls.play(scenario))
            except CannotPrepare as error:
                outcome = Outcome(scenario, left_out=str(error))
            say(outcome)
            outcomes.append(outcome)
    return outcomes


@asynccontextmanager
async def _players(
    scenarios: Sequence[Scenario], driver: Driver, folder: Path
) -> AsyncIterator[tuple[Player, RequestPlayer | None]]:
    calls = Player(driver)
    try:
        if any(scenario.is_of_requests for scenario in scenarios):
            async with web_service(driver, folder) as service:
                yield calls, RequestPlayer(calls, service)
        else:
            yield calls, None
    finally:
        await calls.close()
