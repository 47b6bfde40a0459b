"""What is made of texts that come again and again, remembered: of the short ones, since anybody may send long ones."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import TypeVar, TypeVarTuple, cast

Ts = TypeVarTuple("Ts")
R = TypeVar("R")

_ENTRIES = 512


def remember_short(function: Callable[[*Ts], R], longest: int) -> Callable[[*Ts], R]:
    """`function`, of whose answers the last 512 are remembered where its last argument is no longer than `longest`.

    What it raises is not. All arguments are given by their places.
    """
    again = cast("Callable[[*Ts], R]", lru_cache(_ENTRIES)(function))

    def remembered(*arguments: *Ts) -> R:
        # a cast would be one more call for each request
        is_short = len(arguments[-1]) <= longest  # type: ignore[misc]
        return again(*arguments) if is_short else function(*arguments)

    return remembered
