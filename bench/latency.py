"""What this service adds to the time that OMERO needs for one uncached thumbnail.

The time that OMERO needs is that of the very calls (a projection, a set of one), made by the same client without the
service, under the same load: by itself for one user alone, and now and then beside the service at half of what that can
take, which comes from 64 connections that pause at random between their requests.
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

#: seconds between two beside the service: with what they take themselves, they last as long as half the load
_BARE_PAUSE = 0.007

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
        bare_p50, alone_p99 = _said(self._bare_calls(0.0))
        with service(site.folder, site.configuration()) as (address, _pid):

            def load(connections: int, first: int, seconds: float, pause: float = 0.0) -> object:
                questions = Questions(COOKIE, site.cookies, FIRST_IMAGE + first, IMAGES - first, pause=pause)
                return wrk(address, site.folder, questions, connections=connections, seconds=seconds)

            full = load(CONNECTIONS, 0, _FULL_SECONDS)
            alone = load(1, IMAGES // 4, self._seconds)
            pause = CONNECTIONS / (full.per_second / 2) - alone.p50
            beside = self._bare_calls(_BARE_PAUSE)
            half = load(CONNECTIONS, IMAGES // 2, max(self._seconds, _HALF_SECONDS), max(pause, 0.001))
            _, bare_p99 = _said(beside)
        site.omero.wait_until_left()
        self._alone.values.append((alone.p50 - bare_p50) * 1000)
        self._half.values.append((half.p99 - bare_p99) * 1000)
        for row, ours, bare in ((self._alone, alone.p50, bare_p50), (self._half, half.p99, bare_p99)):
            row.note("ours ms", ours * 1000, 2)
            row.note("OMERO ms", bare * 1000, 2)
        self._half.note("OMERO ms, without that load", alone_p99 * 1000, 2)
        self._half.note("load %", half.per_second / full.per_second * 100, 0)

    def _bare_calls(self, pause: float) -> subprocess.Popen[str]:
        """The calls for one thumbnail, `pause` seconds between two."""
        router = self._site.router
        arguments = [router.host, router.port, self._site.keys[0], FIRST_IMAGE, _BARE_CALLS, pause]
        return subprocess.Popen(
            [sys.executable, "-m", "bench.bare_calls", *map(str, arguments)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=ROOT,
        )

    def rows(self) -> list[Row]:
        """What came of it."""
        return [self._alone, self._half]


def _said(calls: subprocess.Popen[str]) -> tuple[float, float]:
    """p50 and p99 of bare calls, in seconds, when they have ended."""
    output, errors = calls.communicate()
    if calls.returncode:
        raise BrokenMeasurement(f"the bare calls ended with {calls.returncode}: {errors[-2000:]}")
    said = json.loads(output)
    return said["p50"], said["p99"]
