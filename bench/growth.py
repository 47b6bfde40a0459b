"""What a thumbnail costs the service as users and images grow: its own processor time for each.

Only the population grows. Whatever its size, the load has the same shape: one user asks on 64 connections, then the
next, each some hundred times, a hundred of them in turn; every image is asked for the first time by its user, so
that neither facts nor thumbnails are remembered. All users of the population are joined before, and so many images of
it have been asked for that the service's memory cache is full; what else it remembers of images, it remembers for each
session apart. The services stand side by side and are measured in turn.
"""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from pathlib import Path

from . import usage
from .load import KEY, Questions, wrk
from .omeros import BigOmero, big_omero
from .peers import CONNECTIONS
from .priming import ask_for_all, ask_once
from .processes import service
from .rows import Goal, Row

USERS = (1, 100, 10_000)
IMAGES = (1_000, 1_000_000)

#: users that ask in turn, and how often each before the next
_VISITORS = 100
_VISIT = 200

#: visitors that a load comes to at most, where each asks for a thousand images
_VISITORS_OF_LOAD = 20

#: images that are asked for before: twice as many as the memory cache holds
_ASKED = 50_000

#: images that a load is made of start here: more than any population
_FRESH = 10_000_000

#: of which each load takes others, so that nothing is asked for twice
_LOAD_IMAGES = 100_000


#: nothing is kept, so that a small population is not answered from memory
_NO_CACHE = "cache: {life: 0, picture-life: 0}\n"


@dataclass
class _Population:
    folder: Path
    address: str
    pid: int
    visitors: list[str]
    images: int | None = None
    _loads: int = 0

    def cost(self, seconds: float) -> tuple[float, float]:
        """Processor seconds of the service, and seconds on the wall, for each thumbnail."""
        self._loads += 1
        if self.images is None:
            first, count, run = _FRESH + self._loads * _LOAD_IMAGES, _LOAD_IMAGES, _VISIT
            visitors = self.visitors
        else:
            # all of few images before the next visitor, of whom each comes once
            first, count, run = 1, self.images, min(IMAGES)
            turn = self._loads * _VISITORS_OF_LOAD % len(self.visitors)
            visitors = self.visitors[turn:] + self.visitors[:turn]
        questions = Questions(KEY, visitors, first, count, run=run)
        before = usage.of_tree(self.pid)
        load = wrk(self.address, self.folder, questions, connections=CONNECTIONS, seconds=seconds)
        return (usage.of_tree(self.pid) - before) / load.requests, 1 / load.per_second


class Growth:
    """The rows, filled round by round; enters everything that it starts into `ending`."""

    def __init__(self, folder: Path, seconds: float, ending: contextlib.ExitStack) -> None:
        self._folder = folder
        self._seconds = seconds
        self._ending = ending
        self._users = Row(
            "growth/users",
            "time per thumbnail at 1, 100, 10,000 users: largest / smallest",
            Goal(at_most=1.3, note="(what truth costs: others' images that nobody has stored are drawn one by one)"),
        )
        self._images = Row(
            "growth/images", "time per thumbnail of 10^3, 10^6 distinct images: largest / smallest", Goal(at_most=1.3)
        )
        self._by_users = {users: self._with_users(users) for users in USERS}
        self._by_images = {images: self._with_images(images) for images in IMAGES}

    def round(self) -> None:
        """Each population once."""
        for row, populations in ((self._users, self._by_users), (self._images, self._by_images)):
            costs = {size: one.cost(self._seconds) for size, one in populations.items()}
            own = [cpu for cpu, _ in costs.values()]
            row.values.append(max(own) / min(own))
            for size, (cpu, wall) in costs.items():
                row.note(f"{size}: own us", cpu * 1e6)
                row.note(f"{size}: us on the wall", wall * 1e6)

    def rows(self) -> list[Row]:
        """What came of it."""
        return [self._users, self._images]

    def _with_users(self, users: int) -> _Population:
        omero = self._ending.enter_context(big_omero(users))
        address, pid = self._service(omero)
        ask_once(address, omero.keys)
        step = max(1, users // _VISITORS)
        visitors = (omero.keys[::step] * _VISITORS)[:_VISITORS]
        return self._visited(_Population(self._folder, address, pid, visitors))

    def _with_images(self, images: int) -> _Population:
        omero = self._ending.enter_context(big_omero(_VISITORS))
        address, pid = self._service(omero)
        ask_for_all(address, omero.keys, 1, min(images, _ASKED))
        return self._visited(_Population(self._folder, address, pid, omero.keys, images))

    def _service(self, omero: BigOmero) -> tuple[str, int]:
        return self._ending.enter_context(service(self._folder, omero.configuration() + _NO_CACHE))

    def _visited(self, population: _Population) -> _Population:
        """With every visitor's ThumbnailStores open, as after a first page."""
        questions = Questions(KEY, population.visitors, 2 * _FRESH, 10 * _LOAD_IMAGES, run=CONNECTIONS)
        wrk(population.address, self._folder, questions, connections=CONNECTIONS, seconds=2)
        return population
