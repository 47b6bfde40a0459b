"""The state that all servants share: the model of OMERO, its sessions, the ledger, and the gates a test may close.

One lock guards the model and the sessions. Nothing here waits while holding it: a call of the model is driven by the
thread that Ice gives it, step by step, and holds one of the database's connections from the step that takes it on.
"""

from __future__ import annotations

import contextlib
import dataclasses
import math
import threading
import uuid
from typing import TYPE_CHECKING, Any

import Ice

from omero_embedded.model.call import DatabaseConnection
from omero_embedded.model.omero_errors import OmeroError
from omero_embedded.model.omero_server import ServerModel
from omero_embedded.model.omero_sessions import OmeroSessions
from omero_embedded.model.thumbnail_drawing import ThumbnailDrawing
from tests.real.conformance.standin.dispatch import thrown
from tests.real.conformance.standin.drawing import Drawer
from tests.real.conformance.standin.ledger import Ledger
from tests.real.conformance.standin.world import World

if TYPE_CHECKING:
    from collections.abc import Generator

    from omero_embedded.model.omero_sessions import OmeroSession
    from omero_embedded.model.people import Experimenter


@dataclasses.dataclass
class Session:
    """An OMERO session: what ISession and ServantHolder hold of it in OMERO.server, and the model's."""

    number: int
    key: str
    user: Experimenter
    group: int
    model: OmeroSession
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

    def __init__(
        self, adapter: Any, world: dict[str, Any], ledger: Ledger | None = None, drawer: Drawer | None = None
    ) -> None:
        self.adapter = adapter
        self.ledger = ledger or Ledger()
        self.drawer = drawer or Drawer()
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
            self.server = ServerModel(
                self.world.people,
                self.world.database,
                self.drawer.draw,
                self.world.default_look,
                containers=self.world.containers,
                # a session ends when a test says so, never by time
                sessions=OmeroSessions(self.world.people, time_to_idle=math.inf),
            )
            self.connections = threading.Semaphore(self.server.limits.database_connections)
            for known in self.world.sessions:
                self.start_session(known.user, known.key, known.group, known.refuse)
            self.draw_what_is_stored()
        self.ledger.clear()

    def draw_what_is_stored(self) -> None:
        """The files of thumbnails that are stored from the start."""
        database = self.world.database
        for image in self.world.images.values():
            for row in database.thumbnails.of(image.primary.id).values():
                settings = self.world.settings_for(row.owner_id, image)
                if settings is not None:
                    look, z, t = settings.look, settings.default_z, settings.default_t
                    drawing = ThumbnailDrawing(image.primary, look, row.size_x, row.size_y, z, t)
                    database.files[row.id] = self.drawer.draw(drawing)

    def start_session(self, user: str, key: str | None = None, group: int | None = None, refuse: str = "") -> Session:
        with self.lock:
            who = self.world.people.named(user)
            if who is None:
                raise KeyError(user)
            where = who.groups[0] if group is None else group
            model = self.server.sessions.keep(who, key or str(uuid.uuid4()))
            model.group_id = where
            session = Session(next(self._numbers), model.key, who, where, model, refuse)
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
            self.server.sessions.end(key)
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

    def run(self, steps: Generator[Any, Any, Any]) -> Any:
        """Drive a call of the model in this thread, and return what it answers; raises what OMERO throws.

        It holds a database connection from when it takes one until it ends, however long what it draws takes.
        """
        connections = self.connections
        holding = False
        sent, raised = None, None
        try:
            while True:
                with self.lock:
                    step = steps.send(sent) if raised is None else steps.throw(raised)
                sent, raised = None, None
                if isinstance(step, DatabaseConnection):
                    if not holding:
                        connections.acquire()
                        holding = True
                elif step.make is not None:
                    try:
                        sent = step.make()
                    except Exception as error:
                        raised = error
        except StopIteration as done:
            return done.value
        except OmeroError as error:
            raise thrown(error) from None
        finally:
            if holding:
                connections.release()


def session_identity(client: str, key: str) -> Any:
    """The identity of a join's ServiceFactory, as `SessionI.sessionId` makes it."""
    return Ice.Identity(key, f"session-{client}")
