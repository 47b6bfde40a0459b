"""The OMERO calls that one uncached thumbnail needs, without the service: ``HOST PORT KEY FIRST_IMAGE COUNT PAUSE``.

There are `PAUSE` seconds between two. Prints the median and the 99th percentile in seconds, as one JSON line.
"""

from __future__ import annotations

import asyncio
import json
import statistics
import sys
import time

from omero_ms_thumbnail.ice.tls import client_context
from omero_ms_thumbnail.omero.session import JoinedSession, OmeroServer
from omero_ms_thumbnail.thumbnails import pixels, single
from omero_ms_thumbnail.thumbnails.model import ThumbnailRequest

from .site import STORED


async def main(host: str, port: int, key: str, first: int, count: int, pause: float) -> None:
    """Measure."""
    session = await JoinedSession.join(OmeroServer(host, port, client_context()), key)
    user = (await session.event_context()).userId
    times = []
    for image in range(first, first + count):
        began = time.perf_counter()
        found = (await pixels.ask(session, [image], user_id=user, size=STORED))[image]
        # a store of its own for each, as OMERO.web has it
        async with session.stores.lend() as store:
            await single.render_one(session, store, found, ThumbnailRequest(image, STORED), is_direct=False)
        times.append(time.perf_counter() - began)
        await asyncio.sleep(pause)
    await session.leave(5)
    times = sorted(times[count // 10 :])
    print(json.dumps({"p50": statistics.median(times), "p99": times[int(len(times) * 0.99)]}))


if __name__ == "__main__":
    asyncio.run(
        main(sys.argv[1], int(sys.argv[2]), sys.argv[3], int(sys.argv[4]), int(sys.argv[5]), float(sys.argv[6]))
    )
