"""OMERO sessions: made by password, joined by key, ended by time or by somebody, left alone by who only leaves.

A session that a password made ends with its last join unless that join was detached, as OMERO has it; one that
somebody else keeps (`keep`, as OMERO.web does) goes on.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field

from .world import User, World


@dataclass(eq=False, slots=True)
class OmeroSession:
    """One OMERO session. Times are in seconds of a monotonic clock."""

    key: str = field(repr=False)
    user: User
    number: int
    time_to_idle: float
    last_used: float
    kept: bool = False
    joins: int = 0
    #: ThumbnailStores that were made in it and not closed
    stores_open: int = 0
    ended: bool = False


class OmeroSessions:
    """All sessions of the embedded OMERO."""

    def __init__(
        self, world: World, *, time_to_idle: float = 600.0, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._world = world
        self._time_to_idle = time_to_idle
        self._clock = clock
        self._sessions: dict[str, OmeroSession] = {}
        self._last_number = 0

    def __len__(self) -> int:
        return len(self._sessions)

    @property
    def stores_open(self) -> int:
        """ThumbnailStores that were not closed, in the sessions that have not ended."""
        return sum(session.stores_open for session in self._sessions.values())

    def lose_services(self) -> None:
        """The services of all sessions are gone, as with the process of OMERO; the sessions are in its database."""
        for session in self._sessions.values():
            session.stores_open = 0

    def keep(self, user: User, key: str | None = None, *, time_to_idle: float | None = None) -> OmeroSession:
        """A session such as OMERO.web keeps for a user who has logged in; `key` is made up if not given."""
        session = self._create(user, key or str(uuid.uuid4()))
        session.kept = True
        if time_to_idle is not None:
            session.time_to_idle = time_to_idle
        return session

    def with_password(self, name: str, password: str) -> OmeroSession | None:
        """A new session for a user name and its password; None if they do not go together."""
        user = self._world.user_named(name)
        if user is None or user.password != password:
            return None
        return self._create(user, str(uuid.uuid4()))

    def find(self, key: str) -> OmeroSession | None:
        """The session with that key, unless it has ended or timed out."""
        session = self._sessions.get(key)
        return session if session is not None and self.is_alive(session) else None

    def is_alive(self, session: OmeroSession) -> bool:
        """Whether it can be used; one that has been idle for too long ends by being asked."""
        if not session.ended and self._clock() - session.last_used > session.time_to_idle:
            self.end(session.key)
        return not session.ended

    def touch(self, session: OmeroSession) -> None:
        """It was used."""
        session.last_used = self._clock()

    def end(self, key: str) -> None:
        """End a session, as logging out or an administrator does."""
        session = self._sessions.pop(key, None)
        if session is not None:
            session.ended = True

    def left(self, session: OmeroSession, *, detached: bool) -> None:
        """A join has gone."""
        session.joins -= 1
        if session.joins == 0 and not detached and not session.kept:
            self.end(session.key)

    def _create(self, user: User, key: str) -> OmeroSession:
        self._last_number += 1
        session = OmeroSession(key, user, self._last_number, self._time_to_idle, self._clock())
        self._sessions[key] = session
        return session
