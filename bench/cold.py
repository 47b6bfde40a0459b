"""Distinct thumbnails, nothing kept: this service against OMERO.web and against the Java microservice's calls.

All peers are measured once in each round, one after the other, at the same OMERO behind the same router.
"""

from __future__ import annotations

import os
import statistics
from typing import Any

from .peers import LOAD, OMERO, OTHER_SIZE, PEER, ROUTER, Peers, Rate
from .rows import Goal, Row

_WHERE = "distinct thumbnails/s, cold caches, 64 connections, 20 users"


class Cold:
    """The rows, filled round by round."""

    def __init__(self, peers: Peers) -> None:
        self._peers = peers
        self._omeroweb = Row(
            "cold/omeroweb",
            f"{_WHERE}: ours / OMERO.web",
            Goal(at_least=80),
        )
        self._reference = Row("cold/reference", f"{_WHERE}: ours / the reference's calls", Goal(at_least=50))
        self._calls_one = Row("calls/1", "OMERO calls per thumbnail, one user on 64 connections", Goal(at_most=0.1))
        self._calls_many = Row("calls/20", "OMERO calls per thumbnail, 20 users on 64 connections", Goal(at_most=1))
        self._workers = Row("workers/cold", "two workers / one worker, uncached")
        self._by_user = Row("workers/by-user", "two workers / one worker, uncached, each user at one of them")
        self._by_processor = Row(
            "workers/processor",
            "two workers / one worker, uncached, each user at one of them, by processor time",
            Goal(at_least=1.8),
        )
        self._least = Row("cold/least", f"{_WHERE}: the least that a service has to do / OMERO.web")
        self._least_reference = Row(
            "cold/least-reference", f"{_WHERE}: the least that a service has to do / the reference's calls"
        )
        self._kept = Row("cold/kept", f"{_WHERE}: ours with its default cache / OMERO.web")
        self._other = Row("cold/other-size", f"{_WHERE}, at a size that OMERO stores for nobody: ours / OMERO.web")
        self._cores: dict[str, list[Rate]] = {}

    def round(self) -> None:
        """Every peer once."""
        ours = self._seen("ours", self._peers.ours())
        least = self._seen("the least that a service has to do", self._peers.least())
        omeroweb = self._seen("OMERO.web", self._peers.omeroweb())
        reference = self._seen("the reference's calls", self._peers.reference())
        one_user = self._seen("ours, one user", self._peers.ours(users=1))
        two = self._seen("ours, two workers", self._peers.ours(workers=2))
        by_user = self._seen("ours, two workers, each user at one", self._peers.ours_by_user())
        kept = self._seen("ours, default cache", self._peers.ours(cache_life=None))
        other = self._seen("ours, at another size", self._peers.ours(path=OTHER_SIZE))
        other_omeroweb = self._seen("OMERO.web, at another size", self._peers.omeroweb(path=OTHER_SIZE))
        for row, of, against in (
            (self._omeroweb, ours, omeroweb),
            (self._reference, ours, reference),
            (self._workers, two, ours),
            (self._by_user, by_user, ours),
            (self._kept, kept, omeroweb),
            (self._other, other, other_omeroweb),
            (self._least, least, omeroweb),
            (self._least_reference, least, reference),
        ):
            row.values.append(of.per_second / against.per_second)
            row.note("thumbnails/s", of.per_second)
            row.note("against thumbnails/s", against.per_second)
        for row, against in ((self._omeroweb, omeroweb), (self._reference, reference)):
            everybody = sum(against.cpu.values())
            row.note("by processor time of all", everybody / sum(ours.cpu.values()))
            row.note(
                "by processor time of all, if ours took none", everybody / (sum(ours.cpu.values()) - ours.cpu[PEER])
            )
        self._calls_one.values.append(one_user.calls_each)
        self._calls_many.values.append(ours.calls_each)
        self._calls_many.note("with the default cache", kept.calls_each, 2)
        self._by_processor.values.append(2 * ours.cpu[PEER] / by_user.cpu[PEER])
        for row, both in ((self._workers, two), (self._by_user, by_user)):
            # what 2 workers would do if each had a core, and everybody else cores of their own
            row.note("as many processor seconds of ours would give", 2 * ours.cpu[PEER] / both.cpu[PEER], 2)
            others = sum(seconds for part, seconds in both.cpu.items() if part != PEER)
            row.note("cores that the others leave", (os.cpu_count() or 1) - both.per_second * others, 2)
            row.note("cores that ours take", both.per_second * both.cpu[PEER], 2)

    def _seen(self, name: str, rate: Rate) -> Rate:
        self._cores.setdefault(name, []).append(rate)
        return rate

    def rows(self) -> list[Row]:
        """What came of it."""
        return [
            self._omeroweb,
            self._reference,
            self._kept,
            self._other,
            self._least,
            self._least_reference,
            self._calls_one,
            self._calls_many,
            self._workers,
            self._by_user,
            self._by_processor,
        ]

    def shares(self) -> list[dict[str, Any]]:
        """For each peer, milliseconds of processor time for one thumbnail (seconds for 1000), by whom they went to."""
        return [
            {
                "name": name,
                "thumbnails/s": statistics.median(rate.per_second for rate in rates),
                **{
                    part: statistics.median(rate.cpu[part] * 1000 for rate in rates)
                    for part in (PEER, ROUTER, OMERO, LOAD)
                },
                "calls": statistics.median(rate.calls_each for rate in rates),
            }
            for name, rates in self._cores.items()
        ]
