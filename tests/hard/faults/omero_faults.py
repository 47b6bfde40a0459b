"""Faults of OMERO and of the way to it."""

from __future__ import annotations

import asyncio
import random
import struct
from dataclasses import replace
from pathlib import Path

from omero_ms_thumbnail.omero.breaker import TRIES_MAX
from omero_ms_thumbnail.omero.permits import COLD_PAGE
from tests.hard.faults.load import Browser
from tests.hard.faults.relay import Spoil
from tests.hard.faults.site import IMAGES, TIMEOUT, Figures, site
from tests.hard.faults.striking import RECOVERY, Seen, Strike, repeated

_HEADER = 14
#: where in a reply the encapsulation of its result begins
_RESULT = _HEADER + 4 + 1


#: those at once, one more for each that fails before the breaker opens, and tries
LATE_MAX = 16 + 2 + TRIES_MAX


async def omero_killed(folder: Path) -> Seen:
    async with site(folder) as at:
        omero = at.omero
        assert omero is not None
        strike = Strike(at, "OMERO killed (SIGKILL), started again after 1.5 s")
        seen = await strike(lambda: asyncio.to_thread(omero.kill), lambda: asyncio.to_thread(omero.start))
        # three before the breaker opens, those on their way by then, and two or so a second
        if seen.joins_tried > 16 + 3 + 4 * 8:
            seen.broken.append(f"{seen.joins_tried} joins were tried while there was no OMERO")
        return seen


async def omero_frozen(folder: Path) -> Seen:
    # so many that the load goes on while everybody waits
    async with site(folder, connections=300) as at:
        omero = at.omero
        assert omero is not None

        async def resume() -> None:
            omero.resume()

        strike = Strike(
            at,
            f"OMERO frozen (SIGSTOP) for twice the time-out of {TIMEOUT / 1000:g} s, resumed",
            f"only 503 and 504 while it lasts, all right within {COLD_PAGE + RECOVERY:g} s, nothing grows: their"
            " connections went, and OMERO may still work on the calls",
            # until then permits of lost calls are held
            within=COLD_PAGE + RECOVERY,
        )
        return await strike(lambda: asyncio.to_thread(omero.freeze), resume, lasting=2 * TIMEOUT / 1000)


async def omero_frozen_behind_router(folder: Path) -> Seen:
    """Connections are made and stay, and nothing that is asked over them is answered, to join or otherwise."""
    async with site(folder, relayed=True, sessions=500, connections=300) as at:
        relay = at.relay
        assert relay is not None
        # everybody has joined, so that those who come back do not look like growth
        browser = Browser(at.service.port)
        for visitor in at.load.visitors:
            await browser.get(f"/webgateway/render_thumbnail/{IMAGES[0]}/96/", visitor.header)
        browser.close()
        connections, grown = relay.connections, Figures(0, 0, 0, 0, 0)

        async def freeze() -> None:
            nonlocal connections
            relay.flows.clear()
            connections = relay.connections

        async def resume() -> None:
            nonlocal connections, grown
            connections = relay.connections - connections
            grown = await at.figures()
            relay.flows.set()

        strike = Strike(
            at,
            "OMERO frozen for 12 s behind a router that goes on",
            f"only 503 and 504 while it lasts, {LATE_MAX} joins under way at most, all right within 2 s, nothing grows",
        )
        seen = await strike(freeze, resume, lasting=12.0)
        seen.note += (
            f"; {connections} joins begun meanwhile, at its end {grown.descriptors} descriptors, {grown.tasks} tasks"
        )
        if connections > LATE_MAX:
            seen.broken.append(f"{connections} joins were begun")
        return seen


async def connections_cut(folder: Path) -> Seen:
    async with site(folder, relayed=True) as at:
        relay = at.relay
        assert relay is not None

        async def cut() -> None:
            relay.cut_next = True

        strike = Strike(at, "connections cut in the middle of a message, ten times a second")
        cutting = repeated(cut, 0.1)

        async def end() -> None:
            await cutting.__aexit__(None, None, None)
            relay.cut_next = False

        return await strike(cutting.__aenter__, end)


async def connections_all_cut(folder: Path) -> Seen:
    async with site(folder, relayed=True, sessions=80) as at:
        relay = at.relay
        assert relay is not None

        async def cut() -> None:
            relay.cut()

        strike = Strike(at, "all connections to OMERO cut at once")
        return await strike(cut, cut, lasting=1.0)


async def answers_delayed(folder: Path) -> Seen:
    async with site(folder, relayed=True) as at:
        relay = at.relay
        assert relay is not None

        async def slow() -> None:
            relay.delay = 0.3

        async def brisk() -> None:
            relay.delay = 0.0

        return await Strike(at, "each message from OMERO 300 ms late")(slow, brisk)


async def answers_out_of_order(folder: Path) -> Seen:
    async with site(folder, relayed=True) as at:
        relay = at.relay
        assert relay is not None

        async def mix() -> None:
            relay.reverse = 6

        async def sort() -> None:
            relay.reverse = 0

        strike = Strike(at, "answers of OMERO out of order", "no user notices", frozenset())
        return await strike(mix, sort)


async def answers_truncated(folder: Path) -> Seen:
    def shorter(message: bytes) -> bytes:
        """Whole as a message, and without the end of what is in it."""
        kept = message[: max(len(message) * 2 // 3, _RESULT)]
        return kept[:10] + struct.pack("<i", len(kept)) + kept[14:]

    return await _spoiled(folder, "one answer of OMERO in ten truncated", shorter)


async def answers_corrupted(folder: Path) -> Seen:
    chance = random.Random(2)

    def corrupt(message: bytes) -> bytes:
        """Anywhere but in a picture, which has no checksum, and in the number of the call."""
        at = chance.choice([0, 3, 4, 6, 8, 9, 11, _HEADER + 4, _RESULT, _RESULT + 2, _RESULT + 4, _RESULT + 5])
        spoiled = bytearray(message)
        if at < len(spoiled):
            spoiled[at] ^= chance.randrange(1, 256)
        return bytes(spoiled)

    return await _spoiled(folder, "one answer of OMERO in ten corrupted", corrupt)


async def _spoiled(folder: Path, fault: str, spoil: Spoil) -> Seen:
    chance = random.Random(1)
    async with site(folder, relayed=True) as at:
        relay = at.relay
        assert relay is not None

        async def begin() -> None:
            relay.spoil = lambda message: spoil(message) if chance.random() < 0.1 else message

        async def end() -> None:
            relay.spoil = None

        strike = Strike(
            at,
            fault,
            "503, 504, or an image that cannot be had while it lasts, never a wrong picture; "
            "all right within two time-outs and 2 s: a connection that is out of step is silent",
            may_lack=True,
            within=2 * TIMEOUT / 1000 + 2 + RECOVERY,
        )
        return await strike(begin, end)


async def sessions_ended(folder: Path) -> Seen:
    async with site(folder) as at:
        omero = at.omero
        assert omero is not None
        ended = [key for number, key in enumerate(omero.keys) if number % 4 == 0]

        async def end_some() -> None:
            for key in ended:
                await asyncio.to_thread(omero.end_session, key)

        async def log_in_again() -> None:
            again = {key: await asyncio.to_thread(omero.log_in_again, key) for key in ended}
            at.load.visitors = [
                replace(one, header=one.header.replace(one.name, again.get(one.name, one.name)))
                for one in at.load.visitors
            ]

        strike = Strike(
            at,
            f"{len(ended)} of {len(omero.keys)} OMERO sessions ended, the same users logged in again after 1.5 s",
            "403 for those users alone, all right within 2 s",
            frozenset({403}),
        )
        seen = await strike(end_some, log_in_again)
        others = [answer for answer in at.load.answers if answer.visitor.name not in ended and not answer.right]
        if others:
            seen.broken.append(f"{len(others)} answers to users whose session had not ended were not right")
        if 403 not in seen.during:
            seen.broken.append("nobody was refused")
        return seen


ALL = (
    omero_killed,
    omero_frozen,
    omero_frozen_behind_router,
    connections_cut,
    connections_all_cut,
    answers_delayed,
    answers_out_of_order,
    answers_truncated,
    answers_corrupted,
    sessions_ended,
)
