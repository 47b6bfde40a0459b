"""An OMERO of any size that answers at once: the embedded one, with images made up as they are asked for.

Run as ``python -m bench.big_omero USERS``; it prints one JSON line with its port and a session key for each user, and
ends when its standard input does. Every picture is the same 3 KB of JPEG-like bytes, so that only conversation costs.
"""

from __future__ import annotations

import asyncio
import json
import sys
from typing import Any

from omero_ms_thumbnail.embedded.images.clock import clock_jpeg
from omero_ms_thumbnail.embedded.images.samples import sample_collection
from omero_ms_thumbnail.embedded.images.settings import default_settings
from omero_ms_thumbnail.embedded.server import EmbeddedOmero
from omero_ms_thumbnail.embedded.workload import Latency
from omero_ms_thumbnail.embedded.world import USER_GROUP, Group, Image, RenderingDef, User, World

_GROUP = 3
_PIXELS = 1_000_000_000
PICTURE = clock_jpeg(96, 96)[:2] + bytes(3000)


class _Images(dict[int, Image]):
    """Every positive id is an image."""

    def __init__(self) -> None:
        super().__init__()
        self._picture = sample_collection().datasets[0].pictures[0]
        self._settings = RenderingDef(1, 1, default_settings(self._picture))

    def get(self, key: int, default: Any = None) -> Any:
        image = Image(key, "", key + _PIXELS, 1, _GROUP, self._picture)
        image.rendering_defs = [self._settings]
        return image if key > 0 else default


class _World(World):
    def __init__(self, users: int) -> None:
        everybody = [User(number, f"user{number}", "", "", (_GROUP, USER_GROUP)) for number in range(1, users + 1)]
        super().__init__(everybody, [Group(USER_GROUP, "user", "rwr---"), Group(_GROUP, "lab", "rwr---")], [])
        self.images = _Images()

    def image_of_pixels(self, pixels_id: int) -> Image | None:
        image: Image | None = self.images.get(pixels_id - _PIXELS)
        return image


async def _serve(users: int, latency: Latency) -> None:
    omero = EmbeddedOmero(_World(users), latency=latency, time_to_idle=1e6)

    async def same_picture(*_arguments: Any) -> bytes:
        return PICTURE

    omero.omero.renderer.render = same_picture  # type: ignore[method-assign]
    await omero.start()
    keys = [omero.sessions.keep(user).key for user in omero.world.users.values()]
    print(json.dumps({"port": omero.tcp_port, "keys": keys}), flush=True)
    loop = asyncio.get_running_loop()
    while line := await loop.run_in_executor(None, sys.stdin.readline):
        if line.strip() == "calls":
            print(json.dumps(omero.workload.calls), flush=True)
    await omero.close()


if __name__ == "__main__":
    asyncio.run(_serve(int(sys.argv[1]), Latency(at_once=64)))
