"""An OMERO in a process of its own that can be killed, frozen and started again with its sessions and port.

Run as ``python -m tests.hard.faults.omero`` with a JSON object on the first line of standard input: the port (0: any),
the sessions (key and user name) and the milliseconds that it takes. It prints its port, answers a line with JSON to
each line that it is sent, and ends when its input does.
"""

from __future__ import annotations

import asyncio
import json
import signal
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from omero_embedded.embedded_omero import EmbeddedOmero
from omero_embedded.images.rendering import default_settings
from omero_embedded.joins import OmeroJoin
from omero_embedded.workload import Latency
from omero_embedded.world import ImageState
from tests.real.conformance.processes import Child, ProcessEnded
from tests.support.parts import ROOT
from tests.unit.omero.small_omero import small_world

NAMES = ("researcher", "colleague", "pathologist", "root")


def session_key(name: str, number: int) -> str:
    return f"{name}-{number:03d}-key-of-an-omero-session"


@dataclass
class Counts:
    """What OMERO has seen since it was started. Times are of CLOCK_MONOTONIC, which all processes share."""

    joins: list[float]
    calls: dict[str, int]
    stores_open: int
    joined: int
    #: drawn, whatever became of them
    pictures: int

    def most_joins_a_second(self, since: float) -> int:
        """The most joins within any second after `since`."""
        times = [when for when in self.joins if when >= since]
        return max((sum(1 for other in times if when <= other < when + 1) for when in times), default=0)


class FaultyOmero:
    """The process. Its methods block: from a coroutine use `to_thread`."""

    def __init__(self, folder: Path, *, sessions: int = 24, **latency: float) -> None:
        self._log = folder / "omero.log"
        self._latency = latency
        self.keys = {session_key(name, number): name for number in range(sessions // 4) for name in NAMES}
        self.port = 0
        self.start()

    def start(self) -> None:
        """Start it, on the port that it had before, with all its sessions."""
        for attempts_left in reversed(range(5)):
            self._child = Child([sys.executable, "-m", "tests.hard.faults.omero"], self._log, ROOT)
            self._child.write_line(json.dumps({"port": self.port, "sessions": self.keys, "latency": self._latency}))
            try:
                self.port = int(self._child.read_line())
            except ProcessEnded:
                self._child.end()
                if not attempts_left:
                    raise
            else:
                return

    def counts(self) -> Counts:
        return Counts(**self._ask("counts"))

    def end_session(self, key: str) -> None:
        self._ask(f"end {key}")

    def log_in_again(self, key: str) -> str:
        """The key of another session of the user whose session `key` was: one that has ended never comes back."""
        again = f"{key}-again"
        self._ask(f"keep {again} {self.keys[key]}")
        return again

    def kill(self) -> None:
        self._child.kill()
        self._child.end()

    def freeze(self) -> None:
        self._child.freeze()

    def resume(self) -> None:
        self._child.signal(signal.SIGCONT)

    def stop(self) -> None:
        self._child.end()

    def _ask(self, what: str) -> Any:
        self._child.write_line(what)
        return json.loads(self._child.read_line())


class _Omero(EmbeddedOmero):
    """It writes down when somebody joins."""

    def __init__(self, latency: Latency) -> None:
        super().__init__(small_world(), latency=latency, time_to_idle=3600)
        # those that users would make by looking, which would be lost with this process
        for image in self.world.images.values():
            for settings in image.rendering_defs:
                if settings.owner_id != image.owner_id:
                    # a newer stored thumbnail of the owner's would hide them: it would matter who looks first
                    self.world.database.rendering_defs.delete(settings.id)
            if image.state is ImageState.READY and not image.rendering_defs:
                owner = self.world.users[image.owner_id]
                self.world.add_settings(image, owner, default_settings(image.picture))
        self.joins: list[float] = []
        self.pictures = 0
        self.omero.renderer.render = self._count(self.omero.renderer.render)  # type: ignore[method-assign]

    def _count(self, render: Any) -> Any:
        async def counted(*arguments: Any) -> bytes:
            self.pictures += 1
            picture: bytes = await render(*arguments)
            return picture

        return counted

    async def _login(self, user: str, password: str, context: Mapping[str, str]) -> OmeroJoin:
        self.joins.append(time.monotonic())
        return await super()._login(user, password, context)

    def keep(self, key: str, name: str) -> None:
        user = self.world.user_named(name)
        assert user is not None
        self.sessions.keep(user, key)

    def counts(self) -> dict[str, Any]:
        stores = self.omero.stores_created - self.omero.stores_closed
        return {
            "joins": self.joins,
            "calls": self.workload.calls,
            "stores_open": stores,
            "joined": len(self.router),
            "pictures": self.pictures,
        }


async def _serve() -> None:
    asked = json.loads(sys.stdin.readline())
    omero = _Omero(Latency(**asked["latency"]))
    for key, name in asked["sessions"].items():
        omero.keep(key, name)
    await omero.start(tcp_port=asked["port"])
    print(omero.tcp_port, flush=True)
    loop = asyncio.get_running_loop()
    while line := (await loop.run_in_executor(None, sys.stdin.readline)).split():
        if line[0] == "end":
            omero.sessions.end(line[1])
        elif line[0] == "keep":
            omero.keep(line[1], line[2])
        print(json.dumps(omero.counts()), flush=True)
    await omero.close()


if __name__ == "__main__":
    asyncio.run(_serve())
