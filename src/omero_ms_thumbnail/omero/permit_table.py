"""Permits for calls to OMERO, in memory that all workers of a service share: decisions, each under one lock.

A slot of the table is one permit. It is FREE; or HELD by a worker, for a call that somebody waits for; or GIVEN_UP:
OMERO works on it, and nobody waits any more; or LOST: its connection or its worker went, and OMERO, which cannot cancel
a call, still works on it for a while; or GRANTED to a worker that stands in line, and has not noticed yet.

A worker that finds no slot draws a ticket. Whoever gives a slot back grants it to the worker with the lowest ticket, so
none starves, however few permits there are. The line is of workers and not of calls: each has its own line for those.

A LOST slot is free again once its time is over: what such calls were known to take, if OMERO has answered one of that
kind since; else twice as long as it had been silent, and then one slot alone, for a call that finds out. Until that is
answered, the next is free when OMERO has been silent for twice as long. So whoever leaves and joins again while
OMERO hangs cannot pile up calls in it. Kinds are told apart, since an OMERO in which a table is locked answers others.

The lock is the kernel's: it goes with a process that dies. What is written under it is in an order in which a reader
after such a death finds a slot either as before or as after.
"""

from __future__ import annotations

import contextlib
import fcntl
import mmap
import os
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

#: workers that a table has rows for: those of one service, and those that died and were not noticed yet
_ROWS: Final = 512

#: seconds after which a lost call is over in any case: by then OMERO or its database has been restarted
LOST_MAX: Final = 300.0

NO_SLOT: Final = -1

_FREE, _HELD, _GRANTED, _GIVEN_UP, _LOST = range(5)

#: kinds of calls that are told apart
KINDS_MAX: Final = 16

#: numbers before the rows: the last worker's number, the last ticket, rows in use, before when no other call finds out
#: whether OMERO answers, and of which kind the last was; when it answered last, for each kind
_LAST_WORKER, _LAST_TICKET, _ROWS_USED, _NEXT_TRY, _TRIED_KIND, _ANSWERED = range(6)
_HEADER: Final = _ANSWERED + KINDS_MAX

#: how long a call is lost at least where OMERO has not answered since, in times of its silence until then
_SILENT_FOR: Final = 2


@dataclass(frozen=True, slots=True)
class Usage:
    """How many permits there are, are not free, and of those are for calls given up or lost; seconds of the oldest."""

    limit: int = 0
    in_use: int = 0
    given_up: int = 0
    oldest: float = 0.0


class _Lock(AbstractContextManager[None]):
    """Mutual exclusion between processes, for microseconds."""

    __slots__ = ("_file",)

    def __init__(self, file: int) -> None:
        self._file = file

    def __enter__(self) -> None:
        fcntl.flock(self._file, fcntl.LOCK_EX)

    def __exit__(self, *_: object) -> None:
        fcntl.flock(self._file, fcntl.LOCK_UN)


class PermitTable:
    """One worker's view of the table of `limit` permits.

    `patience` is for how many seconds all of them are held before OMERO is said to hang. `path` is the file that all
    workers share; without one the table is this process's own. Times are in seconds, of the system's monotonic clock.
    What returns workers' numbers means: these were granted a slot, wake them. Raises OSError where the file cannot be
    made.
    """

    def __init__(self, limit: int, patience: float, path: Path | None = None) -> None:
        self.limit = limit
        self.worker = 0
        self._patience = patience
        self._lock: AbstractContextManager[None] = contextlib.nullcontext()
        self._file = -1
        self._row = 0
        #: before this time OMERO cannot be said to hang
        self._hangs_from = 0.0
        names = 7
        self._tickets = _HEADER + _ROWS
        first = self._tickets + _ROWS
        self._owner, self._kind, self._since, self._unanswered, self._keep, self._lost_at, self._until = (
            first + number * limit for number in range(names)
        )
        count = first + names * limit
        self._begin, self._end = 8 * count, 8 * count + limit
        if path is None:
            self._memory = mmap.mmap(-1, self._end)
        else:
            # never made smaller, so that it does not matter who comes first; zeros are a table of free permits
            self._file = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
            self._lock = _Lock(self._file)
            with self._lock:
                os.ftruncate(self._file, self._end)
            self._memory = mmap.mmap(self._file, self._end)
        self._numbers = memoryview(self._memory)[: self._begin].cast("d")

    # workers

    def enter(self, prepare: Callable[[int], None]) -> None:
        """Become one of the workers; `prepare`, told the number, makes it one that can be woken."""
        numbers = self._numbers
        with self._lock:
            numbers[_LAST_WORKER] += 1
            self.worker = int(numbers[_LAST_WORKER])
            prepare(self.worker)
            used = int(numbers[_ROWS_USED])
            self._row = next((row for row in range(used) if not numbers[_HEADER + row]), used)
            if self._row >= _ROWS:
                raise OSError(f"more than {_ROWS} workers share {self.limit} permits for calls to OMERO")
            numbers[self._tickets + self._row] = 0
            numbers[_HEADER + self._row] = self.worker
            numbers[_ROWS_USED] = max(used, self._row + 1)

    def leave(self, now: float) -> list[int]:
        """Be a worker no more: calls that OMERO still works on are lost."""
        with self._lock:
            return self._remove_worker(self.worker, now)

    def close(self) -> None:
        """Let go of the file."""
        self._numbers.release()
        self._memory.close()
        if self._file >= 0:
            os.close(self._file)

    # slots

    def is_full(self) -> bool:
        """Whether no slot is free at this moment; not more than a hint."""
        return self._memory.find(b"\0", self._begin, self._end) < 0

    def take(self, now: float, kind: int, keep: float) -> int:
        """A slot; NO_SLOT where there is none, and this worker then stands in line.

        `kind` is that of the call, below `KINDS_MAX`; `keep` how long OMERO may work on it, should it be lost.
        """
        with self._lock:
            found = self._memory.find(b"\0", self._begin, self._end)
            if found >= 0:
                slot = found - self._begin
                self._hold(slot, now, kind, keep)
                return slot
            if not self._numbers[self._tickets + self._row]:
                self._draw_ticket()
            return NO_SLOT

    def collect(self, now: float, wanted: list[tuple[int, float]], *, more: bool) -> tuple[list[int], list[int]]:
        """Slots for `wanted`, by what `take` has as `kind` and `keep`, as far as they can be had now, in their order.

        With those that had been granted, what is granted beyond need is passed on. `more`: others wait behind these.
        """
        taken: list[int] = []
        woken: list[int] = []
        with self._lock:
            for slot in self._slots_of(self.worker):
                if self._state(slot) != _GRANTED:
                    continue
                if len(taken) < len(wanted):
                    self._hold(slot, now, *wanted[len(taken)])
                    taken.append(slot)
                else:
                    self._numbers[self._tickets + self._row] = 0
                    woken += self._pass_on(slot, now)
            while len(taken) < len(wanted) and (at := self._memory.find(b"\0", self._begin, self._end)) >= 0:
                self._hold(at - self._begin, now, *wanted[len(taken)])
                taken.append(at - self._begin)
            if len(taken) == len(wanted) and not more:
                self._numbers[self._tickets + self._row] = 0
            elif not self._numbers[self._tickets + self._row]:
                self._draw_ticket()
        return taken, woken

    def give_back(self, slot: int, now: float, *, answered: bool) -> list[int]:
        """OMERO has answered, or nothing was asked of it."""
        with self._lock:
            if answered:
                kind = self._numbers[self._kind + slot]
                self._numbers[_ANSWERED + int(kind)] = now
                if kind == self._numbers[_TRIED_KIND]:
                    self._numbers[_NEXT_TRY] = 0
            return self._pass_on(slot, now)

    def give_up(self, slot: int) -> None:
        """Nobody waits for the call any more."""
        with self._lock:
            self._set_state(slot, _GIVEN_UP)

    def mark_lost(self, slot: int, now: float) -> None:
        """No reply can come any more, and OMERO works on."""
        with self._lock:
            self._mark_lost(slot, now)

    def review(self, now: float, is_there: Callable[[int], bool]) -> list[int]:
        """Look for workers that have died, and for lost calls whose time is over."""
        numbers = self._numbers
        woken: list[int] = []
        with self._lock:
            for row in range(int(numbers[_ROWS_USED])):
                worker = int(numbers[_HEADER + row])
                if worker and worker != self.worker and not is_there(worker):
                    woken += self._remove_worker(worker, now)
            return woken + self._reclaim(now)

    def remove_worker(self, worker: int, now: float) -> list[int]:
        """A worker has died."""
        with self._lock:
            return self._remove_worker(worker, now)

    def hangs(self, now: float) -> tuple[bool, list[int]]:
        """Whether all permits have been taken for longer than `patience`, and not one has come back."""
        if now < self._hangs_from or not self.is_full():
            return False, []
        with self._lock:
            woken = self._reclaim(now)
            if not self.is_full():
                return False, woken
            begin = self._unanswered
            self._hangs_from = max(self._numbers[begin : begin + self.limit]) + self._patience
        return now >= self._hangs_from, woken

    def usage(self, now: float) -> Usage:
        """How it is at the moment."""
        with self._lock:
            states = self._memory[self._begin : self._end]
            begun = [self._numbers[self._since + slot] for slot, state in enumerate(states) if state != _FREE]
        oldest = now - min(begun) if begun else 0.0
        return Usage(self.limit, len(begun), states.count(_GIVEN_UP) + states.count(_LOST), max(oldest, 0.0))

    # inside, with the lock

    def _state(self, slot: int) -> int:
        return self._memory[self._begin + slot]

    def _set_state(self, slot: int, state: int) -> None:
        self._memory[self._begin + slot] = state

    def _draw_ticket(self) -> None:
        self._numbers[_LAST_TICKET] += 1
        self._numbers[self._tickets + self._row] = self._numbers[_LAST_TICKET]

    def _slots_of(self, worker: int) -> list[int]:
        return [
            slot
            for slot in range(self.limit)
            if self._numbers[self._owner + slot] == worker and self._state(slot) != _FREE
        ]

    def _hold(self, slot: int, now: float, kind: int, keep: float) -> None:
        numbers = self._numbers
        if self._has_answered_since_loss(slot):
            numbers[self._unanswered + slot] = now
            numbers[self._lost_at + slot] = 0
        numbers[self._owner + slot] = self.worker
        numbers[self._kind + slot] = kind
        numbers[self._since + slot] = now
        numbers[self._keep + slot] = keep
        self._set_state(slot, _HELD)

    def _pass_on(self, slot: int, now: float) -> list[int]:
        """Free, or granted to whoever is first in line."""
        numbers = self._numbers
        if self._state(slot) != _LOST:
            numbers[self._lost_at + slot] = 0
        first, lowest = -1, 0.0
        for row in range(int(numbers[_ROWS_USED])):
            ticket = numbers[self._tickets + row]
            if ticket and numbers[_HEADER + row] and (first < 0 or ticket < lowest):
                first, lowest = row, ticket
        if first < 0:
            self._set_state(slot, _FREE)
            return []
        numbers[self._owner + slot] = numbers[_HEADER + first]
        numbers[self._since + slot] = now
        if self._has_answered_since_loss(slot):
            numbers[self._unanswered + slot] = now
        self._set_state(slot, _GRANTED)
        numbers[self._tickets + first] = 0
        return [int(numbers[_HEADER + first])]

    def _has_answered_since_loss(self, slot: int) -> bool:
        """Whether the last call of the slot was not lost, or OMERO has answered another of its kind since."""
        lost_at = self._numbers[self._lost_at + slot]
        return not lost_at or self._numbers[_ANSWERED + int(self._numbers[self._kind + slot])] > lost_at

    def _silence(self, slot: int, now: float) -> float:
        """For how long OMERO has not answered a call of the slot's kind, though one was under way."""
        numbers = self._numbers
        taken = [numbers[self._since + one] for one in range(self.limit) if self._state(one) != _FREE]
        return now - max(numbers[_ANSWERED + int(numbers[self._kind + slot])], min(taken, default=now))

    def _mark_lost(self, slot: int, now: float) -> None:
        numbers = self._numbers
        silent = _SILENT_FOR * self._silence(slot, now)
        numbers[self._lost_at + slot] = now
        numbers[self._until + slot] = now + min(max(numbers[self._keep + slot], silent), LOST_MAX)
        numbers[self._owner + slot] = 0
        self._set_state(slot, _LOST)

    def _reclaim(self, now: float) -> list[int]:
        """Lost calls whose time is over; see the module."""
        woken: list[int] = []
        for slot in range(self.limit):
            if self._state(slot) == _LOST and self._is_over(slot, now):
                if not self._has_answered_since_loss(slot):
                    silent = max(self._silence(slot, now), self._patience)
                    self._numbers[_NEXT_TRY] = now + min(silent, LOST_MAX)
                    self._numbers[_TRIED_KIND] = self._numbers[self._kind + slot]
                woken += self._pass_on(slot, now)
        return woken

    def _is_over(self, slot: int, now: float) -> bool:
        numbers = self._numbers
        if self._has_answered_since_loss(slot):
            return now >= numbers[self._lost_at + slot] + numbers[self._keep + slot]
        return now >= max(numbers[self._until + slot], numbers[_NEXT_TRY])

    def _remove_worker(self, worker: int, now: float) -> list[int]:
        numbers = self._numbers
        woken: list[int] = []
        for row in range(int(numbers[_ROWS_USED])):
            if numbers[_HEADER + row] == worker:
                numbers[_HEADER + row] = 0
                numbers[self._tickets + row] = 0
        for slot in self._slots_of(worker):
            if self._state(slot) == _GRANTED:
                # it had not noticed yet, so OMERO was not asked
                woken += self._pass_on(slot, now)
            else:
                self._mark_lost(slot, now)
        return woken
