"""Throughput and latency of this service and of OMERO.web against concurrency and against users, for the plots."""

from __future__ import annotations

from typing import Any

from .peers import CONNECTIONS, Peers, Rate
from .site import USERS

_CONNECTIONS = (1, 4, 16, 64, 256)
_USERS = (1, 4, 20)


def curves(peers: Peers) -> list[dict[str, Any]]:
    """One point for each peer and each value, with throughput a second and latency in milliseconds."""
    points = []
    for connections in _CONNECTIONS:
        points.append(_point("ours", "connections", connections, peers.ours(connections=connections)))
        points.append(_point("OMERO.web", "connections", connections, peers.omeroweb(connections=connections)))
    for users in _USERS:
        points.append(_point("ours", "users", users, peers.ours(users=users)))
        points.append(_point("OMERO.web", "users", users, peers.omeroweb(users=users)))
    return points


def _point(peer: str, against: str, value: int, rate: Rate) -> dict[str, Any]:
    return {
        "peer": peer,
        "against": against,
        "value": value,
        "per_second": round(rate.per_second, 1),
        "p50_ms": round(rate.p50 * 1000, 2),
        "p99_ms": round(rate.p99 * 1000, 2),
    }


#: what each curve holds still
STILL = {"connections": f"{USERS} users", "users": f"{CONNECTIONS} connections", "population": "one user at a time"}
