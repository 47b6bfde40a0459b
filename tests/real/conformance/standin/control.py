"""How a test steers the stand-in: one JSON object a line on standard input, one in answer on standard output.

    {"do": "stats"}                                          counts: see ledger.py, and "left_open", "sessions"
    {"do": "log"}                                            every call since the last reset
    {"do": "reset", "world": {…}}                            start over; the world is optional
    {"do": "set", "image": 11, "behaviour": "held", …}       change an image: see world.py
    {"do": "start-session", "user": "alice", "key": "…", "group": 3, "refuse": "…"}     all but the user optional
    {"do": "end-session", "key": "…", "exception": "RemovedSessionException"}           exception optional
    {"do": "fail", "operation": "…", "exception": "TryAgain", "times": 1}               the next calls of that operation
    {"do": "freeze"}, {"do": "thaw"}                         calls wait at the door
    {"do": "release"}                                        calls that wait for a "held" image go on
    {"do": "wait", "operation": "…", "count": 2, "seconds": 5}                          or the operation "overlaps"
    {"do": "wait-until-left", "seconds": 5}
    begin, image, save, in_progress, newest, left, events       for scenarios: see tests/real/omero/command_driver.py

An answer is {"ok": …}, or {"error": "a sentence"}.
"""

from __future__ import annotations

import dataclasses
import json
from typing import TYPE_CHECKING, Any

from omero_embedded.model.omero_errors import OmeroError
from tests.real.omero.model_preparation import Hand

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import TextIO

    from tests.real.conformance.standin.stage import Stage


def _stats(stage: Stage, _: dict[str, Any]) -> Any:
    with stage.lock:
        keys = list(stage.sessions)
    return {**stage.ledger.snapshot(), "left_open": stage.left_open(), "sessions": keys}


def _set(stage: Stage, asked: dict[str, Any]) -> None:
    with stage.lock:
        image = asked.pop("image")
        del asked["do"]
        stage.world.change_image(image, asked)


def _start_session(stage: Stage, asked: dict[str, Any]) -> Any:
    return stage.start_session(asked["user"], asked.get("key"), asked.get("group"), asked.get("refuse", "")).key


def _fail(stage: Stage, asked: dict[str, Any]) -> None:
    error = OmeroError(asked["exception"], "as it was ordered", 100)
    with stage.lock:
        stage.server.limits.fail(error, asked["operation"], asked["times"])


def _replay(stage: Stage, asked: dict[str, Any]) -> Any:
    """A command that prepares a recorded scenario or looks at what one has left."""
    with stage.lock:
        if asked["do"] == "begin":
            stage.hand = Hand(
                stage.world.people,
                stage.world.database,
                start_session=lambda user, group: stage.start_session(user.name, None, group).key,
                look=lambda pixels, colour: dataclasses.replace(stage.world.default_look(pixels), colour=colour),
            )
        return getattr(stage.hand, asked["do"])(asked)


COMMANDS: dict[str, Callable[[Stage, dict[str, Any]], Any]] = {
    "stats": _stats,
    "log": lambda stage, _: stage.ledger.log(),
    "reset": lambda stage, asked: stage.reset(asked.get("world")),
    "set": _set,
    "start-session": _start_session,
    "end-session": lambda stage, asked: stage.end_session(asked["key"], asked.get("exception", "")),
    "fail": _fail,
    "freeze": lambda stage, _: stage.gate.close(),
    "thaw": lambda stage, _: stage.gate.open(),
    "release": lambda stage, _: stage.release(),
    "wait": lambda stage, asked: stage.ledger.wait_for(asked["operation"], asked["count"], asked["seconds"]),
    **dict.fromkeys(("begin", "image", "save", "in_progress", "newest", "left", "events"), _replay),
    "wait-until-left": lambda stage, asked: stage.ledger.wait_until_left(asked["seconds"]),
}


def obey(stage: Stage, lines: TextIO, answers: TextIO) -> None:
    """Answer commands until the input ends."""
    for line in lines:
        try:
            asked = json.loads(line)
            answer = {"ok": COMMANDS[asked["do"]](stage, asked)}
        except Exception as error:
            answer = {"error": f"{type(error).__name__}: {error}"}
        answers.write(json.dumps(answer) + "\n")
        answers.flush()
