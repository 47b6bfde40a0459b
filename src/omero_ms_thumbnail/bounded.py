"""Dictionaries that do not grow without bound: of those that are in them longest, some go for each that comes."""

from __future__ import annotations

from itertools import islice
from typing import TypeVar

K = TypeVar("K")
V = TypeVar("V")


class BoundedDict(dict[K, V]):
    """A dictionary of `size_max` entries at most; what is set again keeps its place. Fill it by ``d[key] = value``."""

    def __init__(self, size_max: int) -> None:
        super().__init__()
        self.size_max = size_max

    def __setitem__(self, key: K, value: V) -> None:
        if key not in self and len(self) >= self.size_max:
            del self[next(iter(self))]
        super().__setitem__(key, value)


class ExpiringDict(dict[K, tuple[float, V]]):
    """A dictionary of `size_max` values at most, each with the time until which it counts, by a clock of the caller's.

    Whoever looks something up compares the two: a look-up is that of a dictionary, for those who do many.
    """

    def __init__(self, size_max: int) -> None:
        super().__init__()
        self.size_max = size_max

    def put(self, key: K, value: V, until: float, now: float) -> None:
        """Have `value` until then, in the place of the newest. Of the oldest two go, if they are over by `now`."""
        self.pop(key, None)
        for oldest in tuple(islice(self, 2)):
            # two for one, so that there are never many that are over
            if self[oldest][0] <= now or len(self) >= self.size_max:
                del self[oldest]
        self[key] = (until, value)
