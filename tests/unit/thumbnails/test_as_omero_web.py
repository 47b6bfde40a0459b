"""What OMERO.web showed and left behind on a real OMERO.server, asked of the heart on the model of that server.

By the rules that ``tests/data/omero-truth/README.md`` names and no other.
"""

from __future__ import annotations

import asyncio
import re
from collections import Counter
from typing import Any

from omero_ms_thumbnail.web.parsing import Parser, RequestLimits
from omero_ms_thumbnail.web.urls import RouteKind, route
from tests.unit.embedded.truth import PEOPLE, Stage, scenarios
from tests.unit.thumbnails.model_session import Asker

_PARSE = Parser(RequestLimits()).parse


async def _play(scenario: dict[str, Any]) -> tuple[list[Any], list[dict[str, Any]], int]:
    """The answers, what is left, and the events that it took."""
    stage = Stage(scenario["group"], len(scenario["images"]))
    for number, steps in enumerate(scenario["images"]):
        for text in steps:
            stage.step(text, number)
    events = stage.database.events_of
    answers = []
    async with Asker(stage, scenario["who"]) as asker:
        before = events[PEOPLE[scenario["who"]]]
        for what, *arguments in scenario["calls"]:
            if what == "step":
                stage.step(*arguments)
            else:
                answers.append(await _get(stage, asker, arguments[0]))
        made = events[PEOPLE[scenario["who"]]] - before
    return answers, [stage._left(image) for image in stage.database.images.values()], made


async def _get(stage: Stage, asker: Asker, address: str) -> Any:
    path, _, query = re.sub(r"{([^}]+)}", lambda match: _id(stage, match[1]), address).partition("?")
    found = route(path)
    assert found is not None
    asked = _PARSE(found, query)
    pictures = [one if isinstance(one, list) else None for one in await asker.ask(*asked.requests)]
    if found.kind is not RouteKind.GET_THUMBNAILS:
        return pictures[0]
    return {str(one.image_id - 1001): picture for one, picture in zip(asked.requests, pictures, strict=True)}


def _id(stage: Stage, named: str) -> str:
    number, _, owner = named.partition(":")
    image = stage.image(int(number))
    return str(stage._newest(image, PEOPLE[owner]) if owner else image.id)


def _answered(answer: dict[str, Any]) -> Any:
    """A recorded answer; None where there is no picture."""
    picture = answer.get("picture", answer.get("pictures"))
    return None if picture == "placeholder" else picture


def _is_as_recorded(was: Any, now: Any, *, names_settings: bool) -> bool:
    if isinstance(was, dict) and isinstance(now, dict):
        return all(_is_as_recorded(was[key], now[key], names_settings=names_settings) for key in was)
    if was == now or now is None:
        return bool(was == now)
    if was is None:
        # what could not be stored, or was spoiled by what was stored for settings that were named
        return names_settings
    # a square, where nothing could be stored
    return bool(was[0] == was[1] and now == [96, 72, was[2]])


def _is_left_as_recorded(was: dict[str, Any], now: dict[str, Any], *, names_settings: bool) -> bool:
    rows = (
        {name: Counter(one) for name, one in was["rows"].items()},
        {name: Counter(one) for name, one in now["rows"].items()},
    )
    fewer = names_settings and all(one <= rows[0].get(name, Counter()) for name, one in rows[1].items())
    return bool(was["settings"] == now["settings"] and (rows[0] == rows[1] or fewer))


async def test_all_that_omero_web_was_asked_is_answered_and_left_as_it_was() -> None:
    # a thousand scenarios: the debug mode of the others here would take most of the time
    asyncio.get_running_loop().set_debug(False)
    recorded = {scenario["id"]: scenario for scenario in scenarios("http.jsonl")}
    assert len(recorded) > 1_000
    differing = []
    for name, scenario in recorded.items():
        answers, left, events = await _play(scenario)
        as_recorded = scenario
        if " | page | " in name and name.endswith(" | get_thumbnails"):
            # by the rule that a page shows and leaves what single views do
            as_recorded = recorded.get(name.removesuffix("get_thumbnails") + "one by one", scenario)
            singles = [_answered(one) for one in as_recorded["answers"]]
            was = [{str(number): one for number, one in enumerate(singles)}] if singles else []
        else:
            calls = zip(scenario["calls"], scenario["answers"], strict=True)
            was = [_answered(answer) for call, answer in calls if call[0] == "GET"]
        names = "rdefId" in str(scenario["calls"])
        is_right = len(was) == len(answers) and all(
            _is_as_recorded(one, now, names_settings=names) for one, now in zip(was, answers, strict=True)
        )
        is_left = all(
            _is_left_as_recorded(one, now, names_settings=names)
            for one, now in zip(as_recorded["after"], left, strict=True)
        )
        if not is_right or not is_left or events > as_recorded["events"]:
            differing.append(f"{name}\n  was {was} {as_recorded['after']} {as_recorded['events']}")
            differing.append(f"  is  {answers} {left} {events}")
    assert not differing, "\n".join(differing)
