"""The OMERO that costs what a real one does, in a process of its own.

    python -m bench.costly_omero [--pages N] [--singles N] [--data-dir FOLDER]

Prints one JSON line: its port (plain TCP), the visitors' session keys, and the images of `CostlyWorld`. Then it answers
each line of its standard input with one of counts: "stats" for those so far, "mark" for the same, after which the most
connections are counted anew. It ends when its input does.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import json
import selectors
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

from omero_embedded.embedded_omero import EmbeddedOmero
from omero_embedded.model.thumbnail_drawing import ThumbnailDrawing
from omero_embedded.workload import Latency

from .costly_world import CostlyWorld, picture
from .costs import CONNECTIONS, CostlyAdapter, CostlyDriver


class CostlyOmero(EmbeddedOmero):
    """Calls cost what `costs` says, drawing nothing else; files are in `data_dir`, if there is one."""

    def __init__(self, world: CostlyWorld, data_dir: Path | None = None) -> None:
        files = dict(world.database.files)
        super().__init__(
            world, latency=Latency(), time_to_idle=1e6, database_connections=CONNECTIONS, data_dir=data_dir
        )
        world.database.files.update(files)
        self.driver = self.omero.driver = CostlyDriver(self.limits)
        self._adapter = CostlyAdapter(self.router)

    def _draw(self, drawing: ThumbnailDrawing) -> Any:
        return picture(drawing)

    def stats(self) -> dict[str, Any]:
        """Calls by operation, events in the database, and the most connections to it that were in use at once."""
        return {
            "calls": dict(self.driver.workload.calls),
            "events": sum(self.world.database.events_of.values()),
            "connections": self.driver.most_connections_held,
        }

    def mark(self) -> None:
        """Count the most connections anew."""
        self.driver.most_connections_held = self.driver.connections_held


async def _serve(pages: int, singles: int, data_dir: Path | None) -> None:
    world = CostlyWorld(pages=pages, singles=singles)
    omero = CostlyOmero(world, data_dir)
    await omero.start()
    # what is there stays: looking through it again and again for garbage would take more than the calls
    gc.collect()
    gc.freeze()
    said = {
        "port": omero.tcp_port,
        "keys": [omero.sessions.keep(visitor).key for visitor in world.visitors],
        "pages": [asdict(one) for one in world.pages],
        "plates": world.wells,
        "singles": [world.singles[0], len(world.singles)] if world.singles else [0, 0],
    }
    print(json.dumps(said), flush=True)
    loop = asyncio.get_running_loop()
    while line := await loop.run_in_executor(None, sys.stdin.readline):
        print(json.dumps(omero.stats()), flush=True)
        if line.strip() == "mark":
            omero.mark()
    await omero.close()


def _loop() -> asyncio.AbstractEventLoop:
    """One that waits to the microsecond, where others wait for whole milliseconds."""
    return asyncio.SelectorEventLoop(selectors.SelectSelector())


def main() -> None:
    """Serve."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pages", type=int, default=4, help="of each visitor and kind")
    parser.add_argument("--singles", type=int, default=0)
    parser.add_argument("--data-dir", type=Path, help="a folder for OMERO's files of thumbnails")
    asked = parser.parse_args()
    with asyncio.Runner(loop_factory=_loop) as runner:
        runner.run(_serve(asked.pages, asked.singles, asked.data_dir))


if __name__ == "__main__":
    main()
