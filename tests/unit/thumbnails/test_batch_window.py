"""How long the event loop goes round before OMERO is asked: the longer, the more are waited for."""

from __future__ import annotations

import asyncio

import pytest

from omero_ms_thumbnail.thumbnails.batch_window import BatchWindow


@pytest.mark.parametrize(("waiting", "turns"), [(0, 1), (3, 1), (4, 2), (20, 6), (28, 8), (5_000, 8)])
async def test_once_for_all_who_ask_at_one_moment_and_longer_where_many_wait(waiting: int, turns: int) -> None:
    went_round = 0
    begun: list[int] = []
    one = BatchWindow(lambda: waiting)
    for _ in range(2):
        one.open(lambda: begun.append(went_round))
    for _ in range(20):
        went_round += 1
        await asyncio.sleep(0)
    assert begun == [turns]
