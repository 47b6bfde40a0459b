"""What a site feels: pages, a plate and single thumbnails at an OMERO that costs what a real one does.

This service and OMERO.web's calls ask the same OMERO, one after the other. A page's time is given in times of one query
about its images, which is the least in which OMERO can say who may see them: through omero-py, in the same round.
"""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from functools import partial
from pathlib import Path

from omero_ms_thumbnail.config.settings import OmeroSettings

from . import usage
from .costly_peers import Browser, CostlyProcess, Counted, OmeroWebCalls, browsers, costly_omero, omeroweb_calls
from .costly_world import PAGE, STORED, WELLS
from .load import KEY, Questions, wrk
from .omeros import configuration
from .peers import check_load
from .processes import BrokenMeasurement
from .rows import Goal, Row

#: seconds for which the service believes what OMERO said; short, so that nobody has to wait until it is over
_LIFE = 0.3
_OVER = _LIFE + 0.1

#: of each visitor and kind: the first joins, the last is for OMERO.web's calls, the rest are for this service
_PAGES = 5
_OTHER_SIZE = 64
#: for each second of a load; a multiple of the visitors, and more than are asked for
_SINGLES = 6_000
_CONNECTIONS = 24
#: of those that are asked for again, the first; more than are asked for while the service believes what OMERO said
_KNOWN = 2_400
#: bytes of a thumbnail
_PICTURE = 3_000

_WHAT = {
    "page-known": "page of 50, asked for again once OMERO has to be asked who may see it",
    "page-stored": "page of 50 stored, not asked for before",
    "page-disk": "page of 50 stored, not asked for before, from OMERO's files",
    "page-other-size": "page of 50 at a size that nobody has stored",
    "page-unseen": "page of 50 that nobody has ever seen",
    "plate-stored": "plate of 384 stored, not asked for before",
    "plate-disk": "plate of 384 stored, not asked for before, from OMERO's files",
    "singles-stored": "singles of three users on 24 connections, stored, not asked for before",
    "singles-known": "singles of three users on 24 connections, asked for again",
    "singles-disk": "singles of three users on 24 connections, stored, not asked for before, from OMERO's files",
}
_GOALS = {
    "page-known": Goal(at_most=1.5),
    "plate-disk": Goal(at_most=3),
    "singles-known": Goal(at_least=30),
    "singles-disk": Goal(at_least=30),
}
#: what OMERO should write nothing for
_KEPT = ("page-known", "page-disk", "plate-disk", "singles-known", "singles-disk")


@dataclass
class _Sitting:
    """One start of this service."""

    folder: Path
    omero: CostlyProcess
    address: str
    pid: int
    visitors: list[Browser]

    def spent(self) -> dict[str, float]:
        """Seconds of processor time so far."""
        return usage.of_all({"ours": self.pid, "embedded OMERO": self.omero.pid})


class CostlyPages:
    """The rows, filled round by round, with `seconds` for each load of singles."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._rows: dict[str, Row] = {}
        self._events = Row(
            "costs/events", "at an OMERO with real costs: events of what is kept or on disk", Goal(at_most=0)
        )
        #: of OMERO.web's calls in this round: seconds by what is asked for, of singles how many came in one
        self._theirs: dict[str, float] = {}
        #: seconds of one query about so many images
        self._query_times: dict[int, float] = {}

    def round(self) -> None:
        """Everything once, at an OMERO that was just started."""
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            data_dir = folder / "omero"
            data_dir.mkdir()
            singles = _SINGLES * max(1, round(self._seconds))
            arguments = ("--pages", str(_PAGES), "--singles", str(singles), "--data-dir", data_dir)
            with costly_omero(*arguments) as omero:
                with omeroweb_calls(omero) as web:
                    self._ask_theirs(omero, web)
                self._sit(folder, omero, "")
                if _has_data_dir():
                    self._sit(folder, omero, f", data_dir: {data_dir}")
        kept = [self._rows[name] for name in _KEPT if name in self._rows]
        self._events.values.append(sum(row.details["events"][-1] for row in kept))

    def rows(self) -> list[Row]:
        """What came of it."""
        return [*(self._rows[name] for name in _WHAT if name in self._rows), self._events]

    def _ask_theirs(self, omero: CostlyProcess, web: OmeroWebCalls) -> None:
        # its processes load omero-py when they are asked first
        web.pages(omero.keys[0], [omero.pages[0]["stored"][0]] * 5)

        def page(kind: str, size: int = STORED) -> float:
            asked = zip(omero.keys, omero.pages, strict=True)
            return statistics.median(web.pages(key, [pages[kind][-1]], size) for key, pages in asked)

        self._query_times = {images: web.query(omero.keys[-1], omero.plates[0][:images]) for images in (PAGE, WELLS)}
        self._theirs = {
            "stored": page("stored"),
            "other": page("other", _OTHER_SIZE),
            "unseen": page("unseen"),
            "plate": statistics.median(web.pages(omero.keys[-1], _pages_of(plate)) for plate in omero.plates),
            "singles": web.singles(omero.keys, *omero.singles, self._seconds),
        }

    def _sit(self, folder: Path, omero: CostlyProcess, more: str) -> None:
        text = configuration(omero.port, secure=False, cache_life=_LIFE, more=more)
        with browsers(folder, text, omero.keys) as (address, pid, visitors):
            sitting = _Sitting(folder, omero, address, pid, visitors)
            for pages, visitor in zip(omero.pages, visitors, strict=True):
                visitor.pages([pages["stored"][0]])
            if more:
                self._page("page-disk", "stored", sitting)
                self._plate("plate-disk", sitting)
                self._singles("singles-disk", sitting, omero.singles[1])
                return
            self._page("page-stored", "stored", sitting)
            self._page("page-known", "stored", sitting, again=3)
            self._page("page-other-size", "other", sitting)
            self._page("page-unseen", "unseen", sitting)
            self._plate("plate-stored", sitting)
            self._singles("singles-stored", sitting, omero.singles[1])
            for number, visitor in enumerate(sitting.visitors):
                mine = range(omero.singles[0] + number, omero.singles[0] + _KNOWN, len(sitting.visitors))
                visitor.pages([mine[start : start + PAGE] for start in range(0, len(mine), PAGE)])
            # and until all that was had is kept
            time.sleep(_OVER + 1)
            self._singles("singles-known", sitting, _KNOWN)

    def _page(self, name: str, kind: str, sitting: _Sitting, again: int = 0) -> None:
        """Some pages of each visitor, one after the other; their median. Those that were had, so many times `again`."""
        size = _OTHER_SIZE if kind == "other" else STORED
        took: list[float] = []
        asked: list[Counted] = []
        before = sitting.spent()
        for _ in range(again or 1):
            if again:
                time.sleep(_OVER)
            for pages, visitor in zip(sitting.omero.pages, sitting.visitors, strict=True):
                for page in pages[kind][1:-1]:
                    seconds, counted = sitting.omero.counted(partial(visitor.pages, [page], size))
                    took.append(seconds)
                    asked.append(counted)
        self._time(name, statistics.median(took), self._theirs[kind], PAGE, asked)
        self._spent(name, usage.spent(before, sitting.spent()), len(took))

    def _plate(self, name: str, sitting: _Sitting) -> None:
        """Some plates, one after the other."""
        visitor, took, asked, before = sitting.visitors[-1], [], [], sitting.spent()
        for plate in sitting.omero.plates:
            seconds, counted = sitting.omero.counted(partial(visitor.pages, _pages_of(plate)))
            took.append(seconds)
            asked.append(counted)
        self._time(name, statistics.median(took), self._theirs["plate"], WELLS, asked)
        self._spent(name, usage.spent(before, sitting.spent()), len(took))

    def _time(self, name: str, took: float, theirs: float, images: int, asked: Sequence[Counted]) -> None:
        row = self._row(name, ": our time / one query's")
        row.values.append(took / self._query_times[images])
        row.note("one query, ms", self._query_times[images] * 1000)
        row.note("ms", took * 1000)
        row.note("OMERO.web's calls, ms", theirs * 1000)
        row.note("times OMERO.web's calls", theirs / took, 2)
        row.note("OMERO calls", statistics.mean(one.calls for one in asked), 1)
        row.note("events", statistics.mean(one.events for one in asked), 1)
        row.note("most connections", max(one.connections for one in asked), 0)

    def _singles(self, name: str, sitting: _Sitting, count: int) -> None:
        """A load of the first `count` singles, each user on connections of their own."""
        omero = sitting.omero
        questions = Questions(KEY, omero.keys, omero.singles[0], count, own_connections=True)
        before = sitting.spent()
        load, counted = omero.counted(
            lambda: wrk(sitting.address, sitting.folder, questions, connections=_CONNECTIONS, seconds=self._seconds)
        )
        check_load(load, _PICTURE)
        if load.requests > count == omero.singles[1]:
            raise BrokenMeasurement(f"{load.requests} of {count} single thumbnails were asked for: some of them twice")
        theirs = self._theirs["singles"]
        row = self._row(name, ": ours / OMERO.web's calls")
        row.values.append(load.per_second / theirs)
        row.note("thumbnails/s", load.per_second)
        row.note("OMERO.web's calls, thumbnails/s", theirs)
        row.note("times OMERO.web's calls", load.per_second / theirs, 2)
        row.note("p50 ms", load.p50 * 1000)
        row.note("p99 ms", load.p99 * 1000)
        row.note("OMERO calls", counted.calls / load.requests, 3)
        row.note("events", counted.events / load.requests, 3)
        row.note("most connections", counted.connections, 0)
        self._spent(name, usage.spent(before, sitting.spent()), load.requests)

    def _spent(self, name: str, spent: Mapping[str, float], times: int) -> None:
        for part, seconds in spent.items():
            self._rows[name].note(f"processor ms, {part}", seconds * 1000 / times, 2)

    def _row(self, name: str, unit: str) -> Row:
        if name not in self._rows:
            what = f"at an OMERO with real costs: {_WHAT[name]}{unit}"
            self._rows[name] = Row(f"costs/{name}", what, _GOALS.get(name))
        return self._rows[name]


def _pages_of(plate: Sequence[int]) -> list[Sequence[int]]:
    """A plate as OMERO.web asks for it."""
    return [plate[start : start + PAGE] for start in range(0, WELLS, PAGE)]


def _has_data_dir() -> bool:
    """Whether this service can read OMERO's files."""
    return any(one.name == "data_dir" for one in fields(OmeroSettings))
