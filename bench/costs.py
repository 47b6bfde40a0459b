"""What OMERO's calls cost, and an embedded OMERO that takes its time for them.

The times are waited for, not burnt: what is left of the machine is for those who ask. A call that needs a connection to
the database waits for one and holds it until it ends. What the process itself spends on reading a question, on its call
and on writing the answer lies within the time that the call takes; only what it spends beyond that comes on top.
"""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Mapping
from contextvars import ContextVar
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Final, TypeVar

from omero_embedded.driving import Driver
from omero_embedded.ice_server import ObjectAdapter
from omero_embedded.model.call import DatabaseConnection, Steps, Work
from omero_embedded.model.server_limits import ServerLimits
from omero_embedded.workload import Latency, Workload
from omero_ms_thumbnail.ice.connection import Connection as IceConnection
from omero_ms_thumbnail.ice.messages import Request

ResultT = TypeVar("ResultT")


@dataclass(frozen=True)
class Cost:
    """Milliseconds of one call: `fixed`, and for `each` thing of a kind of `Work` that it does ("query": each id)."""

    fixed: float
    each: Mapping[str, float] = field(default_factory=dict)


#: of an image that has no thumbnail yet, on top of what a stored one costs
_DRAWING: Final = {"render": 8.3}
_SET: Final = Cost(7.0, {"thumbnail": 0.7, **_DRAWING})
_STORED: Final = Cost(4.0, _DRAWING)
_DIRECT: Final = Cost(7.0)

SOURCE: Final = "measured on an OMERO.server 5.6.12 through the official client, with a warm JVM, on one core"

#: By operation. A single thumbnail has its `setPixelsId` before it: 8 ms with a stored one, 11 with a Direct one.
#: What was not measured costs nothing (`isInProgress`), or as much as what it is most like (`getEventContext`: a query
#: of no ids; `resetDefaults`: `setPixelsId`).
COSTS: Final[Mapping[str, Cost]] = {
    "createSession": Cost(10.0),
    "projection": Cost(4.0, {"query": 0.08}),
    "getEventContext": Cost(4.0),
    "createThumbnailStore": Cost(3.0),
    "close": Cost(2.5),
    "setPixelsId": Cost(4.0),
    "setRenderingDefId": Cost(4.0),
    "resetDefaults": Cost(4.0),
    "getThumbnail": _STORED,
    "getThumbnailByLongestSide": _STORED,
    "getThumbnailWithoutDefault": _STORED,
    "getThumbnailSet": _SET,
    "getThumbnailByLongestSideSet": _SET,
    "createThumbnailsByLongestSideSet": _SET,
    "getThumbnailDirect": _DIRECT,
    "getThumbnailByLongestSideDirect": _DIRECT,
    "getThumbnailForSectionDirect": _DIRECT,
    "getThumbnailForSectionByLongestSideDirect": _DIRECT,
}

#: ``omero.db.poolsize``, and the threads that Ice has for calls
CONNECTIONS: Final = 10
THREADS: Final = 100


def query_time(ids: int) -> float:
    """Seconds of a query about so many ids: what a page of images is measured in."""
    cost = COSTS["projection"]
    return (cost.fixed + ids * cost.each["query"]) / 1000


class _Reply:
    """Of one request. `due` is when it may be sent, `began` when the request came, on the loop's clock."""

    def __init__(self) -> None:
        self.began = asyncio.get_running_loop().time()
        self.due = 0.0


_reply: Final[ContextVar[_Reply | None]] = ContextVar("reply", default=None)


class CostlyAdapter(ObjectAdapter):
    """Sends replies when the calls behind them are due, and writes them before."""

    async def dispatch(self, request: Request, connection: IceConnection) -> bytes:
        reply = _Reply()
        _reply.set(reply)
        written = await super().dispatch(request, connection)
        await _until(reply.due)
        return written


class CostlyDriver(Driver):
    """Drives calls that take what `COSTS` says, `THREADS` of them at once."""

    def __init__(self, limits: ServerLimits) -> None:
        super().__init__(limits, Workload(Latency(settings=0.0, at_once=THREADS)))
        self._ending: set[asyncio.Task[Any]] = set()

    async def run(self, operation: str, steps: Steps[ResultT]) -> ResultT:
        """As `Driver.run`; where a `CostlyAdapter` asks, it has the answer at once, and sends it when it is due."""
        reply, loop = _reply.get(), asyncio.get_running_loop()
        answer: asyncio.Future[ResultT] = loop.create_future()
        bill = Bill(COSTS.get(operation, Cost(0.0)), 0.0 if reply is None else loop.time() - reply.began)
        task = asyncio.create_task(super().run(operation, _charged(bill, steps, answer)))
        if reply is None:
            return await task
        self._ending.add(task)
        task.add_done_callback(self._ending.discard)
        await asyncio.wait({task, answer}, return_when=asyncio.FIRST_COMPLETED)
        if not answer.done():
            return await task
        reply.due = bill.due
        return answer.result()


def _charged(bill: Bill, steps: Steps[ResultT], answer: asyncio.Future[ResultT]) -> Steps[ResultT]:
    """The same call, with the time that it takes; what it answers is told before the last of that."""
    given: Any = None
    error: Exception | None = None
    try:
        while True:
            try:
                step = steps.throw(error) if error is not None else steps.send(given)
            except StopIteration as end:
                answer.set_result(end.value)
                yield Work("end", bill.settle)
                return answer.result()
            given, error = None, None
            if isinstance(step, DatabaseConnection):
                yield step
                bill.begin()
                continue
            try:
                given = yield Work(step.kind, partial(bill.pay, step))
            except Exception as thrown:  # noqa: BLE001 - the call has to know, whatever it was
                error = thrown
    finally:
        steps.close()


class Bill:
    """Of one call, from when it has what it waits for. `due` is when it ends; `spent` seconds were spent on it before.

    What it does lies in the middle of its fixed time: others' calls may come before and after.
    """

    def __init__(self, cost: Cost, spent: float) -> None:
        self._cost = cost
        self._spent = spent
        self.due = 0.0

    def begin(self) -> None:
        """It has what it waits for."""
        self.due = asyncio.get_running_loop().time() - self._spent + self._cost.fixed / 1000

    async def pay(self, work: Work) -> Any:
        """Take the time for it, do it, and say what came of it."""
        if not self.due:
            self.begin()
        many = work.count if work.kind == "query" else 1
        self.due += many * self._cost.each.get(work.kind, 0.0) / 1000
        await _until(self.due - self._cost.fixed / 2000)
        made = work.make() if work.make is not None else None
        return await made if inspect.isawaitable(made) else made

    async def settle(self) -> None:
        """Take what is left."""
        await _until(self.due)


async def _until(moment: float) -> None:
    left = moment - asyncio.get_running_loop().time()
    if left > 0:
        await asyncio.sleep(left)
