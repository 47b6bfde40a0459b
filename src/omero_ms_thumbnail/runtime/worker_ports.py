"""A port of its own for each worker, beside the one that all workers share, so that a proxy can choose the worker.

The number of a worker is the first whose lock nobody holds. The system gives a lock back with the process that held it,
so a worker that replaces one that has died has its number, and its port, at once. While the port is without a worker,
connections to it are refused: a proxy then asks another worker, sooner than the new one could answer.

Granian has one listening socket for each server, so a worker runs a second one, embedded in its event loop.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import logging
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from granian.constants import HTTPModes, Interfaces
from granian.log import LogLevels
from granian.server.embed import Server

#: seconds between two looks at whether the port is listened on
_POLL: Final = 0.005


class PortTaken(Exception):
    """A worker's own port is something else's; the text says which."""


@dataclass(frozen=True, slots=True)
class OwnPorts:
    """The ports of all workers: `ports`, in the order of the workers, of the numeric `address`.

    `connections` is how many each worker accepts there at most, `backlog` how many the system keeps until then.
    """

    address: str
    ports: range
    connections: int
    backlog: int
    log_config: Mapping[str, Any]


class OwnPort:
    """One worker's own port. To be made before logging is configured, since Granian configures its own loggers.

    `folder` is where all workers of the service leave their locks. Raises OSError where every port has its worker, or
    the folder cannot be written to.
    """

    def __init__(self, application: Any, all_ports: OwnPorts, folder: Path) -> None:
        self._address = all_ports.address
        self._lock, number = _first_free(folder, len(all_ports.ports))
        self.port = all_ports.ports[number]
        # its methods have no types
        self._server: Any = Server(
            application,
            address=all_ports.address,
            port=self.port,
            # the worker's start and end are the shared port's
            interface=Interfaces.ASGINL,
            http=HTTPModes.http1,
            websockets=False,
            backlog=all_ports.backlog,
            backpressure=all_ports.connections,
            log_level=LogLevels.warning,
            log_dictconfig=dict(all_ports.log_config),
        )
        logging.getLogger("_granian").addFilter(_is_news)
        self._serving: asyncio.Task[None] | None = None

    async def open(self) -> None:
        """Return when connections are accepted. Raises PortTaken where somebody else has it."""
        self._serving = asyncio.create_task(self._server.serve())
        while not self._serving.done():
            with contextlib.suppress(OSError):
                _, writer = await asyncio.open_connection(self._address, self.port)
                writer.close()
                return
            await asyncio.sleep(_POLL)
        raise PortTaken(
            f"worker-ports: cannot listen on {self.port}: {self._serving.exception() or 'it ended at once'}"
        )

    def stop(self) -> None:
        """Accept no more connections; what was asked is answered."""
        self._server.stop()

    async def close(self) -> None:
        """Return when what was asked is answered."""
        self.stop()
        if self._serving is not None:
            await self._serving
        os.close(self._lock)


def _first_free(folder: Path, count: int) -> tuple[int, int]:
    """The descriptor that holds a lock for as long as this process lives, and its number, from 0."""
    for number in range(count):
        lock = os.open(folder / f"own-port-{number}", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(lock)
        else:
            return lock, number
    raise OSError(f"each of the {count} ports in worker-ports has a worker")


def _is_news(record: logging.LogRecord) -> bool:
    """Granian warns at each start that its embedded server is young, which no administrator can change."""
    return not str(record.msg).startswith("Embedded server is experimental")
