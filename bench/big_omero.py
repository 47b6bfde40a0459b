"""OMEROs of any size: the embedded one, with images made up as they are asked for.

    python -m bench.big_omero [--users N] [--sessions N] [--omeros N] [--latency none|REALISTIC|…] [--stored] [--costs]

Prints one JSON line with a port for each of the OMEROs and the keys of the sessions, which all of them know and which
belong to the users in turn; ends when its standard input does. Every picture is the same 3 KB of JPEG-like bytes, so
that only conversation costs. With --stored each image has a thumbnail that its owner stored, and all the OMEROs, also
those of another such command, are of one database. With --costs calls take as long as a real OMERO's (`costs`).
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import uuid
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from omero_embedded.embedded_omero import EmbeddedOmero
from omero_embedded.images.clock import clock_jpeg
from omero_embedded.images.rendering import default_settings
from omero_embedded.images.samples import sample_collection
from omero_embedded.model import data
from omero_embedded.model.data import Event, Pixels
from omero_embedded.model.thumbnail_context import widths
from omero_embedded.servants import OMERO_VERSION
from omero_embedded.workload import Latency, parse_latency
from omero_embedded.world import USER_GROUP, Experimenter, Group, Image, RenderingDef, World
from omero_ms_thumbnail.thumbnails.content import stored_key
from omero_ms_thumbnail.thumbnails.model import Content, ImageFacts, Saved, StoredRow

from .costs import CostlyAdapter, CostlyDriver

_GROUP = 3
_PIXELS = 1_000_000_000
_DATABASE = "5a1b6d1e-3c1f-4d5e-9f00-0a1b2c3d4e5f"
#: the longest side of what is stored
STORED = 96
#: when the first of all events was, in microseconds
_EPOCH = 1_700_000_000_000_000
PICTURE = clock_jpeg(96, 96)[:2] + bytes(3000)


def stored_picture_key(image_id: int) -> bytes:
    """How the service calls the picture of an image that is stored (`thumbnails.content`)."""
    saved, drawn = (Event(2 * image_id + later, 1, _GROUP, _EPOCH + 2 * image_id + later) for later in (0, 1))
    content = Content(
        0,
        0,
        Saved(image_id, saved.id, _text(saved.time)),
        StoredRow(image_id, drawn.id, _text(drawn.time), 0, STORED, STORED),
    )
    facts = ImageFacts(image_id, image_id + _PIXELS, _GROUP, 1, content=content)
    key = stored_key(f"{_DATABASE}-{OMERO_VERSION}", facts)
    assert key is not None
    return key


def _text(microseconds: int) -> str:
    """As PostgreSQL writes a time for the service: see `omero.queries`."""
    return (
        datetime.fromtimestamp(microseconds // 1_000_000, UTC).strftime("%Y%m%d%H%M%S")
        + f"{microseconds % 1_000_000:06}"
    )


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

    def __init__(self, users: int, *, is_stored: bool = False) -> None:
        everybody = [
            Experimenter(number, f"user{number}", "", "", (_GROUP, USER_GROUP)) for number in range(1, users + 1)
        ]
        super().__init__(everybody, [Group(USER_GROUP, "user", "rwr---"), Group(_GROUP, "lab", "rwr---")], [])
        self._picture = sample_collection().datasets[0].pictures[0]
        self.images = self.database.images = _Made(self._image)
        self.database.pixels = _Made(self._pixels)
        self._is_stored = is_stored
        if is_stored:
            self.database.uuid = _DATABASE

    def _image(self, key: int) -> Image | None:
        if key <= 0:
            return None
        image = Image(key, "", key + _PIXELS, 1, _GROUP, self._picture)
        if self._is_stored:
            self._put_stored(image)
            return image
        image.rendering_defs = [RenderingDef(key, 1, default_settings(self._picture))]
        image.put_into(self.database)
        return image

    def _put_stored(self, image: Image) -> None:
        """Import it, with ids and events that are the same in every OMERO."""
        database, pixels = self.database, image.primary
        database.add_image(image)
        look = default_settings(self._picture)
        saved, drawn = (Event(2 * image.id + later, 1, _GROUP, _EPOCH + 2 * image.id + later) for later in (0, 1))
        database.rendering_defs.put(
            data.RenderingDefRow(image.id, pixels.id, 1, saved, look, look.default_z, look.default_t)
        )
        database.thumbnails.put(data.ThumbnailRow(image.id, pixels.id, 1, *widths(pixels, STORED), 0, drawn))
        database.files[image.id] = PICTURE

    def _pixels(self, pixels_id: int) -> Pixels | None:
        image = self.images.get(pixels_id - _PIXELS)
        return None if image is None else image.primary


class _Omero(EmbeddedOmero):
    """One of them."""

    def take_what_a_real_one_takes(self) -> None:
        """Let each call cost what `costs` says; to be said before it starts."""
        self.driver = self.omero.driver = CostlyDriver(self.limits)
        self._adapter = CostlyAdapter(self.router)


async def _serve(users: int, sessions: int, omeros: int, latency: Latency, *, is_stored: bool, has_costs: bool) -> None:
    async def same_picture(*_arguments: Any) -> bytes:
        return PICTURE

    keys = [str(uuid.uuid4()) for _ in range(sessions)]
    serving = []
    for _ in range(omeros):
        omero = _Omero(_World(users, is_stored=is_stored), latency=latency, time_to_idle=1e6)
        if has_costs:
            omero.take_what_a_real_one_takes()
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
    parser.add_argument("--stored", action="store_true")
    parser.add_argument("--costs", action="store_true")
    asked = parser.parse_args()
    sessions = asked.sessions or asked.users
    serving = _serve(asked.users, sessions, asked.omeros, asked.latency, is_stored=asked.stored, has_costs=asked.costs)
    asyncio.run(serving)


if __name__ == "__main__":
    main()
