"""Sessions in this process's memory: for the demo and for tests."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .store import is_session_id

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .web_session import WebSession


class MemorySessionStore:
    """A `SessionStore` that knows the sessions it is told; it never expires one and is always available."""

    def __init__(self, sessions: Mapping[str, WebSession] | None = None) -> None:
        self._sessions: dict[str, WebSession] = {}
        for session_id, session in (sessions or {}).items():
            self.add(session_id, session)

    def add(self, session_id: str, session: WebSession) -> None:
        """Log a user in, in place of whoever had this id; ValueError if `is_session_id` says no."""
        if not is_session_id(session_id):
            raise ValueError("a session id is 8 to 64 of the characters 0-9 and a-z")
        self._sessions[session_id] = session

    def remove(self, session_id: str) -> None:
        """Log a user out; nothing happens if nobody has this id."""
        self._sessions.pop(session_id, None)

    async def get(self, session_id: str) -> WebSession | None:
        """The session with this id, or None."""
        return self._sessions.get(session_id)

    def remembered(self, session_id: str) -> WebSession | None:
        """The session with this id, or None."""
        return self._sessions.get(session_id)

    def is_unreadable(self, session_id: str) -> bool:
        """No: whatever is here can be read."""
        return False

    async def ping(self) -> None:
        """Return: memory is always there."""

    async def close(self) -> None:
        """Forget every session."""
        self._sessions.clear()

    def describe(self) -> str:
        """What the store is, in words."""
        return "memory of this process"
