"""Task sets, results that are shared, limits of time."""

from __future__ import annotations

import asyncio

import pytest

from omero_ms_thumbnail.tasks import TaskSet, shared, within


class Gone(Exception):
    pass


async def test_a_task_is_kept_until_it_ends_and_no_longer() -> None:
    tasks: TaskSet[int] = TaskSet()
    ending = asyncio.Event()

    async def work() -> int:
        await ending.wait()
        return 7

    task = tasks.start(work())
    assert list(tasks) == [task]
    ending.set()
    assert await task == 7
    await asyncio.sleep(0)
    assert len(tasks) == 0


async def test_whoever_gives_up_leaves_the_result_to_the_others() -> None:
    ending = asyncio.get_running_loop().create_future()

    async def work() -> str:
        return str(await ending)

    task = asyncio.create_task(work())
    leaving, staying = (asyncio.create_task(shared(task, Gone)) for _ in range(2))
    await asyncio.sleep(0)
    leaving.cancel()
    with pytest.raises(asyncio.CancelledError):
        await leaving
    ending.set_result("had")
    assert await staying == "had"


async def test_where_the_work_itself_is_ended_nobody_who_waits_is_cancelled() -> None:
    task = asyncio.create_task(asyncio.Event().wait())
    waiting = asyncio.create_task(shared(task, Gone))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(Gone):
        await waiting


async def test_a_limit_ends_what_takes_longer_and_none_ends_nothing() -> None:
    with pytest.raises(TimeoutError):
        async with within(0.0):
            await asyncio.Event().wait()
    async with within(None):
        await asyncio.sleep(0)
