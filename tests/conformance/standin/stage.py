"""The state that all servants share: the world, the sessions in it, the ledger, and the gates a test may close.

One lock guards world and sessions. Nothing here waits while holding it.
"""

from __future__ import annotations

import contextlib
import dataclasses
import threading
import uuid
from typing import TYPE_CHECKING, Any

import Ice
import omero
import omero.clients

from tests.conformance.standin.dispatch import error
from tests.conformance.standin.ledger import Ledger
from tests.conformance.standin.world import ANY_GROUP, World

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.conformance.standin.world import Image, Plate, User


@dataclasses.dataclass
class Session:
    """An OMERO session: what ISession and ServantHolder hold of it in OMERO.server."""

    number: int
    key: str
    user: User
    group: int
    refuse: str = ""
    ended_with: str = ""
    """The exception that every call ends with once the session is gone but its servants are still there."""
    joins: set[str] = dataclasses.field(default_factory=set)
    servants: dict[str, Any] = dataclasses.field(default_factory=dict)
    """Identity name -> servant of the services of all joins, category is the key."""


class Gate:
    """Lets every call through unless it is closed; calls that wait go on when it opens."""

    def __init__(self) -> None:
        self._open = threading.Event()
        self._open.set()

    def close(self) -> None:
        self._open.clear()

    def open(self) -> None:
        self._open.set()

    def wait(self) -> None:
        self._open.wait()


class Stage:
    """See the module's docstring."""

    def __init__(self, adapter: Any, world: dict[str, Any], ledger: Ledger | None = None) -> None:
        self.adapter = adapter
        self.ledger = ledger or Ledger()
        self.gate = Gate()
        self.lock = threading.RLock()
        self.sessions: dict[str, Session] = {}
        self._ended: list[Session] = []
        self._held = Gate()
        self._held.close()
        self._world = world
        self._numbers = iter(range(1, 1_000_000))
        self.reset(None)

    def reset(self, world: dict[str, Any] | None) -> None:
        """Start over in this world (None: the one before): sessions end, gates open, counts are zero."""
        self.gate.open()
        self.release()
        with self.lock:
            self._world = world or self._world
            for key in list(self.sessions):
                self.end_session(key, "")
            while self._ended:
                self._remove_servants(self._ended.pop())
            self.world = World(self._world)
            for known in self.world.sessions:
                self.start_session(known.user, known.key, known.group, known.refuse)
        self.ledger.clear()

    def start_session(self, user: str, key: str | None = None, group: int | None = None, refuse: str = "") -> Session:
        with self.lock:
            who = self.world.users[user]
            where = who.groups[0] if group is None else group
            session = Session(next(self._numbers), key or str(uuid.uuid4()), who, where, refuse)
            self.sessions[session.key] = session
            return session

    def end_session(self, key: str, exception: str) -> None:
        """End a session as a log-out or a time-out does: it cannot be joined any more.

        Its servants are removed, so that calls are answered ObjectNotExist; or, where an exception is named, they stay
        and raise it, as OMERO.server does between the end of a session and the removal of its servants.
        """
        with self.lock:
            session = self.sessions.pop(key)
            session.ended_with = exception
            if exception:
                self._ended.append(session)
            else:
                self._remove_servants(session)

    def _remove_servants(self, session: Session) -> None:
        for client in session.joins:
            self.remove(session_identity(client, session.key))
            self.ledger.left(client)
        for name in list(session.servants):
            self.remove_service(session, name)

    def add_service(self, session: Session, name: str, servant: Any) -> Any:
        """The proxy of a new service of a session: its identity is the session's key and `name`."""
        session.servants[name] = servant
        return self.adapter.add(servant, Ice.Identity(name, session.key))

    def remove_service(self, session: Session, name: str) -> None:
        session.servants.pop(name, None)
        self.remove(Ice.Identity(name, session.key))

    def remove(self, identity: Any) -> None:
        with contextlib.suppress(Ice.NotRegisteredException):
            self.adapter.remove(identity)

    def hold(self) -> None:
        """Wait, as the drawing of a "held" image does, for the command "release"."""
        self._held.wait()

    def release(self) -> None:
        """Let every call that waits for a "held" image go on, and close that gate again for those to come."""
        self._held.open()
        self._held = Gate()
        self._held.close()

    def left_open(self) -> list[str]:
        """The stateful services that nobody closed, of sessions that are there."""
        with self.lock:
            return [
                name
                for session in self.sessions.values()
                for name, servant in session.servants.items()
                if servant.stateful
            ]

    def group_of(self, session: Session, context: dict[str, str]) -> int:
        """The group a call looks into: `omero.group`, else the session's; SecurityViolation if it is not the user's."""
        named = context.get("omero.group", "")
        group = int(named) if named else session.group
        if group == ANY_GROUP or session.user.is_admin or group in session.user.groups:
            return group
        raise error(
            omero.SecurityViolation, f"User {session.user.id} is not a member of group {group} and cannot login"
        )

    def user_of(self, session: Session, context: dict[str, str]) -> User:
        """On whose behalf a call is made: `omero.user`, for administrators only, else the session's user."""
        named = context.get("omero.user", "")
        if not named or int(named) == session.user.id:
            return session.user
        if not session.user.is_admin:
            raise error(
                omero.SecurityViolation,
                f"User {session.user.id} is not an admin and so cannot set uid to {named}",
            )
        return self.world.user(int(named))

    @contextlib.contextmanager
    def looking(self, session: Session, context: dict[str, str]) -> Iterator[tuple[User, int]]:
        """The user and group of a call, while nobody else changes the world."""
        with self.lock:
            yield self.user_of(session, context), self.group_of(session, context)

    def readable(self, session: Session, image: Image | Plate, group: int) -> bool:
        return self.world.readable(session.user, image, group)


def session_identity(client: str, key: str) -> Any:
    """The identity of a join's ServiceFactory, as `SessionI.sessionId` makes it."""
    return Ice.Identity(key, f"session-{client}")
