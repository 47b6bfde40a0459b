"""What this service adds to the time that OMERO needs for one uncached thumbnail.

The time that OMERO needs is that of the very calls (a projection, a set of one), made by the same client without the
service. Half of what the service can take comes from 64 connections that pause at random between their requests.
"""

from __future__ import annotations

import json
import subprocess
import sys

from .load import COOKIE, Questions, wrk
from .peers import CONNECTIONS
from .processes import ROOT, BrokenMeasurement, service
from .rows import Goal, Row
from .site import FIRST_IMAGE, IMAGES, Site

#: of which the first tenth is not counted
_BARE_CALLS = 600

#: seconds of half the load, at least: it begins with 64 requests at once, which are not to be one in a hundred
_HALF_SECONDS = 5.0

#: seconds in which the most that the service can take is found
_FULL_SECONDS = 1


class Latency:
    """The rows, filled round by round."""

    def __init__(self, site: Site, seconds: float) -> None:
        self._site = site
        self._seconds = seconds
        self._alone = Row("latency/p50", "latency added to one uncached thumbnail, p50", Goal(at_most=1), "ms")
        self._half = Row(
            "latency/p99", "latency added to one uncached thumbnail at 50% load, p99", Goal(at_most=5), "ms"
        )

    def round(self) -> None:
        """With the service and without."""
        site = self._site
        bare_p50, bare_p99 = self._bare_calls()
        with service(site.folder, site.configuration()) as (address, _pid):

            def load(connections: int, first: int, seconds: float, pause: float = 0.0) -> object:
                questions = Questions(COOKIE, site.cookies, FIRST_IMAGE + first, IMAGES - first, pause=pause)
                return wrk(address, site.folder, questions, connections=connections, seconds=seconds)

            full = load(CONNECTIONS, 0, _FULL_SECONDS)
            alone = load(1, IMAGES // 4, self._seconds)
            pause = CONNECTIONS / (full.per_second / 2) - alone.p50
            half = load(CONNECTIONS, IMAGES // 2, max(self._seconds, _HALF_SECONDS), max(pause, 0.001))
        site.omero.wait_until_left()
        self._alone.values.append((alone.p50 - bare_p50) * 1000)
        self._half.values.append((half.p99 - bare_p99) * 1000)
        for row, ours, bare in ((self._alone, alone.p50, bare_p50), (self._half, half.p99, bare_p99)):
            row.note("ours ms", ours * 1000, 2)
            row.note("OMERO ms", bare * 1000, 2)
        self._half.note("load %", half.per_second / full.per_second * 100, 0)

    def _bare_calls(self) -> tuple[float, float]:
        """p50 and p99 of the calls for one thumbnail, in seconds."""
        router = self._site.router
        arguments = [router.host, str(router.port), self._site.keys[0], str(FIRST_IMAGE), str(_BARE_CALLS)]
        ran = subprocess.run(
            [sys.executable, "-m", "bench.bare_calls", *arguments],
            capture_output=True,
            text=True,
            check=False,
            cwd=ROOT,
        )
        if ran.returncode:
            raise BrokenMeasurement(f"the bare calls ended with {ran.returncode}: {ran.stderr[-2000:]}")
        said = json.loads(ran.stdout)
        return said["p50"], said["p99"]

    def rows(self) -> list[Row]:
        """What came of it."""
        return [self._alone, self._half]
