"""The main process and its workers: what they say to each other, and what of it the service manager is told.

Granian starts the workers, starts those anew that fail, and ends them. Beside that there is one conversation with each
worker, in lines on a Unix socket. A worker connects once it listens, and says its process id. It is told ``reopen``
(the log files), ``finish`` (the requests in flight, since the service ends) and ``answer``, which it does from its
event loop: one that is stuck answers nothing.

The service manager hears READY=1 when all workers listen, WATCHDOG=1 as long as all of them answer, and STOPPING=1 with
the time that stopping may take.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from types import FrameType
from typing import Any, Final, Self

from .sd_notify import ServiceManager, extension

log: Final = logging.getLogger(__name__)

_ANSWER: Final = b"answer\n"
_REOPEN: Final = b"reopen\n"
_FINISH: Final = b"finish\n"

#: rounds of questions within the time that the manager waits for a sign of life
_ROUNDS: Final = 3


class _Worker:
    """A worker that listens, as the main process sees it."""

    def __init__(self, pid: int, writer: asyncio.StreamWriter) -> None:
        self.pid = pid
        self.has_answered = True
        self._writer = writer

    def say(self, line: bytes) -> None:
        # a worker that does not read is silent, which is noticed; what it was told waits for it in the meantime
        self._writer.write(line)


class Supervisor:
    """The main process's side, in a thread of its own while Granian has the main one.

    `path` is where workers connect to; `workers` how many there are to be. `place` says where they listen, for people;
    `stopping` is the seconds that stopping may take. Raises OSError where the socket cannot be made.
    """

    def __init__(
        self,
        path: Path,
        manager: ServiceManager,
        *,
        workers: int,
        place: str,
        stopping: float,
        reopen_logs: Callable[[], None],
    ) -> None:
        self._manager = manager
        self._expected = workers
        self._place = place
        self._stopping = stopping
        self._reopen_logs = reopen_logs
        self._workers: list[_Worker] = []
        self._is_ready = False
        self._is_finishing = False
        self._has_reopened = False
        self._ended = asyncio.Event()
        # bound before any worker starts: one that comes early waits in the backlog
        self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            self._listener.bind(str(path))
            self._listener.listen(workers)
        except OSError:
            self._listener.close()
            raise
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_until_complete, args=(self._run(),), name="supervisor")

    @contextlib.contextmanager
    def running(self) -> Iterator[Self]:
        """Supervise meanwhile."""
        self._thread.start()
        try:
            yield self
        finally:
            self._loop.call_soon_threadsafe(self._ended.set)
            self._thread.join()
            self._loop.close()

    def take_signals(self) -> None:
        """Handle SIGHUP, and hear of SIGTERM and SIGINT before who handles them now. For the main thread."""

        def hang_up(number: int, frame: FrameType | None) -> None:
            self._loop.call_soon_threadsafe(self._reopen)

        signal.signal(signal.SIGHUP, hang_up)
        for number in (signal.SIGTERM, signal.SIGINT):
            self._hear(number, signal.getsignal(number))

    def _hear(self, number: signal.Signals, former: Any) -> None:
        def end(number: int, frame: FrameType | None) -> None:
            self._loop.call_soon_threadsafe(self._finish)
            former(number, frame)

        signal.signal(number, end)

    async def _run(self) -> None:
        server = await asyncio.start_unix_server(self._attend, sock=self._listener)
        watching = asyncio.create_task(self._watch(self._manager.watchdog)) if self._manager.watchdog else None
        await self._ended.wait()
        if watching is not None:
            watching.cancel()
        server.close()
        attending = asyncio.all_tasks() - {asyncio.current_task()}
        for task in attending:
            task.cancel()
        await asyncio.gather(*attending, return_exceptions=True)

    async def _attend(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        pid = await reader.readline()
        if not pid:
            writer.close()
            return
        worker = _Worker(int(pid), writer)
        self._workers.append(worker)
        self._look_whether_ready()
        if self._has_reopened:
            # it may have opened its files before they were renamed, and come here after the others were told
            worker.say(_REOPEN)
        if self._is_finishing:
            worker.say(_FINISH)
        try:
            async for _ in reader:
                worker.has_answered = True
        except ConnectionError:
            # killed: Granian notices, says so, and starts another
            pass
        finally:
            self._workers.remove(worker)
            writer.close()

    def _look_whether_ready(self) -> None:
        if self._is_ready or len(self._workers) < self._expected:
            return
        self._is_ready = True
        self._manager.tell(READY=1, STATUS=self._status())

    def _status(self) -> str:
        return f"{self._expected} worker(s) listening on {self._place}"

    def _reopen(self) -> None:
        self._has_reopened = True
        self._reopen_logs()
        for worker in self._workers:
            worker.say(_REOPEN)
        log.info("SIGHUP: log files are opened anew; anything else in the configuration takes a restart")

    def _finish(self) -> None:
        if self._is_finishing:
            return
        self._is_finishing = True
        self._manager.tell(
            STOPPING=1,
            EXTEND_TIMEOUT_USEC=extension(self._stopping),
            STATUS=f"finishing the requests in flight, within {self._stopping:g} s",
        )
        for worker in self._workers:
            worker.say(_FINISH)

    async def _watch(self, span: float) -> None:
        """Ask in rounds; a round that all have answered is a sign of life."""
        were_silent: list[int] = []
        while True:
            for worker in self._workers:
                worker.has_answered = False
                worker.say(_ANSWER)
            await asyncio.sleep(span / _ROUNDS)
            if not self._is_ready or self._is_finishing:
                continue
            silent = sorted(worker.pid for worker in self._workers if not worker.has_answered)
            if silent:
                if silent != were_silent:
                    pids = ", ".join(map(str, silent))
                    log.warning(
                        "worker(s) %s do not answer; if that lasts, the service manager restarts the service", pids
                    )
                    self._manager.tell(STATUS=f"worker(s) {pids} do not answer")
            elif len(self._workers) == self._expected:
                self._manager.tell(WATCHDOG=1, **({"STATUS": self._status()} if were_silent else {}))
            were_silent = silent


async def follow_supervisor(path: Path, *, reopen_logs: Callable[[], None], finish: Callable[[], None]) -> None:
    """A worker's side: do what the main process says, for as long as it is there. Raises OSError where it is not."""
    reader, writer = await asyncio.open_unix_connection(path)
    writer.write(f"{os.getpid()}\n".encode())
    try:
        async for line in reader:
            match line:
                case b"answer\n":
                    writer.write(b"here\n")
                case b"reopen\n":
                    reopen_logs()
                case b"finish\n":
                    finish()
    finally:
        writer.close()
