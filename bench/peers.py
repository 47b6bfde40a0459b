"""The peers of one site, each measured in the same way: this service, OMERO.web, and the Java microservice's calls.

Each measurement says how many thumbnails came in a second and whose processor time they took.
"""

from __future__ import annotations

import http.client
import json
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from tests.conformance.standin.pictures import what_is_shown
from tests.parts import require

from . import usage
from .load import COOKIE, Load, Questions, wrk
from .processes import ROOT, BrokenMeasurement, service
from .site import FIRST_IMAGE, IMAGES, USERS, Site

CONNECTIONS = 64

#: images at the end that no load comes to: what is asked before it begins
_ASIDE = 1_000

#: what part of a site a process is; "peer" is whoever is measured
ROUTER, OMERO, PEER, LOAD = "router", "stand-in", "peer", "load"


@dataclass(frozen=True)
class Rate:
    """Of one load: `cpu` is seconds of processor time for each thumbnail, by part; times are in seconds."""

    per_second: float
    requests: int
    cpu: Mapping[str, float]
    calls_each: float
    p50: float = 0.0
    p99: float = 0.0


class Peers:
    """Measures each peer at one `site`, for `seconds` each time."""

    def __init__(self, site: Site, seconds: float) -> None:
        self._site = site
        self._seconds = seconds

    def ours(
        self,
        *,
        workers: int = 1,
        users: int = USERS,
        connections: int = CONNECTIONS,
        cache_life: float | None = 0.0,
    ) -> Rate:
        """This service, started for it, so that it knows of no image; its users' sessions are joined before."""
        text = self._site.configuration(cache_life=cache_life)
        with service(self._site.folder, text, "--workers", str(workers)) as (address, pid):
            rate = self._measure(address, pid, users, connections)
        self._site.omero.wait_until_left()
        return rate

    def omeroweb(self, *, users: int = USERS, connections: int = CONNECTIONS) -> Rate:
        """OMERO.web, which keeps no thumbnails."""
        return self._measure(self._site.omeroweb.address, self._site.omeroweb.pid, users, connections)

    def reference(self) -> Rate:
        """The Java microservice's calls for each thumbnail, through omero-py's client."""
        site = self._site
        script = ROOT / "bench" / "reference_sequence.py"
        where = [site.router.host, str(site.router.port)]
        command = [require("omero-py (Python 3.10)"), script, *where, str(self._seconds), str(FIRST_IMAGE), str(IMAGES)]
        calls, before = site.calls(), usage.of_all(self._parts())
        ran = subprocess.run(
            [str(part) for part in (*command, *site.keys)], capture_output=True, text=True, check=False
        )
        if ran.returncode:
            raise BrokenMeasurement(f"the reference's calls ended with {ran.returncode}: {ran.stderr[-2000:]}")
        said = json.loads(ran.stdout)
        if said["failed"] or not said["done"]:
            raise BrokenMeasurement(f"{said['failed']} of the reference's thumbnails failed: {ran.stderr[-2000:]}")
        cpu = usage.spent(before, usage.of_all(self._parts())) | {PEER: said["cpu"], LOAD: 0.0}
        done = said["done"]
        each = {part: seconds / done for part, seconds in cpu.items()}
        return Rate(said["per_second"], done, each, (site.calls() - calls) / done)

    def _parts(self) -> dict[str, int]:
        return {ROUTER: self._site.router.pid, OMERO: self._site.omero.pid}

    def _measure(self, address: str, pid: int, users: int, connections: int) -> Rate:
        site = self._site
        size = check_answers(address, site.cookies[:users])
        processes = self._parts() | {PEER: pid}
        questions = Questions(COOKIE, site.cookies[:users], FIRST_IMAGE, IMAGES - _ASIDE)
        calls, before = site.calls(), usage.of_all(processes)
        load = wrk(address, site.folder, questions, connections=connections, seconds=self._seconds)
        cpu = usage.spent(before, usage.of_all(processes)) | {LOAD: load.cpu}
        asked = site.calls() - calls
        check_load(load, size)
        # a peer that still works on what was asked last has done with it then
        check_answers(address, site.cookies[:users])
        each = {part: seconds / load.requests for part, seconds in cpu.items()}
        return Rate(load.per_second, load.requests, each, asked / load.requests, load.p50, load.p99)


def check_answers(address: str, cookies: list[str]) -> int:
    """Ask for an image as each user; the bytes of a right answer. Raises BrokenMeasurement for a wrong one."""
    size = 0
    connection = http.client.HTTPConnection(urlsplit(address).netloc, timeout=30)
    for number, cookie in enumerate(cookies):
        image = FIRST_IMAGE + IMAGES - 1 - number
        connection.request("GET", f"/webclient/render_thumbnail/{image}/", headers={COOKIE: cookie})
        answer = connection.getresponse()
        body = answer.read()
        if answer.status != http.HTTPStatus.OK or what_is_shown(body).get("image") != image:
            raise BrokenMeasurement(f"{address} answered {answer.status} with something else than image {image}")
        size = len(body)
    connection.close()
    return size


def check_load(load: Load, size: int) -> None:
    """Raise BrokenMeasurement where the answers of a load were, on average, no thumbnails of `size` bytes."""
    # a few digits in the comment come and go
    if load.bytes_each < 0.98 * size:
        raise BrokenMeasurement(f"answers had {load.bytes_each:.0f} bytes where a thumbnail has {size}")
