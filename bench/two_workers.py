"""What a second worker gives: thumbnails for each second of processor time.

    python -m bench.two_workers [--rounds N] [--seconds N]

One worker, two that share a port, and two on ports of their own behind nginx's hash of whom a request is about are
measured in turn, each behind nginx with the lines that ``omero-ms-thumbnail nginx`` prints, at an OMERO that costs
nothing. What two workers would do on cores of their own, where one does 1, is twice what one takes for a thumbnail over
what two take, of all rounds together; loads are short, and many, since what else runs on the machine changes what a
thumbnail takes. Loads: pictures that are known, of which OMERO has said who may see them; the same where OMERO is asked
each time (``cache.life: 0``); and images that nobody has asked for.
"""

from __future__ import annotations

import argparse
import contextlib
import re
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from urllib.request import Request, urlopen

from omero_ms_thumbnail.nginx import locations, upstream
from tests.support.service_process import free_ports

from . import usage
from .load import KEY, Questions, wrk
from .omeros import BigOmero, big_omero
from .peers import CONNECTIONS, check_load
from .priming import ask_for_all, ask_once
from .processes import BrokenMeasurement, nginx, service, wait_for_port

#: sessions, all of the user whose images they are, so that OMERO gives what is new in sets
USERS = 40
#: images that are known; few, so that both workers know all of them of every user before anything is measured
KNOWN = 50
_FRESH = 10_000
_FRESH_EACH = 100_000
_PICTURE = 3_000

ONE, SPREAD, BY_USER = "one worker", "two, spread", "two, each user at one"
#: with the seconds for which OMERO is believed
LOADS = {"known": 600.0, "known, OMERO asked each time": 0.0, "not asked for before": 0.0}


@dataclass
class _Peer:
    folder: Path
    front: str
    pid: int
    keys: list[str]
    loads: int = 0

    def prime(self) -> None:
        """Every user joined, wherever their requests come; every known image kept there."""
        for _ in range(2):
            ask_once(self.front, self.keys)
            ask_for_all(self.front, self.keys, 1, KNOWN)
        self._ask(1, KNOWN, 4)

    def cost(self, load: str, seconds: float) -> tuple[float, int]:
        """Seconds of the service's processor time, and the thumbnails that they were for."""
        self.loads += 1
        is_new = load == "not asked for before"
        first, count = (_FRESH + self.loads * _FRESH_EACH, _FRESH_EACH) if is_new else (1, KNOWN)
        before = usage.of_tree(self.pid)
        requests = self._ask(first, count, seconds)
        return usage.of_tree(self.pid) - before, requests

    def _ask(self, first: int, count: int, seconds: float) -> int:
        """A load in which users come in turn, each for every image."""
        questions = Questions(KEY, self.keys, first, count, run=1 if count > KNOWN else 7)
        load = wrk(self.front, self.folder, questions, connections=CONNECTIONS, seconds=seconds)
        check_load(load, _PICTURE)
        return load.requests


def _peer(folder: Path, name: str, omero: BigOmero, life: float, ending: contextlib.ExitStack) -> _Peer:
    folder.mkdir()
    own = free_ports(2) if name == BY_USER else 0
    more = f"worker-ports: {own}\n" if own else ""
    workers = 1 if name == ONE else 2
    text = omero.configuration(cache_life=life) + more
    address, pid = ending.enter_context(service(folder, text, "--workers", str(workers)))
    for port in range(own, own + 2) if own else ():
        wait_for_port(port)
    lines = upstream(int(address.rpartition(":")[2]), range(own, own + 2) if own else ())
    inside = f"{lines}\nserver {{ listen 127.0.0.1:PORT; {locations()} }}"
    front = ending.enter_context(nginx(folder / "nginx", inside, ""))
    peer = _Peer(folder, front, pid, omero.keys)
    peer.prime()
    return peer


def measure(folder: Path, rounds: int, seconds: float) -> dict[str, dict[str, list[tuple[float, int]]]]:
    """For each load and peer, processor seconds and thumbnails, round by round."""
    costs: dict[str, dict[str, list[tuple[float, int]]]] = {
        load: {name: [] for name in (ONE, SPREAD, BY_USER)} for load in LOADS
    }
    for life in dict.fromkeys(LOADS.values()):
        with contextlib.ExitStack() as ending:
            peers = {}
            for name in (ONE, SPREAD, BY_USER):
                omero = ending.enter_context(big_omero(1, "--sessions", str(USERS)))
                peers[name] = _peer(folder / f"{life}-{len(peers)}", name, omero, life, ending)
            for _ in range(rounds):
                for load in (load for load, its in LOADS.items() if its == life):
                    for name, peer in peers.items():
                        costs[load][name].append(peer.cost(load, seconds))
            for name, peer in peers.items():
                print(f"{name}, cache.life {life}: {_joined(peer)} joined of {USERS}", file=sys.stderr)
    return costs


def _joined(peer: _Peer) -> int:
    """OMERO sessions that its workers have joined."""
    with urlopen(Request(f"{_own_address(peer)}/metrics"), timeout=30) as answer:
        lines = answer.read().decode().splitlines()
    return round(
        sum(float(line.split()[-1]) for line in lines if re.match(r"omero_ms_thumbnail_joined_sessions\b", line))
    )


def _own_address(peer: _Peer) -> str:
    arguments = Path(f"/proc/{peer.pid}/cmdline").read_text().split("\0")
    return f"http://127.0.0.1:{arguments[arguments.index('--port') + 1]}"


def _each(spent: list[tuple[float, int]]) -> float:
    """Processor seconds for a thumbnail."""
    return sum(seconds for seconds, _ in spent) / sum(thumbnails for _, thumbnails in spent)


def main() -> int:
    """Measure, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=16)
    parser.add_argument("--seconds", type=float, default=1)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        try:
            costs = measure(Path(folder), asked.rounds, asked.seconds)
        except BrokenMeasurement as broken:
            print(f"broken measurement: {broken}", file=sys.stderr)
            return 1
    print("| pictures | workers | thumbnails for a second of processor time | two do, of one's |")
    print("| --- | --- | ---: | ---: |")
    for load, of in costs.items():
        one = _each(of[ONE])
        for name, spent in of.items():
            times = "" if name == ONE else f"{2 * one / _each(spent):.2f}"
            print(f"| {load} | {name} | {1 / _each(spent):,.0f} | {times} |")
    return 0


if __name__ == "__main__":
    sys.exit(main())
