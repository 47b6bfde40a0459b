"""Leaving a session under whoever still waits for an answer of it: in virtual time."""

from __future__ import annotations

import asyncio

import pytest

from omero_ms_thumbnail.ice.errors import IceException
from omero_ms_thumbnail.omero.session import JoinedSession
from tests.support.simulated.loop import VirtualLoop, simulate
from tests.support.simulated.omero import SimulatedOmero


@pytest.mark.parametrize("cuts", [False, True], ids=["left", "cut and left"])
@pytest.mark.parametrize("waits", [True, False], ids=["waited for", "waited for by nobody any more"])
def test_who_waits_for_a_session_that_is_left_is_told_so_and_not_cancelled(waits: bool, cuts: bool) -> None:
    loop = VirtualLoop()
    omero = SimulatedOmero(loop)

    async def main() -> None:
        session: JoinedSession = await omero.join(omero.keys["researcher"])
        omero.take(query=8_000.0)
        asking = asyncio.create_task(session.event_context())
        await asyncio.sleep(1.0)
        if not waits:
            asking.cancel()
        if cuts:
            loop.network.cut()
        await session.leave(2.0)
        (outcome,) = await asyncio.gather(asking, return_exceptions=True)
        assert isinstance(outcome, IceException if waits else asyncio.CancelledError)
        await omero.omero.close()

    simulate(loop, main())
