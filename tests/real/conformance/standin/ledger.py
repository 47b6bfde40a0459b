"""What was asked of the stand-in: every call counted, every join remembered, overlapping calls noticed.

A test may wait for a count, so that it needs no sleep to know that its calls have arrived.
"""

from __future__ import annotations

import collections
import contextlib
import threading
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator


class Ledger:
    """Counts under one lock; `snapshot` is what the command "stats" answers."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self.clear()

    def clear(self) -> None:
        with self._changed:
            self._calls: collections.Counter[str] = collections.Counter()
            self._log: list[dict[str, Any]] = []
            self._clients: dict[str, dict[str, Any]] = {}
            self._refused = 0
            self._overlaps = 0
            self._without_uuid: collections.Counter[str] = collections.Counter()

    def begin(self, operation: str, arguments: list[Any], context: dict[str, str]) -> None:
        """Note a call at its arrival, before anything else is done with it."""
        client = context.get("omero.client.uuid", "")
        with self._changed:
            self._calls[operation] += 1
            if not client:
                self._without_uuid[operation] += 1
            self._log.append(
                {
                    "operation": operation,
                    "arguments": arguments,
                    "client": client,
                    "group": context.get("omero.group"),
                    "user": context.get("omero.user"),
                }
            )
            self._changed.notify_all()

    def joined(self, client: str, key: str, agent: str) -> None:
        with self._changed:
            self._clients[client] = {
                "key": key,
                "agent": agent,
                "present": True,
                "detachOnDestroy": 0,
                "services_created": 0,
                "services_closed": 0,
            }

    def refused(self) -> None:
        with self._changed:
            self._refused += 1

    def left(self, client: str) -> None:
        with self._changed:
            if client in self._clients:
                self._clients[client]["present"] = False
            self._changed.notify_all()

    def add(self, client: str, what: str) -> None:
        """One more detachOnDestroy, services_created or services_closed of a client that joined since `clear`."""
        with self._changed:
            if client in self._clients:
                self._clients[client][what] += 1

    @contextlib.contextmanager
    def alone(self, busy: threading.Lock) -> Iterator[None]:
        """Count an overlap if the stateful service that `busy` belongs to is already in a call."""
        mine = busy.acquire(blocking=False)
        if not mine:
            with self._changed:
                self._overlaps += 1
                self._changed.notify_all()
        try:
            yield
        finally:
            if mine:
                busy.release()

    def wait_for(self, operation: str, count: int, seconds: float) -> bool:
        """Whether the operation was called, or "overlaps" counted, `count` times before `seconds` were over."""

        def counted() -> bool:
            return (self._overlaps if operation == "overlaps" else self._calls[operation]) >= count

        with self._changed:
            return self._changed.wait_for(counted, seconds)

    def wait_until_left(self, seconds: float) -> bool:
        """Whether every client that joined had left before `seconds` were over."""
        with self._changed:
            return self._changed.wait_for(
                lambda: not any(client["present"] for client in self._clients.values()), seconds
            )

    def snapshot(self) -> dict[str, Any]:
        with self._changed:
            return {
                "calls": dict(self._calls),
                "joins": len(self._clients),
                "refused": self._refused,
                "overlaps": self._overlaps,
                "without_client_uuid": dict(self._without_uuid),
                "clients": {client: dict(known) for client, known in self._clients.items()},
            }

    def log(self) -> list[dict[str, Any]]:
        """Every call since the last reset, in the order of arrival."""
        with self._changed:
            return list(self._log)
