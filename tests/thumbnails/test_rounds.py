"""How long the event loop goes round before OMERO is asked: the longer, the more are waited for."""

from __future__ import annotations

import asyncio

import pytest

from omero_ms_thumbnail.thumbnails.model import ThumbnailRequest
from omero_ms_thumbnail.thumbnails.work import SessionWork
from tests.simulated.loop import VirtualLoop, end
from tests.simulated.omero import SimulatedOmero


@pytest.mark.parametrize(("waiting", "rounds"), [(0, 1), (3, 1), (4, 2), (20, 6), (28, 8), (5_000, 8)])
def test_once_for_all_who_ask_at_one_moment_and_longer_where_many_wait(waiting: int, rounds: int) -> None:
    loop = VirtualLoop()
    omero = SimulatedOmero(loop)
    session = loop.run_until_complete(omero.join(omero.keys["colleague"]))
    work = loop.do(lambda: SessionWork(session, stores=4, waiting=lambda: waiting))
    asking: asyncio.Task[object] = loop.create_task(work.thumbnails([ThumbnailRequest(101, 48)], 10.0))
    loop.turn()
    went_round = 0
    while not work._asking:
        loop.turn()
        went_round += 1
    assert went_round == rounds
    loop.run_until_complete(asking)
    loop.run_until_complete(session.leave(5.0))
    omero.close()
    end(loop)
