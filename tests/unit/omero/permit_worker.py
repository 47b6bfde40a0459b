"""A worker process that takes and gives back permits as it is told, a word a line; for `test_permits_of_workers`.

``take``: ask for one, and say ``taken`` when it is there. ``answer``: OMERO answers the oldest. ``usage``: say how many
are in use, and how many of those are for calls that nobody waits for. ``turns N``: take and give back one N times, as
fast as it goes.
"""

from __future__ import annotations

import asyncio
import os
import sys
from collections import deque
from pathlib import Path

from omero_ms_thumbnail.omero.permits import Permits


async def main(folder: Path, limit: int) -> None:
    loop = asyncio.get_running_loop()
    permits = Permits(limit, folder=folder)
    replies: deque[asyncio.Future[None]] = deque()
    tasks: set[asyncio.Task[None]] = set()

    async def take() -> None:
        permit = await permits.acquire("set")
        reply: asyncio.Future[None] = loop.create_future()
        permit.watch(reply)
        permit.release()
        replies.append(reply)
        print("taken", flush=True)

    async def turns(number: int) -> None:
        for _ in range(number):
            async with permits.flight("set"):
                await asyncio.sleep(0)
        print("turned", flush=True)

    reader = asyncio.StreamReader()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), os.fdopen(0, "rb"))
    print("ready", flush=True)
    async for line in reader:
        # what was begun before stands in line now
        await asyncio.sleep(0)
        word, *numbers = line.decode().split()
        if word == "take":
            tasks.add(asyncio.create_task(take()))
        elif word == "turns":
            tasks.add(asyncio.create_task(turns(int(numbers[0]))))
        elif word == "answer":
            replies.popleft().set_result(None)
        elif word == "usage":
            usage = permits.usage()
            print("usage", usage.in_use, usage.given_up, flush=True)
    permits.close()


asyncio.run(main(Path(sys.argv[1]), int(sys.argv[2])))
