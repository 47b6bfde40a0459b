"""A real Redis Cluster of three nodes."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import redis

from tests.unit.websession.redis_server import RedisServer, free_port

_SLOTS = 16_384
_HIGHEST_PORT = 55_535
"""The nodes talk to each other on a port that is higher by 10,000."""


def _port() -> int:
    """A port that is free, as is the one on which the nodes talk to each other."""
    while True:
        port = free_port()
        if port > _HIGHEST_PORT:
            continue
        with contextlib.suppress(OSError), socket.create_server(("127.0.0.1", port + 10_000)):
            return port


@contextmanager
def cluster(directory: Path, password: str) -> Iterator[list[RedisServer]]:
    """Three nodes that know each other and share the slots."""
    options = ("cluster-enabled yes", "cluster-node-timeout 2000", f"requirepass {password}", f"masterauth {password}")
    nodes = [RedisServer(directory / str(number), _port(), options) for number in range(3)]
    with ExitStack() as stack:
        for node in nodes:
            stack.callback(node.kill)
            node.start()
        clients = [stack.enter_context(redis.Redis(port=node.port, password=password)) for node in nodes]
        shares = [range(_SLOTS * number // 3, _SLOTS * (number + 1) // 3) for number in range(3)]
        for number, (client, share) in enumerate(zip(clients, shares, strict=True)):
            client.execute_command("CLUSTER SET-CONFIG-EPOCH", number + 1)
            client.execute_command("CLUSTER ADDSLOTS", *share)
            client.execute_command("CLUSTER MEET", "127.0.0.1", nodes[0].port)
        while not all(client.cluster("info")["cluster_state"] == "ok" for client in clients):
            pass
        yield nodes
