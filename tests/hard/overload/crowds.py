"""More than the service can do, and clients that behave as badly as they can."""

from __future__ import annotations

import asyncio
import resource
import socket
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from tests.hard.faults.load import Browser, Load, percentile, statuses
from tests.hard.faults.omero import NAMES, session_key
from tests.hard.faults.site import Figures, Site, by_key, site, value
from tests.hard.faults.striking import Seen

#: what OMERO can do in these runs: thumbnails a second
AT_ONCE, MILLISECONDS = 4, 80.0
OMERO_RATE = AT_ONCE * 1000 / MILLISECONDS

#: images of the small world with rendering settings, in a group that most may read
PLAIN = (101, 102, 103, 104)

#: thumbnails that may wait in these runs
WAITING_MAX = 25

#: seconds in which who is one too many has to be told so
TOLD_WITHIN = 0.05

#: a shared machine may be so much slower
_SLOWER = 4.0


@asynccontextmanager
async def slow_site(folder: Path, *, sessions: int = 40, **more: object) -> AsyncIterator[Site]:
    """A site whose OMERO does `OMERO_RATE` thumbnails a second."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    latency = {"thumbnail": MILLISECONDS, "at_once": AT_ONCE}
    settings = {"max-waiting-thumbnails": WAITING_MAX, "event-bus-send-timeout": 15_000, "latency": latency}
    # one call of OMERO's for each: what nothing is odd about, and users who may see it
    keys = {
        session_key(name, number): name for number in range(sessions // 4) for name in NAMES if name != "pathologist"
    }
    async with site(folder, sessions=sessions, visitors=by_key(keys), images=list(PLAIN), **{**settings, **more}) as at:
        at.load.pages = False
        yield at


async def too_many(folder: Path) -> Seen:
    """Ten times what OMERO can do."""
    async with slow_site(folder) as at:
        return await crowd_at(at, connections=2_000, alone=4.0, seconds=8.0)


async def crowd_at(at: Site, *, connections: int, alone: float, seconds: float) -> Seen:
    """A crowd, after so many seconds of hardly anybody."""
    await _warm_up(at)
    few = await _load(at, rate=10, connections=4, seconds=alone)
    unloaded = percentile(few.answers, 0.99)
    before = await at.figures()
    crowd = Load(at.service.port, at.load.visitors, at.load.images, 10 * OMERO_RATE, connections, pages=False)
    crowd.expected = at.load.expected
    async with crowd.running():
        # whoever is let in at first finds an empty queue
        await crowd.seconds(WAITING_MAX / OMERO_RATE * 2)
        began = time.monotonic()
        await crowd.seconds(seconds)
        full = await at.figures()
    answers = crowd.between(began)
    accepted = [answer for answer in answers if answer.status != 503]
    refused = [answer for answer in answers if answer.status == 503]
    done = len(accepted) / seconds
    promised = 2 * unloaded + WAITING_MAX / max(done, 1.0)
    p99, told = percentile(accepted, 0.99), percentile(refused, 0.99)
    seen = Seen(
        f"{connections} connections at ten times what OMERO can do",
        f"{crowd.rate:.0f} requests/s, OMERO did {done:.0f}",
        f"accepted: p99 under {promised:.2f} s (twice the unloaded one and the queue's limit); "
        f"the rest 503 within {TOLD_WITHIN * 1000:.0f} ms; memory bounded",
        during=statuses(answers),
        before=before,
        afterwards=full,
        note=f"accepted: p50 {percentile(accepted, 0.5):.2f} s, p99 {p99:.2f} s (unloaded p99 {unloaded:.2f} s); "
        f"{'' if p99 <= promised else '**more than promised**, '}"
        f"refused: p50 {percentile(refused, 0.5) * 1000:.0f} ms, p99 {told * 1000:.0f} ms",
    )
    if any(answer.wrong or answer.status not in (200, 404, 503) for answer in answers):
        seen.broken.append("an answer that may not be")
    if not accepted or p99 > promised * _SLOWER:
        seen.broken.append(f"p99 of accepted requests {p99:.2f} s")
    if not refused or told > TOLD_WITHIN * 10 * _SLOWER:
        seen.broken.append(f"p99 of refusals {told * 1000:.0f} ms")
    if full.megabytes > before.megabytes + connections * 0.05 + 16:
        seen.broken.append(f"{full.megabytes:.0f} MB")
    return seen


async def flood(folder: Path, *, wells: int = 10_000) -> Seen:
    """One user opens so many wells at once, which is more than may wait; others look at what they always do."""
    latency = {"thumbnail": 8.0, "at_once": AT_ONCE}
    async with slow_site(folder, **{"max-waiting-thumbnails": 5_000, "latency": latency}) as at:
        await _warm_up(at)
        flooding = at.load.visitors.pop()
        ids = "&".join(f"id={image}" for image in PLAIN)
        before = await at.figures()
        stuck = []
        for page in range(wells // len(PLAIN)):
            # by the cache buster: each is one more for OMERO to draw
            request = f"GET /webgateway/get_thumbnails/96/?{ids}&version=well{page} HTTP/1.1\r\nHost: x\r\n"
            stuck.append(await _connected(at.service.port, f"{request}{flooding.header}\r\n\r\n".encode()))
        others = await _load(at, rate=20, connections=10, seconds=4.0)
        during = await at.figures()
        told = [_status(one) for one in stuck]
        for one in stuck:
            one.close()
        after = await _settled(at, before)
        refused = told.count(503)
        seen = Seen(
            f"one user opens {wells} wells at once, in pages of {len(PLAIN)}",
            "20 requests/s of others, OMERO draws for 8 ms each",
            "others get what they ask for, none 503; whoever floods gets 503 above four fifths of the queue",
            during=statuses(others.answers),
            before=before,
            afterwards=after,
            note=f"{during.megabytes:.0f} MB meanwhile; others p99 {percentile(others.answers, 0.99) * 1000:.0f} ms; "
            f"{refused} of {len(stuck)} pages refused, {told.count(200)} answered by then",
        )
        _others_are_right(seen, others)
        if not refused:
            seen.broken.append("the one who floods was not refused")
        _all_left(seen, before, after)
        return seen


async def slow_readers(folder: Path, *, count: int = 200) -> Seen:
    """They ask for a page of large thumbnails, and read nothing."""
    async with site(folder, cache={"life": 600}) as at:
        images = [
            number for (user, number), (status, _) in at.load.expected.items() if user == "root" and status == 200
        ]
        ids = "&".join(f"id={image}" for image in images)
        header = next(visitor.header for visitor in at.load.visitors if visitor.user == "root")
        path = f"/webgateway/get_thumbnails/1000/?{ids}"
        browser = Browser(at.service.port)
        size = len((await browser.get(path, header))[1])
        browser.close()
        before = await at.figures()
        request = f"GET {path} HTTP/1.1\r\nHost: x\r\n{header}\r\n\r\n".encode()
        stuck = [await _connected(at.service.port, request) for _ in range(count)]
        others = await _load(at, rate=100, connections=20, seconds=5.0)
        during = await at.figures()
        for one in stuck:
            one.close()
        after = await _settled(at, before)
        seen = Seen(
            f"{count} clients that read nothing of {size // 1024} KiB each",
            "100 requests/s of others",
            "others notice nothing; memory bounded by what is held for them, and free when they leave",
            during=statuses(others.answers),
            before=before,
            afterwards=after,
            note=f"{during.megabytes:.0f} MB meanwhile; others p99 {percentile(others.answers, 0.99) * 1000:.0f} ms",
        )
        _others_are_right(seen, others)
        if during.megabytes > before.megabytes + count * size * 3 / 2**20 + 32:
            seen.broken.append(f"{during.megabytes:.0f} MB")
        _all_left(seen, before, after)
        return seen


async def slow_senders(folder: Path, *, count: int = 500, patience: float = 60.0) -> Seen:
    """They begin a request and never end it."""
    async with site(folder) as at:
        before = await at.figures()
        began = time.monotonic()
        stuck = [
            await _connected(at.service.port, b"GET /webgateway/render_thumbnail/101/ HTTP/1.1\r\nHost: x\r\nX-")
            for _ in range(count)
        ]
        others = await _load(at, rate=100, connections=20, seconds=3.0)
        during = await at.figures()
        loop = asyncio.get_running_loop()
        closed_after = 0.0
        try:
            async with asyncio.timeout(patience):
                for one in stuck:
                    while await loop.sock_recv(one, 1000):
                        pass
                closed_after = time.monotonic() - began
        except TimeoutError:
            pass
        for one in stuck:
            one.close()
        after = await _settled(at, before)
        seen = Seen(
            f"{count} clients that never end their request",
            "100 requests/s of others",
            "others notice nothing; they are hung up on after 30 s",
            during=statuses(others.answers),
            before=before,
            afterwards=after,
            note=f"{during.megabytes:.0f} MB and {during.descriptors} descriptors meanwhile; others p99 "
            f"{percentile(others.answers, 0.99) * 1000:.0f} ms; all hung up on after {closed_after:.0f} s",
        )
        _others_are_right(seen, others)
        if not closed_after:
            seen.broken.append(f"they are still there after {patience:g} s")
        _all_left(seen, before, after)
        return seen


async def leavers(folder: Path) -> Seen:
    """They ask for a thumbnail each, and are gone before OMERO could draw it."""
    async with slow_site(folder, **{"max-waiting-thumbnails": 1_000}) as at:
        await _warm_up(at)
        return await leavers_at(at, count=300)


async def leavers_at(at: Site, *, count: int) -> Seen:
    """So many, who all have joined, so that what they ask for waits for nothing but its turn."""
    omero = at.omero
    assert omero is not None
    await idle(at)
    before = await at.figures()
    drawn = (await asyncio.to_thread(omero.counts)).pictures
    stuck = []
    for number in range(count):
        # of few users, each of whom OMERO draws only a few for at once
        visitor = at.load.visitors[number % 4]
        request = f"GET /webgateway/render_thumbnail/{PLAIN[0]}/96/?version=left{number} HTTP/1.1\r\nHost: x\r\n"
        stuck.append(await _connected(at.service.port, f"{request}{visitor.header}\r\n\r\n".encode()))
    await asyncio.sleep(0.2)
    for one in stuck:
        one.close()
    after = await _settled(at, before)
    # whoever comes now is served at once, since nobody is before them
    later = await _load(at, rate=20, connections=4, seconds=0.5)
    cost = (await asyncio.to_thread(omero.counts)).pictures - drawn - len(later.answers)
    seen = Seen(
        f"{count} clients that leave after 0.2 s",
        f"OMERO does {OMERO_RATE:.0f} thumbnails/s",
        "they cost OMERO nothing more than what it had begun",
        during=statuses(later.answers),
        before=before,
        afterwards=after,
        note=f"OMERO drew {max(cost, 0)} of {count} thumbnails; those who came next waited "
        f"{percentile(later.answers, 0.99) * 1000:.0f} ms at most",
    )
    _others_are_right(seen, later)
    # what was asked of it within 0.2 s and a little, and a set or so for each of those under way
    if cost > count / 2:
        seen.broken.append(f"OMERO drew {cost} thumbnails for nobody")
    _all_left(seen, before, after)
    return seen


async def _load(at: Site, *, rate: float, connections: int, seconds: float) -> Load:
    load = Load(at.service.port, at.load.visitors, at.load.images, rate, connections, pages=False)
    load.expected = at.load.expected
    async with load.running():
        await load.seconds(seconds)
    return load


async def _warm_up(at: Site) -> None:
    """Let everybody join and have their ThumbnailStores: what comes once for each is not what is measured."""
    ids = "&".join(f"id={image}" for image in PLAIN)
    browser = Browser(at.service.port)
    path = f"/webgateway/get_thumbnails/96/?{ids}"
    # one after the other: OMERO makes a store for each of the four pictures
    for visitor in at.load.visitors:
        await browser.get(path, visitor.header)
    browser.close()


async def _connected(port: int, sends: bytes) -> socket.socket:
    loop = asyncio.get_running_loop()
    one = socket.socket()
    one.setblocking(False)
    # what the system itself takes from the service is little
    one.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    await loop.sock_connect(one, ("127.0.0.1", port))
    await loop.sock_sendall(one, sends)
    return one


def _status(one: socket.socket) -> int:
    """Of the answer that has come; 0 if none has."""
    try:
        return int(one.recv(4096)[9:12] or 0)
    except BlockingIOError:
        return 0


async def idle(at: Site) -> None:
    """Wait until nothing is asked of the service, and OMERO has drawn what it was asked for before."""
    assert at.omero is not None
    drawn = -1
    async with asyncio.timeout(30):
        while True:
            now = (await asyncio.to_thread(at.omero.counts)).pictures
            # the one is the question itself
            if now == drawn and value(await at.metrics(), "requests_in_flight") == 1:
                return
            drawn = now
            await asyncio.sleep(2 * MILLISECONDS / 1000)


async def _settled(at: Site, before: Figures) -> Figures:
    """The figures once nothing is left open, or after a few seconds."""
    deadline = time.monotonic() + 8
    while True:
        now = await at.figures()
        if (
            now.descriptors <= before.descriptors + 2 and now.tasks <= before.tasks + 10
        ) or time.monotonic() > deadline:
            return now
        await asyncio.sleep(0.1)


def _others_are_right(seen: Seen, others: Load) -> None:
    wrong = [answer for answer in others.answers if not answer.right]
    if wrong or not others.answers:
        seen.broken.append(f"others noticed: {statuses(wrong)}")


def _all_left(seen: Seen, before: Figures, after: Figures) -> None:
    if after.descriptors > before.descriptors + 45:
        seen.broken.append(f"descriptors grew from {before.descriptors} to {after.descriptors}")
    if after.tasks > before.tasks + 100:
        seen.broken.append(f"tasks grew from {before.tasks} to {after.tasks}")


ALL = (too_many, flood, slow_readers, slow_senders, leavers)
