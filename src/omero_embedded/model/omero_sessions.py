"""OMERO sessions: made by password, joined by key, ended by time or by somebody, all lost when OMERO starts anew.

They are in OMERO's memory. Only calls of services keep one alive (``SessionCache``), heartbeats do not. A session that
a password made ends with its last join unless that join was detached; one that somebody else keeps (`keep`, as
OMERO.web does) goes on. What a refusal says is in OMERO's own words, and like them holds the key:
``PermissionsVerifierI``, ``SessionManagerI`` of omero-blitz, ``SessionCache`` of omero-server.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from .omero_errors import OmeroError
from .people import Experimenter, People

CLIENT_UUID = "omero.client.uuid"


@dataclass(eq=False)
class OmeroSession:
    """One OMERO session. Times are in seconds of a monotonic clock."""

    key: str = field(repr=False)
    user: Experimenter
    number: int
    time_to_idle: float
    started: float
    last_used: float
    #: the group of calls that name none
    group_id: int
    kept: bool = False
    joins: int = 0
    hits: int = 0
    #: ThumbnailStores that were made in it and not closed, by what they are called
    stores: dict[str, Any] = field(default_factory=dict, repr=False)
    active_calls: int = 0
    ended: bool = False
    timed_out: bool = False

    @property
    def stores_open(self) -> int:
        """How many of its ThumbnailStores are not closed."""
        return len(self.stores)


class OmeroSessions:
    """All sessions."""

    def __init__(
        self, people: People, *, time_to_idle: float = 600.0, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._people = people
        self._time_to_idle = time_to_idle
        self._clock = clock
        self._sessions: dict[str, OmeroSession] = {}
        self._last_number = 0
        #: whether OMERO has started: until then every join is refused
        self.is_initialized = True
        self._refusals: list[OmeroError] = []

    def __len__(self) -> int:
        return len(self._sessions)

    @property
    def stores_open(self) -> int:
        """ThumbnailStores that were not closed, in the sessions that have not ended."""
        return sum(session.stores_open for session in self._sessions.values())

    # log-ins

    def join(self, user: str, password: str, client_uuid: str | None) -> OmeroSession:
        """Let somebody in, by name and password, or by a session's key as both.

        Raises PermissionDeniedException or WrappedCreateSessionException as OMERO's router passes them on.
        """
        if self._refusals:
            raise self._refusals.pop(0)
        if not self.is_initialized:
            raise wrapped("Server not fully initialized", "ApiUsageException", back_off=1000, concurrency=True)
        session = self._find_or_refuse(user, password)
        if not client_uuid:
            raise wrapped(f"No {CLIENT_UUID} key provided in context.", "omero.ApiUsageException")
        self.touch(session)
        return session

    def refuse_next_join(self, error: OmeroError, times: int = 1) -> None:
        """Refuse joins to come, whoever asks."""
        self._refusals.extend([error] * times)

    def _find_or_refuse(self, user: str, password: str) -> OmeroSession:
        session = self.find(user)
        if session is not None:
            if user != password:
                raise _denied("username and password must be equal; use joinSession")
            return session
        made = self.with_password(user, password)
        if made is None:
            known = self._people.named(user)
            data = f"[id={known.id}]" if known is not None else "[]"
            raise _denied(f"Password check failed for '{user}': {data}")
        return made

    def keep(self, user: Experimenter, key: str | None = None, *, time_to_idle: float | None = None) -> OmeroSession:
        """A session such as OMERO.web keeps for a user who has logged in; `key` is made up if not given."""
        session = self._create(user, key or str(uuid.uuid4()))
        session.kept = True
        if time_to_idle is not None:
            session.time_to_idle = time_to_idle
        return session

    def with_password(self, name: str, password: str) -> OmeroSession | None:
        """A new session for a user name and its password; None if they do not go together."""
        user = self._people.named(name)
        if user is None or user.password != password:
            return None
        return self._create(user, str(uuid.uuid4()))

    def find(self, key: str) -> OmeroSession | None:
        """The session with that key, unless it has ended or timed out."""
        session = self._sessions.get(key)
        return session if session is not None and self.is_alive(session) else None

    # life

    def use(self, session: OmeroSession) -> None:
        """A service is called. Raises RemovedSessionException or SessionTimeoutException if the session has ended."""
        if not self.is_alive(session):
            if session.timed_out:
                idle = (self._clock() - session.last_used) * 1000
                raise OmeroError(
                    "SessionTimeoutException",
                    f"Session (started={session.started:.3f}, hits={session.hits}, "
                    f"last access={session.last_used:.3f}) exceeded timeToIdle ({session.time_to_idle * 1000:.0f}) by "
                    f"{idle - session.time_to_idle * 1000:.0f} ms",
                )
            raise OmeroError("RemovedSessionException", f"No context for {session.key}")
        self.touch(session)

    def is_alive(self, session: OmeroSession) -> bool:
        """Whether it can be used; one that has been idle for too long ends by being asked."""
        if not session.ended and self._clock() - session.last_used > session.time_to_idle:
            session.timed_out = True
            self.end(session.key)
        return not session.ended

    def touch(self, session: OmeroSession) -> None:
        """A service was called."""
        session.last_used = self._clock()
        session.hits += 1

    def end(self, key: str) -> None:
        """End a session, as logging out or an administrator does."""
        session = self._sessions.pop(key, None)
        if session is not None:
            session.ended = True
            session.stores.clear()

    def left(self, session: OmeroSession, *, detached: bool) -> None:
        """A join has gone."""
        session.joins -= 1
        if session.joins == 0 and not detached and not session.kept:
            self.end(session.key)

    def restart(self) -> None:
        """OMERO has gone, and its memory: every session with it."""
        for key in list(self._sessions):
            self.end(key)

    def set_group(self, session: OmeroSession, group_id: int) -> int:
        """``setSecurityContext``: change the default group; which one it was.

        Raises SecurityViolation while calls run or stateful services are open, or if the user is no member.
        """
        if session.active_calls:
            raise OmeroError("SecurityViolation", f"{session.active_calls} methods active. Aborting!")
        if session.stores:
            servants = "".join(f"\n{name}" for name in session.stores)
            raise OmeroError(
                "SecurityViolation",
                f"SecurityContext change cancelled:\n{session.key} has active stateful services:\n{servants}\n",
            )
        user = self._people.users[session.user.id]
        if group_id not in self._people.groups or (group_id not in user.groups and not user.is_admin):
            raise OmeroError("SecurityViolation", f"User {user.id} is not a member of group {group_id}")
        previous, session.group_id = session.group_id, group_id
        return previous

    def _create(self, user: Experimenter, key: str) -> OmeroSession:
        self._last_number += 1
        now = self._clock()
        session = OmeroSession(key, user, self._last_number, self._time_to_idle, now, now, user.groups[0])
        self._sessions[key] = session
        return session


def wrapped(reason: str, kind: str, *, back_off: int = -1, concurrency: bool = False) -> OmeroError:
    """A WrappedCreateSessionException; `kind` is the class of what it wraps, `back_off` is in ms."""
    return OmeroError(
        "WrappedCreateSessionException", reason, back_off, concurrency=concurrency, backOff=back_off, type=kind
    )


def _denied(reason: str) -> OmeroError:
    return OmeroError("PermissionDeniedException", reason)
