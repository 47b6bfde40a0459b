"""The peers of one site, each measured in the same way: this service, OMERO.web, and the Java microservice's calls.

Each measurement says how many thumbnails came in a second and whose processor time they took.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from urllib.parse import urlsplit

from tests.real.conformance.standin.pictures import what_is_shown
from tests.real.conformance.standin.world import PIXELS
from tests.support.parts import require

from . import usage
from .load import COOKIE, Load, Questions, wrk
from .processes import ROOT, BrokenMeasurement, free_port, process, service, wait_for_http
from .site import FIRST_IMAGE, GROUP, IMAGES, USERS, Site

CONNECTIONS = 64

#: images at the end that no load comes to: what is asked before it begins
_ASIDE = 1_000

#: the size that OMERO has stored, and one that it has not and never will have: each is drawn anew
STORED_SIZE, OTHER_SIZE = "/webclient/render_thumbnail/%d/", "/webclient/render_thumbnail/size/64/%d/"

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


@dataclass(frozen=True)
class _Share:
    """What one load is about: who is asked by whom, and for which thumbnails."""

    address: str
    pid: int
    cookies: Sequence[str]
    connections: int
    path: str = STORED_SIZE


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
        path: str = STORED_SIZE,
    ) -> Rate:
        """This service, started for it, so that it knows of no image; its users' sessions are joined before."""
        text = self._site.configuration(cache_life=cache_life)
        with service(self._site.folder, text, "--workers", str(workers)) as (address, pid):
            rate = self._measure([_Share(address, pid, self._site.cookies[:users], connections, path)])
        self._site.omero.wait_until_left()
        return rate

    def ours_by_user(self) -> Rate:
        """Two workers, and each user's requests at one of them, as nginx's ``hash`` by the session cookie has it."""
        text = self._site.configuration(cache_life=0.0)
        with contextlib.ExitStack() as ending:
            shares = []
            for number in range(2):
                address, pid = ending.enter_context(service(self._site.folder, text))
                shares.append(_Share(address, pid, self._site.cookies[number::2], CONNECTIONS // 2))
            rate = self._measure(shares)
        self._site.omero.wait_until_left()
        return rate

    def least(self) -> Rate:
        """What does the least that a service has to do: `bench.least`."""
        site, port = self._site, free_port()
        known = {
            "host": site.router.host,
            "port": site.router.port,
            "keys": dict(zip(site.cookies, site.keys, strict=True)),
            "group": GROUP,
            "pixels": PIXELS,
        }
        file = site.folder / "least.json"
        file.write_text(json.dumps(known))
        with process([sys.executable, "-m", "bench.least", str(port), file], log=site.folder / "least.log") as one:
            address = f"http://127.0.0.1:{port}"
            wait_for_http(address)
            rate = self._measure([_Share(address, one.pid, site.cookies, CONNECTIONS)])
        site.omero.wait_until_left()
        return rate

    def omeroweb(self, *, users: int = USERS, connections: int = CONNECTIONS, path: str = STORED_SIZE) -> Rate:
        """OMERO.web, which keeps no thumbnails."""
        omeroweb = self._site.omeroweb
        return self._measure([_Share(omeroweb.address, omeroweb.pid, self._site.cookies[:users], connections, path)])

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

    def _measure(self, shares: Sequence[_Share]) -> Rate:
        """All at once; what they do counts together."""
        site = self._site
        sizes = [check_answers(share.address, share.cookies, share.path) for share in shares]
        processes = self._parts() | {f"{PEER} {number}": share.pid for number, share in enumerate(shares)}
        each_has = (IMAGES - _ASIDE) // len(shares)
        calls, before = site.calls(), usage.of_all(processes)
        ended = usage.of_ended_children()
        with ThreadPoolExecutor(len(shares)) as pool:
            loads = list(
                pool.map(
                    lambda number, share: self._ask(share, FIRST_IMAGE + number * each_has, each_has),
                    range(len(shares)),
                    shares,
                )
            )
        cpu = usage.spent(before, usage.of_all(processes)) | {LOAD: usage.of_ended_children() - ended}
        asked = site.calls() - calls
        for share, load, size in zip(shares, loads, sizes, strict=True):
            check_load(load, size)
            # a peer that still works on what was asked last has done with it then
            check_answers(share.address, share.cookies, share.path)
        requests = sum(load.requests for load in loads)
        cpu[PEER] = sum(cpu.pop(f"{PEER} {number}") for number in range(len(shares)))
        each = {part: seconds / requests for part, seconds in cpu.items()}
        return Rate(
            sum(load.per_second for load in loads),
            requests,
            each,
            asked / requests,
            max(load.p50 for load in loads),
            max(load.p99 for load in loads),
        )

    def _ask(self, share: _Share, first: int, count: int) -> Load:
        folder = self._site.folder / f"load-{share.pid}"
        folder.mkdir(exist_ok=True)
        questions = Questions(COOKIE, share.cookies, first, count, path=share.path)
        return wrk(share.address, folder, questions, connections=share.connections, seconds=self._seconds)


def check_answers(address: str, cookies: Sequence[str], path: str = STORED_SIZE) -> int:
    """Ask for an image as each user; the bytes of a right answer. Raises BrokenMeasurement for a wrong one."""
    size = 0
    connection = http.client.HTTPConnection(urlsplit(address).netloc, timeout=30)
    for number, cookie in enumerate(cookies):
        image = FIRST_IMAGE + IMAGES - 1 - number
        connection.request("GET", path % image, headers={COOKIE: cookie})
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
