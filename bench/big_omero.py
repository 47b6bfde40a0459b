"""OMEROs of any size: the embedded one, with images made up as they are asked for.

    python -m bench.big_omero [--users N] [--sessions N] [--omeros N] [--latency none|REALISTIC|…]

Prints one JSON line with a port for each of the OMEROs and the keys of the sessions, which all of them know and which
belong to the users in turn; ends when its standard input does. Every picture is the same 3 KB of JPEG-like bytes, so
that only conversation costs.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import uuid
from collections.abc import Callable
from typing import Any

from omero_ms_thumbnail.embedded.images.clock import clock_jpeg
from omero_ms_thumbnail.embedded.images.samples import sample_collection
from omero_ms_thumbnail.embedded.images.settings import default_settings
from omero_ms_thumbnail.embedded.model.data import Pixels
from omero_ms_thumbnail.embedded.server import EmbeddedOmero
from omero_ms_thumbnail.embedded.workload import Latency, parse_latency
from omero_ms_thumbnail.embedded.world import USER_GROUP, Group, Image, RenderingDef, User, World

_GROUP = 3
_PIXELS = 1_000_000_000
PICTURE = clock_jpeg(96, 96)[:2] + bytes(3000)


class _Made(dict[int, Any]):
    """Made as they are asked for."""

    def __init__(self, make: Callable[[int], Any]) -> None:
        super().__init__()
        self._make = make

    def get(self, key: int, default: Any = None) -> Any:
        return super().get(key) or self._make(key) or default

    def __missing__(self, key: int) -> Any:
        return self._make(key)


class _World(World):
    """Every positive id is an image."""

    def __init__(self, users: int) -> None:
        everybody = [User(number, f"user{number}", "", "", (_GROUP, USER_GROUP)) for number in range(1, users + 1)]
        super().__init__(everybody, [Group(USER_GROUP, "user", "rwr---"), Group(_GROUP, "lab", "rwr---")], [])
        self._picture = sample_collection().datasets[0].pictures[0]
        self.images = self.database.images = _Made(self._image)
        self.database.pixels = _Made(self._pixels)

    def _image(self, key: int) -> Image | None:
        if key <= 0:
            return None
        image = Image(key, "", key + _PIXELS, 1, _GROUP, self._picture)
        image.rendering_defs = [RenderingDef(key, 1, default_settings(self._picture))]
        image.put_into(self.database)
        return image

    def _pixels(self, pixels_id: int) -> Pixels | None:
        image = self.images.get(pixels_id - _PIXELS)
        return None if image is None else image.primary


async def _serve(users: int, sessions: int, omeros: int, latency: Latency) -> None:
    async def same_picture(*_arguments: Any) -> bytes:
        return PICTURE

    keys = [str(uuid.uuid4()) for _ in range(sessions)]
    serving = []
    for _ in range(omeros):
        omero = EmbeddedOmero(_World(users), latency=latency, time_to_idle=1e6)
        omero.omero.renderer.render = same_picture  # type: ignore[method-assign]
        await omero.start()
        everybody = list(omero.world.users.values())
        for number, key in enumerate(keys):
            omero.sessions.keep(everybody[number % users], key)
        serving.append(omero)
    print(json.dumps({"ports": [omero.tcp_port for omero in serving], "keys": keys}), flush=True)
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
    await asyncio.gather(*(omero.close() for omero in serving))


def main() -> None:
    """Serve."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--users", type=int, default=1)
    parser.add_argument("--sessions", type=int, default=0, help="as many as users, unless given")
    parser.add_argument("--omeros", type=int, default=1)
    parser.add_argument("--latency", type=parse_latency, default=Latency(at_once=64))
    asked = parser.parse_args()
    asyncio.run(_serve(asked.users, asked.sessions or asked.users, asked.omeros, asked.latency))


if __name__ == "__main__":
    main()
