"""Class graphs as JSON and back, the same for ZeroC's Python objects and for ours, so that they can be compared.

Runs on both sides of the tests, so it imports neither. Cycles and shared instances keep their shape: an instance is
numbered where it is first met, and named by its number afterwards.
"""

from __future__ import annotations

from typing import Any


def describe(value: Any, _numbers: dict[int, int] | None = None) -> Any:
    """`value` as JSON can say it."""
    numbers = {} if _numbers is None else _numbers
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    if isinstance(value, bytes):
        return {"bytes": value.hex()}
    if isinstance(value, (list, tuple)):
        return [describe(element, numbers) for element in value]
    if isinstance(value, dict):
        return {"entries": [[key, describe(value[key], numbers)] for key in sorted(value)]}
    if id(value) in numbers:
        return {"again": numbers[id(value)]}
    numbers[id(value)] = len(numbers) + 1
    members = {
        name: describe(member, numbers)
        for name, member in sorted(vars(value).items())
        # an optional member that is not set, in ZeroC's Python
        if type(member).__name__ != "UnsetType"
    }
    return {"is": type(value).__name__, "number": numbers[id(value)], "members": members}


def build(description: Any, classes: dict[str, Any], _made: dict[int, Any] | None = None) -> Any:
    """What `description` says, of `classes` by their names."""
    made = {} if _made is None else _made
    if isinstance(description, list):
        return [build(element, classes, made) for element in description]
    if not isinstance(description, dict):
        return description
    if "bytes" in description:
        return bytes.fromhex(description["bytes"])
    if "entries" in description:
        return {key: build(value, classes, made) for key, value in description["entries"]}
    if "again" in description:
        return made[description["again"]]
    instance = classes[description["is"]]()
    made[description["number"]] = instance
    for name, member in description["members"].items():
        setattr(instance, name, build(member, classes, made))
    return instance
