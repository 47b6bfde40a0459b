"""The model of OMERO against what a real OMERO.server answered: all recorded scenarios, in this process."""

from __future__ import annotations

import ast
import sys
from collections import Counter
from pathlib import Path
from typing import Any

from omero_embedded import model
from tests.unit.embedded.truth import Stage, scenarios


def _plain(answer: Any) -> Any:
    """Of an error, only the class counts."""
    return {"error": answer["error"]} if isinstance(answer, dict) and "error" in answer else answer


def _left(after: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{**one, "rows": {who: sorted(rows) for who, rows in one["rows"].items()}} for one in after]


def _differences(scenario: dict[str, Any]) -> dict[str, str]:
    played = Stage(scenario["group"], len(scenario["images"])).play(scenario)
    pairs = {
        "answers": ([_plain(one) for one in scenario["answers"]], played.answers),
        "left": (_left(scenario["after"]), played.after),
        "events": (scenario["events"], played.events),
    }
    return {what: f"recorded {was}\n      played {now}" for what, (was, now) in pairs.items() if was != now}


def test_every_recorded_scenario_is_played_as_recorded() -> None:
    recorded = scenarios()
    assert len(recorded) > 1_000
    differing = {scenario["id"]: found for scenario in recorded if (found := _differences(scenario))}
    counts = Counter(what for found in differing.values() for what in found)
    lines = [f"{name}\n  {what}: {said}" for name, found in differing.items() for what, said in found.items()]
    assert not differing, f"{len(differing)} of {len(recorded)} differ, {dict(counts)}:\n" + "\n".join(lines)


def test_the_model_is_plain_python_that_3_10_reads_and_knows_no_room_but_the_texts_of_queries() -> None:
    for file in Path(model.__file__).parent.glob("*.py"):
        for node in ast.walk(ast.parse(file.read_text(), feature_version=(3, 10))):
            if isinstance(node, ast.Import):
                names = [name.name for name in node.names]
            elif isinstance(node, ast.ImportFrom) and node.level == 0:
                if (node.module, [one.name for one in node.names]) == ("omero_ms_thumbnail.omero", ["queries"]):
                    continue
                names = [node.module or ""]
            elif isinstance(node, ast.ImportFrom) and node.level > 1:
                raise AssertionError(f"{file.name} imports what is beside the model")
            else:
                continue
            foreign = {name for name in names if name.partition(".")[0] not in sys.stdlib_module_names - {"asyncio"}}
            assert not foreign, f"{file.name} imports {foreign}"
