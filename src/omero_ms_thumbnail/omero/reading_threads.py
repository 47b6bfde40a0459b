"""A few threads for file systems that may hang, and never more than that."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Callable
from queue import SimpleQueue
from typing import Final, Generic, TypeVar

T = TypeVar("T")


class Job(Generic[T]):
    """A piece of work: its `answer` of the event loop's, whether it is still wanted, and where it is."""

    def __init__(self, work: Callable[[Job[T]], T | None], loop: asyncio.AbstractEventLoop) -> None:
        self._work = work
        self._loop = loop
        #: set in the event loop
        self.answer: Final[asyncio.Future[T | None]] = loop.create_future()
        #: set by who waited and does no longer
        self.is_given_up = False
        #: a thread has it in hand
        self.is_running = False

    def run(self) -> None:
        """Do it, in a thread."""
        self.is_running = True
        result: T | None = None
        failure: Exception | None = None
        try:
            result = self._work(self)
        except Exception as error:  # noqa: BLE001 - whatever it is belongs to who waits
            failure = error
        # the loop may have ended while this hung
        with contextlib.suppress(RuntimeError):
            self._loop.call_soon_threadsafe(self._ended, result, failure)

    def _ended(self, result: T | None, failure: Exception | None) -> None:
        self.is_running = False
        if self.answer.done():
            return
        if failure is None:
            self.answer.set_result(result)
        else:
            self.answer.set_exception(failure)


class ReadingThreads(Generic[T]):
    """Up to `threads` of them, made when they are needed, one job each at a time.

    Those of a ``ThreadPoolExecutor`` are waited for when the process ends: one that hangs would keep it from ending.
    """

    def __init__(self, threads: int, name: str) -> None:
        self._threads_max = threads
        self._name = name
        self._threads = 0
        self._jobs: SimpleQueue[Job[T] | None] = SimpleQueue()
        self._under_way: set[Job[T]] = set()

    @property
    def is_stuck(self) -> bool:
        """Whether every thread has a job in hand that nobody waits for any more."""
        return sum(job.is_given_up and job.is_running for job in self._under_way) >= self._threads_max

    def submit(self, work: Callable[[Job[T]], T | None]) -> Job[T]:
        """Have `work` done, which can see in the job it is given whether it is still wanted."""
        job = Job(work, asyncio.get_running_loop())
        if self._threads < min(self._threads_max, len(self._under_way) + 1):
            self._threads += 1
            threading.Thread(target=self._serve, name=f"{self._name}-{self._threads}", daemon=True).start()
        self._under_way.add(job)
        job.answer.add_done_callback(lambda answer: self._done(job, answer))
        self._jobs.put(job)
        return job

    def close(self) -> None:
        """End the threads, each after what it has in hand."""
        for _ in range(self._threads):
            self._jobs.put(None)

    def _done(self, job: Job[T], answer: asyncio.Future[T | None]) -> None:
        self._under_way.discard(job)
        if not answer.cancelled():
            # who waited may be gone: asyncio would complain of an exception that nobody has seen
            answer.exception()

    def _serve(self) -> None:
        while (job := self._jobs.get()) is not None:
            job.run()
            del job
