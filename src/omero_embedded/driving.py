"""Driving the model with asyncio: the time that a call takes, the connection that it holds, who runs meanwhile."""

from __future__ import annotations

import asyncio
import inspect
from typing import Any, Final, TypeVar

from .model.call import DatabaseConnection, Steps, Work
from .model.server_limits import ServerLimits
from .workload import Workload

ResultT = TypeVar("ResultT")

#: what `Work` is of these kinds takes no time unless a latency says so, and lets nobody else run
_KINDS_AT_ONCE: Final = frozenset({"join", "load", "query", "rows", "store", "thumbnail"})


class Driver:
    """Drives calls, as many at once as `workload` and the connections of `limits` allow."""

    def __init__(self, limits: ServerLimits, workload: Workload) -> None:
        self.workload = workload
        self._connections = asyncio.Semaphore(limits.database_connections)
        self._running: set[asyncio.Task[Any]] = set()
        self._held: dict[str, asyncio.Event] = {}
        #: calls that hold a connection now, and the most that ever did
        self.connections_held = 0
        self.most_connections_held = 0

    async def run(self, operation: str, steps: Steps[ResultT]) -> ResultT:
        """The answer of a call. Raises OmeroError.

        As in OMERO it runs to its end, whether or not somebody still waits for it.
        """
        task = asyncio.ensure_future(self._run(operation, steps))
        self._running.add(task)
        task.add_done_callback(self._ended)
        return await asyncio.shield(task)

    def hold(self, kind: str) -> None:
        """Let calls wait, with all that they hold, where they come to `Work` of this kind.

        "rows" is what a lock on the table ``thumbnail`` does, "render" a disk that does not answer.
        """
        self._held[kind] = asyncio.Event()

    def release(self, kind: str) -> None:
        """Let them go on."""
        self._held.pop(kind).set()

    async def close(self) -> None:
        """Give up what runs, as when the process of OMERO ends."""
        for task in tuple(self._running):
            task.cancel()
        await asyncio.gather(*self._running, return_exceptions=True)

    def _ended(self, task: asyncio.Task[Any]) -> None:
        self._running.discard(task)
        if not task.cancelled():
            task.exception()

    async def _run(self, operation: str, steps: Steps[ResultT]) -> ResultT:
        holds_connection = False
        async with self.workload.call(operation):
            try:
                given: Any = None
                error: Exception | None = None
                while True:
                    try:
                        step = steps.throw(error) if error is not None else steps.send(given)
                    except StopIteration as end:
                        answer: ResultT = end.value
                        return answer
                    given, error = None, None
                    if isinstance(step, DatabaseConnection):
                        await self._connections.acquire()
                        holds_connection = True
                        self.connections_held += 1
                        self.most_connections_held = max(self.most_connections_held, self.connections_held)
                        continue
                    try:
                        given = await self._work(step)
                    except Exception as thrown:  # noqa: BLE001 - the call has to know, whatever it was
                        error = thrown
            finally:
                steps.close()
                if holds_connection:
                    self.connections_held -= 1
                    self._connections.release()

    async def _work(self, work: Work) -> Any:
        held = self._held.get(work.kind)
        if held is not None:
            await held.wait()
        milliseconds = self.workload.latency.of(work.kind)
        if milliseconds > 0:
            await asyncio.sleep(milliseconds / 1000)
        elif work.kind not in _KINDS_AT_ONCE:
            await asyncio.sleep(0)
        made = work.make() if work.make is not None else None
        return await made if inspect.isawaitable(made) else made
