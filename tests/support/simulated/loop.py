"""An event loop whose time passes only when nothing else can happen, and whose network is memory.

Everything that runs in it is deterministic: no sockets, no threads, no waiting. Where nothing could ever wake anybody
again, it says so instead of hanging. It runs in asyncio's debug mode unless it is told not to, since looking at whole
stacks takes more than half of the time that tests have, and collects what a loop would only log.
"""

from __future__ import annotations

import asyncio
import asyncio.constants
import selectors
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from tests.support.simulated.network import Network

T = TypeVar("T")

# debug mode notes a stack for every callback: reading ten frames of each takes most of the time that tests have
asyncio.constants.DEBUG_STACK_DEPTH = 1


class NobodyWakes(AssertionError):
    """Something is waited for that cannot come: no timer runs, and nobody else is there."""


class VirtualLoop(asyncio.SelectorEventLoop):
    """`time` is in seconds since the loop was made. `complaints` are what would have been logged as errors."""

    def __init__(self, *, debug: bool = True) -> None:
        self._now = 0.0
        self.complaints: list[dict[str, Any]] = []
        super().__init__(_Selector(self._sleep))
        self.network = Network(self)
        self._awaited: list[asyncio.Future[Any]] = []
        self.set_task_factory(self._make_task)
        self.set_debug(debug)
        self.set_exception_handler(lambda _loop, context: self.complaints.append(context))

    def time(self) -> float:
        return self._now

    def _sleep(self, seconds: float | None) -> None:
        if seconds is None:
            raise NobodyWakes(f"at {self._now:g} s: {[task for task in asyncio.all_tasks(self) if not task.done()]}")
        self._now += seconds

    # what runs

    def turn(self, times: int = 1) -> None:
        """Let everything that is ready run once; no time passes."""
        for _ in range(times):
            self.call_soon(self.stop)
            self.run_forever()

    def settle(self) -> None:
        """Let everything run that can without time passing."""
        while self._ready:
            self.turn()

    def step(self) -> None:
        """One turn; where nothing is ready, time passes until something is."""
        if self.is_settled:
            timers = [timer.when() for timer in self._scheduled if not timer.cancelled()]
            if not timers:
                self._sleep(None)
            self._now = max(self._now, min(timers))
        self.turn()

    def pass_time(self, seconds: float) -> None:
        """Let that time pass, and everything happen in it."""
        self.call_later(seconds, self.stop)
        self.run_forever()
        self.settle()

    def do(self, function: Callable[[], T]) -> T:
        """Call a plain function inside the loop, nothing else beside it."""

        async def call() -> T:
            return function()

        return self.run_until_complete(call())

    def tasks(self) -> list[asyncio.Task[Any]]:
        """Those that have not ended."""
        return [task for task in asyncio.all_tasks(self) if not task.done()]

    @property
    def is_settled(self) -> bool:
        """Whether nothing can happen before time passes."""
        return not self._ready

    def unheard(self) -> list[BaseException]:
        """Exceptions of what has ended that nobody has looked at: asyncio would log them, some day."""
        return [one.exception() for one in self._awaited if one.done() and one._log_traceback]

    def create_future(self) -> asyncio.Future[Any]:
        future = super().create_future()
        self._awaited.append(future)
        return future

    def _make_task(self, _loop: asyncio.AbstractEventLoop, coroutine: Any, **options: Any) -> asyncio.Task[Any]:
        task = asyncio.Task(coroutine, loop=self, **options)
        self._awaited.append(task)
        return task

    # its network

    async def create_connection(self, factory: Any, host: Any = None, port: Any = None, **_: Any) -> Any:
        return await self.network.connect(factory, port)

    async def create_server(self, factory: Any, host: Any = None, port: Any = None, **_: Any) -> Any:
        return self.network.listen(factory, port)


class _Selector(selectors.SelectSelector):
    """Never waits: tells how long it would have."""

    def __init__(self, sleep: Callable[[float | None], None]) -> None:
        super().__init__()
        self._sleep = sleep

    def select(self, timeout: float | None = None) -> Any:
        if timeout is None or timeout > 0:
            self._sleep(timeout)
        return super().select(0)


def simulate(loop: VirtualLoop, main: Coroutine[Any, Any, T]) -> T:
    """Run to the end; afterwards no task may be left, nor anything complained about."""
    try:
        result = loop.run_until_complete(main)
        loop.settle()
        assert loop.tasks() == []
        assert loop.complaints == loop.unheard() == []
        return result
    finally:
        end(loop)


def end(loop: VirtualLoop) -> None:
    """Close a loop, whatever still runs in it."""
    for task in loop.tasks():
        task.cancel()
    loop.settle()
    loop.close()
