"""What users see of a fault: it strikes under load, lasts, goes, and what came of it is held against the promise."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from tests.hard.faults.load import Answer, percentile, statuses
from tests.hard.faults.site import Figures, Site

#: seconds from the end of a fault until everything is as before
RECOVERY = 2.0

#: a shared machine may be so much slower
_SLOWER = 4.0

#: what may grow by chance while nothing leaks: a connection to the store and to OMERO for each user, for one
_MEGABYTES, _DESCRIPTORS, _TASKS = 24.0, 40, 150

#: seconds of load before a fault, during one that does not say otherwise, and after its end
STEADY, LASTING, AFTERWARDS = 1.0, 1.5, 2.5

#: seconds that leaving a session may take that was lost with its connection
_LEAVING = 5.0

Act = Callable[[], Awaitable[object]]


@dataclass
class Seen:
    """What was seen of one fault. `during` and `after` are answers by status; 0: it broke off, -1: none came."""

    fault: str
    load: str
    promised: str
    during: dict[int, int] = field(default_factory=dict)
    #: pages during the fault that had null for an image that is there otherwise
    gaps: int = 0
    after: dict[int, int] = field(default_factory=dict)
    recovery: float = 0.0
    slowest: float = 0.0
    joins_tried: int = 0
    joins_back: int | None = None
    before: Figures | None = None
    afterwards: Figures | None = None
    note: str = ""
    broken: list[str] = field(default_factory=list)

    def row(self) -> str:
        """A line of the table in docs/reliability.md."""
        seen = [f"during: {_told(self.during)}"]
        if self.gaps:
            seen.append(f"{self.gaps} pages among them with null for some images")
        seen += [f"right again after {self.recovery:.1f} s"]
        if self.joins_tried:
            seen.append(f"{self.joins_tried} joins tried meanwhile")
        if self.joins_back is not None:
            seen.append(f"at most {self.joins_back} joins in a second afterwards")
        if self.before is not None and self.afterwards is not None:
            one, two = self.before, self.afterwards
            seen.append(
                f"{one.megabytes:.0f} → {two.megabytes:.0f} MB, {one.descriptors} → {two.descriptors} descriptors, "
                f"{one.tasks} → {two.tasks} tasks"
            )
        if self.note:
            seen.append(self.note)
        if self.broken:
            seen.append(f"**broken: {'; '.join(self.broken)}**")
        return f"| {self.fault} | {self.load} | {'; '.join(seen)} | {self.promised} |"


def _told(answers: dict[int, int]) -> str:
    names = {0: "connection broken", -1: "no answer"}
    return ", ".join(f"{count} × {names.get(status, status)}" for status, count in answers.items()) or "no answers"


@dataclass
class Strike:
    """One fault on a site. What it may do to users is said by `allowed` statuses, besides right answers."""

    site: Site
    fault: str
    promised: str = "only 503 and 504 while it lasts, all right within 2 s, nothing grows"
    allowed: frozenset[int] = frozenset({503, 504})
    #: whether workers may be replaced
    may_restart: bool = False
    #: whether an image may be answered with 404 while it lasts
    may_lack: bool = False
    #: seconds from its end until all has to be right
    within: float = RECOVERY
    #: whether memory that is not given back is the point
    memory: float = _MEGABYTES

    @property
    def load(self) -> str:
        load = self.site.load
        return f"{load.rate:.0f} requests/s of {len(load.visitors)} users"

    async def __call__(self, begin: Act, end: Act, *, lasting: float | None = None) -> Seen:
        """Let it strike, and say what was seen."""
        seen = Seen(self.fault, self.load, self.promised)
        load, omero = self.site.load, self.site.omero
        workers = self.site.workers
        async with load.running():
            await load.seconds(STEADY)
            await load.until(lambda: all(answer.right for answer in load.answers[-50:]))
            seen.before = await self.site.figures()
            began = time.monotonic()
            await begin()
            await load.seconds(LASTING if lasting is None else lasting)
            await end()
            returned = time.monotonic()
            meanwhile = await self.site.figures()
            await load.seconds(AFTERWARDS)
            came_back = await self._comes_back(returned)
            seen.afterwards = await self._settled(seen.before)
            stopped = time.monotonic()
        during = load.between(began, returned)
        seen.during = statuses(during)
        seen.gaps = sum(1 for answer in during if answer.status == 200 and not answer.right)
        seen.after = statuses(load.between(returned, stopped))
        seen.recovery = load.recovery(returned)
        seen.slowest = max((answer.seconds for answer in load.answers), default=0.0)
        seen.joins_tried = max(meanwhile.joins - seen.before.joins, 0)
        if omero is not None:
            seen.joins_back = (await asyncio.to_thread(omero.counts)).most_joins_a_second(returned)
        seen.note = f"p50 {percentile(during, 0.5) * 1000:.0f} ms" if during else ""
        if not came_back:
            seen.broken.append("it did not come back")
        self._hold_against_promise(seen, load.between(began), workers)
        return seen

    async def _settled(self, before: Figures) -> Figures:
        """The figures once they are as before, or after as long as leaving an OMERO session may take."""
        deadline = time.monotonic() + _LEAVING * _SLOWER
        while True:
            now = await self.site.figures()
            grown = now.tasks > before.tasks + _TASKS or now.descriptors > before.descriptors + _DESCRIPTORS
            if not grown or time.monotonic() > deadline:
                return now
            await asyncio.sleep(0.2)

    async def _comes_back(self, returned: float) -> bool:
        """Whether all is right again sooner or later."""
        load = self.site.load

        def is_right() -> bool:
            last = load.answers[-50:]
            return all(answer.right and answer.asked > returned for answer in last)

        try:
            await load.until(is_right, within=self.within * _SLOWER)
        except TimeoutError:
            return False
        return True

    def _hold_against_promise(self, seen: Seen, since: list[Answer], workers: list[int]) -> None:
        broken = seen.broken
        if any(answer.wrong for answer in since):
            broken.append("a wrong picture")
        odd = [answer for answer in since if not answer.right and answer.status not in self.allowed]
        # by contract a page has null for what could not be had, as long as it has anything
        odd = [answer for answer in odd if answer.status != 200 and not (self.may_lack and answer.status == 404)]
        if odd:
            broken.append(f"answers that may not be: {_told(statuses(odd))}")
        if seen.recovery > self.within * _SLOWER:
            broken.append(f"not right for {seen.recovery:.1f} s")
        if not self.may_restart and self.site.workers != workers:
            broken.append("a worker was replaced")
        before, after = seen.before, seen.afterwards
        assert before is not None
        assert after is not None
        if after.megabytes > before.megabytes + self.memory:
            broken.append(f"memory grew from {before.megabytes:.0f} to {after.megabytes:.0f} MB")
        if after.descriptors > before.descriptors + _DESCRIPTORS:
            broken.append(f"descriptors grew from {before.descriptors} to {after.descriptors}")
        if after.tasks > before.tasks + _TASKS:
            broken.append(f"tasks grew from {before.tasks} to {after.tasks}")


@asynccontextmanager
async def repeated(act: Act, every: float) -> AsyncIterator[None]:
    """Do it again and again."""

    async def again() -> None:
        while True:
            await act()
            await asyncio.sleep(every)

    task = asyncio.create_task(again())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def nothing() -> None:
    """The fault ends by itself."""
